import { DescribeProducers, InitProducerId } from '../../protocol/apis/producers.ts'
import { type ErrorName, errorCode, errorMessage } from '../../protocol/errors.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import type { ProducerEntry } from '../../storage/index.ts'
import { checkTopicName } from '../metadata/topic-names.ts'
import { CLUSTER_NAME, needs } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type InitAnswer = ResponseOf<typeof InitProducerId>
type DescribedPartition = ResponseOf<typeof DescribeProducers>['topics'][number]['partitions'][number]

/** InitProducerId (key 22): an identity for an idempotent producer (TX-1). Transactional ones are not served yet. */
export const initProducerId = serve(
  InitProducerId,
  [needs('transactionalId', 'WRITE'), needs('cluster', 'IDEMPOTENT_WRITE')],
  (request, context, services) => {
    const { transactionalId, producerId, producerEpoch } = request
    const { principal } = context.connection
    const { authorizer, producerIds } = services
    if (transactionalId !== null) {
      if (!authorizer.allows(principal, 'WRITE', 'transactionalId', transactionalId)) {
        return initRefusal('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
      }
    } else if (!mayProduce(context, services)) {
      return initRefusal('CLUSTER_AUTHORIZATION_FAILED')
    }
    // Id and epoch come together or not at all (TX-5, KIP-360).
    if ((producerId === -1) !== (producerEpoch === -1)) return initRefusal('INVALID_REQUEST')
    if (transactionalId === '') return initRefusal('INVALID_REQUEST')
    if (transactionalId !== null) return initRefusal('UNSUPPORTED_VERSION')
    const id = producerIds.next()
    return typeof id === 'number' ? identity(id) : id.then(identity)
  },
)

/** Whoever may write to the cluster, or to some topic, may have a producer id. */
function mayProduce({ connection: { principal } }: RequestContext, { authorizer, cluster }: Services): boolean {
  if (authorizer.allows(principal, 'IDEMPOTENT_WRITE', 'cluster', CLUSTER_NAME)) return true
  for (const { name } of cluster.image.topics()) if (authorizer.allows(principal, 'WRITE', 'topic', name)) return true
  return false
}

const identity = (producerId: number): InitAnswer => ({ throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch: 0 })

const initRefusal = (error: ErrorName): InitAnswer => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  producerId: -1,
  producerEpoch: -1,
})

/** DescribeProducers (key 61): the producers that partitions remember (KIP-664, TX-25). */
export const describeProducers = serve(
  DescribeProducers,
  [needs('topic', 'READ')],
  (request, { connection: { principal } }, { partitions, authorizer, cluster }) => {
    // A partition that is named a million times is described once.
    const described = new Set<string>()
    const describe = (name: string, index: number): DescribedPartition => {
      if (!authorizer.allows(principal, 'READ', 'topic', name)) {
        return partitionError(index, 'TOPIC_AUTHORIZATION_FAILED')
      }
      const wrongName = checkTopicName(name)
      if (wrongName !== undefined) return partitionError(index, wrongName.error, wrongName.message)
      const partition = partitions.findByName(name, index)
      if (typeof partition === 'string') {
        // Of a partition that a topic has not Kafka says the error alone.
        const hasTopic = cluster.image.topicByName(name) !== undefined
        const message = hasTopic ? null : 'This server does not host this topic-partition.'
        return partitionError(index, partition, message)
      }
      if (described.has(`${name}-${index}`)) return partitionError(index, 'INVALID_REQUEST')
      described.add(`${name}-${index}`)
      const activeProducers = [...partition.log.producers()].map(activeProducer)
      return { partitionIndex: index, errorCode: 0, errorMessage: null, activeProducers }
    }
    const topics = request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => describe(name, index)),
    }))
    return { throttleTimeMs: 0, topics }
  },
)

const activeProducer = (producer: ProducerEntry): DescribedPartition['activeProducers'][number] => ({
  producerId: producer.producerId,
  producerEpoch: producer.producerEpoch,
  lastSequence: producer.batches.at(-1)?.lastSequence ?? -1,
  lastTimestamp: producer.lastTimestamp,
  coordinatorEpoch: producer.coordinatorEpoch,
  currentTxnStartOffset: producer.currentTxnFirstOffset,
})

const partitionError = (
  index: number,
  error: ErrorName,
  message: string | null = errorMessage(error),
): DescribedPartition => ({
  partitionIndex: index,
  errorCode: errorCode(error),
  errorMessage: message,
  activeProducers: [],
})
