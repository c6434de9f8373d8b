import {
  AlterPartitionReassignments,
  DescribeLogDirs,
  ElectLeaders,
  ListPartitionReassignments,
} from '../../protocol/apis/cluster-admin.ts'
import { DescribeCluster } from '../../protocol/apis/metadata.ts'
import { type ErrorName, errorCode, errorMessage } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import type { LogDirectory } from '../../storage/index.ts'
import { checkReplicas } from '../metadata/assignments.ts'
import type { ClusterImage } from '../metadata/image.ts'
import { type Refusal, refusal } from '../metadata/refusal.ts'
import type { Partition } from '../partitions/partition.ts'
import { authorizedOperations, CLUSTER_NAME, needs, OPERATIONS_NOT_ASKED } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

/** Kinds of endpoint that DescribeCluster v1+ may ask for (KIP-919). */
const BROKERS = 1
const CONTROLLERS = 2

/** DescribeCluster (key 60): the brokers, for tools without access to any topic (AD-20). */
export const describeCluster = serve(DescribeCluster, 'none', (request, context, { cluster, authorizer }) => {
  const { principal, listener } = context.connection
  const wrong = checkEndpointType(request.endpointType)
  const blank: ResponseOf<typeof DescribeCluster> = {
    throttleTimeMs: 0,
    errorCode: errorCode(wrong?.error ?? 'NONE'),
    errorMessage: wrong?.message ?? null,
    endpointType: BROKERS,
    clusterId: '',
    controllerId: -1,
    brokers: [],
    clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
  if (wrong !== undefined) return blank
  const { image } = cluster
  const asked =
    request.includeClusterAuthorizedOperations && authorizer.allows(principal, 'DESCRIBE', 'cluster', CLUSTER_NAME)
  return {
    ...blank,
    clusterId: image.clusterId,
    controllerId: image.controllerId,
    brokers: reachableBrokers(image, listener),
    clusterAuthorizedOperations: asked
      ? authorizedOperations(authorizer, principal, 'cluster', CLUSTER_NAME)
      : OPERATIONS_NOT_ASKED,
  }
})

function checkEndpointType(type: number): Refusal | undefined {
  if (type === BROKERS) return undefined
  return type === CONTROLLERS
    ? refusal(
        'MISMATCHED_ENDPOINT_TYPE',
        'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
      )
    : refusal('UNSUPPORTED_ENDPOINT_TYPE', `Unsupported endpoint type ${type}`)
}

/** The brokers as seen through one listener (MD-9); those that have no such listener are left out. */
function reachableBrokers(image: ClusterImage, listener: string): ResponseOf<typeof DescribeCluster>['brokers'] {
  return [...image.brokers.values()].flatMap(({ id, rack, listeners }) => {
    const address = listeners.find(({ name }) => name === listener)
    return address === undefined
      ? []
      : [{ brokerId: id, host: address.host, port: address.port, rack, isFenced: false }]
  })
}

/** What DescribeLogDirs needs of a log directory. */
export type DescribedDirectory = Pick<LogDirectory, 'path' | 'offline' | 'usage' | 'owns'>

/**
 * DescribeLogDirs (key 35): what lies where, and how much (AD-19).
 * @param directories where the composition root keeps them
 */
export const describeLogDirs = (directories: (services: Services) => readonly DescribedDirectory[]) =>
  serve(
    DescribeLogDirs,
    [needs('cluster', 'DESCRIBE')],
    (request, { connection: { principal } }, services): ResponseOf<typeof DescribeLogDirs> => {
      if (!services.authorizer.allows(principal, 'DESCRIBE', 'cluster', CLUSTER_NAME)) {
        return { throttleTimeMs: 0, errorCode: errorCode('CLUSTER_AUTHORIZATION_FAILED'), results: [] }
      }
      const partitions = [...askedPartitions(request, services)]
      const results = directories(services).map((directory) => describeDirectory(directory, partitions))
      return { throttleTimeMs: 0, errorCode: 0, results }
    },
  )

/** Null asks for all; what is not there is left out, what is named twice comes once. */
function askedPartitions({ topics }: RequestOf<typeof DescribeLogDirs>, { partitions }: Services): Iterable<Partition> {
  if (topics === null) return partitions.all()
  const asked = new Set<Partition>()
  for (const { topic, partitions: indexes } of topics) {
    for (const index of indexes) {
      const partition = partitions.findByName(topic, index)
      if (typeof partition !== 'string') asked.add(partition)
    }
  }
  return asked
}

function describeDirectory(
  directory: DescribedDirectory,
  partitions: readonly Partition[],
): ResponseOf<typeof DescribeLogDirs>['results'][number] {
  const blank = { logDir: directory.path, isCordoned: false, topics: [], totalBytes: -1, usableBytes: -1 }
  if (directory.offline !== undefined) return { ...blank, errorCode: errorCode('KAFKA_STORAGE_ERROR') }
  const topics = new Map<string, Partition[]>()
  for (const partition of partitions) {
    if (!directory.owns(partition.log)) continue
    const known = topics.get(partition.topic)
    if (known === undefined) topics.set(partition.topic, [partition])
    else known.push(partition)
  }
  return {
    ...blank,
    ...directory.usage(),
    errorCode: 0,
    topics: [...topics].map(([name, held]) => ({
      name,
      partitions: held.map(({ index, log }) => ({
        partitionIndex: index,
        partitionSize: log.sizeBytes,
        // Bytes that a replica lacks behind its leader: the leader lacks none.
        offsetLag: 0,
        isFutureKey: false,
      })),
    })),
  }
}

/** ElectLeaders (key 43): with one replica each partition has the leader that it can have. */
export const electLeaders = serve(ElectLeaders, [needs('cluster', 'ALTER')], (request, context, services) => {
  const { electionType, topicPartitions } = request
  const { image } = services.cluster
  const overall = (error: ErrorName): number => (context.apiVersion === 0 ? 0 : errorCode(error)) // v0 has no place for it
  if (topicPartitions === null) {
    // Asked for all partitions, Kafka names the topics and leaves out partitions that need no election.
    const error = mayAlterCluster(context, services) ? 'NONE' : 'CLUSTER_AUTHORIZATION_FAILED'
    const topics = error === 'NONE' ? [...image.topics()].filter(({ internal }) => !internal) : []
    const replicaElectionResults = topics.map(({ name }) => ({ topic: name, partitionResult: [] }))
    return { throttleTimeMs: 0, errorCode: overall(error), replicaElectionResults }
  }
  const general: Refusal | undefined = mayAlterCluster(context, services)
    ? electionType === 0 || electionType === 1
      ? undefined
      : refusal('INVALID_REQUEST', `Unknown election type ${electionType}`)
    : refusal('CLUSTER_AUTHORIZATION_FAILED')
  return {
    throttleTimeMs: 0,
    errorCode: overall(general?.error ?? 'NONE'),
    replicaElectionResults: topicPartitions.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => {
        const { error, message } = general ?? electionOutcome(image, topic, partitionId)
        return { partitionId, errorCode: errorCode(error), errorMessage: message }
      }),
    })),
  }
})

