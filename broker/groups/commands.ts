import type { ErrorName } from '../../protocol/errors.ts'
import type { CommittedOffset } from './events.ts'

/**
 * What can be asked of the groups of a shard. `to` is the token under which the one reply is sent, at once or when
 * the wait is over. Buffers in commands are owned by the machine from then on.
 */
export type GroupCommand =
  | JoinCommand
  | SyncCommand
  | HeartbeatCommand
  | LeaveCommand
  | CommitOffsetsCommand
  | FetchOffsetsCommand
  | DeleteOffsetsCommand
  | { readonly kind: 'describe'; readonly to: number; readonly groupId: string }
  | { readonly kind: 'list'; readonly to: number }
  | { readonly kind: 'deleteGroup'; readonly to: number; readonly groupId: string }
  /** Topics are gone: their commits go too (OX-2). */
  | { readonly kind: 'topicsDeleted'; readonly to: number; readonly topics: ReadonlySet<string> }
  /** The log has been read: sessions of the members found there start anew. */
  | { readonly kind: 'loaded' }
  /** Time has passed; comes at `nextDeadline()` or later. */
  | { readonly kind: 'tick' }

export interface Protocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface JoinCommand {
  readonly kind: 'join'
  readonly to: number
  readonly groupId: string
  /** `''`: a new member. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  /** As DescribeGroups shows it: `/` and the address. */
  readonly clientHost: string
  readonly protocolType: string
  /** In the member's order of preference. */
  readonly protocols: readonly Protocol[]
  readonly sessionTimeoutMs: number
  /** The session timeout where JoinGroup v0 has no such field (JG-10). */
  readonly rebalanceTimeoutMs: number
  /** A UUID that becomes the tail of the member id if one is given out: the machine draws no random numbers. */
  readonly freshId: string
  /** v4+: a new dynamic member is given an id first and joins with it (KIP-394). */
  readonly needsMemberId: boolean
  /** v9+: a static leader that comes back may be told to keep the assignment (KIP-814). */
  readonly canSkipAssignment: boolean
}

export interface SyncCommand {
  readonly kind: 'sync'
  readonly to: number
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
  /** `null`: not said (before v5). */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** From the leader alone; what others send is ignored. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export interface HeartbeatCommand {
  readonly kind: 'heartbeat'
  readonly to: number
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export interface LeaveCommand {
  readonly kind: 'leave'
  readonly to: number
  readonly groupId: string
  readonly members: readonly LeavingMember[]
}

export interface LeavingMember {
  /** `''` with an instance id: an operator removes the static member (KIP-345). */
  readonly memberId: string
  readonly instanceId: string | null
}

export interface CommitOffsetsCommand {
  readonly kind: 'commitOffsets'
  readonly to: number
  readonly groupId: string
  /** -1: not as a member. */
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
  /** -1: the broker's retention counts. */
  readonly retentionTimeMs: number
  /** OffsetCommit v9+: an unknown group has an error of its own (OC-3). */
  readonly knowsGroupIdNotFound: boolean
  readonly offsets: readonly OffsetToCommit[]
}

export interface OffsetToCommit {
  readonly topic: string
  /** See `CommittedOffset.topicId`. */
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface FetchOffsetsCommand {
  readonly kind: 'fetchOffsets'
  readonly to: number
  readonly groupId: string
  /** `null`: all that the group has committed. */
  readonly partitions: readonly TopicPartition[] | null
  /** Partitions with a commit in an open transaction are refused (KIP-447). */
  readonly requireStable: boolean
}

export interface DeleteOffsetsCommand {
  readonly kind: 'deleteOffsets'
  readonly to: number
  readonly groupId: string
  readonly partitions: readonly TopicPartition[]
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What a command is answered with, by its kind. */
export interface ReplyOf {
  join: Joined | Refused
  sync: Synced | Refused
  heartbeat: Done | Refused
  leave: Left | Refused
  commitOffsets: OffsetsCommitted | Refused
  fetchOffsets: OffsetsFetched | Refused
  deleteOffsets: OffsetsDeleted | Refused
  describe: Described | Refused
  list: Listed | Refused
  deleteGroup: Done | Refused
  topicsDeleted: Done | Refused
}

export type GroupReply = ReplyOf[keyof ReplyOf]

/** The whole command failed. */
export interface Refused {
  readonly kind: 'refused'
  readonly error: ErrorName
  /** JoinGroup only: the id to come again with (MEMBER_ID_REQUIRED), or the one that was refused. */
  readonly memberId?: string
}

export interface Done {
  readonly kind: 'done'
}

export interface Joined {
  readonly kind: 'joined'
  readonly memberId: string
  readonly generation: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string
  /** All members with their metadata in the leader's answer, none in the others'. */
  readonly members: readonly JoinedMember[]
  readonly skipAssignment: boolean
}

export interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Buffer
}

export interface Synced {
  readonly kind: 'synced'
  readonly protocolType: string
  readonly protocolName: string
  readonly assignment: Buffer
}

export interface Left {
  readonly kind: 'left'
  readonly members: readonly (LeavingMember & { readonly error: ErrorName })[]
}

export interface OffsetsCommitted {
  readonly kind: 'offsetsCommitted'
  /** One for each offset of the command, in its order. */
  readonly errors: readonly ErrorName[]
}

export interface OffsetsFetched {
  readonly kind: 'offsetsFetched'
  readonly offsets: readonly FetchedOffset[]
}

export interface FetchedOffset extends TopicPartition {
  /** `undefined`: nothing committed, or not to be told now (see `error`). */
  readonly committed: CommittedOffset | undefined
  readonly error: ErrorName
}

export interface OffsetsDeleted {
  readonly kind: 'offsetsDeleted'
  /** One for each partition of the command, in its order. */
  readonly errors: readonly ErrorName[]
}

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface Described {
  readonly kind: 'described'
  readonly state: GroupState
  readonly protocolType: string
  /** The chosen protocol; `''` unless the group is stable. */
  readonly protocolName: string
  readonly members: readonly DescribedMember[]
}

export interface DescribedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** Empty unless the group is stable (GA-3). */
  readonly metadata: Buffer
  readonly assignment: Buffer
}

export interface Listed {
  readonly kind: 'listed'
  readonly groups: readonly ListedGroup[]
}

export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly state: GroupState
}
