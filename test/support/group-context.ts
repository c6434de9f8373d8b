import { expect } from 'vitest'
import type { Moment } from '../../broker/coordinator/state-machine.ts'
import type { GroupCommand, GroupReply, JoinCommand, OffsetToCommit, ReplyOf } from '../../broker/groups/commands.ts'
import type { GroupEvent } from '../../broker/groups/events.ts'
import { type GroupConfig, groupConfigDefaults } from '../../broker/groups/group-config.ts'
import { GroupMachine } from '../../broker/groups/machine.ts'
import type { GroupOutput } from '../../broker/groups/turn.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'

/** What a test says of a member; the rest has the values of a usual consumer. Times in ms. */
export interface MemberOptions {
  readonly group?: string
  /** Another id than the one that the name has. */
  readonly memberId?: string
  readonly instanceId?: string | null
  readonly generation?: number
  readonly protocolType?: string | null
  readonly protocolName?: string | null
  /** Names, or names with their metadata, by preference. */
  readonly protocols?: readonly (string | readonly [name: string, metadata: string | Buffer])[]
  readonly session?: number
  readonly rebalance?: number
  /** Of JoinGroup; 3 unless said: the last one in which members join without the MEMBER_ID_REQUIRED round. */
  readonly version?: number
}

/**
 * The groups of one shard as a test plays with them: members have names, time is moved by hand, what is decided is
 * applied at once. Every request's reply is kept under it, and that each is answered once is checked on the way.
 */
