import { assert } from '../protocol/assert.ts'
import type { Segment } from './segment.ts'

/** The segments of one log in the order of their offsets; the last one is active, and there is always one. */
export class Segments {
  #list: Segment[]

  constructor(list: Segment[]) {
    assert(list.length > 0, 'a log has a segment')
    this.#list = list
  }

  get all(): readonly Segment[] {
    return this.#list
  }

  get active(): Segment {
    return this.#list[this.#list.length - 1]!
  }

  get oldest(): Segment {
    return this.#list[0]!
  }

  /** Bytes of all of them. */
  get sizeBytes(): number {
    let total = 0
    for (const segment of this.#list) total += segment.sizeBytes
    return total
  }

  /** Index of the segment that would hold `offset`: the last one that begins at or before it, else the oldest. */
  indexFor(offset: number): number {
    let low = 0
    let high = this.#list.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#list[middle]!.baseOffset <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** First offset after the segment at `index`: where the next one begins, or the end of the log. */
  endOffsetOf(index: number, logEndOffset: number): number {
    return this.#list[index + 1]?.baseOffset ?? logEndOffset
  }

  push(segment: Segment): void {
    assert(segment.baseOffset > this.active.baseOffset, 'a new segment begins after the active one')
    this.#list.push(segment)
  }

  /** Those that are here now, for who comes back to them later. */
  asTheyAre(): Segments {
    return new Segments([...this.#list])
  }

  /** Are these here, one after another, and is none of them active? */
  hasInARow(segments: readonly Segment[]): boolean {
    const from = this.#list.indexOf(segments[0]!)
    return (
      from >= 0 &&
      from + segments.length < this.#list.length &&
      segments.every((segment, index) => this.#list[from + index] === segment)
    )
  }

  /** Puts one segment in the place of neighbours. */
  replace(segments: readonly Segment[], by: Segment): void {
    assert(this.hasInARow(segments), 'neighbours are replaced, and the active segment stays')
    assert(by.baseOffset === segments[0]!.baseOffset, 'a replacement begins where the first of them did')
    const from = this.#list.indexOf(segments[0]!)
    this.#list = this.#list.toSpliced(from, segments.length, by)
  }

  /** Takes the `count` oldest out; at least the active one stays. */
  removeOldest(count: number): Segment[] {
    assert(count < this.#list.length, 'the active segment stays')
    const removed = this.#list.slice(0, count)
    this.#list = this.#list.slice(count)
    return removed
  }

  /** Takes out all that begin at or after `offset` but the oldest. */
  removeFrom(offset: number): Segment[] {
    let kept = this.#list.length
    while (kept > 1 && this.#list[kept - 1]!.baseOffset >= offset) kept--
    const removed = this.#list.slice(kept)
    this.#list = this.#list.slice(0, kept)
    return removed
  }

  /** Puts one segment in the place of all. @returns those that were there */
  replaceAll(segment: Segment): Segment[] {
    const removed = this.#list
    this.#list = [segment]
    return removed
  }
}
