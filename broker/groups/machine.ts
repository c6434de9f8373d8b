import { unreachable } from '../../protocol/assert.ts'
import { Deadlines } from '../coordinator/deadlines.ts'
import type { Decision, Moment, StateMachine } from '../coordinator/state-machine.ts'
import { ClassicGroup } from './classic-group.ts'
import { join } from './classic-join.ts'
import { heartbeat, leave, sync } from './classic-members.ts'
import { beginRebalance, expire, renewSession } from './classic-rebalance.ts'
import type { GroupCommand, JoinCommand, LeaveCommand } from './commands.ts'
import type { GroupEvent } from './events.ts'
import { deleteGroup, describeGroup, listGroups } from './group-admin.ts'
import type { GroupConfig } from './group-config.ts'
import { OffsetStore } from './offset-store.ts'
import { commitOffsets, deleteOffsets, expireOffsets, fetchOffsets } from './offsets.ts'
import { type GroupOutput, Turn } from './turn.ts'

type GroupDecision = Decision<GroupEvent, GroupOutput>

/** The groups of one partition of `__consumer_offsets`: members and rounds (classic-*.ts) and offsets (offsets.ts). */
export class GroupMachine implements StateMachine<GroupCommand, GroupEvent, GroupOutput> {
  readonly #config: GroupConfig
  readonly #groups = new Map<string, ClassicGroup>()
  readonly #offsets = new OffsetStore()
  readonly #deadlines = new Deadlines()
  #sweepDue = Infinity

  constructor(config: GroupConfig) {
    this.#config = config
  }

  /** For status pages and metrics; not to be changed. */
  get groups(): ReadonlyMap<string, ClassicGroup> {
    return this.#groups
  }

  /** For status pages and metrics; not to be changed. */
  get offsets(): OffsetStore {
    return this.#offsets
  }

