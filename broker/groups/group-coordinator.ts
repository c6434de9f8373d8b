import { AssertionError } from '../../protocol/assert.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { Clock } from '../../storage/clock.ts'
import type { ShardLog } from '../coordinator/shard-log.ts'
import { CoordinatorShards, partitionOf } from '../coordinator/shards.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Random } from '../runtime/random.ts'
import type { Timers } from '../runtime/timers.ts'
import type { GroupCommand, GroupReply, GroupState, Listed, ListedGroup, Refused, ReplyOf } from './commands.ts'
import type { GroupEvent } from './events.ts'
import type { GroupConfig } from './group-config.ts'
import { groupRecords } from './group-records.ts'
import { GroupMachine } from './machine.ts'

/** The internal topic that the groups' state lives in. */
export const GROUP_TOPIC = '__consumer_offsets'

export interface GroupCoordinatorOptions {
  readonly config: GroupConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly logger: Logger
  /** The log of a partition of `__consumer_offsets`, undefined if this broker does not lead it. */
  readonly openShard: (partition: number) => ShardLog | undefined
  /** How many partitions `__consumer_offsets` has; 0 while it does not exist. */
  readonly partitionCount: () => number
  /** Makes `__consumer_offsets` at its first use; resolves when `load` has been called for what this broker leads. */
  readonly createTopic: () => Promise<void>
}

/** Commands that are about one group; `to` and chance are the coordinator's business. */
type ForGroup = Extract<GroupCommand, { readonly to: number; readonly groupId: string }>
export type GroupRequest<K extends ForGroup['kind'] = ForGroup['kind']> = K extends unknown
  ? Omit<Extract<ForGroup, { kind: K }>, 'to' | 'freshId'>
  : never

export interface GroupSummary {
  readonly groupId: string
  readonly protocolType: string
  readonly state: GroupState
  readonly members: number
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
}

/** The groups that this broker coordinates: which shard a group is in, and how to ask it. */
export class GroupCoordinator {
  readonly config: GroupConfig
  readonly #options: GroupCoordinatorOptions
  readonly #machines = new Map<number, GroupMachine>()
  readonly #shards: CoordinatorShards<GroupCommand, GroupEvent, GroupReply>
  #creating: Promise<void> | undefined

