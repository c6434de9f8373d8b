/**
 * Produce (key 0), hot path. Per request: the answer and one waiter; per partition: one answer object; record bytes are
 * checked and appended as they came, no record is looked at unless a rule of the topic needs it (append.ts).
 */
import { Produce } from '../../protocol/apis/produce.ts'
import { type ErrorName, errorCode } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import type { Cancel } from '../../storage/clock.ts'
import { appendRecords } from '../partitions/append.ts'
import { type LeaderHint, leaderEndpoints, leaderHint, NO_LEADER } from '../partitions/leader-hints.ts'
import type { AppendWaiter, Partition } from '../partitions/partition.ts'
import type { Services } from '../services.ts'
import { CloseConnection, type RequestContext, serve } from './handler.ts'

type Request = RequestOf<typeof Produce>
type Response = ResponseOf<typeof Produce>
type TopicAnswer = Response['responses'][number]
type PartitionAnswer = TopicAnswer['partitionResponses'][number]

export const produce = serve(
  Produce,
  [
    { resource: 'topic', operation: 'WRITE', refusal: 'TOPIC_AUTHORIZATION_FAILED' },
    { resource: 'transactionalId', operation: 'WRITE', refusal: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
  ],
  (request, context, services) => {
    const { acks } = request
    const wrong = wrongAsAWhole(request)
    const acknowledgement = new Acknowledgement()
    const responses: TopicAnswer[] = []
    const hints: LeaderHint[] = []
    for (const { name, topicId, partitionData } of request.topicData) {
      const partitionResponses: PartitionAnswer[] = []
      responses.push({ name, topicId, partitionResponses })
      for (const { index, records } of partitionData) {
        const answer = blank(index)
        partitionResponses.push(answer)
        const partition = wrong ?? find(context, services, name, topicId, index)
        if (partition === 'NOT_LEADER_OR_FOLLOWER' && context.apiVersion >= 10) {
          answer.currentLeader = leaderHint(services.cluster.image, topicId, name, index)
          hints.push(answer.currentLeader)
        }
        if (typeof partition === 'string') refuse(answer, partition, null)
        else append(partition, records, answer, { request, context, services, acknowledgement })
      }
    }
    if (acks === 0) {
      closeOnError(responses)
      return undefined
    }
    const nodeEndpoints = leaderEndpoints(services.cluster.image, hints, context.connection.listener)
    const response: Response = { responses, throttleTimeMs: 0, nodeEndpoints }
    return acknowledgement.complete(response, acks === -1 ? request.timeoutMs : Number.POSITIVE_INFINITY, services)
  },
  'by all',
)

/** What is wrong with the whole request, so with each of its partitions (PR-1, PR-29). */
function wrongAsAWhole({ acks, transactionalId, topicData }: Request): ErrorName | undefined {
  const isTransactional = topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => records !== null && hasTransactionalBatch(records)),
  )
  if (isTransactional && transactionalId === null) return 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
  return acks !== -1 && acks !== 0 && acks !== 1 ? 'INVALID_REQUIRED_ACKS' : undefined
}

const hasTransactionalBatch = (records: Buffer): boolean =>
  records.length >= batch.BATCH_HEADER_BYTES && batch.magic(records) === 2 && batch.isTransactional(records)

function find(
  context: RequestContext,
  services: Services,
  name: string,
  topicId: string,
  index: number,
): Partition | ErrorName {
  const { partitions, authorizer } = services
  const found = context.apiVersion >= 13 ? partitions.findById(topicId, index) : partitions.findByName(name, index)
  const topic = typeof found === 'string' ? name : found.topic
  if (topic !== '' && !authorizer.allows(context.connection.principal, 'WRITE', 'topic', topic)) {
    return 'TOPIC_AUTHORIZATION_FAILED'
  }
  if (typeof found === 'string') return found
  // The broker's own topics are written by the broker alone (PR-30). More in-sync replicas than a partition has replicas
  // cannot be asked for (KIP-966), and the one that it has is this one: acks=all never lacks any (PR-31).
  if (found.rules.internal) return 'INVALID_TOPIC_EXCEPTION'
  return found
}

interface AppendContext {
  readonly request: Request
  readonly context: RequestContext
  readonly services: Services
  readonly acknowledgement: Acknowledgement
}

