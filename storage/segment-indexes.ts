import * as batch from '../protocol/records/batch.ts'
import { plausibleBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import { isStorageError, StorageError, toStorageError } from './errors.ts'
import { type SegmentFileState, type SegmentSuffix, segmentFileName } from './file-names.ts'
import { IndexAudit } from './index-audit.ts'
import type { LogConfig } from './log-config.ts'
import { type LogHost, passesByItself } from './log-host.ts'
import { OffsetIndex } from './offset-index.ts'
import type { PooledFile } from './open-files.ts'
import { TimeIndex, type TimestampOffset } from './time-index.ts'

/** The log file that is indexed. */
export interface IndexedFile {
  readonly file: PooledFile
  /** Whole batches in it. */
  readonly sizeBytes: number
}

export interface SegmentOptions {
  readonly host: LogHost
  readonly folder: string
  readonly baseOffset: number
  readonly config: LogConfig
  /** What its files are called while compaction has not put them in place yet. */
  readonly state?: SegmentFileState
}

/**
 * The two indexes of a segment, and the newest timestamp. They only save time: whatever is missing, damaged or cannot be
 * true is built anew from the batches' headers, at once (a gigabyte takes about half a second, once). They have no
 * checksums, so what an entry says is compared with the batch that it leads to, whenever something hangs on it.
 * Hot: `appended`, once a batch: two header reads, and an entry every `index.interval.bytes`.
 */
export class SegmentIndexes {
  #options: SegmentOptions
  readonly #log: IndexedFile
  #offset: OffsetIndex
  #time: TimeIndex
  #bytesSinceEntry = 0
  /** Largest timestamp; undefined until it is read from the time index, -1 for none. */
  #maxTimestamp: number | undefined
  /** Last offset of the first batch that has it. */
  #maxTimestampOffset: number
  /** Sealed, and maybe not on the disk; from then on nobody rebuilds them, so they must be. */
  #isUnsynced = false
  /** The files are of another time, and stay as they are until both are replaced as a whole. */
  #isRebuilt = false
  /** Handed to the page cache, and maybe not on the disk. Of an active segment that is as it should be. */
  #isDirty = false

  private constructor(options: SegmentOptions, log: IndexedFile, opened: Pair | undefined) {
    const { offset, time } = opened ?? emptyPair(options)
    this.#options = options
    this.#log = log
    this.#offset = offset
    this.#time = time
    this.#maxTimestamp = opened === undefined ? -1 : undefined
    this.#maxTimestampOffset = options.baseOffset
  }

  /** Without entries; the files are replaced when they are next saved. */
  static empty(options: SegmentOptions, log: IndexedFile): SegmentIndexes {
    return new SegmentIndexes(options, log, undefined)
  }

  /** As `empty`, for a segment that is there already: the next start may believe its files, so no half of them is ever seen. */
  static rebuilt(options: SegmentOptions, log: IndexedFile): SegmentIndexes {
    const indexes = new SegmentIndexes(options, log, undefined)
    indexes.#isRebuilt = true
    return indexes
  }

  /**
   * As they are on disk; only their last entries are looked at.
   * @param sizeBytes of the log file
   * @param endOffset the first offset that is surely not in the segment
   * @returns undefined if a file is missing or cannot be true
   */
  static open(options: SegmentOptions, log: IndexedFile, sizeBytes: number, endOffset: number) {
    const opened = openPair(options, sizeBytes, endOffset)
    return opened === undefined ? undefined : new SegmentIndexes(options, log, opened)
  }

  get entryCount(): number {
    return this.#offset.entryCount
  }

  get sizes(): { offsetIndexBytes: number; timeIndexBytes: number } {
    return {
      offsetIndexBytes: this.#offset.entryCount * OFFSET_ENTRY_BYTES,
      timeIndexBytes: this.#time.entryCount * TIME_ENTRY_BYTES,
    }
  }

  get bytesSinceEntry(): number {
    return this.#bytesSinceEntry
  }

  get isUnsynced(): boolean {
    return this.#isUnsynced
  }

  /** A batch is being added at `position`, the end of the segment. */
  appended(buffer: Buffer, at: number, size: number, position: number, intervalBytes: number): void {
    const timestamp = batch.maxTimestamp(buffer, at)
    if (timestamp > this.maxTimestamp) {
      this.#maxTimestamp = timestamp
      this.#maxTimestampOffset = batch.lastOffset(buffer, at)
    }
    // As in Kafka: never for the first batch, and before this batch's own bytes are counted.
    if (this.#bytesSinceEntry > intervalBytes) {
      this.#addEntry(batch.lastOffset(buffer, at), position)
      this.#bytesSinceEntry = 0
    }
    this.#bytesSinceEntry += size
  }

  /** Where the batch that holds `offset` is to be looked for. If the batch there begins above `offset`, the entry lies. */
  hintFor(offset: number): number {
    return this.#sound(() => this.#offset.lookup(offset))
  }

  /** Where to begin to look for the batch that holds `offset`: the position of a batch at or before it. Reads its header. */
  positionBefore(offset: number): number {
    return this.#sound(() => {
      const position = this.#offset.lookup(offset)
      const header = this.#headerAt(position)
      // Whoever reads from there will find out what else is wrong with the batch.
      if (position === 0 || (header !== undefined && batch.baseOffset(header) <= offset)) return position
      throw this.#lie(this.#offset.path, `position ${position} does not lead to offset ${offset}`)
    })
  }

  /**
   * The largest timestamp noted below `timestamp`, and where: records that are as new as `timestamp` come after it. The
   * batch at that offset must have that timestamp as its largest, else the entry lies; (-1, base offset) needs no proof.
   */
  timeBefore(timestamp: number): TimestampOffset {
    return this.#sound(() => this.#time.lookup(timestamp - 1))
  }

  /** For who walks all batches of the segment: compares the entries that there are now. */
  audit(): IndexAudit {
    return this.#sound(() => new IndexAudit(entriesOf(this.#offset), entriesOf(this.#time)))
  }

  /** Builds the indexes anew if a walk over the batches has shown that they lie. */
  settle({ problems }: IndexAudit): void {
    const [first] = problems
    if (first === undefined) return
    const { path } = first.index === 'offset' ? this.#offset : this.#time
    this.#rebuild(this.#lie(path, `entry ${first.entry}: ${first.problem}`))
  }

  /** Position of the batch of the newest entry, or 0. */
  get lastPosition(): number {
    return this.#sound(() => this.#offset.lastPosition)
  }

  get maxTimestamp(): number {
    if (this.#maxTimestamp === undefined) {
      const { timestamp, offset } = this.#sound(() => this.#provenLast())
      // A rebuild has found it meanwhile.
      this.#maxTimestamp ??= timestamp
      this.#maxTimestampOffset = Math.max(this.#maxTimestampOffset, offset)
    }
    return this.#maxTimestamp
  }

  get maxTimestampOffset(): number {
    return this.maxTimestamp < 0 ? this.#options.baseOffset : this.#maxTimestampOffset
  }

  /** A batch that is in the segment already has this timestamp, which the index may not tell. */
  noteTimestamp(timestamp: number, lastOffset: number): void {
    if (timestamp <= this.maxTimestamp) return
    this.#maxTimestamp = timestamp
    this.#maxTimestampOffset = lastOffset
  }

  /** So many bytes of the segment follow on the batch of the newest entry. */
  resumed(bytesSinceEntry: number): void {
    this.#bytesSinceEntry = bytesSinceEntry
  }

  /** Forgets entries from `offset` on; timestamps since the last one are to be noted anew. */
  truncateTo(offset: number): void {
    this.#sound(() => this.#offset.truncateTo(offset))
    this.#sound(() => this.#time.truncateTo(offset))
    this.#maxTimestamp = undefined
    this.#maxTimestampOffset = this.#options.baseOffset
  }

  /** No batch comes any more: sets the last time entry. */
  seal(): void {
    const { maxTimestamp, maxTimestampOffset } = this
    this.#sound(() => this.#time.append(maxTimestamp, maxTimestampOffset, true))
    this.#isUnsynced ||= this.#isDirty || !this.#isSaved
    this.save()
  }

  /** Hands new entries to the page cache. @returns false if they must wait for space, or the disk failed */
  save(): boolean {
    if (this.#isSaved || this.#isRebuilt) return true
    this.#isDirty = true
    try {
      this.#offset.save()
      this.#time.save()
      return true
    } catch (error) {
      const failure = this.#notWritten(error)
      if (!passesByItself(failure)) this.#options.host.fail(failure)
      return false
    }
  }

  /** Makes sealed indexes safe. @returns false if they could not even be written. @throws {StorageError} the sync failed */
  async sync(): Promise<boolean> {
    if (!this.#isUnsynced) return true
    if (this.#isRebuilt && !(await this.#replace())) return false
    if (!this.save()) return false
    for (const path of [this.#offset.path, this.#time.path]) {
      const file = this.#options.host.fileSystem.open(path, 'openOrCreate')
      try {
        await file.datasync()
      } finally {
        file.close()
      }
    }
    this.#isUnsynced = false
    this.#isDirty = false
    return true
  }

  /** The files were renamed. */
  movedTo(state: SegmentFileState): void {
    this.#options = { ...this.#options, state }
    this.#offset.movedTo(optionsOf(this.#options, '.index').path)
    this.#time.movedTo(optionsOf(this.#options, '.timeindex').path)
  }

  /**
   * For a clean stop: the files are complete and on the disk, since the next start does not doubt them.
   * @param isActive batches may have come until now, so the last time entry is not set yet
   * @returns false if they could not be written
   * @throws {StorageError} the sync failed
   */
  async close(isActive: boolean): Promise<boolean> {
    if (isActive) this.seal()
    const isSafe = await this.sync()
    this.drop()
    return isSafe
  }

  /** Gives the memory back; the files are for others to remove. */
  drop(): void {
    this.#offset.drop()
    this.#time.drop()
  }

  /** The newest time entry. Retention deletes by it, so it is compared with its batch. */
  #provenLast(): TimestampOffset {
    const { last } = this.#time
    if (last.timestamp < 0) return last
    const window = new BatchWindow(this.#log.file, this.#log.sizeBytes, PROOF_BYTES)
    for (let position = this.positionBefore(last.offset); window.loadSync(position, batch.BATCH_HEADER_BYTES); ) {
      const at = window.indexOf(position)
      const size = plausibleBatchSize(window.buffer, at, window.end - position, this.#options.baseOffset)
      // Damage lies in between: there is nothing to compare with.
      if (size < 0) return last
      if (batch.lastOffset(window.buffer, at) < last.offset) position += size
      else if (batch.maxTimestamp(window.buffer, at) === last.timestamp) return last
      else break
    }
    throw this.#lie(this.#time.path, `timestamp ${last.timestamp} is not that of the batch at offset ${last.offset}`)
  }

  #headerAt(position: number): Buffer | undefined {
    const header = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES)
    if (position + header.length > this.#log.sizeBytes) return undefined
    return this.#log.file.readSync(header, position) === header.length ? header : undefined
  }

  #lie(path: string, problem: string): StorageError {
    return new StorageError('CORRUPT', path, `${path}: ${problem}`)
  }

  async #replace(): Promise<boolean> {
    try {
      await this.#offset.replace()
      await this.#time.replace()
      this.#isRebuilt = false
      return true
    } catch (error) {
      const failure = this.#notWritten(error)
      if (!passesByItself(failure)) throw failure
      return false
    }
  }

  #notWritten(error: unknown): StorageError {
    const failure = toStorageError(error, 'write', this.#offset.path)
    if (passesByItself(failure))
      this.#options.host.logger.warn({ err: failure }, 'index files could not be written yet')
    return failure
  }

  get #isSaved(): boolean {
    return this.#offset.isSaved && this.#time.isSaved
  }

  #addEntry(lastOffset: number, position: number): void {
    this.#sound(() => {
      // After a rebuild with another interval there may be no room any more.
      if (this.#offset.isFull) return
      this.#offset.append(lastOffset, position)
      this.#time.append(this.maxTimestamp, this.#maxTimestampOffset)
    })
  }

  /** Runs `use`; if the entries turn out to be damaged when they are read, with new ones. */
  #sound<T>(use: () => T): T {
    try {
      return use()
    } catch (error) {
      if (!isStorageError(error, 'CORRUPT') && !isStorageError(error, 'NOT_FOUND')) throw error
      this.#rebuild(error)
      return use()
    }
  }

  #rebuild(why: StorageError): void {
    const { host, config, baseOffset } = this.#options
    host.damage.found('index')
    host.logger.warn({ err: why }, 'index is damaged or missing and is rebuilt')
    this.drop()
    const { offset, time } = emptyPair(this.#options)
    this.#offset = offset
    this.#time = time
    this.#bytesSinceEntry = 0
    this.#maxTimestamp = -1
    this.#maxTimestampOffset = baseOffset
    const window = new BatchWindow(this.#log.file, this.#log.sizeBytes, WINDOW_BYTES)
    let expected = baseOffset
    for (let position = 0; window.loadSync(position, batch.BATCH_HEADER_BYTES); ) {
      const at = window.indexOf(position)
      const size = plausibleBatchSize(window.buffer, at, window.end - position, expected)
      // Behind damage nothing is indexed; whoever reads there walks from the last entry.
      if (size < 0) break
      expected = batch.nextOffset(window.buffer, at)
      this.appended(window.buffer, at, size, position, config.indexIntervalBytes)
      position += size
    }
    // As `seal` does: nobody comes back to a segment that is sealed, and of an active one it is true as well.
    this.#time.append(this.#maxTimestamp, this.#maxTimestampOffset, true)
    this.#isRebuilt = true
    this.#isUnsynced = true
  }
}

