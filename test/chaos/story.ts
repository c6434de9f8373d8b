import { FINAL_READER } from './checks/facts.ts'
import type { BrokerEvent, HistoryEvent, SendMode } from './history.ts'

/** A history made by hand, as a sequence of sentences: one producer `p1`, one partition `t-0`, one group `g`. */
export class Story {
  readonly events: HistoryEvent[] = []
  readonly #mode: SendMode
  readonly #acks: -1 | 1
  #nextOp = 0
  #keys: readonly string[] | undefined

  constructor(mode: SendMode = 'idempotent', acks: -1 | 1 = -1) {
    this.#mode = mode
    this.#acks = acks
  }

  get now(): number {
    return this.events.length
  }

  broker(what: BrokerEvent['what'], atMs = 0): this {
    return this.#add({ f: 'broker', type: 'info', what, atMs })
  }

  producer(proc: string, id: number): this {
    return this.#add({ f: 'producer', type: 'ok', proc, id, epoch: 0 })
  }

  /** The partition is compacted; the next batches have these keys. */
  keyed(...keys: readonly string[]): this {
    this.#keys = keys
    return this
  }

  /** A batch that was acknowledged. */
  sent(values: string | readonly string[], offset: number, atMs = 0): this {
    const op = this.#invoke(values)
    return this.#add({ f: 'send', type: 'ok', op, offset, atMs })
  }

  /** A batch of which nobody heard. */
  unknown(values: string | readonly string[]): this {
    const op = this.#invoke(values)
    return this.#add({ f: 'send', type: 'info', op, error: 'connection lost' })
  }

  open(values: string | readonly string[]): this {
    this.#invoke(values)
    return this
  }

  refused(values: string | readonly string[], error: string): this {
    const op = this.#invoke(values)
    return this.#add({ f: 'send', type: 'fail', op, error })
  }

  /**
   * An assignment's poll from `from`.
   * @param values from offset `starts` (default: `from`) on; undefined leaves an offset out
   */
  polled(
    proc: string,
    from: number,
    values: readonly (string | undefined)[],
    { high, starts = from }: { high?: number; starts?: number } = {},
  ): this {
    return this.#poll(proc, `${proc} 1`, false, from, recordsAt(starts, values), high)
  }

  groupPolled(member: string, from: number, values: readonly string[]): this {
    return this.#poll(member, 'group g', true, from, recordsAt(from, values))
  }

  positionLost(proc: string, from: number, error: string): this {
    return this.#add({ f: 'poll', type: 'fail', proc, partition: 't-0', from, error })
  }

  bounds({ low, high, since = this.now }: { low: number; high: number; since?: number }): this {
    return this.#add({ f: 'bounds', type: 'ok', partition: 't-0', low, high, since })
  }

  /** DeleteRecords, answered. */
  trimmed(offset: number): this {
    const op = this.#trim(offset)
    return this.#add({ f: 'trim', type: 'ok', op, partition: 't-0', low: offset })
  }

  trimUnknown(offset: number): this {
    const op = this.#trim(offset)
    return this.#add({ f: 'trim', type: 'info', op, error: 'connection lost' })
  }

  committed(offset: number): this {
    const op = this.#commit(offset)
    return this.#add({ f: 'commit', type: 'ok', op })
  }

  commitUnknown(offset: number): this {
    const op = this.#commit(offset)
    return this.#add({ f: 'commit', type: 'info', op, error: 'connection lost' })
  }

  commitRefused(offset: number): this {
    const op = this.#commit(offset)
    return this.#add({ f: 'commit', type: 'fail', op, error: 'ILLEGAL_GENERATION' })
  }

  /** What OffsetFetch answers. */
  told(offset: number): this {
    return this.#add({ f: 'committed', type: 'ok', group: 'g', partition: 't-0', offset, since: this.now })
  }

  owns(member: string, generation: number, partitions: readonly string[]): this {
    return this.#add({ f: 'own', type: 'ok', group: 'g', generation, member, partitions })
  }

  /** The last phase finds exactly these values, from offset 0 on. */
  ends(...values: readonly string[]): this {
    return this.endsBetween(0, values.length, values)
  }

  /** The last phase finds these values; undefined where compaction left a gap. */
  endsWithGaps(...values: readonly (string | undefined)[]): this {
    return this.endsBetween(0, values.length, values)
  }

  /** The last phase finds these values, though the high watermark is `high`. */
  endsAt(high: number, ...values: readonly string[]): this {
    return this.endsBetween(0, high, values)
  }

  endsBetween(low: number, high: number, values: readonly (string | undefined)[]): this {
    const since = this.now
    this.#add({ f: 'bounds', type: 'ok', partition: 't-0', low, high, since, final: true })
    return this.#poll('reader', FINAL_READER, false, low, recordsAt(low, values))
  }

  #poll(
    proc: string,
    reader: string,
    rewinds: boolean,
    from: number,
    records: readonly (readonly [number, string])[],
    high?: number,
  ): this {
    const since = this.now
    const known = { f: 'poll', type: 'ok', partition: 't-0' } as const
    return this.#add({
      ...known,
      proc,
      reader,
      rewinds,
      from,
      records,
      since,
      ...(high === undefined ? {} : { high }),
    })
  }

  #invoke(values: string | readonly string[]): number {
    const op = this.#nextOp++
    this.#add({
      f: 'send',
      type: 'invoke',
      op,
      proc: 'p1',
      partition: 't-0',
      acks: this.#acks,
      mode: this.#mode,
      values: typeof values === 'string' ? [values] : values,
      ...(this.#keys === undefined ? {} : { keys: this.#keys }),
    })
    return op
  }

  #trim(offset: number): number {
    const op = this.#nextOp++
    this.#add({ f: 'trim', type: 'invoke', op, partition: 't-0', offset })
    return op
  }

  #commit(offset: number): number {
    const op = this.#nextOp++
    this.#add({ f: 'commit', type: 'invoke', op, group: 'g', partition: 't-0', offset })
    return op
  }

  #add(event: HistoryEvent): this {
    this.events.push(event)
    return this
  }
}

const recordsAt = (first: number, values: readonly (string | undefined)[]): [number, string][] =>
  values.flatMap((value, i): [number, string][] => (value === undefined ? [] : [[first + i, value]]))
