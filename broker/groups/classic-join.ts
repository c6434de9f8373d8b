/** JoinGroup of the classic protocol: new, returning and static members (KIP-62, 345, 394, 814). */
import type { ClassicGroup } from './classic-group.ts'
import { type Member, noBytes, sameProtocols } from './classic-member.ts'
import { validateMember } from './classic-members.ts'
import {
  answerJoin,
  beginRebalance,
  completeJoinIfAllCame,
  joinedReply,
  rebalanceOrCompleteJoin,
  renewSession,
} from './classic-rebalance.ts'
import type { JoinCommand } from './commands.ts'
import { newMemberJoinTimeoutMs } from './group-config.ts'
import type { Turn } from './turn.ts'

/** Answers at once where there is nothing to wait for, else when the round's join phase ends. */
export function join(turn: Turn, group: ClassicGroup, command: JoinCommand): void {
  const { memberId, to, sessionTimeoutMs } = command
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = turn.config
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    turn.refuse(to, 'INVALID_SESSION_TIMEOUT', memberId)
  } else if (sizeOf(command) > turn.config.maxBatchBytes) {
    // What could never be stored is not held either: a join may carry 100 MB. Kafka finds out when the round ends.
    turn.refuse(to, 'UNKNOWN_SERVER_ERROR', memberId)
  } else if (!hasRoom(turn, group, memberId)) {
    turn.refuse(to, 'GROUP_MAX_SIZE_REACHED', '')
    // A member may still be there after the limit was lowered: it goes, and nobody waits for it any more.
    group.remove(memberId)
    completeJoinIfAllCame(turn, group)
  } else if (!group.supports(command.protocolType, command.protocols)) {
    turn.refuse(to, 'INCONSISTENT_GROUP_PROTOCOL', memberId)
  } else if (memberId !== '') {
    joinAgain(turn, group, command)
  } else if (command.instanceId !== null) {
    joinAsStatic(turn, group, command, command.instanceId)
  } else {
    joinAsDynamic(turn, group, command)
  }
}

const sizeOf = ({ protocols }: JoinCommand): number =>
  protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0)

/**
 * In a round those who came count, not the members: so a limit that was lowered takes effect on who comes last.
 * Outside of one, members are let in again.
 */
function hasRoom(turn: Turn, group: ClassicGroup, memberId: string): boolean {
  if (group.state === 'Empty') return true
  if (group.state === 'PreparingRebalance') {
    return group.waits.joining.has(memberId) || group.waits.joining.size < turn.config.maxSize
  }
  return group.members.has(memberId) || group.members.size < turn.config.maxSize
}

/** Client ids and instance ids may be as long as a string of the protocol; a member id must be one, too. */
const MAX_PREFIX_CHARACTERS = 10_000

const freshMemberId = (prefix: string, freshId: string): string =>
  `${prefix.slice(0, MAX_PREFIX_CHARACTERS)}-${freshId}`

/** A dynamic member without an id. From v4 on it gets one and joins with it, so that a lost answer leaves no ghost. */
function joinAsDynamic(turn: Turn, group: ClassicGroup, command: JoinCommand): void {
  const memberId = freshMemberId(command.clientId, command.freshId)
  if (!command.needsMemberId) {
    addMember(turn, group, command, memberId)
    return
  }
  group.waits.pendingIds.add(memberId)
  renewSession(turn, group, memberId, command.sessionTimeoutMs)
  turn.refuse(command.to, 'MEMBER_ID_REQUIRED', memberId)
}

/** A static member without an id: either new, or the old one restarted, whose place it takes. */
function joinAsStatic(turn: Turn, group: ClassicGroup, command: JoinCommand, instanceId: string): void {
  const memberId = freshMemberId(instanceId, command.freshId)
  const oldId = group.staticMemberId(instanceId)
  const old = oldId === undefined ? undefined : group.members.get(oldId)
  if (old === undefined) addMember(turn, group, command, memberId)
  else replaceStaticMember(turn, group, command, old, memberId)
}

