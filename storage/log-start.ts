import { toStorageError } from './errors.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { removeSegments } from './log-files.ts'
import { type LogHost, passesByItself } from './log-host.ts'
import { deletableSegments } from './retention.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import type { LogTail } from './tail-cache.ts'

/** What the start of a log shares with the log. */
export interface StartContext {
  readonly host: LogHost
  readonly config: LogConfig
  readonly segments: Segments
  readonly tail: LogTail
  readonly epochs: LeaderEpochs
  /** Settles when no compacted segment is halfway in its place: it may be one of those that go. */
  swapped(): Promise<void>
}

/** The end of a log at which it is deleted: where it begins, and the files that go when that moves up. */
export class LogStart {
  /** First offset that may be read. */
  offset: number
  readonly #log: StartContext
  /** A crash cannot move it back behind this. */
  #safeOffset: number
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(log: StartContext, offset: number) {
    this.#log = log
    this.offset = offset
    this.#safeOffset = offset
  }

  /**
   * Moves the start up; segments that lie wholly below it go.
   * @returns true when a crash cannot move it back any more, false if that could not be brought about
   */
  moveTo(offset: number): Promise<boolean> {
    const { segments, tail } = this.#log
    this.offset = offset
    tail.dropBefore(offset)
    return this.track(this.#remove(segments.removeOldest(segments.indexFor(offset))))
  }

  /** Makes sure that a crash cannot move the start back behind `offset`, at which it was once. @returns false if that failed */
  async ensure(offset: number): Promise<boolean> {
    return offset <= this.#safeOffset || this.track(this.#checkpoint())
  }

  /**
   * How many of the oldest segments retention lets go now. If that is all of them, a new one must be begun first.
   * @param logEndOffset where the active segment ends
   */
  deletable(wallNow: number, highWatermark: number, logEndOffset: number): number {
    const { segments, config } = this.#log
    const aging = segments.all.map((segment, index) => ({
      sizeBytes: segment.sizeBytes,
      endOffset: segments.endOffsetOf(index, logEndOffset),
      largestTimestamp: () => segment.ageTimestamp,
    }))
    return deletableSegments(aging, config, wallNow, highWatermark, this.offset)
  }

  /** Waits until no file is being renamed any more: before the folder is given free. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** The start is on the disk before the files go: a crash in between must not bring half of them back. */
  async #remove(removed: readonly Segment[]): Promise<boolean> {
    const { host, config } = this.#log
    for (const segment of removed) segment.isRemoved = true
    // A full disk is no reason to keep them: that is how it gets space again.
    const isSafe = await this.#checkpoint()
    await this.#log.swapped()
    if (host.offline !== undefined) return false
    try {
      if (isSafe) removeSegments(host, removed, config.fileDeleteDelayMs)
      else await this.#removeOneByOne(removed)
    } catch (error) {
      // They lie below the start, so the next start of the broker takes them away.
      const failure = toStorageError(error, 'remove', removed[0]?.folder ?? '')
      if (failure.code === 'NOT_FOUND') return isSafe
      if (passesByItself(failure)) host.logger.warn({ err: failure }, 'segments could not be removed yet')
      else host.fail(failure)
    }
    return isSafe
  }

  /** While the disk does not say where the log begins, its files do: so they must not go in another order. */
  async #removeOneByOne(removed: readonly Segment[]): Promise<void> {
    const { host, config } = this.#log
    for (const segment of removed) {
      removeSegments(host, [segment], config.fileDeleteDelayMs)
      await host.fileSystem.syncFolder(segment.folder)
    }
  }

  async #checkpoint(): Promise<boolean> {
    const { offset } = this
    if (!(await this.#log.host.checkpointSoon())) return false
    this.#safeOffset = Math.max(this.#safeOffset, offset)
    // Not before: a crash could bring back records whose epochs nobody knows any more.
    this.#log.epochs.truncateFromStart(this.#safeOffset)
    return true
  }

  /** Makes `idle` wait for work on the folder's files. */
  track<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
    return tracked
  }
}
