import { OffsetOutOfRange, StorageError } from './errors.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import type { Lookup } from './log-lookup.ts'
import { readSegment } from './log-read.ts'
import type { Segments } from './segments.ts'

/** What reading files shares with the log. */
export interface ReaderContext {
  readonly host: LogHost
  readonly name: string
  readonly folder: string
  readonly config: LogConfig
  readonly segments: Segments
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly writtenOffset: number
  readonly isClosed: boolean
  /** How often the log was cut so far. */
  readonly cuts: number
}

/**
 * Reads what is not in memory any more. While a read waits for the disk, retention may remove the segment, and compaction
 * put another in its place: what was begun ends on the old file, and what comes after looks at the segments anew.
 */
export class LogReader {
  readonly #log: ReaderContext

  constructor(log: ReaderContext) {
    this.#log = log
  }

  /**
   * Whole batches from the one that holds `from`, or from the next one, as one buffer.
   * @returns undefined if there is nothing yet; 'changed' if that can only be told by reading again
   */
  async read(
    from: number,
    maxBytes: number,
    upTo: number,
    atLeastOne: boolean,
  ): Promise<Buffer | 'changed' | undefined> {
    const log = this.#log
    const { segments, cuts } = log
    const expectsGaps = this.#expectsGaps
    for (let index = segments.indexFor(from); index < segments.all.length; index++) {
      const segment = segments.all[index]!
      const endOffset = segments.endOffsetOf(index, log.writtenOffset)
      const request = { from, maxBytes, upTo, atLeastOne, endOffset, expectsGaps }
      let read: Buffer | undefined
      try {
        read = await readSegment(segment, request)
      } catch (error) {
        if (from < log.logStartOffset) throw new OffsetOutOfRange(from, log.logStartOffset, log.logEndOffset)
        if (!segment.isRemoved || log.isClosed) throw error
        return 'changed'
      }
      if (log.isClosed) throw new StorageError('CLOSED', log.folder, `${log.name} was closed`)
      if (from < log.logStartOffset || cuts !== log.cuts) return 'changed'
      if (read !== undefined) return read.length === 0 ? undefined : read
      if (segment.isRemoved) return 'changed'
      // Older segments may have gone while we read: go on after this one.
      index = segments.indexFor(segment.baseOffset)
    }
    return undefined
  }

  /** Looks for something in the segments as they are now; once more if one of them is gone before it is found. */
  async look<T>(upTo: number, find: (lookup: Lookup) => Promise<T>): Promise<T> {
    const log = this.#log
    for (;;) {
      const segments = log.segments.asTheyAre()
      try {
        return await find({
          segments,
          logStartOffset: log.logStartOffset,
          logEndOffset: log.writtenOffset,
          upTo: Math.min(upTo, log.writtenOffset),
          expectsGaps: this.#expectsGaps,
        })
      } catch (error) {
        if (log.isClosed || !segments.all.some(({ isRemoved }) => isRemoved)) throw error
      }
    }
  }

  /** A log that was compacted once has gaps, whatever its policy is now. */
  get #expectsGaps(): boolean {
    const { config, host, name } = this.#log
    return config.compacts || host.cleanedTo.of(name) !== undefined
  }
}