function electionOutcome(image: ClusterImage, name: string, index: number): Refusal {
  const topic = image.topicByName(name)
  if (topic === undefined) return refusal('UNKNOWN_TOPIC_OR_PARTITION', `No such topic as ${name}`)
  return topic.partitions[index] === undefined
    ? refusal('UNKNOWN_TOPIC_OR_PARTITION', `No such partition as ${name}-${index}`)
    : refusal('ELECTION_NOT_NEEDED', 'Leader election not needed for topic partition.')
}

/** AlterPartitionReassignments (key 45): replicas that are where they shall be stay; there is nowhere else (KIP-455). */
export const alterPartitionReassignments = serve(
  AlterPartitionReassignments,
  [needs('cluster', 'ALTER')],
  (request, context, services) => {
    const { allowReplicationFactorChange, topics } = request
    const allowed = mayAlterCluster(context, services)
    const error = allowed ? 'NONE' : 'CLUSTER_AUTHORIZATION_FAILED'
    return {
      throttleTimeMs: 0,
      allowReplicationFactorChange,
      errorCode: errorCode(error),
      errorMessage: allowed ? null : errorMessage(error),
      responses: allowed
        ? topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex, replicas }) => {
              const refused = reassignmentRefusal(services.cluster.image, name, partitionIndex, replicas)
              const outcome = errorCode(refused?.error ?? 'NONE')
              return { partitionIndex, errorCode: outcome, errorMessage: refused?.message ?? null }
            }),
          }))
        : [],
    }
  },
)

function reassignmentRefusal(
  image: ClusterImage,
  name: string,
  index: number,
  replicas: readonly number[] | null,
): Refusal | undefined {
  const topic = image.topicByName(name)
  if (topic === undefined) return refusal('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find a topic named ${name}.`)
  if (topic.partitions[index] === undefined) {
    return refusal('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find partition ${name}:${index}.`)
  }
  if (replicas === null) return refusal('NO_REASSIGNMENT_IN_PROGRESS', null)
  return checkReplicas([replicas], replicas.length, new Set(image.brokers.keys()))
}

/** ListPartitionReassignments (key 46): nothing is ever under way. */
export const listPartitionReassignments = serve(
  ListPartitionReassignments,
  [needs('cluster', 'DESCRIBE')],
  (_request, { connection: { principal } }, { authorizer }) => {
    const allowed = authorizer.allows(principal, 'DESCRIBE', 'cluster', CLUSTER_NAME)
    const error = allowed ? 'NONE' : 'CLUSTER_AUTHORIZATION_FAILED'
    return {
      throttleTimeMs: 0,
      errorCode: errorCode(error),
      errorMessage: allowed ? null : errorMessage(error),
      topics: [],
    }
  },
)

const mayAlterCluster = ({ connection: { principal } }: RequestContext, { authorizer }: Services): boolean =>
  authorizer.allows(principal, 'ALTER', 'cluster', CLUSTER_NAME)
