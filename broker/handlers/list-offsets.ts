import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from '../../protocol/apis/list-offsets.ts'
import { type ErrorName, errorCode } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import { StorageError } from '../../storage/index.ts'
import type { Isolation, Partition } from '../partitions/partition.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type AskedPartition = RequestOf<typeof ListOffsets>['topics'][number]['partitions'][number]
type OffsetAnswer = ResponseOf<typeof ListOffsets>['topics'][number]['partitions'][number]

/** Timestamps that ask for a place in the log instead of a time, and the version from which each is known. */
const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6
const KNOWN_SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
])

/** ListOffsets (key 2): offsets by time, and the ends of the log. */
export const listOffsets = serve(
  ListOffsets,
  [{ resource: 'topic', operation: 'DESCRIBE', refusal: 'TOPIC_AUTHORIZATION_FAILED' }],
  async (request, context, services) => {
    const isolation: Isolation = request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    const repeated = repeatedPartitions(
      request.topics.map(({ name, partitions }) => ({
        name,
        indexes: partitions.map(({ partitionIndex }) => partitionIndex),
      })),
    )
    const topics = await Promise.all(
      request.topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async (asked): Promise<OffsetAnswer> => {
            if (repeated.has(`${name}:${asked.partitionIndex}`)) return offsetError(asked, 'INVALID_REQUEST')
            const partition = find(services, context, 'DESCRIBE', name, asked.partitionIndex)
            if (typeof partition === 'string') return offsetError(asked, partition)
            const epochError = partition.checkEpoch(asked.currentLeaderEpoch)
            if (epochError !== undefined) return offsetError(asked, epochError)
            return lookUp(partition, asked, isolation, context.apiVersion)
          }),
        ),
      })),
    )
    return { throttleTimeMs: 0, topics }
  },
)

async function lookUp(
  partition: Partition,
  asked: AskedPartition,
  isolation: Isolation,
  apiVersion: number,
): Promise<OffsetAnswer> {
  const { timestamp } = asked
  if (timestamp < 0) {
    const since = KNOWN_SINCE.get(timestamp)
    if (since === undefined || apiVersion < since) return offsetError(asked, 'UNSUPPORTED_VERSION')
  }
  const { log } = partition
  // Sent with acks=1 and asked for at once: that is how tests and tools count what they sent.
  const catchingUp = timestamp === EARLIEST ? undefined : partition.caughtUp()
  if (catchingUp !== undefined) await catchingUp
  const end = partition.endFor(isolation)
  const at = (offset: number, leaderEpoch: number, time = -1): OffsetAnswer => ({
    partitionIndex: asked.partitionIndex,
    errorCode: 0,
    timestamp: time,
    offset,
    leaderEpoch: apiVersion >= 4 ? leaderEpoch : -1,
  })
  switch (timestamp) {
    case LATEST:
      return at(end, partition.leaderEpoch)
    case EARLIEST:
    case EARLIEST_LOCAL:
      return at(log.logStartOffset, log.epochAt(log.logStartOffset) ?? -1)
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return at(-1, -1)
  }
  try {
    const found =
      timestamp === MAX_TIMESTAMP ? await log.maxTimestamp(end) : await log.offsetForTimestamp(timestamp, end)
    return found === undefined ? at(-1, -1) : at(found.offset, found.leaderEpoch, found.timestamp)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return offsetError(asked, error.code === 'CORRUPT' ? 'CORRUPT_MESSAGE' : 'KAFKA_STORAGE_ERROR')
  }
}

const offsetError = (asked: AskedPartition, error: ErrorName): OffsetAnswer => ({
  partitionIndex: asked.partitionIndex,
  errorCode: errorCode(error),
  timestamp: -1,
  offset: -1,
  leaderEpoch: -1,
})

/** `name:index` of the partitions that a request names more than once (LO-9). */
function repeatedPartitions(topics: readonly { name: string; indexes: readonly number[] }[]): Set<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { name, indexes } of topics) {
    for (const index of indexes) {
      const key = `${name}:${index}`
      if (seen.has(key)) repeated.add(key)
      seen.add(key)
    }
  }
  return repeated
}

/** OffsetForLeaderEpoch (key 23): where an epoch ended, so that clients find where histories part (KIP-320). */
export const offsetForLeaderEpoch = serve(
  OffsetForLeaderEpoch,
  [{ resource: 'topic', operation: 'DESCRIBE', refusal: 'TOPIC_AUTHORIZATION_FAILED' }],
  (request, context, services) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = find(services, context, 'DESCRIBE', topic, index)
        const error = typeof partition === 'string' ? partition : partition.checkEpoch(currentLeaderEpoch)
        if (typeof partition === 'string' || error !== undefined) {
          return { errorCode: errorCode(error ?? 'NONE'), partition: index, leaderEpoch: -1, endOffset: -1 }
        }
        const end = partition.log.endOffsetForEpoch(leaderEpoch)
        return { errorCode: 0, partition: index, leaderEpoch: end.epoch, endOffset: end.endOffset }
      }),
    })),
  }),
)

/** DeleteRecords (key 21): moves the log start; answered when that is safe, as low watermark. */
export const deleteRecords = serve(
  DeleteRecords,
  [{ resource: 'topic', operation: 'DELETE', refusal: 'TOPIC_AUTHORIZATION_FAILED' }],
  async (request, context, services) => ({
    throttleTimeMs: 0,
    topics: await Promise.all(
      request.topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            const partition = deletable(services, context, name, partitionIndex)
            const lowWatermark = typeof partition === 'string' ? partition : await partition.deleteBefore(offset)
            return typeof lowWatermark === 'string'
              ? { partitionIndex, lowWatermark: -1, errorCode: errorCode(lowWatermark) }
              : { partitionIndex, lowWatermark, errorCode: 0 }
          }),
        ),
      })),
    ),
  }),
)

/** The partition, if its records may be deleted: not of the broker's own topics, nor of those that only compact. */
function deletable(services: Services, context: RequestContext, name: string, index: number): Partition | ErrorName {
  const partition = find(services, context, 'DELETE', name, index)
  if (typeof partition === 'string') return partition
  if (partition.rules.internal) return 'INVALID_TOPIC_EXCEPTION'
  return partition.rules.log.deletes ? partition : 'POLICY_VIOLATION'
}

function find(
  services: Services,
  context: RequestContext,
  operation: 'DESCRIBE' | 'DELETE',
  name: string,
  index: number,
): Partition | ErrorName {
  if (!services.authorizer.allows(context.connection.principal, operation, 'topic', name)) {
    return 'TOPIC_AUTHORIZATION_FAILED'
  }
  return services.partitions.findByName(name, index)
}
