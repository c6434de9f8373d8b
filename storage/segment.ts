import { assert } from '../protocol/assert.ts'
import * as batch from '../protocol/records/batch.ts'
import { isStorageError } from './errors.ts'
import { type SegmentSuffix, segmentFileName } from './file-names.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import { OffsetIndex } from './offset-index.ts'
import { PooledFile } from './open-files.ts'
import { TimeIndex } from './time-index.ts'
import { VerifiedRanges } from './verified-ranges.ts'

/** A part of a segment that is not what was written, between batches that are. Never served, never deleted. */
export interface DamagedRange {
  /** Positions in the file, end exclusive. */
  readonly start: number
  readonly end: number
  /** Offsets that the lost batches may have had, end exclusive. */
  readonly fromOffset: number
  readonly toOffset: number
}

export interface SegmentOptions {
  readonly host: LogHost
  readonly folder: string
  readonly baseOffset: number
  readonly config: LogConfig
}

/**
 * One file of whole batches, `<base offset>.log`, and its two indexes. Knows positions; the log knows offsets' meaning.
 * Hot: `appended` runs once a batch. Per batch: five header reads; an index entry every `index.interval.bytes`.
 */
export class Segment {
  readonly baseOffset: number
  readonly file: PooledFile
  readonly folder: string
  /** Whole batches that were handed to the operating system. The file may be longer after a failed write, never read there. */
  sizeBytes = 0
  /** The part of `sizeBytes` that a sync covers. */
  syncedBytes = 0
  /** Its name in the folder survives a power cut. */
  nameIsSafe = true
  /** It was sealed, and its indexes may not be on the disk; from then on nobody rebuilds them, so they must be. */
  #indexesUnsynced = false
  /** Wall clock at which the segment was begun, for rolling by time when records have no timestamps. */
  readonly createdMs: number
  /** Random part of `segment.jitter.ms`, drawn once. */
  readonly rollJitterMs: number
  /** Ranges whose checksums this process knows to be good. */
  readonly verified = new VerifiedRanges()
  /** Found by recovery or by a read; few, and in no order. */
  readonly damaged: DamagedRange[] = []
  /** Its files are being removed: a sync that finds them closed has nothing to complain of. */
  isRemoved = false
  readonly #host: LogHost
  #offsetIndex: OffsetIndex
  #timeIndex: TimeIndex
  #bytesSinceIndexEntry = 0
  /** Of the first batch; undefined until asked for, -1 for none. */
  #firstTimestamp: number | undefined
  /** Largest timestamp and the last offset of its batch; undefined until it is read from the time index. */
  #maxTimestamp: number | undefined
  #maxTimestampOffset = -1
  #modifiedMs: number | undefined

  private constructor(options: SegmentOptions, indexes: { offset: OffsetIndex; time: TimeIndex }) {
    const { host, folder, baseOffset, config } = options
    this.#host = host
    this.folder = folder
    this.baseOffset = baseOffset
    this.file = new PooledFile(host.files, this.pathOf('.log'))
    this.createdMs = host.clock.wallTime()
    const jitter = Math.min(config.segmentJitterMs, config.segmentMs)
    this.rollJitterMs = jitter <= 0 ? 0 : host.random.integer(Math.min(jitter, 2 ** 31))
    this.#offsetIndex = indexes.offset
    this.#timeIndex = indexes.time
  }

  /** A new, empty segment; whatever bears its names is replaced. The folder is for the caller to sync. */
  static create(options: SegmentOptions): Segment {
    const segment = new Segment(options, emptyIndexes(options))
    segment.file.create()
    segment.#maxTimestamp = -1
    segment.#maxTimestampOffset = options.baseOffset
    segment.nameIsSafe = false
    return segment
  }

  /**
   * A segment that is on disk, with indexes that look sane; those that do not are empty, and `indexesTrusted` says so.
   * No byte of the log is read.
   */
  static open(
    options: SegmentOptions,
    sizeBytes: number,
    endOffset: number,
  ): { segment: Segment; indexesTrusted: boolean } {
    const indexes = openIndexes(options, sizeBytes, endOffset)
    const segment = new Segment(options, indexes ?? emptyIndexes(options))
    segment.sizeBytes = sizeBytes
    segment.syncedBytes = sizeBytes
    return { segment, indexesTrusted: indexes !== undefined }
  }

  pathOf(suffix: SegmentSuffix): string {
    return `${this.folder}/${segmentFileName(this.baseOffset, suffix)}`
  }

  get isUnsynced(): boolean {
    return this.syncedBytes < this.sizeBytes || this.#indexesUnsynced || !this.nameIsSafe
  }

  get indexIsFull(): boolean {
    return this.#offsetIndex.isFull || this.#timeIndex.isFull
  }

  get indexEntryCount(): number {
    return this.#offsetIndex.entryCount
  }

