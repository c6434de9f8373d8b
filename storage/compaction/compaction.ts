import { assert } from '../../protocol/assert.ts'
import * as batch from '../../protocol/records/batch.ts'
import { isCodecReady, prepareCodec } from '../../protocol/records/compression.ts'
import { openRecords } from '../../protocol/records/record.ts'
import { RecordsError } from '../../protocol/records/records-error.ts'
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../file-system.ts'
import { findAborted } from './aborted-transactions.ts'
import { BatchFilter, LEGAL_RATIO } from './batch-filter.ts'
import { BatchReader } from './batch-reader.ts'
import { CleanedSegment } from './cleaned-segment.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { CleanedFiles, CompactionJob, Group, KeysFound, SourceFile } from './job.ts'
import { OffsetMap } from './offset-map.ts'
import type { Steps } from './steps.ts'

/**
 * The heavy part of compaction: one round over one log, in Kafka's two passes. First the keys of the dirty part, up to as
 * many as the key map holds, then every segment up to there is rewritten without the records that the map knows newer
 * ones of. What does not fit into the map is left to the next round. Synchronous, in steps, on whatever thread.
 */
export class Compaction {
  readonly #fileSystem: FileSystem
  readonly #job: CompactionJob
  readonly #map: OffsetMap
  readonly #transactions = new CleanedTransactions()
  #filter: BatchFilter | undefined
  #knowsAborted = false

  constructor(fileSystem: FileSystem, job: CompactionJob) {
    this.#fileSystem = fileSystem
    this.#job = job
    const { dedupeBufferBytes, loadFactor } = job.limits
    const dirtyOffsets = job.upperBoundOffset - job.firstDirtyOffset
    this.#map = new OffsetMap(dedupeBufferBytes, loadFactor, dirtyOffsets, Buffer.from(job.hashKey))
  }

  /** First pass. Aborted records are not noted: they supersede nothing. */
  *findKeys(): Steps<KeysFound> {
    const { sources, firstDirtyOffset, dirtySource, upperBoundOffset } = this.#job
    const pass: KeyPass = { transactions: new CleanedTransactions(), knowsAborted: false, bytesRead: 0, recordsRead: 0 }
    let latestOffset = firstDirtyOffset - 1
    for (let index = dirtySource; index < sources.length; index++) {
      const source = sources[index]!
      if (source.baseOffset >= upperBoundOffset) break
      const reached = yield* this.#findKeysIn(index, pass)
      latestOffset = Math.max(latestOffset, reached.offset)
      if (reached.isFull) break
      // A gap at the end of a segment belongs to what was seen.
      latestOffset = (sources[index + 1]?.baseOffset ?? upperBoundOffset) - 1
    }
    latestOffset = Math.min(latestOffset, upperBoundOffset - 1)
    this.#filter = this.#filterUpTo(latestOffset)
    const { size: keys, utilization } = this.#map
    const { bytesRead, recordsRead } = pass
    return { endOffset: latestOffset + 1, keys, utilization, bytesRead, recordsRead }
  }

  /** Second pass, over the sources of one group; groups in the order of their offsets. */
  *rewrite({ from, to }: Group): Steps<CleanedFiles> {
    const filter = this.#filter
    assert(filter !== undefined, 'keys are found before segments are rewritten')
    const first = this.#job.sources[from]!
    const { indexIntervalBytes, segmentIndexBytes } = this.#job
    const before = { read: filter.recordsRead, kept: filter.recordsKept, keyless: filter.recordsWithoutKey }
    const cleaned = new CleanedSegment({
      fileSystem: this.#fileSystem,
      folder: first.path.slice(0, first.path.lastIndexOf('/')),
      baseOffset: first.baseOffset,
      indexIntervalBytes,
      segmentIndexBytes,
      bufferBytes: this.#bufferBytes,
    })
    let isFinished = false
    try {
      let bytesRead = 0
      for (let index = from; index < to; index++) bytesRead += yield* this.#rewriteOne(index, filter, cleaned)
      const aborted = this.#transactions.takeRetained()
      let written = 0
      yield cleaned.finish(aborted).then((bytes) => {
        written = bytes
      })
      isFinished = true
      yield written
      return {
        baseOffset: first.baseOffset,
        sizeBytes: cleaned.sizeBytes,
        hasTransactionIndex: aborted.length > 0,
        bytesRead,
        recordsRead: filter.recordsRead - before.read,
        recordsKept: filter.recordsKept - before.kept,
        recordsWithoutKey: filter.recordsWithoutKey - before.keyless,
      }
    } finally {
      if (!isFinished) cleaned.abandon()
    }
  }