  nextDeadline(): number {
    return Math.min(this.#deadlines.next(), this.#sweepDue)
  }

  decide(command: GroupCommand, now: Moment): GroupDecision {
    const turn = new Turn(now, this.#config, (groupId, due) => this.#deadlines.set(groupId, due))
    switch (command.kind) {
      case 'join':
        return this.#join(turn, command)
      case 'sync':
        return this.#asMember(turn, command, sync)
      case 'heartbeat':
        return this.#asMember(turn, command, heartbeat)
      case 'leave':
        return this.#leave(turn, command)
      case 'commitOffsets':
        commitOffsets(turn, this.#groups.get(command.groupId), command)
        return turn.eventsOnly(command.to)
      case 'fetchOffsets':
        fetchOffsets(turn, this.#offsets, command)
        return turn.eventsOnly(command.to)
      case 'deleteOffsets':
        deleteOffsets(turn, this.#offsets, this.#groups.get(command.groupId), command)
        return turn.eventsOnly(command.to)
      case 'describe':
        turn.reply(command.to, describeGroup(this.#groups.get(command.groupId)))
        return turn.eventsOnly(command.to)
      case 'list':
        turn.reply(command.to, listGroups(this.#groups.values()))
        return turn.eventsOnly(command.to)
      case 'deleteGroup':
        deleteGroup(turn, this.#offsets, this.#groups.get(command.groupId), command.to)
        return turn.eventsOnly(command.to)
      case 'topicsDeleted':
        return this.#topicsDeleted(turn, command)
      case 'loaded':
        return this.#loaded(turn)
      case 'tick':
        return now.mono >= this.#sweepDue ? this.#sweep(turn) : this.#tick(turn)
      default:
        return unreachable(command)
    }
  }

  apply(event: GroupEvent): void {
    switch (event.kind) {
      case 'groupStored':
        this.#groupFor(event.groupId, event.group.stateTimestampMs).restore(event.group)
        return
      case 'groupDeleted':
        this.#groups.delete(event.groupId)
        this.#deadlines.delete(event.groupId)
        return
      case 'offsetCommitted':
        // Offsets of a group that never had members make it a "simple" group (OC-1).
        this.#groupFor(event.groupId, event.committed.commitTimestampMs)
        this.#offsets.put(event.groupId, event.topic, event.partition, event.committed)
        return
      case 'offsetPending':
        this.#groupFor(event.groupId, event.committed.commitTimestampMs)
        this.#offsets.putPending(event.producerId, event.groupId, event.topic, event.partition, event.committed)
        return
      case 'offsetDeleted':
        this.#offsets.delete(event.groupId, event.topic, event.partition)
        return
      case 'transactionEnded':
        this.#offsets.endTransaction(event.producerId, event.committed)
        return
      default:
        unreachable(event)
    }
  }

  /** A group comes to be with its first member or pending id; what was refused leaves nothing behind. */
  #join(turn: Turn, command: JoinCommand): GroupDecision {
    const { groupId, memberId } = command
    if (memberId !== '' && !this.#groups.has(groupId)) {
      turn.refuse(command.to, 'UNKNOWN_MEMBER_ID', memberId)
      return turn.decision()
    }
    const group = this.#groupFor(groupId, turn.now.wall)
    join(turn, group, command)
    this.#dropIfBlank(group)
    return turn.decision()
  }

  #asMember<C extends { readonly groupId: string; readonly to: number }>(
    turn: Turn,
    command: C,
    decide: (turn: Turn, group: ClassicGroup, command: C) => void,
  ): GroupDecision {
    const group = this.#groups.get(command.groupId)
    if (group === undefined) {
      turn.refuse(command.to, 'UNKNOWN_MEMBER_ID')
      return turn.decision()
    }
    decide(turn, group, command)
    this.#dropIfBlank(group)
    return turn.decision()
  }

  /** Of a group that is not there nobody can leave: each member hears it for itself (LV-2). */
  #leave(turn: Turn, command: LeaveCommand): GroupDecision {
    const members = command.members.map((member) => ({ ...member, error: 'UNKNOWN_MEMBER_ID' as const }))
    if (this.#groups.has(command.groupId)) return this.#asMember(turn, command, leave)
    turn.reply(command.to, { kind: 'left', members })
    return turn.decision()
  }

  #topicsDeleted(turn: Turn, command: Extract<GroupCommand, { kind: 'topicsDeleted' }>): GroupDecision {
    for (const [groupId, topic, partition] of this.#offsets.inTopics(command.topics)) {
      turn.write({ kind: 'offsetDeleted', groupId, topic, partition })
    }
    turn.reply(command.to, { kind: 'done' })
    return turn.eventsOnly(command.to)
  }

  /** Members found in the log get a whole session to be heard of, so a quick restart costs no rebalance. */
  #loaded(turn: Turn): GroupDecision {
    this.#sweepDue = turn.now.mono + this.#config.offsetsRetentionCheckIntervalMs
    for (const group of [...this.#groups.values()]) {
      for (const member of group.members.values()) renewSession(turn, group, member.memberId, member.sessionTimeoutMs)
      if (group.members.size > this.#config.maxSize) beginRebalance(turn, group)
      this.#dropIfBlank(group)
    }
    return turn.decision()
  }

  #tick(turn: Turn): GroupDecision {
    const due: string[] = []
    for (let id = this.#deadlines.take(turn.now.mono); id !== undefined; id = this.#deadlines.take(turn.now.mono)) {
      due.push(id)
    }
    for (const groupId of due) {
      const group = this.#groups.get(groupId)
      if (group === undefined) continue
      expire(turn, group)
      this.#deadlines.set(groupId, group.waits.earliest())
      this.#dropIfBlank(group)
    }
    return turn.decision()
  }

  /** Every `offsets.retention.check.interval.ms`: old offsets go, and with the last one the empty group (OX-1). */
  #sweep(turn: Turn): GroupDecision {
    this.#sweepDue = turn.now.mono + this.#config.offsetsRetentionCheckIntervalMs
    for (const group of [...this.#groups.values()]) {
      const { groupId } = group
      if (!expireOffsets(turn, this.#offsets, group)) continue
      // Someone holds an id and will join with it; Kafka lets that one fail.
      if (group.state !== 'Empty' || group.waits.pendingIds.size > 0 || this.#offsets.hasPending(groupId)) continue
      turn.write({ kind: 'groupDeleted', groupId })
    }
    return { events: turn.events, outputs: [], refused: () => [] }
  }

  #groupFor(groupId: string, wallMs: number): ClassicGroup {
    let group = this.#groups.get(groupId)
    if (group === undefined) {
      group = new ClassicGroup(groupId, wallMs)
      this.#groups.set(groupId, group)
    }
    return group
  }

  /** A group of which the log knows nothing and in which nobody is or is to come: forgotten without a trace. */
  #dropIfBlank(group: ClassicGroup): void {
    if (group.stored || group.state !== 'Empty' || group.waits.pendingIds.size > 0) return
    if (this.#offsets.hasAny(group.groupId) || this.#offsets.hasPending(group.groupId)) return
    this.#groups.delete(group.groupId)
    this.#deadlines.delete(group.groupId)
  }
}
