import type { TimestampOffset } from './time-index.ts'

/** An entry of an offset index: the batch at `position` begins at or below `offset`. */
export interface OffsetPosition {
  readonly offset: number
  readonly position: number
}

/** What is wrong with one entry of an index. */
export interface IndexProblem {
  readonly index: 'offset' | 'time'
  /** Which entry, from 0. */
  readonly entry: number
  readonly problem: string
}

/** A batch as its header tells of it. */
export interface WalkedBatch {
  readonly position: number
  readonly size: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Undefined if it cannot be told: then no entry is held against it. */
  readonly maxTimestamp: number | undefined
}

/**
 * Compares the indexes of a segment with its batches, which are told in order; each entry is looked at once.
 *
 * - An entry (offset, position) is true if a batch begins at the position, at or below the offset, and some batch from
 *   there on ends with it. (As a rule that is the same batch; Kafka's cleaner writes one entry for several.)
 * - An entry (timestamp, offset) is true if the batch that holds the offset has that as its largest timestamp, and none
 *   before it has a larger one.
 */
export class IndexAudit {
  readonly problems: IndexProblem[] = []
  readonly #offsets: readonly OffsetPosition[]
  readonly #times: readonly TimestampOffset[]
  #nextOffset = 0
  #nextTime = 0
  /** The entry whose offset must come up as the last one of a batch. */
  #due: { readonly entry: number; readonly offset: number } | undefined
  #maxTimestamp = -1

  constructor(offsets: readonly OffsetPosition[], times: readonly TimestampOffset[]) {
    this.#offsets = offsets
    this.#times = times
  }

  batch(walked: WalkedBatch): void {
    this.#compareOffsets(walked)
    this.#compareTimes(walked)
  }

  /** A part of the file is damaged: what the indexes say of it cannot be compared with anything. */
  skip(endPosition: number, toOffset: number): void {
    while ((this.#offsets[this.#nextOffset]?.position ?? Number.POSITIVE_INFINITY) < endPosition) this.#nextOffset++
    while ((this.#times[this.#nextTime]?.offset ?? Number.POSITIVE_INFINITY) < toOffset) this.#nextTime++
    if (this.#due !== undefined && this.#due.offset < toOffset) this.#due = undefined
  }

  /** No batch comes any more: entries that are left speak of nothing. */
  finish(): void {
    if (this.#due !== undefined) this.#found('offset', this.#due.entry, `no batch ends with offset ${this.#due.offset}`)
    for (; this.#nextOffset < this.#offsets.length; this.#nextOffset++) {
      const { position } = this.#offsets[this.#nextOffset]!
      this.#found('offset', this.#nextOffset, `position ${position} lies beyond the last batch`)
    }
    for (; this.#nextTime < this.#times.length; this.#nextTime++) {
      const { offset } = this.#times[this.#nextTime]!
      this.#found('time', this.#nextTime, `offset ${offset} lies beyond the last batch`)
    }
  }

  #compareOffsets({ position, size, baseOffset, lastOffset }: WalkedBatch): void {
    for (; this.#nextOffset < this.#offsets.length; this.#nextOffset++) {
      const entry = this.#offsets[this.#nextOffset]!
      if (entry.position >= position + size) break
      if (this.#due !== undefined)
        this.#found('offset', this.#due.entry, `offset ${this.#due.offset} lies beyond the batch of the next entry`)
      this.#due = undefined
      if (entry.position !== position)
        this.#found('offset', this.#nextOffset, `no batch begins at position ${entry.position}`)
      else if (entry.offset < baseOffset) {
        const problem = `the batch at position ${position} begins at offset ${baseOffset}, above ${entry.offset}`
        this.#found('offset', this.#nextOffset, problem)
      } else this.#due = { entry: this.#nextOffset, offset: entry.offset }
    }
    if (this.#due === undefined || lastOffset < this.#due.offset) return
    if (lastOffset > this.#due.offset)
      this.#found('offset', this.#due.entry, `no batch ends with offset ${this.#due.offset}`)
    this.#due = undefined
  }

  #compareTimes({ baseOffset, lastOffset, maxTimestamp }: WalkedBatch): void {
    this.#maxTimestamp = Math.max(this.#maxTimestamp, maxTimestamp ?? -1)
    for (; this.#nextTime < this.#times.length; this.#nextTime++) {
      const { timestamp, offset } = this.#times[this.#nextTime]!
      if (offset > lastOffset) return
      if (maxTimestamp === undefined) continue
      if (offset < baseOffset) this.#found('time', this.#nextTime, `no batch holds offset ${offset}`)
      else if (timestamp !== maxTimestamp)
        this.#found(
          'time',
          this.#nextTime,
          `the batch of offset ${offset} has timestamp ${maxTimestamp}, not ${timestamp}`,
        )
      else if (timestamp < this.#maxTimestamp)
        this.#found(
          'time',
          this.#nextTime,
          `a batch before offset ${offset} has the larger timestamp ${this.#maxTimestamp}`,
        )
    }
  }

  #found(index: IndexProblem['index'], entry: number, problem: string): void {
    this.problems.push({ index, entry, problem })
  }
}