function append(partition: Partition, records: Buffer | null, answer: PartitionAnswer, scope: AppendContext): void {
  const { request, context, services, acknowledgement } = scope
  const { metrics } = partition
  metrics.produceRequests++
  // No transaction can have been begun yet (InitProducerId refuses their ids), so none has this partition (PR-28).
  if (records !== null && hasTransactionalBatch(records)) {
    metrics.failedProduce++
    refuse(answer, 'INVALID_TXN_STATE', 'the partition was not added to a transaction')
    return
  }
  const outcome = appendRecords(partition, records, context.apiVersion, services.clock.wallTime())
  if (outcome.kind === 'refused') {
    metrics.failedProduce++
    metrics.bytesRejected += records?.length ?? 0
    answer.recordErrors = outcome.recordErrors.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    }))
    refuse(answer, outcome.error, outcome.message)
    // The batch as such was sound, its meaning was not: then Kafka tells where the log begins.
    if (tellsLogStart(outcome.error, records)) answer.logStartOffset = partition.logStartOffset
    return
  }
  if (outcome.kind === 'appended') {
    metrics.messagesIn += outcome.count
    metrics.bytesIn += outcome.sizeBytes
  }
  answer.baseOffset = outcome.baseOffset
  answer.logAppendTimeMs = outcome.logAppendTime
  answer.logStartOffset = partition.logStartOffset
  if (request.acks !== 0) acknowledgement.await(partition, outcome.lastOffset + 1, request.acks, answer)
}

/** Errors with which Kafka does not tell where the log begins. */
const withoutLogStart: ReadonlySet<ErrorName> = new Set([
  'CORRUPT_MESSAGE',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'KAFKA_STORAGE_ERROR',
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

const tellsLogStart = (error: ErrorName, records: Buffer | null): boolean =>
  records !== null &&
  records.length >= batch.BATCH_HEADER_BYTES &&
  batch.batchSize(records) === records.length &&
  batch.magic(records) === 2 &&
  !withoutLogStart.has(error)

const blank = (index: number): PartitionAnswer => ({
  index,
  errorCode: 0,
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
  recordErrors: [],
  errorMessage: null,
  currentLeader: NO_LEADER,
})

function refuse(answer: PartitionAnswer, error: ErrorName, message: string | null): void {
  answer.errorCode = errorCode(error)
  answer.errorMessage = message
  answer.baseOffset = -1
  answer.logAppendTimeMs = -1
  answer.logStartOffset = -1
}

/** With acks=0 a closed connection is the only way to make the client look for what is wrong (PR-2). */
function closeOnError(responses: readonly TopicAnswer[]): void {
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode } of partitionResponses) {
      if (errorCode !== 0) {
        throw new CloseConnection(
          `acks=0 produce to ${JSON.stringify(name)} partition ${index} failed with error ${errorCode}`,
        )
      }
    }
  }
}

/** Waits for all appends of one request: written for acks=1, durable for acks=all. */
class Acknowledgement implements AppendWaiter {
  readonly #answers: PartitionAnswer[] = []
  readonly #settled: boolean[] = []
  #open = 0
  #done: (() => void) | undefined

  await(partition: Partition, endOffset: number, acks: number, answer: PartitionAnswer): void {
    const slot = this.#answers.push(answer) - 1
    this.#settled.push(false)
    this.#open++
    if (acks === 1) partition.whenWritten(endOffset, this, slot)
    else partition.whenDurable(endOffset, this, slot)
  }

  settled(slot: number, error: ErrorName | undefined): void {
    if (this.#settled[slot] !== false) return
    this.#settled[slot] = true
    if (error !== undefined) refuse(this.#answers[slot]!, error, null)
    this.#open--
    if (this.#open === 0) this.#done?.()
  }

  /** The response at once if nothing is waited for; what is not settled after `timeoutMs` is timed out (PR-32). */
  complete(response: Response, timeoutMs: number, services: Services): Response | Promise<Response> {
    if (this.#open === 0) return response
    return new Promise((resolve) => {
      let cancel: Cancel | undefined
      this.#done = () => {
        cancel?.()
        resolve(response)
      }
      if (timeoutMs !== Number.POSITIVE_INFINITY) {
        cancel = services.timers.after(Math.max(timeoutMs, 0), () => {
          for (let slot = 0; slot < this.#settled.length; slot++) this.settled(slot, 'REQUEST_TIMED_OUT')
        })
      }
    })
  }
}
