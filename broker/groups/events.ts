/**
 * What can have happened to the groups of a shard, as written to `__consumer_offsets`.
 * group-records.ts says how each looks in Kafka's own record formats.
 */
export type GroupEvent =
  | GroupStored
  | { readonly kind: 'groupDeleted'; readonly groupId: string }
  | OffsetCommitted
  | { readonly kind: 'offsetDeleted'; readonly groupId: string; readonly topic: string; readonly partition: number }
  | OffsetPending
  | { readonly kind: 'transactionEnded'; readonly producerId: number; readonly committed: boolean }

/** A group as it stands after a round: GroupMetadataValue. Written at SyncGroup, when the assignments are known. */
export interface GroupStored {
  readonly kind: 'groupStored'
  readonly groupId: string
  readonly group: StoredGroup
}

export interface StoredGroup {
  /** `''` in a group that never had members. */
  readonly protocolType: string
  readonly generation: number
  /** `null` in an empty group. */
  readonly protocolName: string | null
  /** Member id of the leader, `null` in an empty group. */
  readonly leader: string | null
  /** When the group came into this state (wall clock); -1 in records from before Kafka 2.1. */
  readonly stateTimestampMs: number
  readonly members: readonly StoredMember[]
}

export interface StoredMember {
  readonly memberId: string
  /** `group.instance.id` of a static member (KIP-345), else `null`. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  /** The member's metadata under the chosen protocol, opaque to us. */
  readonly subscription: Buffer
  /** What the leader assigned, opaque to us. */
  readonly assignment: Buffer
}

/** OffsetCommitValue: one partition's committed offset. */
export interface OffsetCommitted {
  readonly kind: 'offsetCommitted'
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly committed: CommittedOffset
}

/** The same from inside a transaction: it counts when the transaction commits, and is dropped when it aborts. */
export interface OffsetPending {
  readonly kind: 'offsetPending'
  readonly producerId: number
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly committed: CommittedOffset
}

export interface CommittedOffset {
  /**
   * The topic that was meant, 22 characters, so that a topic made again under its name does not inherit the commit.
   * ZERO_UUID: not known (records from before Kafka 4.1, commits with a retention of their own).
   */
  readonly topicId: string
  /** Whatever int64 the client sent, beyond the log's end and negative ones too (OC-8). */
  readonly offset: bigint
  /** -1: the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** Wall clock at the commit; expiry counts from it in groups without members. */
  readonly commitTimestampMs: number
  /** Set by OffsetCommit v2-4 with a retention time: goes before `offsets.retention.minutes`. -1: not set. */
  readonly expireTimestampMs: number
}

/** About how many bytes the record takes, rounded up: what a batch of the internal topic must hold. */
export const storedBytes = (group: StoredGroup): number =>
  group.members.reduce((sum, member) => sum + memberBytes(member), 512 + 3 * group.protocolType.length)

/** Fixed fields and framing take less than 64 bytes; a character takes at most three in UTF-8. */
const memberBytes = (member: StoredMember): number =>
  64 +
  3 * (member.memberId.length + (member.instanceId?.length ?? 0) + member.clientId.length + member.clientHost.length) +
  member.subscription.length +
  member.assignment.length

/** The same for one committed offset. */
export const committedBytes = (groupId: string, topic: string, metadata: string): number =>
  112 + 3 * (groupId.length + topic.length + metadata.length)
