import { OffsetCommit, OffsetDelete, OffsetFetch } from '../../protocol/apis/group-offsets.ts'
import { type ErrorName, errorCode } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'
import type { FetchedOffset, OffsetsCommitted, OffsetsDeleted, OffsetsFetched, Refused } from '../groups/commands.ts'
import { needs } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type CommitRequest = RequestOf<typeof OffsetCommit>
type CommitAnswer = ResponseOf<typeof OffsetCommit>
type FetchedGroup = ResponseOf<typeof OffsetFetch>['groups'][number]
type FetchedTopic = FetchedGroup['topics'][number]
type FetchedPartition = FetchedTopic['partitions'][number]
type DeleteAnswer = ResponseOf<typeof OffsetDelete>

/** First version of OffsetCommit and OffsetFetch that names topics by their ids (KIP-848). */
const TOPIC_IDS_SINCE = 10

/** OffsetCommit (key 8): answered when the offsets are durable. A topic that is not there fails alone (OC-6). */
export const offsetCommit = serve(
  OffsetCommit,
  [needs('group', 'READ'), needs('topic', 'READ')],
  (request, context, services) => {
    const { authorizer, groups } = services
    if (!authorizer.allows(context.connection.principal, 'READ', 'group', request.groupId)) {
      return commitAnswer(request, () => 'GROUP_AUTHORIZATION_FAILED')
    }
    const topics = request.topics.map((topic) => topicOf(services, context, topic))
    const offsets = request.topics.flatMap((topic, at) => {
      const { error, name, id, partitions } = topics[at]!
      if (error !== undefined) return []
      return topic.partitions
        .filter(({ partitionIndex }) => partitionIndex >= 0 && partitionIndex < partitions)
        .map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
          topic: name,
          topicId: id,
          partition: partitionIndex,
          offset: committedOffset,
          leaderEpoch: committedLeaderEpoch,
          metadata: committedMetadata,
        }))
    })
    // Errors of the coordinator come in the order of what it was asked, between those that were decided here.
    const answer = (reply: OffsetsCommitted | Refused) => {
      let next = 0
      return commitAnswer(request, (at, partition) => {
        const { error, partitions } = topics[at]!
        if (error !== undefined) return error
        if (partition < 0 || partition >= partitions) return 'UNKNOWN_TOPIC_OR_PARTITION'
        return reply.kind === 'refused' ? reply.error : reply.errors[next++]!
      })
    }
    if (offsets.length === 0) return answer({ kind: 'offsetsCommitted', errors: [] })
    const reply = groups.submit<'commitOffsets'>({
      kind: 'commitOffsets',
      groupId: request.groupId,
      generation: request.generationIdOrMemberEpoch,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: context.apiVersion >= 9,
      offsets,
    })
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)

const commitAnswer = (
  request: CommitRequest,
  errorOf: (topicAt: number, partition: number) => ErrorName,
): CommitAnswer => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, topicId, partitions }, at) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: errorCode(errorOf(at, partitionIndex)),
    })),
  })),
})

interface FoundTopic {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly error: ErrorName | undefined
}

/** The topic that a request names, by id from v10 on, or why its partitions are refused. */
function topicOf(services: Services, context: RequestContext, asked: { name: string; topicId: string }): FoundTopic {
  const { image } = services.cluster
  const byId = context.apiVersion >= TOPIC_IDS_SINCE
  const topic = byId ? image.topicById(asked.topicId) : image.topicByName(asked.name)
  const name = topic?.name ?? asked.name
  const found = { name, id: topic?.id ?? asked.topicId, partitions: topic?.partitions.length ?? 0 }
  if (byId && topic === undefined) return { ...found, error: 'UNKNOWN_TOPIC_ID' }
  if (!services.authorizer.allows(context.connection.principal, 'READ', 'topic', name)) {
    return { ...found, error: 'TOPIC_AUTHORIZATION_FAILED' }
  }
  return { ...found, error: topic === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : undefined }
}

