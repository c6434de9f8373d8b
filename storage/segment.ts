import { assert } from '../protocol/assert.ts'
import * as batch from '../protocol/records/batch.ts'
import { type SegmentFileState, type SegmentSuffix, segmentFileName } from './file-names.ts'
import type { IndexAudit } from './index-audit.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import { PooledFile } from './open-files.ts'
import { SegmentIndexes, type SegmentOptions } from './segment-indexes.ts'
import type { TimestampOffset } from './time-index.ts'
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

/**
 * One file of whole batches, `<base offset>.log`, and its two indexes. Knows positions; the log knows what offsets mean.
 * Hot: `appended`, once a batch.
 */
export class Segment {
  readonly baseOffset: number
  readonly folder: string
  readonly file: PooledFile
  /** Whole batches that were handed to the operating system. The file may be longer after a failed write, never read there. */
  sizeBytes = 0
  /** The part of `sizeBytes` that a sync covers; -1 when a new, smaller size is not synced either. */
  syncedBytes = 0
  /** Its name in the folder survives a power cut. */
  nameIsSafe = true
  /** Wall clock at which this process began or opened it, for rolling by time when records have no timestamps. */
  readonly createdMs: number
  /** Random part of `segment.jitter.ms`, drawn once. */
  readonly rollJitterMs: number
  /** Ranges whose checksums this process knows to be good. */
  readonly verified = new VerifiedRanges()
  /** Found by recovery or by a read; few, and in no order. */
  readonly damaged: DamagedRange[] = []
  /** All of it was checked by this process, because something was wrong: what is damaged is known. */
  isAudited = false
  #auditing: Promise<void> | undefined
  /** Its files are being removed: a sync that finds them closed has nothing to complain of. */
  isRemoved = false
  readonly #host: LogHost
  #state: SegmentFileState
  #indexes: SegmentIndexes
  /** Max timestamp of the first batch; undefined until asked for. */
  #firstTimestamp: number | undefined
  #modifiedMs: number | undefined

  private constructor(options: SegmentOptions) {
    const { host, folder, baseOffset, config } = options
    this.#host = host
    this.folder = folder
    this.baseOffset = baseOffset
    this.#state = options.state ?? ''
    this.file = new PooledFile(host.files, this.pathOf('.log'))
    this.createdMs = host.clock.wallTime()
    const jitter = Math.min(config.segmentJitterMs, config.segmentMs, 2 ** 31)
    this.rollJitterMs = jitter <= 0 ? 0 : host.random.integer(jitter)
    this.#indexes = SegmentIndexes.empty(options, this)
  }

  /** A new, empty segment; whatever bears its names is replaced. The folder is for the caller to sync. */
  static create(options: SegmentOptions): Segment {
    const segment = new Segment(options)
    segment.file.create()
    segment.nameIsSafe = false
    return segment
  }

  /**
   * A segment that is on disk, with its indexes if they look sane (`indexesTrusted`). No byte of the log is read.
   * @param endOffset the first offset that is surely not in it
   * @param usesIndexes false if recovery will build them anew anyway
   */
  static open(
    options: SegmentOptions,
    sizeBytes: number,
    endOffset: number,
    usesIndexes = true,
  ): { segment: Segment; indexesTrusted: boolean } {
    const segment = new Segment(options)
    segment.sizeBytes = sizeBytes
    segment.syncedBytes = sizeBytes
    const indexes = usesIndexes ? SegmentIndexes.open(options, segment, sizeBytes, endOffset) : undefined
    if (indexes !== undefined) segment.#indexes = indexes
    return { segment, indexesTrusted: indexes !== undefined }
  }

  pathOf(suffix: SegmentSuffix): string {
    return `${this.folder}/${segmentFileName(this.baseOffset, suffix, this.#state)}`
  }

  /**
   * Renames its files, those that are there, but the producers' snapshot. Can be tried again, and be read in between.
   * @throws {StorageError} some of them were renamed, others not
   */
  renameTo(state: SegmentFileState): void {
    const { fileSystem } = this.#host
    for (const suffix of ['.log', '.index', '.timeindex', '.txnindex'] as const) {
      const path = this.pathOf(suffix)
      const renamed = `${this.folder}/${segmentFileName(this.baseOffset, suffix, state)}`
      if (fileSystem.exists(path)) fileSystem.rename(path, renamed)
      if (suffix === '.log') this.file.path = renamed
    }
    this.#state = state
    this.#indexes.movedTo(state)
  }

  /** No batch of it ends above: its indexes count offsets from the base in 31 bits. */
  get maxEndOffset(): number {
    return this.baseOffset + 2 ** 31
  }

  get isUnsynced(): boolean {
    return this.syncedBytes < this.sizeBytes || this.#indexes.isUnsynced || !this.nameIsSafe
  }

  /** Bytes of both indexes. */
  get indexSizes(): { offsetIndexBytes: number; timeIndexBytes: number } {
    return this.#indexes.sizes
  }

  get indexEntryCount(): number {
    return this.#indexes.entryCount
  }

  get bytesSinceIndexEntry(): number {
    return this.#indexes.bytesSinceEntry
  }

  /** Where the batch of the newest index entry begins, or 0. */
  get lastIndexedPosition(): number {
    return this.#indexes.lastPosition
  }

  /** A batch was written (or found by recovery) at the end of the segment. */
  appended(buffer: Buffer, at: number, size: number, indexIntervalBytes: number): void {
    const position = this.sizeBytes
    assert(batch.baseOffset(buffer, at) >= this.baseOffset, 'a batch lies at or above the base of its segment')
    if (position === 0) this.#firstTimestamp = batch.maxTimestamp(buffer, at)
    this.#indexes.appended(buffer, at, size, position, indexIntervalBytes)
    this.verified.add(position, position + size)
    this.sizeBytes = position + size
  }

