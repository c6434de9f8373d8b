import * as batch from '../../protocol/records/batch.ts'
import { readMarker } from '../../protocol/records/control.ts'
import type { AbortedEntry } from '../transaction-index.ts'

/**
 * What compaction knows of transactions while it goes over a log from front to back: which batches were aborted, and
 * whether it has met any batch of the transaction that a marker ends. A marker may go only after all of its data has,
 * since readers would take aborted data without its marker for committed (Kafka's CleanedTransactionMetadata).
 */
export class CleanedTransactions {
  /** In the order of first offsets; those before `#next` were taken up. */
  #aborted: readonly AbortedEntry[] = []
  #next = 0
  readonly #ongoingAborted = new Map<number, { readonly transaction: AbortedEntry; hasBatches: boolean }>()
  readonly #ongoingCommitted = new Set<number>()
  #retained: AbortedEntry[] = []

  /** Tells all aborted transactions, in the order of their first offsets; before the first batch of the first of them. */
  set aborted(transactions: readonly AbortedEntry[]) {
    this.#aborted = transactions
    this.#next = 0
  }

  /** A batch of records was met. @returns true if it was aborted, so that its records may go */
  onBatch(buffer: Buffer, at: number): boolean {
    if (!batch.isTransactional(buffer, at)) return false
    this.#takeUp(batch.lastOffset(buffer, at))
    const producerId = batch.producerId(buffer, at)
    const aborted = this.#ongoingAborted.get(producerId)
    if (aborted === undefined) {
      this.#ongoingCommitted.add(producerId)
      return false
    }
    aborted.hasBatches = true
    return true
  }

  /** A control batch was met. @returns true if it is not needed for any batch that is still there */
  onControl(buffer: Buffer, at: number): boolean {
    this.#takeUp(batch.lastOffset(buffer, at))
    // Compaction took the marker out earlier, and kept the batch for its producer.
    if (batch.recordCount(buffer, at) === 0) return true
    const marker = readMarker(buffer, at)
    if (marker === undefined) return false
    if (marker.type === 'COMMIT') return !this.#ongoingCommitted.delete(marker.producerId)
    const aborted = this.#ongoingAborted.get(marker.producerId)
    this.#ongoingAborted.delete(marker.producerId)
    if (aborted === undefined || !aborted.hasBatches) return true
    this.#retained.push(aborted.transaction)
    return false
  }

  /** Aborted transactions whose markers were met since the last call and are still needed: for the new index. */
  takeRetained(): AbortedEntry[] {
    const retained = this.#retained
    this.#retained = []
    return retained
  }

  #takeUp(upTo: number): void {
    for (; this.#next < this.#aborted.length; this.#next++) {
      const transaction = this.#aborted[this.#next]!
      if (transaction.firstOffset > upTo) return
      const { producerId } = transaction
      if (!this.#ongoingAborted.has(producerId))
        this.#ongoingAborted.set(producerId, { transaction, hasBatches: false })
    }
  }
}
