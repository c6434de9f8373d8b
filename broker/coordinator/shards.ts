import { AssertionError } from '../../protocol/assert.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { Timers } from '../runtime/timers.ts'
import { CoordinatorShard, type ShardOptions } from './shard.ts'

/** Shards that parted from their log are read anew after this long, doubling up to the second: a full disk stays full. */
const firstRetryMs = 500
const lastRetryMs = 30_000

/** The shards of one internal topic that this broker coordinates, by partition. */
export class CoordinatorShards<Command, Event, Reply> {
  readonly #timers: Timers
  readonly #make: (partition: number) => Omit<ShardOptions<Command, Event, Reply>, 'onFailure' | 'timers'> | undefined
  readonly #onFailure: (partition: number, cause: unknown) => void
  readonly #slots = new Map<number, Slot<Command, Event, Reply>>()
  #closedWith: ErrorName | undefined

  /**
   * @param make what a new shard of a partition is made of; undefined if the partition is not ours or does not exist
   * @param onFailure for the log: a shard was lost, and will be read anew by itself
   */
  constructor(
    timers: Timers,
    make: (partition: number) => Omit<ShardOptions<Command, Event, Reply>, 'onFailure' | 'timers'> | undefined,
    onFailure: (partition: number, cause: unknown) => void,
  ) {
    this.#timers = timers
    this.#make = make
    this.#onFailure = onFailure
  }

  /** Takes over a partition. Resolves when it has been read (or the attempt failed, or it was closed meanwhile). */
  load(partition: number): Promise<void> {
    if (this.#closedWith !== undefined || this.#slots.has(partition)) return Promise.resolve()
    const slot: Slot<Command, Event, Reply> = { shard: undefined, waiting: [] }
    this.#slots.set(partition, slot)
    return this.#open(partition, slot, firstRetryMs)
  }

  /** Gives up a partition; who waits hears `error`. */
  unload(partition: number, error: ErrorName = 'NOT_COORDINATOR'): void {
    const slot = this.#slots.get(partition)
    this.#slots.delete(partition)
    slot?.shard?.close(error)
  }

  /** Ends all; nothing is loaded any more. */
  close(error: ErrorName): void {
    this.#closedWith = error
    for (const partition of [...this.#slots.keys()]) this.unload(partition, error)
  }

  /** The loaded shard of a partition, or why there is none. */
  get(partition: number): CoordinatorShard<Command, Event, Reply> | ErrorName {
    if (this.#closedWith !== undefined) return this.#closedWith
    const slot = this.#slots.get(partition)
    if (slot === undefined) return 'NOT_COORDINATOR'
    return slot.shard?.state === 'active' ? slot.shard : 'COORDINATOR_LOAD_IN_PROGRESS'
  }

  /** Partitions that are ours, loaded or not. */
  partitions(): number[] {
    return [...this.#slots.keys()]
  }

  /** Runs on every shard that is ours: now if it is loaded, else as soon as it is. */
  forEach(run: (shard: CoordinatorShard<Command, Event, Reply>) => void): void {
    for (const { shard, waiting } of this.#slots.values()) {
      if (shard?.state === 'active') run(shard)
      else waiting.push(run)
    }
  }

  async #open(partition: number, slot: Slot<Command, Event, Reply>, retryMs: number): Promise<void> {
    const options = this.#make(partition)
    if (options === undefined) {
      if (this.#slots.get(partition) === slot) this.#slots.delete(partition)
      return
    }
    const failed = (cause: unknown) => {
      if (this.#slots.get(partition) !== slot) return
      this.#onFailure(partition, cause)
      const before = slot.shard
      slot.shard = undefined
      this.#timers.after(retryMs, () => void this.#reopen(partition, slot, before, Math.min(retryMs * 2, lastRetryMs)))
    }
    const shard = new CoordinatorShard({ ...options, timers: this.#timers, onFailure: failed })
    slot.shard = shard
    try {
      await shard.load()
    } catch (cause) {
      if (cause instanceof AssertionError) throw cause
      shard.close('COORDINATOR_NOT_AVAILABLE')
      failed(cause)
      return
    }
    for (const run of slot.waiting.splice(0)) if (shard.state === 'active') run(shard)
  }

  /** Reads the log only when the fate of all that the lost shard had written is known. */
  async #reopen(
    partition: number,
    slot: Slot<Command, Event, Reply>,
    before: CoordinatorShard<Command, Event, Reply> | undefined,
    retryMs: number,
  ): Promise<void> {
    await before?.settled()
    if (this.#slots.get(partition) === slot) await this.#open(partition, slot, retryMs)
  }
}

interface Slot<Command, Event, Reply> {
  shard: CoordinatorShard<Command, Event, Reply> | undefined
  readonly waiting: ((shard: CoordinatorShard<Command, Event, Reply>) => void)[]
}

/**
 * The partition that coordinates a key, as in Kafka: `Utils.abs(key.hashCode()) % partitions`, so that data written by
 * either is found by the other. Java's hash goes over UTF-16 units, as JavaScript's strings do.
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions
}