  /** Where the batch of the newest index entry begins, or 0. @throws CORRUPT */
  get lastIndexedPosition(): number {
    return this.#offsetIndex.lastPosition
  }

  get bytesSinceIndexEntry(): number {
    return this.#bytesSinceIndexEntry
  }

  /** Can this offset stand in the indexes? They hold 31 bits relative to the base. */
  fits(offset: number): boolean {
    return offset - this.baseOffset <= 0x7fff_ffff
  }

  /** A batch was written (or found by recovery) at the end of the segment. */
  appended(buffer: Buffer, at: number, size: number, indexIntervalBytes: number): void {
    const position = this.sizeBytes
    const lastOffset = batch.lastOffset(buffer, at)
    assert(lastOffset >= this.baseOffset, 'a batch lies at or above its segment')
    const timestamp = batch.maxTimestamp(buffer, at)
    if (position === 0) this.#firstTimestamp = timestamp
    if (timestamp > this.#knownMaxTimestamp()) {
      this.#maxTimestamp = timestamp
      this.#maxTimestampOffset = lastOffset
    }
    // As in Kafka: never for the first batch, and before this batch's own bytes are counted.
    if (this.#bytesSinceIndexEntry > indexIntervalBytes && !this.#offsetIndex.isFull) {
      this.#offsetIndex.append(lastOffset, position)
      this.#timeIndex.append(this.#maxTimestamp!, this.#maxTimestampOffset)
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += size
    this.verified.add(position, position + size)
    this.sizeBytes = position + size
  }

  /** Where to begin to look for the batch that holds `offset`: a batch's position at or before it. @throws CORRUPT */
  positionBefore(offset: number): number {
    return this.#offsetIndex.lookup(offset)
  }

  /** First offset from which on a record with this timestamp or a newer one may be found. @throws CORRUPT */
  offsetBefore(timestamp: number): number {
    return this.#timeIndex.lookup(timestamp - 1).offset
  }

  /** Max timestamp of the first batch, from which rolling by time counts; -1 if there is none. */
  get firstTimestamp(): number {
    if (this.#firstTimestamp !== undefined) return this.#firstTimestamp
    if (this.sizeBytes < batch.BATCH_HEADER_BYTES) return -1
    const header = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES)
    this.file.readSync(header, 0)
    this.#firstTimestamp = batch.maxTimestamp(header)
    return this.#firstTimestamp
  }

  /** Largest timestamp of a record, -1 if no record has one. @throws CORRUPT */
  get maxTimestamp(): number {
    return this.#knownMaxTimestamp()
  }

  /** Last offset of the first batch that has `maxTimestamp`. */
  get maxTimestampOffset(): number {
    this.#knownMaxTimestamp()
    return this.#maxTimestampOffset
  }

  /** What retention goes by: the largest timestamp, or the file's own time if no record has one (Kafka's rule). */
  get ageTimestamp(): number {
    const known = this.#knownMaxTimestamp()
    if (known >= 0) return known
    this.#modifiedMs ??= this.#host.fileSystem.stat(this.file.path)?.modifiedMs ?? this.createdMs
    return this.#modifiedMs
  }

  /** No batch comes any more: the last time index entry is set, and the indexes are handed to the page cache. */
  seal(): void {
    this.#timeIndex.append(this.#knownMaxTimestamp(), Math.max(this.#maxTimestampOffset, this.baseOffset), true)
    this.#indexesUnsynced = true
    this.saveIndexes()
  }

  /** Hands new index entries to the page cache. They can be rebuilt, so a disk that is full is only reported. */
  saveIndexes(): boolean {
    try {
      this.#offsetIndex.save()
      this.#timeIndex.save()
      return true
    } catch (error) {
      this.#host.logger.warn({ err: error, segment: this.file.path }, 'index files could not be written yet')
      return false
    }
  }

  /**
   * Makes the log file safe up to where it was written when this began; a sealed segment's indexes too.
   * @returns false if the indexes could not be written, so that recovery must still look at this segment
   * @throws {StorageError} the sync failed
   */
  async sync(): Promise<boolean> {
    const size = this.sizeBytes
    if (this.syncedBytes < size) {
      await this.file.get().datasync()
      this.syncedBytes = Math.max(this.syncedBytes, Math.min(size, this.sizeBytes))
      if (this.syncedBytes === this.sizeBytes) this.file.dirty = false
    }
    if (!this.#indexesUnsynced) return true
    if (!this.saveIndexes()) return false
    for (const path of [this.#offsetIndex.path, this.#timeIndex.path]) await this.#syncFile(path)
    this.#indexesUnsynced = false
    return true
  }

  /** Cuts the file to `position`, where the batch begins whose offsets from `offset` on are to go. */
  truncateTo(position: number, offset: number): void {
    this.file.get().truncate(position)
    this.sizeBytes = position
    // The new size is to be synced as bytes are.
    this.syncedBytes = Math.min(this.syncedBytes, position, position - 1)
    this.verified.cut(position)
    this.#offsetIndex.truncateTo(offset)
    this.#timeIndex.truncateTo(offset)
    this.#bytesSinceIndexEntry = position - this.#offsetIndex.lastPosition
    if (position === 0) this.#firstTimestamp = undefined
    // The index may lack the newest maximum of what is left; the log reads the tail again and tells (`noteTimestamp`).
    const { timestamp, offset: at } = this.#timeIndex.last
    this.#maxTimestamp = timestamp
    this.#maxTimestampOffset = at
  }

  /** A batch that is there already has this timestamp: used after a truncation, and when opening after a clean stop. */
  noteTimestamp(timestamp: number, lastOffset: number): void {
    if (timestamp <= this.#knownMaxTimestamp()) return
    this.#maxTimestamp = timestamp
    this.#maxTimestampOffset = lastOffset
  }

  /** Goes on after a clean stop: the last index entry is that of the batch at `lastIndexed`. */
  resumed(lastIndexed: number): void {
    this.#bytesSinceIndexEntry = this.sizeBytes - lastIndexed
  }

  /** Forgets the indexes and what is known of the bytes from 0 on: recovery tells them again with `appended`. */
  startOver(config: LogConfig): void {
    this.#offsetIndex.drop()
    this.#timeIndex.drop()
    const { offset, time } = emptyIndexes({
      host: this.#host,
      folder: this.folder,
      baseOffset: this.baseOffset,
      config,
    })
    this.#offsetIndex = offset
    this.#timeIndex = time
    this.sizeBytes = 0
    this.#bytesSinceIndexEntry = 0
    this.#firstTimestamp = undefined
    this.#maxTimestamp = -1
    this.#maxTimestampOffset = this.baseOffset
  }

  /** Bytes that are no batches: reads of their offsets fail from now on, and an operator hears of it. */
  noteDamaged(range: DamagedRange): void {
    this.damaged.push(range)
    this.#host.logger.error({ segment: this.file.path, ...range }, 'segment is damaged; the rest of it is served')
  }

  /** Takes damaged bytes into the segment; only recovery does, for what it must not cut. */
  skipDamaged(range: DamagedRange): void {
    assert(range.start === this.sizeBytes, 'damage begins where the last good batch ended')
    this.noteDamaged(range)
    this.sizeBytes = range.end
  }

  /** The last time index entry is set and the index files are complete: for a clean stop. */
  close(): void {
    this.#timeIndex.append(this.#knownMaxTimestamp(), Math.max(this.#maxTimestampOffset, this.baseOffset), true)
    this.saveIndexes()
    this.drop()
  }

  /** Gives back descriptors and memory; the files are for others to remove. */
  drop(): void {
    this.#offsetIndex.drop()
    this.#timeIndex.drop()
    this.file.close()
  }

  #knownMaxTimestamp(): number {
    if (this.#maxTimestamp === undefined) {
      const { timestamp, offset } = this.#timeIndex.last
      this.#maxTimestamp = timestamp
      this.#maxTimestampOffset = offset
    }
    return this.#maxTimestamp
  }

  async #syncFile(path: string): Promise<void> {
    const file = this.#host.fileSystem.open(path, 'openOrCreate')
    try {
      await file.datasync()
    } finally {
      file.close()
    }
  }
}

function indexOptions({ host, folder, baseOffset, config }: SegmentOptions, suffix: SegmentSuffix) {
  return {
    fileSystem: host.fileSystem,
    path: `${folder}/${segmentFileName(baseOffset, suffix)}`,
    baseOffset,
    maxBytes: config.segmentIndexBytes,
    memory: host.indexMemory,
  }
}

function emptyIndexes(options: SegmentOptions): { offset: OffsetIndex; time: TimeIndex } {
  return {
    offset: OffsetIndex.empty(indexOptions(options, '.index')),
    time: TimeIndex.empty(indexOptions(options, '.timeindex')),
  }
}

/** Undefined when a file is missing or cannot be true. */
function openIndexes(
  options: SegmentOptions,
  sizeBytes: number,
  endOffset: number,
): { offset: OffsetIndex; time: TimeIndex } | undefined {
  try {
    const offset = OffsetIndex.open(indexOptions(options, '.index'))
    const time = TimeIndex.open(indexOptions(options, '.timeindex'))
    const problem = offset.problem(sizeBytes) ?? time.problem(endOffset)
    if (problem === undefined) return { offset, time }
    options.host.logger.warn({ index: offset.path, problem }, 'index is not sane and will be rebuilt')
  } catch (error) {
    if (!isStorageError(error, 'NOT_FOUND') && !isStorageError(error, 'CORRUPT')) throw error
    options.host.logger.warn({ err: error }, 'index is missing or damaged and will be rebuilt')
  }
  return undefined
}
