/** OffsetCommit, OffsetFetch, OffsetDelete and the expiry of offsets: the rules, over the store. */
import type { ErrorName } from '../../protocol/errors.ts'
import type { ClassicGroup } from './classic-group.ts'
import { validateMember } from './classic-members.ts'
import { renewSession } from './classic-rebalance.ts'
import type { CommitOffsetsCommand, DeleteOffsetsCommand, FetchedOffset, FetchOffsetsCommand } from './commands.ts'
import { type CommittedOffset, committedBytes } from './events.ts'
import type { OffsetStore } from './offset-store.ts'
import type { Turn } from './turn.ts'

/** @param group undefined: there is none of this id; a commit from outside of a generation makes a simple one (OC-1). */
export function commitOffsets(turn: Turn, group: ClassicGroup | undefined, command: CommitOffsetsCommand): void {
  const { groupId, to } = command
  const error = validateCommit(group, command)
  if (error !== undefined) {
    turn.refuse(to, error)
    return
  }
  const member = group?.members.get(command.memberId)
  if (group !== undefined && member !== undefined) {
    renewSession(turn, group, member.memberId, member.sessionTimeoutMs)
  }
  const bytes = command.offsets.reduce(
    (sum, { topic, metadata }) => sum + committedBytes(groupId, topic, metadata ?? ''),
    0,
  )
  if (bytes > turn.config.maxBatchBytes) {
    turn.refuse(to, 'UNKNOWN_SERVER_ERROR')
    return
  }
  const commitTimestampMs = turn.now.wall
  const expireTimestampMs = command.retentionTimeMs === -1 ? -1 : later(commitTimestampMs, command.retentionTimeMs)
  const errors = command.offsets.map((said): ErrorName => {
    const { topic, topicId, partition, offset, leaderEpoch, metadata } = said
    if ((metadata ?? '').length > turn.config.offsetMetadataMaxBytes) return 'OFFSET_METADATA_TOO_LARGE'
    const committed = {
      topicId,
      offset,
      leaderEpoch,
      metadata: metadata ?? '',
      commitTimestampMs,
      expireTimestampMs,
    }
    turn.write({ kind: 'offsetCommitted', groupId, topic, partition, committed })
    return 'NONE'
  })
  turn.reply(to, { kind: 'offsetsCommitted', errors })
}

function validateCommit(group: ClassicGroup | undefined, command: CommitOffsetsCommand): ErrorName | undefined {
  const { generation, memberId, instanceId } = command
  if (group === undefined) {
    if (generation < 0) return undefined
    return command.knowsGroupIdNotFound ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
  }
  // Admin clients and consumers with hand-made assignments: nobody owns the offsets, so anyone may set them.
  if (generation < 0 && group.state === 'Empty') return undefined
  if (generation >= 0 || memberId !== '' || instanceId !== null) {
    const error = validateMember(group, memberId, instanceId)
    if (error !== undefined) return error
    if (generation !== group.generation) return 'ILLEGAL_GENERATION'
  } else if (group.state !== 'Empty') {
    return 'UNKNOWN_MEMBER_ID'
  }
  // Who has the newest generation but no assignment yet has nothing to commit; in the join phase before it, the
  // partitions of the last generation are still owned, and clients commit them in their revoke step.
  return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

/** A client may ask for a retention of 2^53-1 ms; what is stored must be a time. */
const later = (timeMs: number, delayMs: number): number => Math.min(timeMs + delayMs, Number.MAX_SAFE_INTEGER)

export function fetchOffsets(turn: Turn, store: OffsetStore, command: FetchOffsetsCommand): void {
  const { groupId, partitions, requireStable } = command
  const fetched = (topic: string, partition: number, committed: CommittedOffset | undefined): FetchedOffset =>
    requireStable && store.isPending(groupId, topic, partition)
      ? { topic, partition, committed: undefined, error: 'UNSTABLE_OFFSET_COMMIT' }
      : { topic, partition, committed, error: 'NONE' }
  const offsets =
    partitions === null
      ? Array.from(store.of(groupId), ([topic, partition, offset]) => fetched(topic, partition, offset))
      : partitions.map(({ topic, partition }) => fetched(topic, partition, store.get(groupId, topic, partition)))
  turn.reply(command.to, { kind: 'offsetsFetched', offsets })
}

export function deleteOffsets(
  turn: Turn,
  store: OffsetStore,
  group: ClassicGroup | undefined,
  command: DeleteOffsetsCommand,
): void {
  const { groupId, to } = command
  if (group === undefined) {
    turn.refuse(to, 'GROUP_ID_NOT_FOUND')
    return
  }
  // Whether members of an unknown kind (Connect workers) rely on an offset, we cannot tell.
  if (group.state !== 'Empty' && group.protocolType !== 'consumer') {
    turn.refuse(to, 'NON_EMPTY_GROUP')
    return
  }
  const errors = command.partitions.map(({ topic, partition }): ErrorName => {
    if (group.subscribesTo(topic)) return 'GROUP_SUBSCRIBED_TO_TOPIC'
    const exists = store.get(groupId, topic, partition) !== undefined || store.isPending(groupId, topic, partition)
    if (exists) turn.write({ kind: 'offsetDeleted', groupId, topic, partition })
    return 'NONE'
  })
  turn.reply(to, { kind: 'offsetsDeleted', errors })
}

/**
 * Writes tombstones for what has outlived `offsets.retention.minutes` (KIP-211). In an empty group time counts from
 * when it became empty, in a simple one from the commit, in a stable one from the commit for topics that nobody
 * subscribes to any more; other groups expire nothing.
 * @returns true if the group has no offset left.
 */
export function expireOffsets(turn: Turn, store: OffsetStore, group: ClassicGroup): boolean {
  if (!store.hasAny(group.groupId)) return true
  const countsFrom = expiryBase(group)
  if (countsFrom === undefined) return false
  let allExpired = true
  for (const [topic, partition, offset] of store.of(group.groupId)) {
    const expired =
      offset.expireTimestampMs === -1
        ? turn.now.wall - countsFrom(offset) >= turn.config.offsetsRetentionMs
        : turn.now.wall >= offset.expireTimestampMs
    if (expired && !group.subscribesTo(topic) && !store.isPending(group.groupId, topic, partition)) {
      turn.write({ kind: 'offsetDeleted', groupId: group.groupId, topic, partition })
    } else {
      allExpired = false
    }
  }
  return allExpired
}

/** From when on the retention of an offset counts; undefined in groups whose offsets do not expire now. */
function expiryBase(group: ClassicGroup): ((offset: CommittedOffset) => number) | undefined {
  const fromCommit = (offset: CommittedOffset) => offset.commitTimestampMs
  if (group.protocolType === '') return fromCommit
  if (group.state === 'Empty') return group.stateTimestampMs === -1 ? fromCommit : () => group.stateTimestampMs
  const isKnown = group.state === 'Stable' && group.protocolType === 'consumer' && group.subscription !== undefined
  return isKnown ? fromCommit : undefined
}
