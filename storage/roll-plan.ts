import * as batch from '../protocol/records/batch.ts'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

/**
 * The segment to which the next batch goes, as it will be when all that is staged is written. Decides when a new one
 * begins (LG-14), by Kafka's rules: size, age, index full, offset beyond 31 bits of its base.
 * Hot: per batch, two header reads and some sums; the same arithmetic as `Segment.appended`, ahead of it.
 */
export class RollPlan {
  readonly baseOffset: number
  /** Drawn when the segment is made, which may be after its first batches were staged. */
  rollJitterMs: number
  readonly #createdMs: number
  #sizeBytes: number
  #firstTimestamp: number
  #indexEntries: number
  #bytesSinceIndexEntry: number

  private constructor(baseOffset: number, createdMs: number, segment: Segment | undefined) {
    this.baseOffset = baseOffset
    this.#createdMs = createdMs
    this.rollJitterMs = segment?.rollJitterMs ?? 0
    this.#sizeBytes = segment?.sizeBytes ?? 0
    this.#firstTimestamp = segment?.firstTimestamp ?? -1
    this.#indexEntries = segment?.indexEntryCount ?? 0
    this.#bytesSinceIndexEntry = segment?.bytesSinceIndexEntry ?? 0
  }

  /** As a segment is, with nothing staged for it. */
  static of(segment: Segment): RollPlan {
    return new RollPlan(segment.baseOffset, segment.createdMs, segment)
  }

  /** A new segment that will begin at `baseOffset`. */
  static next(baseOffset: number, wallNow: number): RollPlan {
    return new RollPlan(baseOffset, wallNow, undefined)
  }

  /** Must this batch, which ends with `lastOffset`, begin a new segment? Never if this one is empty. */
  mustRoll(buffer: Buffer, lastOffset: number, config: LogConfig, wallNow: () => number): boolean {
    if (this.#sizeBytes === 0) return false
    if (this.#sizeBytes + buffer.length > config.segmentBytes) return true
    if (lastOffset - this.baseOffset > MAX_RELATIVE_OFFSET) return true
    if (this.#indexEntries >= Math.floor(config.segmentIndexBytes / TIME_INDEX_ENTRY_BYTES) - 1) return true
    const timestamp = batch.maxTimestamp(buffer)
    const hasTimes = this.#firstTimestamp >= 0 && timestamp >= 0
    const ageMs = hasTimes ? timestamp - this.#firstTimestamp : wallNow() - this.#createdMs
    return ageMs > config.segmentMs - this.rollJitterMs
  }

  /** The batch goes into this segment. */
  note(buffer: Buffer, indexIntervalBytes: number): void {
    if (this.#sizeBytes === 0) this.#firstTimestamp = batch.maxTimestamp(buffer)
    if (this.#bytesSinceIndexEntry > indexIntervalBytes) {
      this.#indexEntries++
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += buffer.length
    this.#sizeBytes += buffer.length
  }
}

const MAX_RELATIVE_OFFSET = 0x7fff_ffff
/** Time index entries are the larger ones, and one slot is kept back for the entry that closes the segment. */
const TIME_INDEX_ENTRY_BYTES = 12