export class GroupContext {
  readonly config: GroupConfig
  machine: GroupMachine
  /** All that was written, in order. */
  readonly events: GroupEvent[] = []
  /** Requests without a reply yet, by token. */
  readonly waiting = new Map<number, Exchange<GroupReply>>()
  /** Requests that have their reply, in the order in which those were sent. */
  readonly answered: Exchange<GroupReply>[] = []
  readonly #ids = new Map<string, string>()
  readonly #wallStart = 1_700_000_000_000
  #now = 0
  #token = 0

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...groupConfigDefaults, initialRebalanceDelayMs: 0, ...config }
    this.machine = new GroupMachine(this.config)
    this.run({ kind: 'loaded' })
  }

  get now(): Moment {
    return { mono: this.#now, wall: this.#wallStart + this.#now }
  }

  /** Lets time pass up to `ms` after the start; whatever falls due on the way happens at its own time. */
  at(ms: number): this {
    for (let due = this.machine.nextDeadline(); due <= ms; due = this.machine.nextDeadline()) {
      this.#now = Math.max(this.#now, due)
      this.run({ kind: 'tick' })
    }
    this.#now = ms
    return this
  }

  /** Moves time for a test that ticks by itself: what falls due on the way may not change anything. */
  jumpTo(ms: number): this {
    const picture = () => [this.state(), this.generation(), this.members(), this.events.length, this.answered.length]
    const before = picture()
    for (let due = this.machine.nextDeadline(); due < ms; due = this.machine.nextDeadline()) {
      this.#now = Math.max(this.#now, due)
      this.run({ kind: 'tick' })
      expect(picture(), `something happens at ${due}`).toEqual(before)
    }
    this.#now = ms
    return this
  }

  /** Lets `ms` pass. */
  after(ms: number): this {
    return this.at(this.#now + ms)
  }

  /** The coordinator restarts: a new machine reads what was written. Time goes on; nobody waits any more. */
  restart(config: Partial<GroupConfig> = {}): this {
    Object.assign(this.config, config)
    this.machine = new GroupMachine(this.config)
    this.waiting.clear()
    for (const event of this.events) this.machine.apply(event)
    this.run({ kind: 'loaded' })
    return this
  }

  /** The member id that a name has now. */
  id(name: string): string {
    return this.#ids.get(name) ?? name
  }

  /** The name that an id was given out to, or the id. */
  nameOf(id: string): string {
    return [...this.#ids].find(([, known]) => known === id)?.[0] ?? id
  }

  /** `name` joins: with the id that it has, else as a new member. */
  join(name: string, options: MemberOptions = {}): Exchange<ReplyOf['join']> {
    const version = options.version ?? 3
    const session = options.session ?? 10_000
    return this.#ask<'join'>(name, {
      kind: 'join',
      groupId: options.group ?? 'g',
      memberId: options.memberId ?? this.#ids.get(name) ?? '',
      instanceId: options.instanceId ?? null,
      clientId: name,
      clientHost: '/127.0.0.1',
      protocolType: options.protocolType ?? 'consumer',
      protocols: (options.protocols ?? ['range']).map(protocol),
      sessionTimeoutMs: session,
      rebalanceTimeoutMs: options.rebalance ?? 60_000,
      freshId: String(this.#token + 1),
      needsMemberId: version >= 4,
      canSkipAssignment: version >= 9,
    } satisfies Omit<JoinCommand, 'to'>)
  }

  /** `assignments`: by name, as texts; from the leader. */
  sync(name: string, options: MemberOptions = {}, assignments: Record<string, string> = {}): Exchange<ReplyOf['sync']> {
    return this.#ask<'sync'>(name, {
      kind: 'sync',
      groupId: options.group ?? 'g',
      generation: options.generation ?? this.generation(options.group),
      memberId: options.memberId ?? this.id(name),
      instanceId: options.instanceId ?? null,
      protocolType: options.protocolType ?? null,
      protocolName: options.protocolName ?? null,
      assignments: Object.entries(assignments).map(([member, assignment]) => ({
        memberId: this.id(member),
        assignment: Buffer.from(assignment),
      })),
    })
  }

  heartbeat(name: string, options: MemberOptions = {}): Exchange<ReplyOf['heartbeat']> {
    return this.#ask<'heartbeat'>(name, {
      kind: 'heartbeat',
      groupId: options.group ?? 'g',
      generation: options.generation ?? this.generation(options.group),
      memberId: options.memberId ?? this.id(name),
      instanceId: options.instanceId ?? null,
    })
  }

  leave(...members: (string | { memberId: string; instanceId: string | null })[]): Exchange<ReplyOf['leave']> {
    return this.#ask<'leave'>('', {
      kind: 'leave',
      groupId: 'g',
      members: members.map((member) =>
        typeof member === 'string' ? { memberId: this.id(member), instanceId: null } : member,
      ),
    })
  }

  /** Commits one offset of `topic`-0, unless `offsets` says more. A name of '' commits from outside of the group. */
  commit(
    name: string,
    options: MemberOptions & {
      readonly offset?: bigint
      readonly topic?: string
      readonly metadata?: string | null
      readonly retention?: number
      readonly offsets?: readonly OffsetToCommit[]
    } = {},
  ): Exchange<ReplyOf['commitOffsets']> {
    const { topic = 't', offset = 1n, metadata = null } = options
    return this.#ask<'commitOffsets'>(name, {
      kind: 'commitOffsets',
      groupId: options.group ?? 'g',
      generation: options.generation ?? (name === '' ? -1 : this.generation(options.group)),
      memberId: options.memberId ?? this.id(name),
      instanceId: options.instanceId ?? null,
      retentionTimeMs: options.retention ?? -1,
      knowsGroupIdNotFound: (options.version ?? 8) >= 9,
      offsets: options.offsets ?? [{ topic, topicId: ZERO_UUID, partition: 0, offset, leaderEpoch: -1, metadata }],
    })
  }

  /** @param topics partition 0 of each; none: all that the group has */
  fetch(topics?: readonly string[], options: { group?: string; requireStable?: boolean } = {}) {
    return this.#ask<'fetchOffsets'>('', {
      kind: 'fetchOffsets',
      groupId: options.group ?? 'g',
      partitions: topics?.map((topic) => ({ topic, partition: 0 })) ?? null,
      requireStable: options.requireStable ?? false,
    })
  }

  deleteOffsets(topics: readonly string[], group = 'g'): Exchange<ReplyOf['deleteOffsets']> {
    const partitions = topics.map((topic) => ({ topic, partition: 0 }))
    return this.#ask<'deleteOffsets'>('', { kind: 'deleteOffsets', groupId: group, partitions })
  }

  describe(group = 'g'): Exchange<ReplyOf['describe']> {
    return this.#ask<'describe'>('', { kind: 'describe', groupId: group })
  }

  list(): Exchange<ReplyOf['list']> {
    return this.#ask<'list'>('', { kind: 'list' })
  }

  deleteGroup(group = 'g'): Exchange<ReplyOf['deleteGroup']> {
    return this.#ask<'deleteGroup'>('', { kind: 'deleteGroup', groupId: group })
  }

  topicsDeleted(...topics: string[]): Exchange<ReplyOf['topicsDeleted']> {
    return this.#ask<'topicsDeleted'>('', { kind: 'topicsDeleted', topics: new Set(topics) })
  }

  /** Brings these members into the group and through SyncGroup; the first one leads. */
  stableWith(...names: string[]): this {
    return this.stable(Object.fromEntries(names.map((name) => [name, {}])))
  }

  /** The same with options for each; every member is assigned its own name. */
  stable(members: Record<string, MemberOptions>): this {
    const names = Object.keys(members)
    for (const name of names) this.join(name, members[name])
    // The first round waits for others, and once more as long because there were some.
    this.after(this.config.initialRebalanceDelayMs * 2)
    const assignments = Object.fromEntries(names.map((name) => [name, name]))
    const group = members[names[0]!]?.group
    for (const name of [...names].reverse()) this.sync(name, group === undefined ? {} : { group }, assignments)
    expect(this.state(group)).toBe('Stable')
    return this
  }

  state(group = 'g'): string {
    return this.machine.groups.get(group)?.state ?? 'none'
  }

  generation(group = 'g'): number {
    return this.machine.groups.get(group)?.generation ?? 0
  }

  /** Names of the members, in the order in which they came. */
  members(group = 'g'): string[] {
    return [...(this.machine.groups.get(group)?.members.keys() ?? [])].map((id) => this.nameOf(id))
  }

  /** Runs any command: decides, applies, hands out the replies. */
  run(command: GroupCommand): GroupOutput[] {
    const decision = this.machine.decide(command, this.now)
    for (const event of decision.events) {
      this.events.push(event)
      this.machine.apply(event)
    }
    for (const { to, reply } of decision.outputs) {
      const exchange = this.waiting.get(to)
      expect(exchange, 'a reply goes to a request that waits, once').toBeDefined()
      this.waiting.delete(to)
      exchange!.reply = reply
      this.answered.push(exchange!)
      this.#learn(exchange!)
    }
    return [...decision.outputs]
  }

  #ask<K extends keyof ReplyOf>(name: string, command: DistributiveOmit<GroupCommand, 'to'>): Exchange<ReplyOf[K]> {
    const to = ++this.#token
    const exchange = new Exchange<GroupReply>(name)
    this.waiting.set(to, exchange)
    this.run({ ...command, to } as GroupCommand)
    return exchange as unknown as Exchange<ReplyOf[K]>
  }

  /** Members learn their ids from the answers to JoinGroup, as clients do. */
  #learn({ name, reply }: Exchange<GroupReply>): void {
    if (reply?.kind === 'joined') this.#ids.set(name, reply.memberId)
    if (reply?.kind === 'refused' && reply.error === 'MEMBER_ID_REQUIRED') this.#ids.set(name, reply.memberId ?? '')
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** One request and what has come of it. */
export class Exchange<Reply> {
  readonly name: string
  reply: Reply | undefined

