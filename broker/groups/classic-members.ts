/** What members say between two rounds: SyncGroup, Heartbeat, LeaveGroup; and who they must be to be heard. */
import type { ErrorName } from '../../protocol/errors.ts'
import type { ClassicGroup } from './classic-group.ts'
import { beginRebalance, completeJoinIfAllCame, dropMember, refuseSyncing, renewSession } from './classic-rebalance.ts'
import type { HeartbeatCommand, LeaveCommand, LeavingMember, SyncCommand } from './commands.ts'
import { storedBytes } from './events.ts'
import type { Turn } from './turn.ts'

/**
 * The member id must be known; with an instance id it must be the one that holds it now (KIP-345), else another client
 * runs under the same `group.instance.id` and this one is fenced.
 */
export function validateMember(
  group: ClassicGroup,
  memberId: string,
  instanceId: string | null,
): ErrorName | undefined {
  if (instanceId !== null) {
    const holder = group.staticMemberId(instanceId)
    if (holder === undefined) return 'UNKNOWN_MEMBER_ID'
    if (holder !== memberId) return 'FENCED_INSTANCE_ID'
  }
  return group.members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID'
}

/** SyncGroup: the leader brings the assignments, the others wait for them. */
export function sync(turn: Turn, group: ClassicGroup, command: SyncCommand): void {
  const { memberId, to } = command
  const error = validateSync(group, command)
  if (error !== undefined) {
    turn.refuse(to, error)
  } else if (group.state === 'CompletingRebalance') {
    waitInSync(turn, group, memberId, to)
    if (group.isLeader(memberId)) storeAssignments(turn, group, command)
  } else {
    noteSynced(group, memberId)
    renewSession(turn, group, memberId, group.members.get(memberId)!.sessionTimeoutMs)
    turn.reply(to, syncedReply(group, group.members.get(memberId)!.assignment))
  }
}

function validateSync(group: ClassicGroup, command: SyncCommand): ErrorName | undefined {
  if (group.state === 'Empty') return 'UNKNOWN_MEMBER_ID'
  const error = validateMember(group, command.memberId, command.instanceId)
  if (error !== undefined) return error
  if (command.generation !== group.generation) return 'ILLEGAL_GENERATION'
  const { protocolType, protocolName } = command
  if (protocolType !== null && protocolType !== group.protocolType) return 'INCONSISTENT_GROUP_PROTOCOL'
  if (protocolName !== null && group.protocolName !== null && protocolName !== group.protocolName) {
    return 'INCONSISTENT_GROUP_PROTOCOL'
  }
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

/** The round is done once its record is written: applying the record makes the group Stable, these replies tell all. */
function storeAssignments(turn: Turn, group: ClassicGroup, command: SyncCommand): void {
  const assignments = new Map(command.assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  const stored = group.toStored(assignments)
  if (storedBytes(stored) > turn.config.maxBatchBytes) {
    refuseSyncing(turn, group, 'UNKNOWN_SERVER_ERROR')
    beginRebalance(turn, group)
    return
  }
  turn.write({ kind: 'groupStored', groupId: group.groupId, group: stored })
  for (const { memberId, assignment } of stored.members) {
    const to = group.waits.syncing.get(memberId)
    if (to === undefined) continue
    turn.reply(to, syncedReply(group, assignment))
    renewSession(turn, group, memberId, group.members.get(memberId)!.sessionTimeoutMs)
  }
  group.waits.syncing.clear()
}

function waitInSync(turn: Turn, group: ClassicGroup, memberId: string, to: number): void {
  const before = group.waits.syncing.get(memberId)
  if (before !== undefined) turn.refuse(before, 'REBALANCE_IN_PROGRESS')
  group.waits.syncing.set(memberId, to)
  noteSynced(group, memberId)
}

function noteSynced(group: ClassicGroup, memberId: string): void {
  group.waits.pendingSync.delete(memberId)
  if (group.waits.pendingSync.size === 0) group.waits.syncDeadline = undefined
}

const syncedReply = (group: ClassicGroup, assignment: Buffer) =>
  ({
    kind: 'synced',
    protocolType: group.protocolType,
    protocolName: group.protocolName ?? '',
    assignment,
  }) as const

/** Renews the session in every state; in a join phase the answer tells the member to join (HB-1). */
export function heartbeat(turn: Turn, group: ClassicGroup, command: HeartbeatCommand): void {
  const { memberId, to } = command
  const error = validateMember(group, memberId, command.instanceId)
  if (error !== undefined) {
    turn.refuse(to, error)
    return
  }
  if (command.generation !== group.generation) {
    turn.refuse(to, 'ILLEGAL_GENERATION')
    return
  }
  renewSession(turn, group, memberId, group.members.get(memberId)!.sessionTimeoutMs)
  if (group.state === 'PreparingRebalance') turn.refuse(to, 'REBALANCE_IN_PROGRESS')
  else turn.reply(to, { kind: 'done' })
}

/** Members go at once, without waiting for their sessions; one round for all of them (LV-1, LV-2). */
export function leave(turn: Turn, group: ClassicGroup, command: LeaveCommand): void {
  const members = command.members.map((leaving) => ({ ...leaving, error: leaveOne(turn, group, leaving) }))
  turn.reply(command.to, { kind: 'left', members })
  if (!members.some(({ error }) => error === 'NONE')) return
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') beginRebalance(turn, group)
  else completeJoinIfAllCame(turn, group)
}

function leaveOne(turn: Turn, group: ClassicGroup, { memberId, instanceId }: LeavingMember): ErrorName {
  if (memberId === '') {
    const holder = instanceId === null ? undefined : group.staticMemberId(instanceId)
    if (holder === undefined) return 'UNKNOWN_MEMBER_ID'
    dropMember(turn, group, holder)
    return 'NONE'
  }
  if (group.waits.pendingIds.has(memberId)) {
    group.remove(memberId)
    return 'NONE'
  }
  const error = validateMember(group, memberId, instanceId)
  if (error !== undefined) return error
  dropMember(turn, group, memberId)
  return 'NONE'
}