  /** @returns the last offset seen, and whether the map is full, so that nothing behind it was */
  *#findKeysIn(index: number, pass: KeyPass): Steps<{ offset: number; isFull: boolean }> {
    const { sources, firstDirtyOffset, dirtySource, dirtyPosition } = this.#job
    const source = sources[index]!
    const start = index === dirtySource ? dirtyPosition : 0
    const reader = new BatchReader(this.#fileSystem, source, start, this.#bufferBytes)
    let offset = firstDirtyOffset - 1
    try {
      let told = 0
      while (reader.next()) {
        const { buffer, at, size } = reader
        if (batch.isTransactional(buffer, at) && !pass.knowsAborted) {
          pass.knowsAborted = true
          pass.transactions.aborted = yield* this.#abortedFrom(index, reader.position - size)
        }
        pass.recordsRead += batch.recordCount(buffer, at)
        const isControl = batch.isControl(buffer, at)
        if (isControl) pass.transactions.onControl(buffer, at)
        else if (!pass.transactions.onBatch(buffer, at)) {
          yield* prepared(buffer, at)
          const last = this.#noteKeys(source, buffer, at, size)
          if (last !== undefined) {
            pass.bytesRead += reader.bytesRead
            return { offset: Math.max(offset, last), isFull: true }
          }
        }
        offset = Math.max(offset, batch.lastOffset(buffer, at))
        if (reader.bytesRead > told) {
          yield reader.bytesRead - told
          told = reader.bytesRead
        }
      }
      pass.bytesRead += reader.bytesRead
      return { offset, isFull: false }
    } finally {
      reader.close()
    }
  }

  /** @returns the last offset that was noted, if the map is full before the batch ends; undefined if all of it was noted */
  #noteKeys(source: SourceFile, buffer: Buffer, at: number, size: number): number | undefined {
    const { firstDirtyOffset, maxDecompressedBytes } = this.#job
    const map = this.#map
    let last = -1
    try {
      const cursor = openRecords(buffer.subarray(at, at + size), 0, Math.max(maxDecompressedBytes, size * LEGAL_RATIO))
      while (cursor.next()) {
        if (cursor.keyLength < 0 || cursor.offset < firstDirtyOffset) continue
        if (map.isFull) return last
        map.put(cursor.data, cursor.keyAt, cursor.keyAt + cursor.keyLength, cursor.offset)
        last = cursor.offset
      }
      return undefined
    } catch (error) {
      throw unreadable(error, source, buffer, at)
    }
  }

  *#rewriteOne(index: number, filter: BatchFilter, cleaned: CleanedSegment): Steps<number> {
    const source = this.#job.sources[index]!
    const reader = new BatchReader(this.#fileSystem, source, 0, this.#bufferBytes)
    try {
      let told = 0
      while (reader.next()) {
        const { buffer, at, size } = reader
        if (batch.isTransactional(buffer, at) && !this.#knowsAborted) {
          this.#knowsAborted = true
          this.#transactions.aborted = yield* this.#abortedFrom(index, reader.position - size)
        }
        yield* prepared(buffer, at)
        const written = writeVerdict(filter, source, reader, cleaned)
        if (written > 0) yield written
        if (cleaned.wantsSync) yield cleaned.sync()
        if (reader.bytesRead > told) {
          yield reader.bytesRead - told
          told = reader.bytesRead
        }
      }
      return reader.bytesRead
    } finally {
      reader.close()
    }
  }

  #abortedFrom(source: number, position: number) {
    const { sources, upperBoundOffset } = this.#job
    return findAborted(this.#fileSystem, sources, { source, position }, upperBoundOffset)
  }

  #filterUpTo(latestOffset: number): BatchFilter {
    const { producers, upperBoundOffset, nowMs, deleteRetentionMs, maxDecompressedBytes } = this.#job
    const shared = { producers, upperBoundOffset, nowMs, deleteRetentionMs, maxDecompressedBytes }
    return new BatchFilter({ map: this.#map, latestOffset, transactions: this.#transactions, ...shared })
  }

  /** One for reading and one for writing. */
  get #bufferBytes(): number {
    return Math.max(Math.floor(this.#job.limits.ioBufferBytes / 2), MIN_BUFFER_BYTES)
  }
}

/** What the first pass carries from segment to segment. */
interface KeyPass {
  readonly transactions: CleanedTransactions
  knowsAborted: boolean
  bytesRead: number
  recordsRead: number
}

/** Below this, calls into the file system cost more than what they bring. */
const MIN_BUFFER_BYTES = 4 * 1024

/** A codec that loads asynchronously is there before the first batch that needs it. */
function* prepared(buffer: Buffer, at: number): Steps<void> {
  const codec = batch.compression(buffer, at)
  if (codec !== undefined && !isCodecReady(codec)) yield prepareCodec(codec)
}

/** @returns bytes handed to the disk */
function writeVerdict(
  filter: BatchFilter,
  source: SourceFile,
  { buffer, at, size }: BatchReader,
  cleaned: CleanedSegment,
): number {
  let verdict: ReturnType<BatchFilter['judge']>
  try {
    verdict = filter.judge(buffer, at, size)
  } catch (error) {
    throw unreadable(error, source, buffer, at)
  }
  if (verdict === 'drop') return 0
  return verdict === 'keep' ? cleaned.append(buffer, at, size) : cleaned.append(verdict, 0, verdict.length)
}

function unreadable(error: unknown, { path }: SourceFile, buffer: Buffer, at: number): unknown {
  if (!(error instanceof RecordsError)) return error
  const message = `the records at offset ${batch.baseOffset(buffer, at)} of ${path} cannot be read: ${error.message}`
  return new StorageError('CORRUPT', path, message, { cause: error })
}