  constructor(name: string) {
    this.name = name
  }

  isPending(): this {
    expect(this.reply, `${this.name} waits`).toBeUndefined()
    return this
  }

  /** The reply has come and looks like this (more fields are allowed). */
  isAnswered(with_: Record<string, unknown> = {}): this {
    expect(this.reply, `${this.name} has its answer`).toBeDefined()
    expect(this.reply).toMatchObject(with_)
    return this
  }

  isRefused(error: string): this {
    return this.isAnswered({ kind: 'refused', error })
  }
}

export const groupContext = (config: Partial<GroupConfig> = {}): GroupContext => new GroupContext(config)

const protocol = (said: string | readonly [name: string, metadata: string | Buffer]) =>
  typeof said === 'string'
    ? { name: said, metadata: Buffer.from(`${said} metadata`) }
    : { name: said[0], metadata: Buffer.from(said[1] as string) }

/** Metadata of a consumer that subscribes to these topics: version 0 of Kafka's consumer protocol. */
export function subscriptionTo(...topics: string[]): Buffer {
  const parts = topics.map((topic) => {
    const name = Buffer.from(topic)
    const length = Buffer.alloc(2)
    length.writeInt16BE(name.length)
    return Buffer.concat([length, name])
  })
  const head = Buffer.alloc(6)
  head.writeInt32BE(topics.length, 2)
  return Buffer.concat([head, ...parts, Buffer.alloc(4, 0xff)])
}
