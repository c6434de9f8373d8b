import * as batch from '../../protocol/records/batch.ts'
import { openRecords, type RecordCursor } from '../../protocol/records/record.ts'
import { emptyBatch, KeptRecords, rebuildBatch } from './batch-rewrite.ts'
import type { CleanedTransactions } from './cleaned-transactions.ts'
import type { LastOfProducer } from './job.ts'
import type { OffsetMap } from './offset-map.ts'

export interface FilterOptions {
  readonly map: OffsetMap
  /** Last offset that the map has seen: what lies above is kept as it is. */
  readonly latestOffset: number
  readonly transactions: CleanedTransactions
  readonly producers: readonly LastOfProducer[]
  /** First offset that this round does not clean. */
  readonly upperBoundOffset: number
  /** Wall clock of the round. */
  readonly nowMs: number
  readonly deleteRetentionMs: number
  readonly maxDecompressedBytes: number
}

/** What becomes of a batch: it stays as it is, it goes, or other bytes take its place. */
export type Verdict = 'keep' | 'drop' | Buffer

/**
 * Decides which records of a batch stay, by Kafka's rules (Cleaner, MemoryRecords.filterTo):
 *
 * - A record stays if no newer one with its key is known. Order, offsets and timestamps stay, so gaps appear (LG-5).
 * - A tombstone stays until the delete horizon of its batch, which is set when it is first cleaned: that time, plus
 *   `delete.retention.ms`. The horizon takes the place of the base timestamp in the batch (KIP-534, LG-7).
 * - Aborted records go at once. A marker goes when its transaction has no batch left and its horizon has passed (LG-8).
 * - A batch without records goes, too, unless it holds the last sequence (or epoch) of a producer that is still
 *   remembered, or is the last of the round: then its header stays, alone (LG-9).
 *
 * Hot path of compaction: per record one parse, one hash, one look-up. A batch that stays whole is not copied here.
 */
export class BatchFilter {
  recordsRead = 0
  recordsKept = 0
  recordsWithoutKey = 0
  readonly #options: FilterOptions
  readonly #producers: ReadonlyMap<number, LastOfProducer>
  readonly #kept = new KeptRecords()

  constructor(options: FilterOptions) {
    this.#options = options
    this.#producers = new Map(options.producers.map((producer) => [producer.producerId, producer]))
  }

  /**
   * Judges the next batch of the log; they must come in order, since transactions go over many.
   * @throws {RecordsError} the records cannot be read
   */
  judge(buffer: Buffer, at: number, size: number): Verdict {
    const { transactions, nowMs, deleteRetentionMs, maxDecompressedBytes } = this.#options
    const isControl = batch.isControl(buffer, at)
    const isNotNeeded = isControl ? transactions.onControl(buffer, at) : transactions.onBatch(buffer, at)
    const horizonMs = batch.hasDeleteHorizon(buffer, at) ? batch.baseTimestamp(buffer, at) : undefined
    const discards = isNotNeeded && (!isControl || (horizonMs !== undefined && horizonMs <= nowMs))
    const mustStay = this.#mustStay(buffer, at)
    this.recordsRead += batch.recordCount(buffer, at)
    if (discards) return mustStay ? emptyBatch(buffer, at) : 'drop'

    const whole = buffer.subarray(at, at + size)
    const cursor = openRecords(whole, 0, Math.max(maxDecompressedBytes, size * LEGAL_RATIO))
    const kept = this.#kept
    kept.clear()
    let hasTombstones = false
    let all = true
    while (cursor.next()) {
      if (isControl || this.#stays(cursor, horizonMs)) {
        kept.add(cursor)
        if (cursor.valueLength < 0) hasTombstones = true
      } else all = false
    }
    if (kept.count === 0) return mustStay ? emptyBatch(buffer, at) : 'drop'
    this.recordsKept += kept.count
    const needsHorizon = horizonMs === undefined && (hasTombstones || (isNotNeeded && isControl))
    if (all && !needsHorizon) return 'keep'
    const newHorizonMs = needsHorizon ? Math.min(nowMs + deleteRetentionMs, Number.MAX_SAFE_INTEGER) : horizonMs
    return rebuildBatch(whole, cursor.data, kept, newHorizonMs)
  }

  #stays(cursor: RecordCursor, horizonMs: number | undefined): boolean {
    const { map, latestOffset, nowMs } = this.#options
    const { offset } = cursor
    if (offset > latestOffset) return true
    if (cursor.keyLength < 0) {
      this.recordsWithoutKey++
      return false
    }
    if (offset < map.get(cursor.data, cursor.keyAt, cursor.keyAt + cursor.keyLength)) return false
    return cursor.valueLength >= 0 || horizonMs === undefined || nowMs < horizonMs
  }

  /** Is more than its records lost with this batch? */
  #mustStay(buffer: Buffer, at: number): boolean {
    // Else the log would seem to end earlier when it is next read without its successor.
    if (batch.nextOffset(buffer, at) === this.#options.upperBoundOffset) return true
    const producerId = batch.producerId(buffer, at)
    if (producerId < 0) return false
    const last = this.#producers.get(producerId)
    if (last === undefined) return false
    if (last.lastDataOffset >= 0) return batch.lastOffset(buffer, at) === last.lastDataOffset
    // Of this producer only markers are known: the newest one's epoch fences those who are older.
    return batch.isControl(buffer, at) && batch.producerEpoch(buffer, at) === last.producerEpoch
  }
}

/** What `max.message.bytes` allowed when the batch came may have been more than it allows now. */
export const LEGAL_RATIO = 16
