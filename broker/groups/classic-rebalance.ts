/**
 * The round of a classic group: join phase begins -> all have joined or time is up -> next generation. Also what ends
 * it early: members that die or leave. Replies to all who wait are decided here, in one decision each.
 */
import type { ErrorName } from '../../protocol/errors.ts'
import type { ClassicGroup } from './classic-group.ts'
import { noBytes } from './classic-member.ts'
import type { Joined } from './commands.ts'
import { minSyncTimeoutMs } from './group-config.ts'
import type { Turn } from './turn.ts'

/** Starts a round where the group is in one that can be left, else ends the join phase if nobody is missing any more. */
export function rebalanceOrCompleteJoin(turn: Turn, group: ClassicGroup): void {
  if (group.state === 'PreparingRebalance') completeJoinIfAllCame(turn, group)
  else beginRebalance(turn, group)
}

/** Starts the join phase. Members in SyncGroup are sent back to JoinGroup; the others learn of it by their heartbeats. */
export function beginRebalance(turn: Turn, group: ClassicGroup): void {
  if (group.state === 'CompletingRebalance') refuseSyncing(turn, group, 'REBALANCE_IN_PROGRESS')
  group.waits.pendingSync.clear()
  group.waits.syncDeadline = undefined
  const wasEmpty = group.state === 'Empty'
  group.beginRebalance(turn.now.wall)
  if (wasEmpty) {
    // Nobody has partitions yet, so waiting costs little and saves a round for each consumer that starts late (JG-8).
    const delayMs = turn.config.initialRebalanceDelayMs
    const remainingMs = Math.max(group.rebalanceTimeoutMs() - delayMs, 0)
    group.waits.initial = { delayMs, remainingMs, memberAdded: false }
    group.waits.joinDeadline = turn.deadline(group.groupId, delayMs)
  } else if (group.hasAllMembersJoined()) {
    completeJoin(turn, group)
  } else {
    group.waits.joinDeadline = turn.deadline(group.groupId, group.rebalanceTimeoutMs())
  }
}

/** Ends the join phase when the last member came or the last missing one is gone; the first round sits its time out. */
export function completeJoinIfAllCame(turn: Turn, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance' || group.waits.initial !== undefined) return
  if (group.hasAllMembersJoined()) completeJoin(turn, group)
}

/**
 * Ends the join phase: dynamic members that did not come are out, static ones keep their place until their session ends,
 * the generation goes up by one, and all who wait are answered. An emptied group is written down at once; one with
 * members when its leader has assigned (SyncGroup).
 */
export function completeJoin(turn: Turn, group: ClassicGroup): void {
  const { waits } = group
  waits.joinDeadline = undefined
  for (const member of [...group.members.values()]) {
    if (member.instanceId === null && !waits.joining.has(member.memberId)) group.remove(member.memberId)
  }
  if (group.members.size > 0 && !group.electJoinedLeader()) {
    // Static members only, and none of them came: nobody could assign. Wait until one comes or their sessions end.
    waits.joinDeadline = turn.deadline(group.groupId, group.rebalanceTimeoutMs())
    return
  }
  waits.initial = undefined
  group.beginGeneration(turn.now.wall)
  if (group.members.size === 0) {
    turn.write({ kind: 'groupStored', groupId: group.groupId, group: group.toStored(new Map()) })
    return
  }
  const members = group.joinedMembers()
  for (const member of group.members.values()) {
    const reply = joinedReply(group, member.memberId)
    answerJoin(turn, group, member.memberId, group.isLeader(member.memberId) ? { ...reply, members } : reply)
    renewSession(turn, group, member.memberId, member.sessionTimeoutMs)
    waits.newcomers.delete(member.memberId)
    waits.pendingSync.add(member.memberId)
  }
  const syncTimeoutMs = Math.max(group.rebalanceTimeoutMs(), minSyncTimeoutMs)
  waits.syncDeadline = turn.deadline(group.groupId, syncTimeoutMs)
}

/** Takes a member out, with an answer to whatever it waits for, and goes on with the round or begins one. */
export function removeMember(turn: Turn, group: ClassicGroup, memberId: string): void {
  dropMember(turn, group, memberId)
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') beginRebalance(turn, group)
  else if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined()) completeJoin(turn, group)
}