function joinAgain(turn: Turn, group: ClassicGroup, command: JoinCommand): void {
  const { memberId, instanceId, to } = command
  if (group.waits.pendingIds.has(memberId)) {
    // Only dynamic members are given ids beforehand; Kafka trips over its own assertion here and answers the same.
    if (instanceId !== null) turn.refuse(to, 'UNKNOWN_SERVER_ERROR')
    else addMember(turn, group, command, memberId)
    return
  }
  const error = validateMember(group, memberId, instanceId)
  if (error !== undefined) {
    turn.refuse(to, error, memberId)
    return
  }
  const member = group.members.get(memberId)!
  if (mayKeepGeneration(group, member, command)) {
    // The answer to its last JoinGroup was lost, or it wants to be sure: the round it is in is still good.
    renewSession(turn, group, memberId, member.sessionTimeoutMs)
    const reply = joinedReply(group, memberId)
    const isLeader = group.isLeader(memberId)
    turn.reply(to, isLeader ? { ...reply, members: group.joinedMembers() } : reply)
    return
  }
  group.update(member, command)
  waitInJoin(turn, group, memberId, to)
  rebalanceOrCompleteJoin(turn, group)
}

/** The leader's JoinGroup in a stable group asks for a round (topics have changed), everyone else's new metadata too. */
function mayKeepGeneration(group: ClassicGroup, member: Member, command: JoinCommand): boolean {
  if (group.state === 'PreparingRebalance') return false
  if (group.state === 'Stable' && group.isLeader(member.memberId)) return false
  return sameProtocols(member.protocols, command.protocols)
}

function addMember(turn: Turn, group: ClassicGroup, command: JoinCommand, memberId: string): void {
  const member: Member = {
    memberId,
    instanceId: command.instanceId,
    clientId: command.clientId,
    clientHost: command.clientHost,
    protocols: command.protocols,
    rebalanceTimeoutMs: command.rebalanceTimeoutMs,
    sessionTimeoutMs: command.sessionTimeoutMs,
    assignment: noBytes,
  }
  if (group.waits.initial !== undefined) group.waits.initial.memberAdded = true
  group.add(member, command.protocolType)
  group.waits.newcomers.add(memberId)
  waitInJoin(turn, group, memberId, command.to)
  renewSession(turn, group, memberId, newMemberJoinTimeoutMs)
  rebalanceOrCompleteJoin(turn, group)
}

/** Whoever still waits under the old id is fenced: two clients run with one `group.instance.id` (JG-18). */
function replaceStaticMember(
  turn: Turn,
  group: ClassicGroup,
  command: JoinCommand,
  old: Member,
  memberId: string,
): void {
  const { waits } = group
  const leaderBefore = group.leader
  const joining = waits.joining.get(old.memberId)
  if (joining !== undefined) turn.refuse(joining, 'FENCED_INSTANCE_ID', old.memberId)
  const syncing = waits.syncing.get(old.memberId)
  if (syncing !== undefined) turn.refuse(syncing, 'FENCED_INSTANCE_ID')
  const member = group.replaceStatic(old, memberId)
  renewSession(turn, group, memberId, member.sessionTimeoutMs)
  group.update(member, command)
  waitInJoin(turn, group, memberId, command.to)
  if (group.state === 'PreparingRebalance') {
    completeJoinIfAllCame(turn, group)
  } else if (group.state === 'Stable' && group.selectProtocol() === group.protocolName) {
    keepAssignment(turn, group, memberId, command.canSkipAssignment ? group.leader : leaderBefore)
  } else {
    // In CompletingRebalance the leader may be assigning to the old id at this moment: only a new round is right.
    beginRebalance(turn, group)
  }
}

/**
 * The restarted member goes on with what it had; nobody else notices (JG-17). The log learns its new id first.
 * From v9 on a restarted leader is told to keep the assignment and gets the members (KIP-814). Older leaders would take
 * that for an order to assign, so they are told that the leader is who it was: an id that is gone.
 */
function keepAssignment(turn: Turn, group: ClassicGroup, memberId: string, leader: string | null): void {
  const assignments = new Map([...group.members.values()].map((member) => [member.memberId, member.assignment]))
  turn.write({ kind: 'groupStored', groupId: group.groupId, group: group.toStored(assignments) })
  const reply = { ...joinedReply(group, memberId), leader: leader ?? '' }
  const leads = leader === memberId
  answerJoin(turn, group, memberId, leads ? { ...reply, members: group.joinedMembers(), skipAssignment: true } : reply)
}

/** A member waits once: a request that came before on another connection is sent back to join again (JG-14). */
function waitInJoin(turn: Turn, group: ClassicGroup, memberId: string, to: number): void {
  const before = group.waits.joining.get(memberId)
  if (before !== undefined) turn.refuse(before, 'REBALANCE_IN_PROGRESS', memberId)
  group.waits.joining.set(memberId, to)
}
