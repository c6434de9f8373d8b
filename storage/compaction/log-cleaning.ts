import { maxDecompressedBytes } from '../../protocol/records/compression.ts'
import { StorageError, toStorageError } from '../errors.ts'
import { LeaderEpochs } from '../leader-epochs.ts'
import type { LogConfig } from '../log-config.ts'
import { type LogHost, passesByItself } from '../log-host.ts'
import type { ProducerState } from '../producer-state.ts'
import { Segment } from '../segment.ts'
import { scanSegment } from '../segment-scan.ts'
import type { Segments } from '../segments.ts'
import type { LogTail } from '../tail-cache.ts'
import { type DirtyRange, dirtyRangeOf, groupSegments } from './cleanable.ts'
import type { CleanedFiles, CompactionJob, CompactionLimits, Compactor, KeysFound } from './job.ts'
import { completeSwap, prepareSwap, removeCleaned, replaceSegments, unlinkLater } from './swap.ts'

/** What compaction shares with the log. */
export interface CleaningContext {
  readonly host: LogHost
  /** Name of the folder, for the checkpoint, and its path. */
  readonly name: string
  readonly folder: string
  readonly config: LogConfig
  readonly segments: Segments
  readonly tail: LogTail
  readonly producers: ProducerState
  readonly isClosed: boolean
  readonly logStartOffset: number
  /** All below was handed to the operating system. */
  readonly writtenOffset: number
  /** All below is durable, and no transaction is open in it. */
  readonly lastStableOffset: number
  /** Makes `close` wait for work on the folder's files. */
  track(work: Promise<void>): Promise<void>
}

/** What a round over a log did. */
export interface CleaningReport {
  readonly keys: number
  /** Share of the key map that was in use. */
  readonly mapUtilization: number
  /** In both passes. */
  readonly bytesRead: number
  readonly bytesWritten: number
  /** In the second pass. */
  readonly recordsRead: number
  readonly recordsKept: number
  readonly recordsWithoutKey: number
  readonly segmentsBefore: number
  readonly segmentsAfter: number
  /** The log is clean up to here. Less than the round was meant for if the key map was too small for all of it (LG-10). */
  readonly endOffset: number
}

/**
 * The compaction of one log, as far as it is done on the main thread: which part is due, which segments become one, and
 * putting them in place. Reading, comparing and writing is the compactor's.
 */
export class LogCleaning {
  /** Why this log is left alone until the next start, as Kafka does with an "uncleanable" partition. */
  problem: StorageError | Error | undefined
  readonly #log: CleaningContext
  /** Settles when a cleaned segment is in place; files must not be removed or renamed by others until then. */
  #swapping: Promise<void> | undefined
  /** In use under its `.swap` name, because the last step had to wait for descriptors. */
  #unnamed: Unnamed | undefined
  #compactor: Compactor | undefined

  constructor(log: CleaningContext) {
    this.#log = log
  }

  get isUnderWay(): boolean {
    return this.#compactor !== undefined
  }

  get isSwapping(): boolean {
    return this.#swapping !== undefined
  }