/** OffsetFetch (key 9): one group up to v7, any number from v8 on. */
export const offsetFetch = serve(
  OffsetFetch,
  [needs('group', 'DESCRIBE'), needs('topic', 'DESCRIBE')],
  (request, context, services) => {
    const single = context.apiVersion < 8
    const asked = single
      ? [
          {
            groupId: request.groupId,
            topics: request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null,
          },
        ]
      : request.groups
    const fetched = asked.map((group) => fetchGroup(group, request.requireStable, context, services))
    const answer = (groups: FetchedGroup[]): ResponseOf<typeof OffsetFetch> =>
      single
        ? { throttleTimeMs: 0, ...singleGroup(groups[0]!, asked[0]!, context.apiVersion), groups: [] }
        : { throttleTimeMs: 0, topics: [], errorCode: 0, groups }
    return fetched.some((group) => group instanceof Promise)
      ? Promise.all(fetched).then(answer)
      : answer(fetched as FetchedGroup[])
  },
  'by all',
)

interface AskedGroup {
  readonly groupId: string
  readonly topics: readonly { name: string; topicId: string; partitionIndexes: readonly number[] }[] | null
}

function fetchGroup(
  asked: AskedGroup,
  requireStable: boolean,
  context: RequestContext,
  services: Services,
): FetchedGroup | Promise<FetchedGroup> {
  const { groupId } = asked
  const { authorizer, groups } = services
  const { principal } = context.connection
  const answer = (reply: OffsetsFetched | Refused): FetchedGroup => {
    if (reply.kind === 'refused') return { groupId, topics: [], errorCode: errorCode(fetchError(reply.error)) }
    const offsets = reply.offsets.map((offset) =>
      isOfFormerTopic(offset) ? { ...offset, committed: undefined } : offset,
    )
    const topics = asked.topics === null ? allTopics(offsets) : askedTopics(offsets)
    return { groupId, topics, errorCode: 0 }
  }
  if (!authorizer.allows(principal, 'DESCRIBE', 'group', groupId)) {
    return answer({ kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' })
  }
  const topics = asked.topics?.map((topic) => describableTopic(services, context, topic)) ?? []
  const partitions = asked.topics?.flatMap((topic, at) =>
    topics[at]!.error === undefined
      ? topic.partitionIndexes.map((partition) => ({ topic: topics[at]!.name, partition }))
      : [],
  )
  const reply = groups.submit<'fetchOffsets'>({
    kind: 'fetchOffsets',
    groupId,
    partitions: partitions ?? null,
    requireStable,
  })
  return reply instanceof Promise ? reply.then(answer) : answer(reply)

  /** A commit for a topic that was deleted since and made again under its name; its deletion is on its way (OX-2). */
  function isOfFormerTopic({ topic, committed }: FetchedOffset): boolean {
    const id = services.cluster.image.topicByName(topic)?.id
    return committed !== undefined && committed.topicId !== ZERO_UUID && id !== undefined && committed.topicId !== id
  }

  function askedTopics(offsets: readonly FetchedOffset[]): FetchedTopic[] {
    let next = 0
    return (asked.topics ?? []).map(({ name, topicId, partitionIndexes }, at) => {
      const { error } = topics[at]!
      const fetched = partitionIndexes.map((index) =>
        error === undefined ? fetchedPartition(offsets[next++]!) : failedPartition(index, error),
      )
      return { name, topicId, partitions: fetched }
    })
  }

  /** What may not be described is left out, as if it were not there. So is what has no id to be named by. */
  function allTopics(offsets: readonly FetchedOffset[]): FetchedTopic[] {
    const byName = new Map<string, FetchedPartition[]>()
    for (const offset of offsets) {
      if (offset.committed === undefined && offset.error === 'NONE') continue
      const fetched = byName.get(offset.topic) ?? []
      byName.set(offset.topic, fetched)
      fetched.push(fetchedPartition(offset))
    }
    return [...byName].flatMap(([name, fetched]) => {
      const topicId = services.cluster.image.topicByName(name)?.id
      if (topicId === undefined && context.apiVersion >= TOPIC_IDS_SINCE) return []
      if (!authorizer.allows(principal, 'DESCRIBE', 'topic', name)) return []
      return [{ name, topicId: topicId ?? ZERO_UUID, partitions: fetched }]
    })
  }
}

/** Commits are given out by name whether the topic is there or not, as in Kafka; by id only if it is. */
function describableTopic(
  services: Services,
  context: RequestContext,
  asked: { name: string; topicId: string },
): { name: string; error: ErrorName | undefined } {
  const byId = context.apiVersion >= TOPIC_IDS_SINCE
  const name = byId ? services.cluster.image.topicById(asked.topicId)?.name : asked.name
  if (name === undefined) return { name: asked.name, error: 'UNKNOWN_TOPIC_ID' }
  const allowed = services.authorizer.allows(context.connection.principal, 'DESCRIBE', 'topic', name)
  return { name, error: allowed ? undefined : 'TOPIC_AUTHORIZATION_FAILED' }
}

const fetchedPartition = ({ partition, committed, error }: FetchedOffset): FetchedPartition => ({
  partitionIndex: partition,
  committedOffset: committed?.offset ?? -1n,
  committedLeaderEpoch: committed?.leaderEpoch ?? -1,
  metadata: committed?.metadata ?? '',
  errorCode: errorCode(error),
})

const failedPartition = (partitionIndex: number, error: ErrorName): FetchedPartition => ({
  partitionIndex,
  committedOffset: -1n,
  committedLeaderEpoch: -1,
  metadata: '',
  errorCode: errorCode(error),
})

/** Consumers before Kafka 3.9 do not expect COORDINATOR_NOT_AVAILABLE here; NOT_COORDINATOR makes them look again. */
const fetchError = (error: ErrorName): ErrorName => (error === 'COORDINATOR_NOT_AVAILABLE' ? 'NOT_COORDINATOR' : error)

/** Up to v7 there is one group; v1 has no place for its error but the partitions. */
function singleGroup(
  { topics, errorCode: code }: FetchedGroup,
  asked: AskedGroup,
  apiVersion: number,
): Pick<ResponseOf<typeof OffsetFetch>, 'topics' | 'errorCode'> {
  if (apiVersion >= 2 || code === 0) return { topics: topics.map(withoutId), errorCode: code }
  const failed = (asked.topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => ({ ...failedPartition(index, 'NONE'), errorCode: code })),
  }))
  return { topics: failed, errorCode: 0 }
}