  /** Where to begin to look for the batch that holds `offset`: the position of a batch at or before it. */
  positionBefore(offset: number): number {
    return this.#indexes.positionBefore(offset)
  }

  /** As `positionBefore`, as the index has it: if the batch there begins above `offset`, ask for an audit. */
  hintFor(offset: number): number {
    return this.#indexes.hintFor(offset)
  }

  /** Records that are as new as `timestamp` come after this; see SegmentIndexes. */
  timeBefore(timestamp: number): TimestampOffset {
    return this.#indexes.timeBefore(timestamp)
  }

  /** For an audit, which walks all batches. */
  auditIndexes(): IndexAudit {
    return this.#indexes.audit()
  }

  /** After an audit: indexes that lie are built anew. */
  settleIndexes(audit: IndexAudit): void {
    this.#indexes.settle(audit)
  }

  /** Max timestamp of the first batch, from which rolling by time counts; -1 if there is none. */
  get firstTimestamp(): number {
    if (this.#firstTimestamp !== undefined) return this.#firstTimestamp
    const header = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES)
    if (this.sizeBytes < header.length || this.file.readSync(header, 0) < header.length) return -1
    this.#firstTimestamp = batch.maxTimestamp(header)
    return this.#firstTimestamp
  }

  /** Largest timestamp of a record, -1 if no record has one. */
  get maxTimestamp(): number {
    return this.#indexes.maxTimestamp
  }

  /** Last offset of the first batch that has `maxTimestamp`. */
  get maxTimestampOffset(): number {
    return this.#indexes.maxTimestampOffset
  }

  /** Wall clock of the last write to the file. */
  get modifiedMs(): number {
    return this.#host.fileSystem.stat(this.file.path)?.modifiedMs ?? this.createdMs
  }

  /** What retention goes by: the largest timestamp, or the file's own time if no record has one (Kafka's rule). */
  get ageTimestamp(): number {
    const { maxTimestamp } = this
    if (maxTimestamp >= 0) return maxTimestamp
    this.#modifiedMs ??= this.modifiedMs
    return this.#modifiedMs
  }

  /** A batch that is in the segment already has this timestamp, which the index may not tell. */
  noteTimestamp(timestamp: number, lastOffset: number): void {
    this.#indexes.noteTimestamp(timestamp, lastOffset)
  }

  /** No batch comes any more: the last time index entry is set, and the indexes are handed to the page cache. */
  seal(): void {
    this.#indexes.seal()
  }

  /** Hands new index entries to the page cache. */
  saveIndexes(): void {
    this.#indexes.save()
  }

  /**
   * Makes the first `size` bytes of the log file safe, which were written before; a sealed segment's indexes too.
   * @returns false if the indexes could not be written, so that recovery must still look at this segment
   * @throws {StorageError} the sync failed
   */
  async sync(size: number): Promise<boolean> {
    if (this.syncedBytes < size) {
      await this.file.get().datasync()
      this.syncedBytes = Math.max(this.syncedBytes, Math.min(size, this.sizeBytes))
      if (this.syncedBytes === this.sizeBytes) this.file.dirty = false
    }
    return this.#indexes.sync()
  }

  /** Cuts the file to `position`, where the batch begins that holds `offset` or what comes after it. */
  truncateTo(position: number, offset: number): void {
    this.file.get().truncate(position)
    this.sizeBytes = position
    // The new size is to be synced as bytes are.
    this.syncedBytes = Math.min(this.syncedBytes, position - 1)
    this.verified.cut(position)
    this.#indexes.truncateTo(offset)
    this.#indexes.resumed(position - this.#indexes.lastPosition)
    if (position === 0) this.#firstTimestamp = undefined
  }

  /** Goes on after a clean stop: the newest index entry is that of the batch at `lastIndexed`. */
  resumed(lastIndexed: number): void {
    this.#indexes.resumed(this.sizeBytes - lastIndexed)
  }

  /** Forgets the indexes and all that is known of the bytes: recovery tells them again with `appended`. */
  startOver(config: LogConfig): void {
    this.#indexes.drop()
    const options = { host: this.#host, folder: this.folder, baseOffset: this.baseOffset, config }
    this.#indexes = SegmentIndexes.rebuilt(options, this)
    this.sizeBytes = 0
    this.#firstTimestamp = undefined
  }

  /** Bytes that are no batches: reads of their offsets fail from now on, and an operator hears of it. */
  noteDamaged(range: DamagedRange): void {
    this.damaged.push(range)
    this.#host.damage.found('segment')
    this.#host.logger.error({ segment: this.file.path, ...range }, 'segment is damaged; the rest of it is served')
  }

  /** Has the segment checked; once at a time, for all who ask. */
  auditOnce(audit: () => Promise<void>): Promise<void> {
    this.#auditing ??= audit().finally(() => {
      this.isAudited = true
      this.#auditing = undefined
    })
    return this.#auditing
  }

  /** Takes damaged bytes into the segment; only recovery does, for what it must not cut. */
  skipDamaged(range: DamagedRange): void {
    assert(range.start === this.sizeBytes, 'damage begins where the last good batch ended')
    this.noteDamaged(range)
    this.sizeBytes = range.end
  }

  /** For a clean stop: the index files are completed. */
  async close(isActive: boolean): Promise<boolean> {
    const areIndexesSaved = await this.#indexes.close(isActive)
    this.file.close()
    return areIndexesSaved
  }

  /** Gives back descriptors and memory; the files are for others to remove. */
  drop(): void {
    this.#indexes.drop()
    this.file.close()
  }
}
