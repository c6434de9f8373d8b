/**
 * Records of `__consumer_offsets`, byte for byte those of Kafka 4.3, so that its tools read ours and we read its.
 * The int16 in front of a key is the record's type; in front of a value, the version of its structure.
 */
import { array, bigint64, bytes, int32, int64Clamped, string, struct, uuid } from '../schema/field.ts'
import { defineStored } from '../schema/stored.ts'

/** Types of records, as they stand in front of keys. (0 is the offset commit of Kafka 0.8, still read.) */
export const RECORD_TYPE = {
  legacyOffsetCommit: 0,
  offsetCommit: 1,
  groupMetadata: 2,
} as const

/** Type 0 or 1: the position of a group in one partition. A null value deletes it. */
export const OffsetCommitKey = defineStored({
  name: 'OffsetCommitKey',
  versions: [RECORD_TYPE.legacyOffsetCommit, RECORD_TYPE.offsetCommit],
  flexibleSince: Number.POSITIVE_INFINITY,
  shape: {
    group: string,
    topic: string,
    partition: int32,
  },
})

/**
 * v1: with an expiry of its own, as clients before KIP-211 could ask for (Kafka writes v1 exactly then).
 * v3: leader epoch; what Kafka writes as a rule. v4: flexible, topic id.
 */
export const OffsetCommitValue = defineStored({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleSince: 4,
  shape: {
    /** Any int64 (OC-8). */
    offset: bigint64,
    leaderEpoch: int32.since(3).orElse(-1).ignorable(),
    metadata: string,
    commitTimestamp: int64Clamped,
    expireTimestamp: int64Clamped.since(1).until(1).orElse(-1).ignorable(),
    topicId: uuid.tagged(0, 4).ignorable(),
  },
})

/** Type 2: a classic group. A null value deletes it. */
export const GroupMetadataKey = defineStored({
  name: 'GroupMetadataKey',
  versions: [RECORD_TYPE.groupMetadata, RECORD_TYPE.groupMetadata],
  flexibleSince: Number.POSITIVE_INFINITY,
  shape: {
    group: string,
  },
})

/** v1: rebalance timeout. v2: time of the last change of state. v3: static members; what Kafka writes. v4: flexible. */
export const GroupMetadataValue = defineStored({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleSince: 4,
  shape: {
    protocolType: string,
    generation: int32,
    /** Null while there is no generation or the group is empty; so is the leader. */
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64Clamped.since(2).orElse(-1).ignorable(),
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().since(3).orElse(null).ignorable(),
        clientId: string,
        clientHost: string,
        /** Milliseconds, as is the session timeout. */
        rebalanceTimeout: int32.since(1).orElse(-1).ignorable(),
        sessionTimeout: int32,
        subscription: bytes,
        assignment: bytes,
      }),
    ),
  },
})