/** Takes a member out. Who waits under its id hears UNKNOWN_MEMBER_ID: a client that still lives comes as a new one. */
export function dropMember(turn: Turn, group: ClassicGroup, memberId: string): void {
  const joining = group.waits.joining.get(memberId)
  if (joining !== undefined) turn.refuse(joining, 'UNKNOWN_MEMBER_ID', '')
  const syncing = group.waits.syncing.get(memberId)
  if (syncing !== undefined) turn.refuse(syncing, 'UNKNOWN_MEMBER_ID')
  group.remove(memberId)
}

/** Does what is due in the group now. Once it has written, nothing more happens to it in this turn: the rest stays due. */
export function expire(turn: Turn, group: ClassicGroup): void {
  const { waits } = group
  const written = turn.events.length
  const isDue = (due: number | undefined) => due !== undefined && due <= turn.now.mono && turn.events.length === written
  for (const memberId of [...waits.sessions.keys()]) {
    if (isDue(waits.sessions.get(memberId))) expireSession(turn, group, memberId)
  }
  if (isDue(waits.joinDeadline)) endJoinPhase(turn, group)
  if (isDue(waits.syncDeadline)) expirePendingSync(turn, group)
}

/** Gives a member until its session timeout from now to be heard of again. */
export function renewSession(turn: Turn, group: ClassicGroup, memberId: string, timeoutMs: number): void {
  group.waits.sessions.set(memberId, turn.deadline(group.groupId, timeoutMs))
}

export function answerJoin(turn: Turn, group: ClassicGroup, memberId: string, reply: Joined): void {
  const to = group.waits.joining.get(memberId)
  if (to === undefined) return
  group.waits.joining.delete(memberId)
  turn.reply(to, reply)
}

/** The answer to a follower; the leader's has `members` besides. */
export const joinedReply = (group: ClassicGroup, memberId: string): Joined => ({
  kind: 'joined',
  memberId,
  generation: group.generation,
  protocolType: group.protocolType,
  protocolName: group.protocolName ?? '',
  leader: group.leader ?? '',
  members: [],
  skipAssignment: false,
})

/** Sends everyone who waits in SyncGroup away with an error; assignments of the lost round are forgotten. */
export function refuseSyncing(turn: Turn, group: ClassicGroup, error: ErrorName): void {
  for (const to of group.waits.syncing.values()) turn.refuse(to, error)
  for (const memberId of group.waits.syncing.keys()) {
    const member = group.members.get(memberId)
    if (member !== undefined) renewSession(turn, group, memberId, member.sessionTimeoutMs)
  }
  group.waits.syncing.clear()
  for (const member of group.members.values()) member.assignment = noBytes
}

function expireSession(turn: Turn, group: ClassicGroup, memberId: string): void {
  const { waits } = group
  if (waits.pendingIds.has(memberId)) {
    group.remove(memberId)
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined()) completeJoin(turn, group)
    return
  }
  const waiting = waits.joining.has(memberId) || waits.syncing.has(memberId)
  if (waiting && !waits.newcomers.has(memberId)) {
    // It waits for others: silence is not its fault. Its session begins anew with the answer.
    waits.sessions.delete(memberId)
    return
  }
  removeMember(turn, group, memberId)
}

/** The join phase's time is up; the first round goes on in steps while new members come (JG-8). */
function endJoinPhase(turn: Turn, group: ClassicGroup): void {
  const { initial } = group.waits
  if (initial === undefined || !initial.memberAdded || initial.remainingMs === 0) {
    completeJoin(turn, group)
    return
  }
  const delayMs = Math.min(turn.config.initialRebalanceDelayMs, initial.remainingMs)
  const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0)
  group.waits.initial = { delayMs, remainingMs, memberAdded: false }
  group.waits.joinDeadline = turn.deadline(group.groupId, delayMs)
}

/** Members that took their JoinGroup answer and never synced hold everyone up: out, and a new round (SY-6). */
function expirePendingSync(turn: Turn, group: ClassicGroup): void {
  group.waits.syncDeadline = undefined
  const silent = [...group.waits.pendingSync]
  if (silent.length === 0) return
  for (const memberId of silent) dropMember(turn, group, memberId)
  beginRebalance(turn, group)
}
