import { assert } from '../protocol/assert.ts'
import type { ErrorName } from '../protocol/errors.ts'
import * as batch from '../protocol/records/batch.ts'
import { LogCleaning } from './compaction/log-cleaning.ts'
import { OffsetOutOfRange, type StorageError, toStorageError } from './errors.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { completeFiles, EpochsFile, saveProducers } from './log-files.ts'
import type { LogHost } from './log-host.ts'
import { type FoundRecord, findMaxTimestamp, findTimestamp } from './log-lookup.ts'
import type { LogParts } from './log-parts.ts'
import { LogReader } from './log-reader.ts'
import { LogStart } from './log-start.ts'
import { LogWriter } from './log-writer.ts'
import type { AppendOrigin, ProducerEntry, ProducerState } from './producer-state.ts'
import type { Segments } from './segments.ts'
import { LogTail } from './tail-cache.ts'
import { appendMarker } from './transaction-markers.ts'
import { truncate } from './truncation.ts'

/** What an append came to. A duplicate is a success: its offsets and timestamp are those of the first time (PR-20). */
export type AppendResult =
  | { readonly kind: 'appended'; readonly baseOffset: number; readonly lastOffset: number }
  | { readonly kind: 'duplicate'; readonly baseOffset: number; readonly lastOffset: number; readonly timestamp: number }
  | { readonly kind: 'refused'; readonly error: ErrorName }

/** Whole batches, in order; each chunk holds one or more. Views on memory that nobody changes. */
export interface LogSlice {
  readonly chunks: readonly Buffer[]
  readonly sizeBytes: number
}

/**
 * The append-only log of one partition: one writer, many readers; nothing above it is known here.
 *
 *   logStartOffset <= durableOffset <= writtenOffset <= logEndOffset,  recoveryPoint <= writtenOffset
 *
 * Hot path: `append` and `read` of what is in memory. Per batch appended: the result and, for numbered producers, their
 * state. Per read: the list of chunks and the slice. No copy of record bytes, no promise, no record looked at.
 * Everything else runs now and then.
 */
export class Log {
  /** Name of the folder, `<topic>-<partition>`. */
  readonly folder: string
  /** Undefined for a folder without `partition.metadata`. */
  readonly topicId: string | undefined
  readonly #parts: LogParts
  readonly #host: LogHost
  readonly #segments: Segments
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #epochsFile: EpochsFile
  readonly #writer: LogWriter
  readonly #tail: LogTail
  readonly #start: LogStart
  readonly #reader: LogReader
  readonly #cleaning: LogCleaning
  #config: LogConfig
  #leaderEpoch = -1
  #onAdvance: (() => void) | undefined
  #isClosed = false
  #refusesAppends = false
  #cuts = 0

  /** For the log directory, which opens and creates logs. */
  constructor(parts: LogParts) {
    this.#parts = parts
    this.folder = parts.folder
    this.topicId = parts.topicId
    this.#host = parts.host
    this.#segments = parts.segments
    this.#producers = parts.producers
    this.#epochs = parts.epochs
    this.#epochsFile = new EpochsFile(parts.host, parts.path, parts.epochs)
    this.#config = parts.config
    this.#tail = new LogTail(parts.host.tailCache)
    const context = this.#context()
    this.#start = new LogStart(context, parts.logStartOffset)
    this.#reader = new LogReader(context)
    this.#cleaning = new LogCleaning(context)
    this.#writer = new LogWriter(context, parts.logEndOffset, parts.recoveryPoint)
  }

  /** First offset that may be read. */
  get logStartOffset(): number {
    return this.#start.offset
  }

  /** Next offset to be assigned. What lies below may still be lost. */
  get logEndOffset(): number {
    return this.#writer.logEndOffset
  }

  /** First offset that was not handed to the operating system yet. */
  get writtenOffset(): number {
    return this.#writer.writtenOffset
  }

  /** First offset that is not safe under the flush policy; the high watermark of a single node. */
  get durableOffset(): number {
    return this.#writer.durableOffset
  }

  /** First offset that no sync covers, whatever the policy. */
  get recoveryPoint(): number {
    return this.#writer.recoveryPoint
  }

  /** Bytes of all segments, without indexes. */
  get sizeBytes(): number {
    return this.#segments.sizeBytes
  }

  get segmentCount(): number {
    return this.#segments.all.length
  }

  get config(): LogConfig {
    return this.#config
  }

  /** Its compaction, for who decides when that is done. */
  get cleaning(): LogCleaning {
    return this.#cleaning
  }

  /** One listener: called after `writtenOffset`, `durableOffset` or `logStartOffset` moved. */
  set onAdvance(listener: (() => void) | undefined) {
    this.#onAdvance = listener
    this.#writer.onAdvance = listener
  }