  constructor(options: GroupCoordinatorOptions) {
    this.config = options.config
    this.#options = options
    this.#shards = new CoordinatorShards(
      options.timers,
      (partition) => this.#makeShard(partition),
      (partition, cause) => {
        options.logger.error({ partition, cause: String(cause) }, 'group shard lost its log, it is read anew')
      },
    )
  }

  /** Takes over a partition of `__consumer_offsets`: when it exists at start, is created, or its leadership comes here. */
  load(partition: number): Promise<void> {
    return this.#shards.load(partition)
  }

  /** Gives a partition up. */
  unload(partition: number): void {
    this.#shards.unload(partition)
    this.#machines.delete(partition)
  }

  /** At shutdown: everyone who waits is told to look for the coordinator again. */
  close(): void {
    this.#shards.close('COORDINATOR_NOT_AVAILABLE')
    this.#machines.clear()
  }

  /** The partition of `__consumer_offsets` that a group belongs to. */
  partitionFor(groupId: string): number {
    return partitionOf(groupId, this.#options.partitionCount() || this.config.offsetsTopicPartitions)
  }

  /** Makes sure that the groups have a home; costs nothing once `__consumer_offsets` is there. */
  ready(): void | Promise<void> {
    // While it is being made its image may be there already, its shards not.
    if (this.#creating === undefined && this.#options.partitionCount() > 0) return
    this.#creating ??= this.#options.createTopic().finally(() => {
      this.#creating = undefined
    })
    return this.#creating
  }

  /**
   * Asks the shard of a group.
   * @returns the reply itself where there is nothing to wait for; a promise never rejects.
   */
  submit<K extends ForGroup['kind']>(request: GroupRequest<K>): ReplyOf[K] | Promise<ReplyOf[K]>
  submit(request: GroupRequest): GroupReply | Promise<GroupReply> {
    if (request.groupId === '' && !namelessAllowed.has(request.kind)) return refused('INVALID_GROUP_ID')
    const shard = this.#shards.get(this.partitionFor(request.groupId))
    if (typeof shard === 'string') {
      // A member that is told nothing of the reload stays, and its heartbeats count again when the shard is there (HB-2).
      if (request.kind === 'heartbeat' && shard === 'COORDINATOR_LOAD_IN_PROGRESS') return { kind: 'done' }
      return refused(shard)
    }
    const freshId = request.kind === 'join' ? randomUuid(this.#options.random) : ''
    return shard.ask((to) => ({ ...request, to, freshId }) as GroupCommand)
  }

  /** All groups of all shards here. Refused while one of them is loading: the list would look complete. */
  list(): Listed | Refused | Promise<Listed | Refused> {
    const replies: (GroupReply | Promise<GroupReply>)[] = []
    for (const partition of this.#shards.partitions()) {
      const shard = this.#shards.get(partition)
      if (typeof shard === 'string') return refused(shard)
      replies.push(shard.ask((to) => ({ kind: 'list', to })))
    }
    return replies.some((reply) => reply instanceof Promise)
      ? Promise.all(replies).then(joinLists)
      : joinLists(replies as GroupReply[])
  }

  /** Topics are gone from the cluster: their commits go too (OX-2). */
  topicsDeleted(names: readonly string[]): void {
    const topics = new Set(names)
    this.#shards.forEach((shard) => {
      void shard.ask((to) => ({ kind: 'topicsDeleted', to, topics }))
    })
  }

  /** For status pages and metrics: the state at this moment, which may be ahead of the disk. */
  *groups(): IterableIterator<GroupSummary> {
    for (const [partition, machine] of this.#machines) {
      if (typeof this.#shards.get(partition) === 'string') continue
      for (const { groupId, protocolType, state, members } of machine.groups.values()) {
        const offsets = Array.from(machine.offsets.of(groupId), ([topic, index, { offset }]) => ({
          topic,
          partition: index,
          offset,
        }))
        yield { groupId, protocolType, state, members: members.size, offsets }
      }
    }
  }

  /** True when every shard that is ours has been read. */
  get loaded(): boolean {
    return this.#shards.partitions().every((partition) => typeof this.#shards.get(partition) !== 'string')
  }

  #makeShard(partition: number) {
    const log = this.#options.openShard(partition)
    if (log === undefined) return undefined
    const machine = new GroupMachine(this.config)
    this.#machines.set(partition, machine)
    return {
      machine,
      log,
      format: groupRecords,
      clock: this.#options.clock,
      maxBatchBytes: this.config.maxBatchBytes,
      refusal: refused,
    }
  }
}

/** For backwards compatibility Kafka lets a group without a name have offsets, but no members. */
const namelessAllowed: ReadonlySet<ForGroup['kind']> = new Set([
  'commitOffsets',
  'fetchOffsets',
  'describe',
  'deleteGroup',
])

const refused = (error: ErrorName): Refused => ({ kind: 'refused', error })

function joinLists(replies: readonly GroupReply[]): Listed | Refused {
  const groups: ListedGroup[] = []
  for (const reply of replies) {
    if (reply.kind === 'refused') return reply
    if (reply.kind !== 'listed') throw new AssertionError('a list is answered with a list')
    groups.push(...reply.groups)
  }
  return { kind: 'listed', groups }
}

/** A version-4 UUID in its usual form with dashes, as Kafka's member ids end with. */
function randomUuid(random: Random): string {
  const raw = Buffer.from(random.uuid(), 'base64url').toString('hex')
  return [raw.slice(0, 8), raw.slice(8, 12), raw.slice(12, 16), raw.slice(16, 20), raw.slice(20)].join('-')
}
