/**
 * Which transactions of a partition are open, and which ended so recently that readers cannot know yet.
 * A transaction is known by the offset of its first batch; first offsets rise in the order in which they begin, so the
 * oldest is the first of the map.
 */
export class OngoingTransactions {
  /** First offset -> producer id, rising. */
  readonly #open = new Map<number, number>()
  /** In order of their markers. Those below the high watermark are dropped when it is next asked about. */
  #completed: CompletedTransaction[] = []

  get oldestOpen(): number | undefined {
    return this.#open.keys().next().value
  }

  begin(producerId: number, firstOffset: number): void {
    this.#open.set(firstOffset, producerId)
  }

  complete(transaction: CompletedTransaction): void {
    this.#open.delete(transaction.firstOffset)
    this.#completed.push(transaction)
  }

  firstUnstableOffset(highWatermark: number): number | undefined {
    const { oldestOpen } = this
    if (this.#completed.length === 0) return oldestOpen
    // Durable markers are those whose own offset lies below the high watermark.
    this.#completed = this.#completed.filter(({ lastOffset }) => lastOffset >= highWatermark)
    const oldest = this.#completed.reduce(
      (least, { firstOffset }) => Math.min(least, firstOffset),
      oldestOpen ?? Infinity,
    )
    return oldest === Infinity ? undefined : oldest
  }

  lastStableOffsetAfter(completed: CompletedTransaction): number {
    for (const firstOffset of this.#open.keys()) {
      if (firstOffset !== completed.firstOffset) return firstOffset
    }
    return completed.lastOffset + 1
  }

  /** Forgets what happened from `offset` on. @param entries the producers as they are again */
  rollBackTo(offset: number, entries: Iterable<OpenTransaction>): void {
    this.#completed = this.#completed.filter(({ lastOffset }) => lastOffset < offset)
    this.#reopen(entries)
  }

  restore(entries: Iterable<OpenTransaction>): void {
    this.#completed = []
    this.#reopen(entries)
  }

  #reopen(entries: Iterable<OpenTransaction>): void {
    this.#open.clear()
    const open = [...entries].filter(({ currentTxnFirstOffset }) => currentTxnFirstOffset >= 0)
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)
    for (const { producerId, currentTxnFirstOffset } of open) this.#open.set(currentTxnFirstOffset, producerId)
  }
}

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker. */
  readonly lastOffset: number
  readonly isAborted: boolean
}

interface OpenTransaction {
  readonly producerId: number
  /** -1: none is open. */
  readonly currentTxnFirstOffset: number
}