  /**
   * One listener: called when batches from `fromOffset` on were lost by a failed write or sync. `logEndOffset` is back
   * at `fromOffset` already; nothing below `durableOffset` is ever lost.
   */
  set onLoss(listener: ((fromOffset: number, error: StorageError) => void) | undefined) {
    this.#writer.onLoss = listener
  }

  /** Takes new settings at once (AD-17); the segment size counts from the next batch on. */
  reconfigure(config: LogConfig): void {
    this.#config = config
    // What was written under `os` and not synced must not wait for the next append.
    if (config.flushPolicy === 'commit' && this.durableOffset > this.recoveryPoint) this.#host.syncSoon(this.#writer)
  }

  /**
   * The broker leads from here on with this epoch (KIP-101). In a folder that another cluster wrote, it may be lower than
   * those in the log, which are then forgotten.
   */
  assignEpoch(epoch: number): void {
    this.#leaderEpoch = epoch
    this.#epochs.assign(epoch, this.logEndOffset)
  }

  get latestEpoch(): number {
    return this.#epochs.latestEpoch
  }

  /** Where this epoch ended, as OffsetForLeaderEpoch tells it (LE-1); -1/-1 if it is unknown. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    return this.#epochs.endOffsetFor(epoch, this.logEndOffset)
  }

  /** Epoch under which the batch at `offset` was appended; -1 if unknown. */
  epochAt(offset: number): number {
    return this.#epochs.epochAt(offset)
  }

