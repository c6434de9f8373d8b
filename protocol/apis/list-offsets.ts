/** Questions about the offsets of a partition, and cutting it at the front. */
import { defineApi } from '../schema/api.ts'
import { array, int8, int16, int32, int64, int64Clamped, string, struct } from '../schema/field.ts'

/**
 * ListOffsets (key 2): the offset for a timestamp, or for one of the negative ones that mean a place:
 * -1 latest, -2 earliest, -3 of the largest timestamp (v7), -4 earliest local (v8), -5 latest tiered (v9, KIP-1005),
 * -6 earliest pending upload (v11, KIP-1023).
 * v2: isolation level. v4: leader epochs (KIP-320). v6: flexible. v10: timeout for remote look-ups (KIP-1075).
 */
export const ListOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleSince: 6,
  request: {
    /** -1 for a consumer. */
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            currentLeaderEpoch: int32.since(4).orElse(-1).ignorable(),
            timestamp: int64Clamped,
          }),
        ),
      }),
    ),
    timeoutMs: int32.since(10).ignorable(),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: int64.orElse(-1),
            offset: int64.orElse(-1),
            leaderEpoch: int32.since(4).orElse(-1),
          }),
        ),
      }),
    ),
  },
})

/** DeleteRecords (key 21): moves the start of partitions; -1 means the high watermark (KIP-107). v2: flexible. */
export const DeleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            offset: int64Clamped,
          }),
        ),
      }),
    ),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            lowWatermark: int64,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
})

/**
 * OffsetForLeaderEpoch (key 23): where a leader epoch ended, so that consumers and followers find divergence
 * (KIP-101, KIP-320). v3: replica id. v4: flexible.
 */
export const OffsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleSince: 4,
  request: {
    replicaId: int32.since(3).orElse(-2).ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.orElse(-1),
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: int32.orElse(-1),
            endOffset: int64.orElse(-1),
          }),
        ),
      }),
    ),
  },
})