interface Pair {
  readonly offset: OffsetIndex
  readonly time: TimeIndex
}

function optionsOf({ host, folder, baseOffset, config, state }: SegmentOptions, suffix: SegmentSuffix) {
  return {
    fileSystem: host.fileSystem,
    path: `${folder}/${segmentFileName(baseOffset, suffix, state)}`,
    baseOffset,
    maxBytes: config.segmentIndexBytes,
    memory: host.indexMemory,
  }
}

function emptyPair(options: SegmentOptions): Pair {
  return {
    offset: OffsetIndex.empty(optionsOf(options, '.index')),
    time: TimeIndex.empty(optionsOf(options, '.timeindex')),
  }
}

function openPair(options: SegmentOptions, sizeBytes: number, endOffset: number): Pair | undefined {
  const { logger, damage } = options.host
  try {
    const offset = OffsetIndex.open(optionsOf(options, '.index'))
    const time = TimeIndex.open(optionsOf(options, '.timeindex'))
    const problem = offset.problem(sizeBytes) ?? time.problem(endOffset) ?? shortness(options, time, sizeBytes)
    if (problem === undefined) return { offset, time }
    damage.found('index')
    logger.warn({ index: offset.path, problem }, 'index cannot be true and is rebuilt')
  } catch (error) {
    if (!isStorageError(error, 'NOT_FOUND') && !isStorageError(error, 'CORRUPT')) throw error
    damage.found('index')
    logger.warn({ err: error }, 'index is missing or damaged and is rebuilt')
  }
  return undefined
}

function entriesOf<E>(index: { readonly entryCount: number; entry(at: number): E }): E[] {
  return Array.from({ length: index.entryCount }, (_, at) => index.entry(at))
}

/** A file that was cut, or emptied, is still in order; but its last entry, the newest timestamp, would be wrong. */
function shortness(options: SegmentOptions, time: TimeIndex, logBytes: number): string | undefined {
  if (logBytes > 0 && time.entryCount === 0) return 'the time index of a segment with batches is empty'
  const bytes = options.host.fileSystem.stat(time.path)?.sizeBytes ?? 0
  return bytes % TIME_ENTRY_BYTES === 0 ? undefined : `the time index ends within an entry, at ${bytes} bytes`
}

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12
const WINDOW_BYTES = 1024 * 1024
/** From an index entry to the batch wanted, as a rule. */
const PROOF_BYTES = 8 * 1024
