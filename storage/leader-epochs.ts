import { assert } from '../protocol/assert.ts'

/**
 * At which offset each leader epoch began. A broker raises the epoch at each start, so followers and consumers can tell
 * where histories part (KIP-101, KIP-320). Kept in `leader-epoch-checkpoint` (checkpoints.ts); every batch carries its
 * epoch too, so the part above the recovery point can be rebuilt from the log.
 *
 * Invariant: epochs and start offsets both strictly rise from entry to entry. An epoch in which nothing was appended
 * therefore gives way to the next.
 */
export class LeaderEpochs {
  #entries: EpochEntry[] = []
  #dirty = false

  /** @param entries as they were saved; those that break the invariant make room for the ones after them */
  constructor(entries: readonly EpochEntry[] = []) {
    for (const { epoch, startOffset } of entries) this.assign(epoch, startOffset)
    this.#dirty = false
  }

  /** In rising order. */
  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** -1 if no epoch is known. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** Changed since the last `saved`. */
  get isDirty(): boolean {
    return this.#dirty
  }

  /** The entries as they are now are in the checkpoint, or will be, unless `notSaved` says otherwise. */
  saved(): void {
    this.#dirty = false
  }

  /** They could not be written after all. */
  notSaved(): void {
    this.#dirty = true
  }

  /**
   * From `startOffset` on, batches are of `epoch`. Entries of as high an epoch, or that begin as late, were never
   * written by anyone and go.
   * @returns whether anything changed: called per batch, it is cheap if the epoch is the latest
   */
  assign(epoch: number, startOffset: number): boolean {
    assert(epoch >= 0, 'a leader epoch is not negative')
    assert(startOffset >= 0, 'an epoch begins at an offset')
    const latest = this.#entries.at(-1)
    if (latest !== undefined && latest.epoch === epoch && latest.startOffset <= startOffset) return false
    while (this.#entries.length > 0) {
      const last = this.#entries.at(-1)!
      if (last.epoch < epoch && last.startOffset < startOffset) break
      this.#entries.pop()
    }
    this.#entries.push({ epoch, startOffset })
    this.#dirty = true
    return true
  }

  /**
   * Where `epoch` ended, as OffsetForLeaderEpoch answers it: the start of the next one, the log's end for the latest.
   * An epoch that the log skipped gives the next lower one and its end; one below all gives itself and the start of the
   * first; one above all, or -1, gives -1/-1.
   */
  endOffsetFor(epoch: number, logEndOffset: number): { epoch: number; endOffset: number } {
    if (epoch < 0) return { epoch: -1, endOffset: -1 }
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset }
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch)
    if (next < 0) return { epoch: -1, endOffset: -1 }
    return { epoch: this.#entries[next - 1]?.epoch ?? epoch, endOffset: this.#entries[next]!.startOffset }
  }

  /** Epoch of the batch at `offset`; -1 below the first entry. */
  epochAt(offset: number): number {
    return this.#entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1
  }

  /** The log now ends at `endOffset` (exclusive): later epochs never were. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset)
    if (kept.length === this.#entries.length) return
    this.#entries = kept
    this.#dirty = true
  }

  /** The log now begins at `startOffset`: the epoch in force there begins with it, older ones go. */
  truncateFromStart(startOffset: number): void {
    const inForce = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset)
    if (inForce < 0 || (inForce === 0 && this.#entries[0]!.startOffset === startOffset)) return
    this.#entries = [{ epoch: this.#entries[inForce]!.epoch, startOffset }, ...this.#entries.slice(inForce + 1)]
    this.#dirty = true
  }

  /** The log was replaced by an empty one. */
  clear(): void {
    this.#dirty ||= this.#entries.length > 0
    this.#entries = []
  }
}

export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: number
}