  /** Settles when no cleaned segment is halfway in place. */
  async settled(): Promise<void> {
    while (this.#swapping !== undefined) await this.#swapping
  }

  /** Breaks a round off; what it has put in place stays. */
  async stop(): Promise<void> {
    await this.#compactor?.end()
    await this.settled()
  }

  /** What the next round would clean. @param wallNow ms since the epoch */
  dirtyRange(wallNow: number): DirtyRange {
    const { host, name, segments, config, logStartOffset, writtenOffset, lastStableOffset } = this.#log
    const view = {
      segments: segments.all.map((segment) => ({
        baseOffset: segment.baseOffset,
        sizeBytes: segment.sizeBytes,
        firstTimestamp: () => segment.firstTimestamp,
        largestTimestamp: () => segment.ageTimestamp,
      })),
      logStartOffset,
      logEndOffset: writtenOffset,
      lastStableOffset,
    }
    const range = dirtyRangeOf(view, config, host.cleanedTo.of(name), wallNow)
    if (range.checkpointWasInvalid) void host.cleanedTo.set(name, range.firstDirtyOffset)
    return range
  }

  /**
   * Cleans `range`, as far as the key map reaches.
   * @returns undefined if it was broken off, because the log was closed, cut or deleted meanwhile
   * @throws {StorageError} NO_SPACE, TOO_MANY_FILES: try again later. Everything else is in `problem` as well.
   */
  async clean(
    range: DirtyRange,
    compactor: Compactor,
    limits: CompactionLimits,
    wallNow: number,
  ): Promise<CleaningReport | undefined> {
    this.#compactor = compactor
    const sources = [...this.#log.segments.all]
    /** Those that are to be read yet. */
    let rest: readonly Segment[] = sources
    let writing: number | undefined
    try {
      if (!(await this.#nameUnnamed())) return undefined
      this.#refuseDamaged(sources, range.upperBoundOffset)
      const keys = await compactor.begin(this.#jobOf(sources, range, limits, wallNow))
      const upTo = sources.filter(({ baseOffset }) => baseOffset < keys.endOffset)
      const groups = groupSegments(upTo.map(groupable), this.#log.config, range.upperBoundOffset)
      const cleaned: CleanedFiles[] = []
      for (const group of groups) {
        const old = sources.slice(group.from, group.to)
        this.#refuseWithoutRoom(old)
        writing = old[0]!.baseOffset
        const files = await compactor.rewrite(group)
        const segment = await this.#prepare(files, old, sources[group.to]!.baseOffset)
        if (segment === undefined) return undefined
        // From here on these files are the log.
        writing = undefined
        if (!(await this.#replace(old, segment))) return undefined
        rest = sources.slice(group.to)
        this.#log.tail.dropBefore(rest[0]!.baseOffset)
        cleaned.push(files)
      }
      await this.#log.host.cleanedTo.set(this.#log.name, keys.endOffset)
      return reportOf(keys, cleaned, upTo.length)
    } catch (error) {
      if (!this.#isFault(error, rest)) return undefined
      throw error
    } finally {
      await compactor.end()
      this.#compactor = undefined
      if (writing !== undefined) await this.#removeCleaned(writing)
    }
  }

  #jobOf(sources: readonly Segment[], range: DirtyRange, limits: CompactionLimits, nowMs: number): CompactionJob {
    const { host, config, producers, segments } = this.#log
    const { firstDirtyOffset, upperBoundOffset } = range
    const dirtySource = segments.indexFor(firstDirtyOffset)
    return {
      sources: sources.map(({ baseOffset, sizeBytes, file }) => ({ baseOffset, sizeBytes, path: file.path })),
      firstDirtyOffset,
      dirtySource,
      dirtyPosition: sources[dirtySource]!.positionBefore(firstDirtyOffset),
      upperBoundOffset,
      producers: [...producers.entries()].map(({ producerId, producerEpoch, batches }) => ({
        producerId,
        producerEpoch,
        lastDataOffset: batches.at(-1)?.lastOffset ?? -1,
      })),
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      indexIntervalBytes: config.indexIntervalBytes,
      segmentIndexBytes: config.segmentIndexBytes,
      maxDecompressedBytes: maxDecompressedBytes(config.maxMessageBytes),
      hashKey: Buffer.from(host.random.uuid(), 'base64url'),
      limits,
    }
  }

  /** What is damaged is never thrown away, so what it lies between cannot be rewritten. */
  #refuseDamaged(sources: readonly Segment[], upperBoundOffset: number): void {
    const damaged = sources.find(({ baseOffset, damaged }) => baseOffset < upperBoundOffset && damaged.length > 0)
    if (damaged === undefined) return
    const { path } = damaged.file
    throw new StorageError('CORRUPT', path, `${path} is damaged, so its log cannot be compacted`)
  }

  /** The new files may be as large as the old ones, which go after a while only; and commits must not wait for that. */
  #refuseWithoutRoom(old: readonly Segment[]): void {
    const { host, folder } = this.#log
    const bytes = old.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    if (host.space.leavesRoom(bytes)) return
    throw new StorageError('NO_SPACE', folder, `there is no room to compact ${bytes} bytes of ${folder}`)
  }

  /** @returns undefined if the log has other segments by now, or is no log any more */
  async #prepare(files: CleanedFiles, old: readonly Segment[], endOffset: number): Promise<Segment | undefined> {
    const { host, segments } = this.#log
    const cleaned = await this.#open(files, endOffset)
    let isReady = false
    try {
      await prepareSwap(this.#log, cleaned)
      isReady = !this.#log.isClosed && host.offline === undefined && segments.hasInARow(old)
      return isReady ? cleaned : undefined
    } finally {
      if (!isReady) cleaned.drop()
    }
  }

  /** @returns whether the round may go on */
  async #replace(old: readonly Segment[], cleaned: Segment): Promise<boolean> {
    const { host, folder } = this.#log
    try {
      const removed = replaceSegments(this.#log, cleaned, old)
      this.#unnamed = { segment: cleaned, removed }
    } catch (error) {
      host.fail(toStorageError(error, 'replace segments in', folder))
      return false
    }
    return (await this.#nameUnnamed()) && this.#log.config.compacts
  }

  /** Gives the newest cleaned segment its name. @returns false if that must wait, for descriptors or for ever */
  async #nameUnnamed(): Promise<boolean> {
    if (this.#unnamed !== undefined) {
      this.#swapping = this.#log.track(this.#name(this.#unnamed)).finally(() => {
        this.#swapping = undefined
      })
      await this.#swapping
    }
    return this.#unnamed === undefined && !this.#log.isClosed && this.#log.host.offline === undefined
  }

  async #name({ segment, removed }: Unnamed): Promise<void> {
    const { host, folder, config } = this.#log
    if (host.offline !== undefined) return
    try {
      await completeSwap(this.#log, segment)
      this.#unnamed = undefined
      unlinkLater(host, removed, config.fileDeleteDelayMs)
    } catch (error) {
      const failure = toStorageError(error, 'rename segments in', folder)
      // The folder of a deleted log was renamed meanwhile.
      if (this.#log.isClosed) this.#unnamed = undefined
      else if (!passesByItself(failure)) host.fail(failure)
      else host.logger.warn({ err: failure }, 'a compacted segment keeps its provisional name for now')
    }
  }

  async #open({ baseOffset, sizeBytes }: CleanedFiles, endOffset: number): Promise<Segment> {
    const { host, folder, config } = this.#log
    const options = { host, folder, baseOffset, config, state: '.cleaned' as const }
    const { segment, indexesTrusted } = Segment.open(options, sizeBytes, endOffset)
    if (!indexesTrusted) {
      // Records without timestamps leave a time index empty, which looks as if it had been cut.
      const epochs = new LeaderEpochs()
      const scan = { host, config, epochs, fileBytes: sizeBytes, nextBaseOffset: endOffset, isFollowed: true }
      await scanSegment(segment, { ...scan, recoveryPoint: 0 })
      segment.seal()
      segment.syncedBytes = segment.sizeBytes
      await segment.sync(segment.sizeBytes)
    }
    segment.verified.add(0, sizeBytes)
    return segment
  }

  async #removeCleaned(baseOffset: number): Promise<void> {
    if (this.#log.isClosed && this.#log.host.fileSystem.stat(this.#log.folder) === undefined) return
    try {
      await removeCleaned(this.#log, baseOffset)
    } catch (error) {
      const { host, folder } = this.#log
      host.logger.warn(
        { folder, err: toStorageError(error, 'remove files in', folder) },
        'what compaction left will be removed at the next start',
      )
    }
  }

  /**
   * Judges a failure.
   * @param rest segments that were still to be read
   * @returns false if nothing is wrong: the log was closed, or its files went before they were read
   */
  #isFault(error: unknown, rest: readonly Segment[]): boolean {
    const { host, isClosed } = this.#log
    if (isClosed || host.offline !== undefined) return false
    if (!(error instanceof StorageError)) {
      this.problem = error instanceof Error ? error : new Error(String(error))
      return true
    }
    if (passesByItself(error)) return true
    if (error.code === 'CLOSED') return false
    if (error.code === 'NOT_FOUND' && rest.some(({ isRemoved }) => isRemoved)) return false
    // What fails when it is written or synced ends the directory's session, as everywhere (D6).
    if (error.path.endsWith('.cleaned') || error.path === this.#log.folder) host.fail(error)
    else this.problem = error
    return true
  }
}

/** A cleaned segment that the log reads already, and the files that it has replaced. */
interface Unnamed {
  readonly segment: Segment
  readonly removed: readonly string[]
}

function groupable(segment: Segment) {
  const { baseOffset, sizeBytes, indexSizes } = segment
  return { baseOffset, sizeBytes, ...indexSizes }
}

function reportOf(keys: KeysFound, cleaned: readonly CleanedFiles[], segmentsBefore: number): CleaningReport {
  const sum = (of: (files: CleanedFiles) => number) => cleaned.reduce((total, files) => total + of(files), 0)
  return {
    keys: keys.keys,
    mapUtilization: keys.utilization,
    bytesRead: keys.bytesRead + sum(({ bytesRead }) => bytesRead),
    bytesWritten: sum(({ sizeBytes }) => sizeBytes),
    recordsRead: sum(({ recordsRead }) => recordsRead),
    recordsKept: sum(({ recordsKept }) => recordsKept),
    recordsWithoutKey: sum(({ recordsWithoutKey }) => recordsWithoutKey),
    segmentsBefore,
    segmentsAfter: cleaned.length,
    endOffset: keys.endOffset,
  }
}
