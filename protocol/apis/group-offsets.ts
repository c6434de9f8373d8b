/** Offsets that groups committed. */
import { defineApi } from '../schema/api.ts'
import { array, bigint64, bool, int16, int32, int64Clamped, string, struct, uuid } from '../schema/field.ts'

/**
 * OffsetCommit (key 8): stores the position of a group in partitions.
 * v5: no retention time of its own. v6: leader epochs. v7: static members. v8: flexible.
 * v9: members of the new protocol (KIP-848). v10: topic ids.
 */
export const OffsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleSince: 8,
  request: {
    groupId: string,
    /** -1 for a commit from outside of the group. */
    generationIdOrMemberEpoch: int32.orElse(-1),
    memberId: string,
    groupInstanceId: string.nullable().since(7).orElse(null),
    retentionTimeMs: int64Clamped.until(4).orElse(-1).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            /** Any int64 is stored as it was sent (OC-8). */
            committedOffset: bigint64,
            committedLeaderEpoch: int32.since(6).orElse(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
})

/**
 * OffsetFetch (key 9): the positions that a group stored.
 * v2: null asks for all partitions; an error for the whole group. v5: leader epochs. v6: flexible.
 * v7: may insist on offsets that no open transaction will change (KIP-447). v8: many groups at once (KIP-709).
 * v9: members of the new protocol (KIP-848). v10: topic ids.
 */
export const OffsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleSince: 6,
  request: {
    groupId: string.until(7),
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    )
      .nullableSince(2)
      .until(7),
    groups: array(
      struct({
        groupId: string,
        memberId: string.nullable().since(9).orElse(null).ignorable(),
        memberEpoch: int32.since(9).orElse(-1).ignorable(),
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitionIndexes: array(int32),
          }),
        ).nullable(),
      }),
    ).since(8),
    requireStable: bool.since(7),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            /** -1 if nothing was committed. */
            committedOffset: bigint64,
            committedLeaderEpoch: int32.since(5).orElse(-1).ignorable(),
            metadata: string.nullable(),
            errorCode: int16,
          }),
        ),
      }),
    ).until(7),
    errorCode: int16.since(2).until(7).ignorable(),
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitions: array(
              struct({
                partitionIndex: int32,
                /** -1 if nothing was committed. */
                committedOffset: bigint64,
                committedLeaderEpoch: int32.orElse(-1),
                metadata: string.nullable(),
                errorCode: int16,
              }),
            ),
          }),
        ),
        errorCode: int16,
      }),
    ).since(8),
  },
})

/** OffsetDelete (key 47): forgets positions of a group (KIP-496). */
export const OffsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleSince: Number.POSITIVE_INFINITY,
  request: {
    groupId: string,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
})