const withoutId = ({ name, partitions }: FetchedTopic) => ({ name, partitions })

/** OffsetDelete (key 47). */
export const offsetDelete = serve(
  OffsetDelete,
  [needs('group', 'DELETE'), needs('topic', 'READ')],
  (request, context, services) => {
    const { authorizer, groups } = services
    const failed = (error: ErrorName): DeleteAnswer => ({ errorCode: errorCode(error), throttleTimeMs: 0, topics: [] })
    if (!authorizer.allows(context.connection.principal, 'DELETE', 'group', request.groupId)) {
      return failed('GROUP_AUTHORIZATION_FAILED')
    }
    const topics = request.topics.map(({ name }) => topicOf(services, context, { name, topicId: ZERO_UUID }))
    const isKnown = (at: number, partition: number) => {
      const { error, partitions } = topics[at]!
      return error === undefined && partition >= 0 && partition < partitions
    }
    const partitions = request.topics.flatMap((topic, at) =>
      topic.partitions
        .filter(({ partitionIndex }) => isKnown(at, partitionIndex))
        .map(({ partitionIndex }) => ({ topic: topic.name, partition: partitionIndex })),
    )
    const answer = (reply: OffsetsDeleted | Refused): DeleteAnswer => {
      if (reply.kind === 'refused') return failed(reply.error)
      let next = 0
      const errorOf = (at: number, partition: number): ErrorName => {
        if (isKnown(at, partition)) return reply.errors[next++]!
        return topics[at]!.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
      }
      return {
        errorCode: 0,
        throttleTimeMs: 0,
        topics: request.topics.map(({ name, partitions: asked }, at) => ({
          name,
          partitions: asked.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: errorCode(errorOf(at, partitionIndex)),
          })),
        })),
      }
    }
    // Also where nothing is left to delete: whether there is such a group is told first.
    const reply = groups.submit<'deleteOffsets'>({ kind: 'deleteOffsets', groupId: request.groupId, partitions })
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)
