import { assert } from '../../../protocol/assert.ts'
import type { LogConfig } from '../../../storage/index.ts'

/** A batch as it was appended: its bytes with offsets and epoch stamped in. */
export interface SentBatch {
  readonly base: number
  readonly next: number
  readonly bytes: Buffer
}

/** What a workload notes between the calls of the disk: what it sent, and what it was promised. */
export type Fact =
  | { readonly kind: 'creating'; readonly log: string; readonly folder: string; readonly config: LogConfig }
  | { readonly kind: 'created'; readonly log: string }
  | { readonly kind: 'deleting'; readonly log: string }
  | { readonly kind: 'deleted'; readonly log: string }
  | { readonly kind: 'sent'; readonly log: string; readonly batch: SentBatch }
  /** Positions that clients may have seen: what lies below `durable` is acknowledged. */
  | { readonly kind: 'shown'; readonly log: string; readonly durable: number; readonly written: number; safe: number }
  /** What was sent from here on will never be acknowledged; it may have come to the disk for all that. */
  | { readonly kind: 'lost'; readonly log: string; readonly from: number }
  | { readonly kind: 'startMoves'; readonly log: string; readonly to: number }
  | { readonly kind: 'startMoved'; readonly log: string; readonly to: number }
  /** The machine lost its power: what was not safe may be gone. */
  | { readonly kind: 'powerCut' }
  /** A start of the broker found these batches, in order, and maybe damage between them. */
  | {
      readonly kind: 'found'
      readonly log: string
      readonly start: number
      readonly batches: readonly SentBatch[]
      readonly isDamaged: boolean
    }

/** What must hold for one log, whatever happens to the disk. Its name is its topic id. */
export class Expectation {
  readonly log: string
  readonly folder: string
  readonly config: LogConfig
  state: 'creating' | 'there' | 'deleting' | 'gone' = 'creating'
  /** In the order of offsets: what the log is meant to hold, down to its very first batch. */
  readonly line: SentBatch[] = []
  /** By base offset: batches that were given up, and may turn up all the same. */
  readonly ghosts = new Map<number, SentBatch[]>()
  /** A power cut leaves all below; under `os` that is what was synced. */
  safe = 0
  /** A kill of the process leaves all below. */
  written = 0
  /** The start never goes below. */
  promisedStart = 0
  /** The start has no reason to be above. */
  possibleStart = 0
  /** Since the last start there was a power cut, so `written` counts for nothing. */
  isCut = false
  /** Batches that nobody was promised were lost between others. */
  isDamaged = false

  constructor(log: string, folder: string, config: LogConfig) {
    this.log = log
    this.folder = folder
    this.config = config
  }

  /** Where the log would end if nothing were lost. */
  get end(): number {
    return this.line.at(-1)?.next ?? 0
  }

  /** The batches that may be found at this base offset. */
  candidates(base: number): SentBatch[] {
    const index = this.indexOf(base)
    const own = this.line[index]
    return [...(own?.base === base ? [own] : []), ...(this.ghosts.get(base) ?? [])]
  }

  everSent(): SentBatch[] {
    return [...this.line, ...[...this.ghosts.values()].flat()]
  }

  /** Index in `line` of the first batch that begins at or after `offset`. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.line.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.line[middle]!.base < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Was what lies at this offset promised to be there, if everything below `kept` was? */
  isOwed(offset: number, kept: number): boolean {
    const owner = this.line[this.indexOf(offset + 1) - 1]
    return owner !== undefined && owner.next > offset && owner.next <= kept
  }

  giveUpFrom(offset: number): void {
    for (const batch of this.line.splice(this.indexOf(offset))) this.#haunt(batch)
  }

  #haunt(batch: SentBatch): void {
    const others = this.ghosts.get(batch.base)
    if (others === undefined) this.ghosts.set(batch.base, [batch])
    else others.push(batch)
  }
}

/** All logs of a directory, as the facts up to some point tell it. */
export class Oracle {
  readonly logs = new Map<string, Expectation>()

  /** Independent of this one; batches are shared. */
  clone(): Oracle {
    const copy = new Oracle()
    for (const [log, expected] of this.logs) {
      const twin = new Expectation(log, expected.folder, expected.config)
      const { state, safe, written, promisedStart, possibleStart, isCut, isDamaged } = expected
      Object.assign(twin, { state, safe, written, promisedStart, possibleStart, isCut, isDamaged })
      twin.line.push(...expected.line)
      for (const [base, ghosts] of expected.ghosts) twin.ghosts.set(base, [...ghosts])
      copy.logs.set(log, twin)
    }
    return copy
  }

  apply(fact: Fact): void {
    if (fact.kind === 'creating') {
      this.logs.set(fact.log, new Expectation(fact.log, fact.folder, fact.config))
      return
    }
    if (fact.kind === 'powerCut') {
      for (const expected of this.logs.values()) expected.isCut = true
      return
    }
    const expected = this.logs.get(fact.log)
    assert(expected !== undefined, 'facts are about logs that were created')
    switch (fact.kind) {
      case 'created':
        expected.state = 'there'
        break
      case 'deleting':
        expected.state = 'deleting'
        break
      case 'deleted':
        expected.state = 'gone'
        break
      case 'sent':
        assert(fact.batch.base >= expected.end, 'batches are sent one after another')
        expected.line.push(fact.batch)
        break
      case 'shown': {
        const { config } = expected
        expected.safe = Math.max(expected.safe, config.flushPolicy === 'commit' ? fact.durable : 0, fact.safe)
        expected.written = Math.max(expected.written, fact.written)
        break
      }
      case 'lost':
        expected.giveUpFrom(fact.from)
        expected.written = Math.min(expected.written, fact.from)
        break
      case 'startMoves':
        expected.possibleStart = Math.max(expected.possibleStart, fact.to)
        break
      case 'startMoved':
        expected.promisedStart = Math.max(expected.promisedStart, fact.to)
        break
      case 'found': {
        expected.state = 'there'
        expected.promisedStart = Math.max(expected.promisedStart, fact.start)
        expected.giveUpFrom(fact.start)
        const below = expected.line.at(-1)
        const batches = fact.batches.filter(({ next }) => below === undefined || next > below.next)
        expected.line.push(...batches)
        if (expected.isCut) expected.written = expected.end
        expected.isCut = false
        expected.isDamaged = fact.isDamaged
        // Only under `os`, where a power cut may leave less than what had been deleted.
        if (expected.end < expected.possibleStart) expected.promisedStart = expected.possibleStart = fact.start
        break
      }
    }
  }
}
