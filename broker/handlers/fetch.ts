/**
 * Fetch (key 1), hot path. Per request: the plan of its session and one array of outcomes; per partition: one target, one
 * outcome, one answer object; record bytes are passed on as the chunks that the log holds, never copied.
 */

import { Fetch } from '../../protocol/apis/fetch.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'
import type { FetchPlan, FetchTarget } from '../partitions/fetch-sessions.ts'
import { type LeaderHint, leaderEndpoints, leaderHint, NO_LEADER, wantsHint } from '../partitions/leader-hints.ts'
import type { Isolation, Partition } from '../partitions/partition.ts'
import { type FetchOutcome, type FetchRead, readTargets } from '../partitions/read.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type ServedPlan = Exclude<FetchPlan, { kind: 'refused' }>
type Request = RequestOf<typeof Fetch>
type Response = ResponseOf<typeof Fetch>
type PartitionAnswer = Response['responses'][number]['partitions'][number]
interface TopicAnswer {
  readonly topic: string
  readonly topicId: string
  readonly partitions: PartitionAnswer[]
}

export const fetch = serve(
  Fetch,
  [
    { resource: 'topic', operation: 'READ', refusal: 'TOPIC_AUTHORIZATION_FAILED' },
    { resource: 'cluster', operation: 'CLUSTER_ACTION', refusal: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  (request, context, services) => {
    const usesTopicIds = context.apiVersion >= 13
    const plan = services.fetchSessions.plan({
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      usesTopicIds,
      targets: targetsOf(request),
      forgotten: request.forgottenTopicsData,
    })
    if (plan.kind === 'refused') return empty(errorCode(plan.error))

    const { answerRoom } = services
    const mostBytes = Math.min(Math.max(request.maxBytes, 0), services.config.get('fetch.max.bytes'))
    // More than fits into an answer would never be there (as in Kafka).
    const minBytes = Math.min(request.minBytes, mostBytes)
    const isolation: Isolation = request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    const readRequest = {
      targets: plan.targets,
      // Asked anew when a parked fetch reads again.
      get maxBytes() {
        return Math.min(mostBytes, answerRoom.share)
      },
      isolation,
      find: finder(request, context, services),
    }
    const answer = (read: FetchRead): Response => {
      count(read)
      return respond(
        read,
        plan,
        { apiVersion: context.apiVersion, isolation, listener: context.connection.listener },
        services,
      )
    }
    const enough = (read: FetchRead): boolean =>
      read.urgent || request.maxWaitMs <= 0 || plan.targets.length === 0 || read.bytes >= minBytes
    const wait = (read: FetchRead): Promise<FetchRead> =>
      services.parkedFetches.park(
        {
          request: readRequest,
          minBytes,
          deadline: services.clock.now() + request.maxWaitMs,
          onClose: (run) => context.connection.onClose(run),
        },
        read,
      )

    const read = readTargets(readRequest)
    if (read instanceof Promise) {
      const { maxBytes } = readRequest
      const asked = plan.targets.reduce((sum, target) => sum + Math.max(target.maxBytes, 0), 0)
      const expected = Math.min(asked, maxBytes)
      answerRoom.reading(expected)
      return read
        .finally(() => answerRoom.reading(-expected))
        .then((late) => (enough(late) ? answer(late) : wait(late).then(answer)))
    }
    return enough(read) ? answer(read) : wait(read).then(answer)
  },
  'by other kinds',
)

/** The partitions that a request names, each once: who names one twice gets one answer. */
function targetsOf(request: Request): FetchTarget[] {
  const targets: FetchTarget[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    const seen = partitions.length > 1 ? new Set<number>() : undefined
    for (const asked of partitions) {
      if (seen?.has(asked.partition)) continue
      seen?.add(asked.partition)
      targets.push({
        topic,
        topicId,
        partition: asked.partition,
        // Kafka takes any negative epoch for none here.
        currentLeaderEpoch: Math.max(asked.currentLeaderEpoch, -1),
        fetchOffset: asked.fetchOffset,
        lastFetchedEpoch: asked.lastFetchedEpoch,
        maxBytes: asked.partitionMaxBytes,
        answeredHighWatermark: -1,
        answeredLogStart: -1,
      })
    }
  }
  return targets
}

function finder(request: Request, context: RequestContext, services: Services) {
  const { partitions, authorizer } = services
  // Nobody follows us: a fetch as a replica must not read what consumers may not see (CVE-2018-1288).
  const asReplica = request.replicaId >= 0 || request.replicaState.replicaId >= 0
  return (target: FetchTarget): Partition | ReturnType<typeof partitions.findByName> => {
    if (asReplica) return 'NOT_LEADER_OR_FOLLOWER'
    const found =
      target.topicId === ZERO_UUID
        ? partitions.findByName(target.topic, target.partition)
        : partitions.findById(target.topicId, target.partition)
    const name = typeof found === 'string' ? target.topic : found.topic
    if (name !== '' && !authorizer.allows(context.connection.principal, 'READ', 'topic', name)) {
      return 'TOPIC_AUTHORIZATION_FAILED'
    }
    // Who speaks an older version cannot know zstd (KIP-110); the topic's setting says that its batches are in it.
    if (typeof found !== 'string' && context.apiVersion < 10 && found.rules.codec === 'zstd') {
      return 'UNSUPPORTED_COMPRESSION_TYPE'
    }
    // From v13 on the zero id is an id that no topic has.
    if (typeof found === 'string' && context.apiVersion >= 13 && target.topicId === ZERO_UUID) return 'UNKNOWN_TOPIC_ID'
    return found
  }
}

interface AnswerContext {
  readonly apiVersion: number
  readonly isolation: Isolation
  readonly listener: string
}

function respond(
  read: FetchRead,
  plan: ServedPlan,
  { apiVersion, isolation, listener }: AnswerContext,
  services: Services,
): Response {
  const { image } = services.cluster
  const responses: TopicAnswer[] = []
  const hints: LeaderHint[] = []
  let last: TopicAnswer | undefined
  for (const outcome of read.outcomes) {
    if (plan.kind === 'incremental' && !isNews(outcome)) continue
    note(outcome)
    if (plan.kind === 'incremental' && outcome.slice.sizeBytes > 0) plan.session.served(outcome.target)
    const { topic, topicId } = outcome.target
    if (last === undefined || last.topicId !== topicId || last.topic !== topic) {
      last = { topic, topicId, partitions: [] }
      responses.push(last)
    }
    const answer = partitionAnswer(outcome, isolation)
    if (apiVersion >= 12 && wantsHint(outcome.error)) {
      answer.currentLeader = leaderHint(image, topicId, topic, outcome.target.partition)
      hints.push(answer.currentLeader)
    }
    last.partitions.push(answer)
  }
  return {
    ...empty(0),
    responses,
    sessionId: sessionIdFor(plan, apiVersion >= 13, services),
    nodeEndpoints: apiVersion >= 16 ? leaderEndpoints(image, hints, listener) : [],
  }
}

function sessionIdFor(plan: ServedPlan, usesTopicIds: boolean, services: Services): number {
  if (plan.kind === 'incremental') return plan.session.id
  return plan.wantsSession ? services.fetchSessions.open(plan.targets, usesTopicIds) : 0
}

/** An incremental answer names only what has data, an error, or moved since the last answer (FE-21). */
function isNews(outcome: FetchOutcome): boolean {
  const { target } = outcome
  return (
    outcome.slice.sizeBytes > 0 ||
    outcome.error !== 'NONE' ||
    outcome.diverging !== undefined ||
    outcome.highWatermark !== target.answeredHighWatermark ||
    outcome.logStartOffset !== target.answeredLogStart
  )
}

/** After an error the next answer names the partition again, whatever it holds (as Kafka's sessions do). */
function note(outcome: FetchOutcome): void {
  outcome.target.answeredHighWatermark = outcome.error === 'NONE' ? outcome.highWatermark : -1
  outcome.target.answeredLogStart = outcome.logStartOffset
}

function partitionAnswer(outcome: FetchOutcome, isolation: Isolation): PartitionAnswer {
  return {
    partitionIndex: outcome.target.partition,
    errorCode: errorCode(outcome.error),
    highWatermark: outcome.highWatermark,
    lastStableOffset: outcome.lastStableOffset,
    logStartOffset: outcome.logStartOffset,
    divergingEpoch: outcome.diverging ?? NO_DIVERGENCE,
    currentLeader: NO_LEADER,
    snapshotId: NO_SNAPSHOT,
    // No transaction can have been aborted yet: transactional ids are refused (InitProducerId). Of a partition that is
    // not there Kafka gives the empty list to all.
    abortedTransactions: isolation === 'read_committed' || isAbsent(outcome) ? [] : null,
    preferredReadReplica: -1,
    records: outcome.slice.chunks,
  }
}

const isAbsent = ({ error }: FetchOutcome): boolean =>
  error === 'UNKNOWN_TOPIC_OR_PARTITION' || error === 'UNKNOWN_TOPIC_ID'

function count(read: FetchRead): void {
  for (const { partition, slice, error } of read.outcomes) {
    if (partition === undefined) continue
    const { metrics } = partition
    metrics.fetchRequests++
    metrics.bytesOut += slice.sizeBytes
    if (error !== 'NONE') metrics.failedFetch++
  }
}

const empty = (errorCode: number): Response => ({
  throttleTimeMs: 0,
  errorCode,
  sessionId: 0,
  responses: [],
  nodeEndpoints: [],
})

const NO_DIVERGENCE = { epoch: -1, endOffset: -1 }
const NO_SNAPSHOT = { endOffset: -1, epoch: -1 }
