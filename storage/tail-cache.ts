/**
 * The newest batches of all logs, kept in memory (hot: one object a batch, no copy, no bytes looked at but headers).
 *
 * Per append: one entry at the end of two queues, that of its log and that of the process. Over budget, the entry that is
 * the oldest in the whole process goes, whichever log it belongs to. An entry's buffer is usually a view on the frame that
 * it came in, and so keeps the frame alive; but what came in one frame was appended in one turn and stands together in the
 * process' queue, so counting the bytes of the views is right to within one frame.
 */
export class TailCache {
  /** Bytes that may be held, bookkeeping included. May be changed at any time; takes effect with the next append. */
  budgetBytes: number
  #heldBytes = 0
  #oldest: Entry | undefined
  #newest: Entry | undefined

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @internal for LogTail alone */
  hold(entry: Entry): void {
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
    this.#heldBytes += entry.buffer.length + ENTRY_OVERHEAD_BYTES
    while (this.#heldBytes > this.budgetBytes && this.#oldest !== undefined) {
      const evicted = this.#oldest
      this.#oldest = evicted.newer
      if (this.#oldest === undefined) this.#newest = undefined
      evicted.tail?.dropOldest(evicted)
    }
  }

  /** @internal for LogTail alone: the entry stays in the process' queue, empty, until its turn comes. */
  release(entry: Entry): void {
    this.#heldBytes -= entry.buffer.length + ENTRY_OVERHEAD_BYTES
    entry.tail = undefined
    entry.buffer = NOTHING
  }
}

/** A batch in memory. `tail` is undefined once it was dropped. */
interface Entry {
  tail: LogTail | undefined
  readonly baseOffset: number
  readonly nextOffset: number
  buffer: Buffer
  newer: Entry | undefined
}

/** Buffer object, entry and queue slots of one batch, roughly. */
const ENTRY_OVERHEAD_BYTES = 256

const NOTHING = Buffer.alloc(0)

/** What of one log is in memory: a run of whole batches up to its newest written one. */
export class LogTail {
  readonly #cache: TailCache
  /** Rising offsets; entries before #head are gone and are cut off now and then. */
  #entries: Entry[] = []
  #head = 0

  constructor(cache: TailCache) {
    this.#cache = cache
  }

  /** The newest batch, just written; its offsets follow those of the one before (gaps are legal). */
  push(baseOffset: number, nextOffset: number, buffer: Buffer): void {
    const entry: Entry = { tail: this, baseOffset, nextOffset, buffer, newer: undefined }
    this.#entries.push(entry)
    this.#cache.hold(entry)
  }

  /**
   * Whole batches from the one that holds `from` (or the next one, in a gap), none that ends beyond `upTo`.
   * @returns false if the batch is older than what is in memory: read the file.
   */
  collect(from: number, maxBytes: number, upTo: number, atLeastOne: boolean, into: Buffer[]): boolean {
    const entries = this.#entries
    if (this.#head === entries.length || from < entries[this.#head]!.baseOffset) return false
    let low = this.#head
    let high = entries.length - 1
    // The last entry that begins at or before `from`.
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (entries[middle]!.baseOffset <= from) low = middle
      else high = middle - 1
    }
    if (entries[low]!.nextOffset <= from) low++
    let left = maxBytes
    for (let i = low; i < entries.length; i++) {
      const entry = entries[i]!
      if (entry.nextOffset > upTo) break
      left -= entry.buffer.length
      if (left < 0 && !(atLeastOne && i === low)) break
      into.push(entry.buffer)
    }
    return true
  }

  /** @internal for TailCache: the process' oldest entry is always its log's oldest, too. */
  dropOldest(entry: Entry): void {
    this.#cache.release(entry)
    this.#head++
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }

  /** Forgets batches that end at or before `offset`: they were deleted. */
  dropBefore(offset: number): void {
    while (this.#head < this.#entries.length && this.#entries[this.#head]!.nextOffset <= offset) {
      this.dropOldest(this.#entries[this.#head]!)
    }
  }

  /** Forgets batches that end after `offset`: they were cut off. */
  dropFrom(offset: number): void {
    while (this.#entries.length > this.#head && this.#entries.at(-1)!.nextOffset > offset) {
      this.#cache.release(this.#entries.pop()!)
    }
  }
}