  /**
   * Appends exactly one validated batch of magic 2: gives it its offsets and stamps them and the leader epoch into the
   * buffer, which belongs to the log from now on. It is written at the end of the turn; wait with `onAdvance`.
   * @param origin batches of our own coordinators carry no sequence numbers
   * @returns refused, and nothing changed: KAFKA_STORAGE_ERROR (offline, closed, far too much waits to be written, or only
   *   the reserve of the disk is left, which is not for clients), or what the producer's sequence or epoch deserves (PR-20..24)
   */
  append(buffer: Buffer, leaderEpoch: number, origin: AppendOrigin): AppendResult {
    assert(batch.batchSize(buffer) === buffer.length, 'exactly one batch is appended')
    const writer = this.#writer
    if (this.#host.offline !== undefined || this.#refusesAppends || writer.isCongested) return STORAGE_ERROR
    if (origin === 'client' && !this.#host.space.admits(buffer.length)) return STORAGE_ERROR
    const baseOffset = writer.logEndOffset
    const lastOffset = baseOffset + batch.lastOffsetDelta(buffer)
    const producerId = batch.producerId(buffer)
    if (producerId < 0) {
      this.#stage(buffer, leaderEpoch, baseOffset, lastOffset)
    } else if (batch.isControl(buffer)) {
      const error = appendMarker(this.#producers, buffer, baseOffset, () =>
        this.#stage(buffer, leaderEpoch, baseOffset, lastOffset),
      )
      if (error !== undefined) return { kind: 'refused', error }
    } else {
      const facts = {
        producerId,
        producerEpoch: batch.producerEpoch(buffer),
        baseSequence: batch.baseSequence(buffer),
        lastSequence: batch.lastSequence(buffer),
        isTransactional: batch.isTransactional(buffer),
        baseOffset,
        lastOffset,
        maxTimestamp: batch.maxTimestamp(buffer),
      }
      const verdict = this.#producers.check(facts, origin)
      if (verdict.kind !== 'ok') return verdict
      // First, so that the snapshot of a segment that begins with this batch is without it.
      this.#stage(buffer, leaderEpoch, baseOffset, lastOffset)
      this.#producers.append(facts)
    }
    return { kind: 'appended', baseOffset, lastOffset }
  }

  /**
   * Whole batches from the one that holds `from`, or from the next one if `from` lies in a gap (FE-5, FE-6).
   * @param maxBytes of all; a batch that does not fit ends the slice
   * @param upTo exclusive: no batch that ends beyond it. Pass the high watermark or the last stable offset.
   * @param atLeastOne the first batch comes even if it is larger than `maxBytes` (FE-2)
   * @returns at once what is in memory, a promise for what must come from the disk; empty if there is nothing yet
   * @throws {OffsetOutOfRange} `from` is below `logStartOffset` or above `logEndOffset` (FE-7)
   * @throws {StorageError} (also by rejection) CORRUPT: the batch is damaged; others: the disk refused
   */
  read(from: number, maxBytes: number, upTo: number, atLeastOne: boolean): LogSlice | Promise<LogSlice> {
    if (from < this.logStartOffset || from > this.logEndOffset) throw this.#outOfRange(from)
    const visible = Math.min(upTo, this.#writer.writtenOffset)
    if (from >= visible) return EMPTY_SLICE
    const chunks: Buffer[] = []
    if (!this.#tail.collect(from, maxBytes, visible, atLeastOne, chunks)) {
      return this.#readFiles(from, maxBytes, visible, atLeastOne)
    }
    let sizeBytes = 0
    for (let i = 0; i < chunks.length; i++) sizeBytes += chunks[i]!.length
    return { chunks, sizeBytes }
  }

  /**
   * The first record, from `logStartOffset` on, whose timestamp is at least `timestamp` (LO-6).
   * @returns undefined if there is none below `upTo` (LO-7)
   */
  offsetForTimestamp(timestamp: number, upTo: number): Promise<FoundRecord | undefined> {
    return this.#reader.look(upTo, (lookup) => findTimestamp(lookup, timestamp))
  }

  /** The first of the records below `upTo` that have the largest timestamp (LO-3); undefined in an empty log. */
  maxTimestamp(upTo: number): Promise<FoundRecord | undefined> {
    return this.#reader.look(upTo, findMaxTimestamp)
  }

  /**
   * Moves `logStartOffset` up (DeleteRecords); whole segments below it go. Lower offsets change nothing.
   * @param offset at most the high watermark
   * @returns true when a crash cannot move it back any more; false if the disk is full or failed: it has moved, but the
   *   next start may not know. Never rejects.
   */
  async deleteBefore(offset: number): Promise<boolean> {
    assert(offset <= this.durableOffset, 'only what is durable is deleted')
    return offset <= this.logStartOffset ? this.#start.ensure(offset) : this.#moveStart(offset)
  }

  /**
   * Deletes whole segments that are past retention, never beyond `highWatermark` (LG-1..4), and forgets producers that
   * were silent for long. A segment that is idle for `segment.ms` is closed. If all that is in the active segment is past
   * retention, a new one is begun first (LG-3); that may take until the next call.
   * @returns segments deleted
   */
  applyRetention(wallNow: number, highWatermark: number): number {
    if (this.#isClosed || this.#host.offline !== undefined) return 0
    this.#producers.expire(wallNow, this.#config.producerIdExpirationMs)
    this.#writer.rollIfIdle(wallNow)
    let count = this.#start.deletable(wallNow, highWatermark, this.logEndOffset)
    if (count === this.segmentCount && !this.#writer.rollNow()) count--
    if (count === 0) return 0
    // After a crash there may be segments below the start, which lies in the middle of another.
    void this.#moveStart(Math.max(this.logStartOffset, this.#segments.all[count]!.baseOffset))
    return count
  }

  /**
   * Cuts off every batch that ends after `offset`, so the log then ends at or below it. For replicas, and only while
   * nothing is staged and no compacted segment is halfway in its place: `flush` first. A power cut may bring back what was
   * cut, until the next `flush`.
   * @param offset at least `logStartOffset`; at or above the end, nothing happens
   * @returns the new `logEndOffset`
   */
  truncateTo(offset: number): number {
    assert(!this.#writer.hasStaged, 'nothing is staged when a log is cut')
    assert(offset >= this.logStartOffset, 'a log is not cut below its start')
    assert(!this.#cleaning.isSwapping, 'no compacted segment is halfway in its place when a log is cut')
    if (offset >= this.logEndOffset || this.#host.offline !== undefined) return this.logEndOffset
    this.#cuts++
    try {
      const endOffset = truncate(this.#parts, this.#config, offset, this.logStartOffset)
      this.#tail.dropFrom(endOffset)
      this.#epochs.truncateFromEnd(endOffset)
      this.#writer.truncatedTo(endOffset)
      this.#host.cleanedTo.truncateTo(this.folder, endOffset)
    } catch (error) {
      this.#host.fail(toStorageError(error, 'truncate', this.#parts.path))
    }
    this.#host.syncSoon(this.#writer)
    return this.logEndOffset
  }

  /** Waits until all that was appended before is written and synced, whatever the policy; ends early if that fails. */
  flush(): Promise<void> {
    const flushed = this.#writer.flush()
    return this.#cleaning.isSwapping ? flushed.then(() => this.#cleaning.settled()) : flushed
  }

  /** What is known of idempotent and transactional producers. */
  producers(): IterableIterator<ProducerEntry> {
    return this.#producers.entries()
  }

  producer(producerId: number): ProducerEntry | undefined {
    return this.#producers.get(producerId)
  }

  /** First offset of the oldest open transaction; undefined if there is none. */
  oldestOpenTransaction(): number | undefined {
    return this.#producers.oldestOpenTransaction
  }

  /** First offset that read_committed may not see because of a transaction; undefined if there is none. */
  firstUnstableOffset(highWatermark: number): number | undefined {
    return this.#producers.firstUnstableOffset(highWatermark)
  }

  /**
   * Flushes and writes indexes, producers and epochs, so that the next start has nothing to do.
   * @returns false if the disk did not take all of it: then the next start must look for itself
   */
  async close(): Promise<boolean> {
    if (this.#refusesAppends) return true
    this.#refusesAppends = true
    await this.#cleaning.stop()
    await this.flush()
    await this.#start.idle()
    this.#isClosed = true
    this.#writer.close()
    this.#tail.dropFrom(-1)
    const isOnline = this.#host.offline === undefined
    const isComplete = isOnline && (await completeFiles(this.#parts, this.#epochsFile, this.logEndOffset))
    for (const segment of this.#segments.all) segment.drop()
    return isComplete && this.recoveryPoint === this.logEndOffset
  }

  /** @internal for LogDirectory: the folder goes away; reads under way end, later ones fail. */
  abandon(): void {
    this.#refusesAppends = true
    this.#isClosed = true
    void this.#cleaning.stop()
    this.#writer.close()
    for (const segment of this.#segments.all) {
      segment.isRemoved = true
      segment.drop()
    }
    this.#tail.dropFrom(-1)
  }

  /** @internal for LogDirectory */
  wentOffline(error: StorageError): void {
    this.#writer.wentOffline(error)
  }

  /** @internal for LogDirectory: before a checkpoint says that recovery need not look, what it would find is saved. */
  async saveEpochs(): Promise<boolean> {
    const { active } = this.#segments
    // It may have been closed or deleted since the checkpoint was begun.
    if (!this.#isClosed && !active.isRemoved) active.saveIndexes()
    return this.#epochsFile.save()
  }

  #stage(buffer: Buffer, leaderEpoch: number, baseOffset: number, lastOffset: number): void {
    batch.setBaseOffset(buffer, 0, baseOffset)
    batch.setPartitionLeaderEpoch(buffer, 0, leaderEpoch)
    if (leaderEpoch !== this.#leaderEpoch) this.assignEpoch(leaderEpoch)
    this.#writer.stage(buffer, lastOffset)
  }

  async #readFiles(from: number, maxBytes: number, upTo: number, atLeastOne: boolean): Promise<LogSlice> {
    const read = await this.#reader.read(from, maxBytes, upTo, atLeastOne)
    if (read === 'changed') return this.read(from, maxBytes, upTo, atLeastOne)
    return read === undefined ? EMPTY_SLICE : { chunks: [read], sizeBytes: read.length }
  }

  #moveStart(offset: number): Promise<boolean> {
    const moved = this.#start.moveTo(offset)
    this.#onAdvance?.()
    return moved
  }

  #rolled(baseOffset: number, producers: readonly ProducerEntry[]): void {
    // Only a shortcut for recovery, so no append waits for it.
    this.#start.track(saveProducers(this.#host, this.#parts.path, baseOffset, producers))
  }

  #lost(offset: number): void {
    this.#producers.rollBackTo(offset)
    this.#epochs.truncateFromEnd(offset)
    if (this.#leaderEpoch >= 0) this.#epochs.assign(this.#leaderEpoch, offset)
  }

  /** What the two ends of the log share with it. */
  #context() {
    const log = this
    const { host, path, segments, producers, epochs } = this.#parts
    return {
      host,
      name: this.folder,
      folder: path,
      segments,
      producers,
      epochs,
      tail: this.#tail,
      get config() {
        return log.#config
      },
      get isClosed() {
        return log.#isClosed
      },
      get logStartOffset() {
        return log.logStartOffset
      },
      get logEndOffset() {
        return log.logEndOffset
      },
      get writtenOffset() {
        return log.writtenOffset
      },
      get lastStableOffset() {
        return log.firstUnstableOffset(log.durableOffset) ?? log.durableOffset
      },
      get cuts() {
        return log.#cuts
      },
      swapped: () => this.#cleaning.settled(),
      track: (work: Promise<void>) => this.#start.track(work),
      rolled: (baseOffset: number, entries: readonly ProducerEntry[]) => this.#rolled(baseOffset, entries),
      lost: (offset: number) => this.#lost(offset),
    }
  }

  #outOfRange(offset: number): OffsetOutOfRange {
    return new OffsetOutOfRange(offset, this.logStartOffset, this.logEndOffset)
  }
}

const EMPTY_SLICE: LogSlice = { chunks: [], sizeBytes: 0 }
const STORAGE_ERROR: AppendResult = { kind: 'refused', error: 'KAFKA_STORAGE_ERROR' }
