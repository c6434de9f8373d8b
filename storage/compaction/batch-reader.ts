import * as batch from '../../protocol/records/batch.ts'
import { hasGoodCrc, plausibleBatchSize } from '../batch-check.ts'
import { StorageError } from '../errors.ts'
import { type File, type FileSystem, readFullySync } from '../file-system.ts'
import type { SourceFile } from './job.ts'

/**
 * Reads a segment's file from front to back, batch by batch, through one buffer that is used again and again. Compaction
 * believes nothing that it copies: offsets must rise and every checksum is looked at, or damage would be sealed in anew.
 * Synchronous; `bytesRead` tells the caller when it is time to let others have their turn.
 */
export class BatchReader {
  /** Holds the batch that `next` came to; overwritten by later calls. */
  buffer: Buffer
  /** Where in `buffer` that batch begins, and its size. */
  at = 0
  size = 0
  /** Bytes asked of the file so far. */
  bytesRead = 0
  readonly #source: SourceFile
  readonly #file: File
  readonly #headersOnly: boolean
  /** Of the next batch in the file, and of `buffer` in it. */
  #position: number
  #start = 0
  #filled = 0
  #expectedOffset: number

  /**
   * @param source its first `sizeBytes` do not change while it is read
   * @param position where a batch begins
   * @param options.headersOnly only headers (and whole control batches) are read; then no checksums are looked at
   */
  constructor(
    fileSystem: FileSystem,
    source: SourceFile,
    position: number,
    bufferBytes: number,
    options: { headersOnly?: boolean } = {},
  ) {
    this.#source = source
    this.#position = position
    this.#expectedOffset = source.baseOffset
    this.#headersOnly = options.headersOnly ?? false
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bufferBytes, batch.BATCH_HEADER_BYTES))
    this.#file = fileSystem.open(source.path, 'read')
  }

  /**
   * Comes to the next batch.
   * @returns false at the end of the file
   * @throws {StorageError} CORRUPT: what is there is no batch, or not what was written; others: the disk failed
   */
  next(): boolean {
    if (this.#position >= this.#source.sizeBytes) return false
    this.#load(batch.BATCH_HEADER_BYTES)
    const room = this.#source.sizeBytes - this.#position
    const size = plausibleBatchSize(this.buffer, this.at, room, this.#expectedOffset)
    if (size < 0) throw this.#damaged('is no batch that could be here')
    if (!this.#headersOnly || batch.isControl(this.buffer, this.at)) {
      this.#load(size)
      if (!hasGoodCrc(this.buffer, this.at, size)) throw this.#damaged('does not match its checksum')
    }
    this.size = size
    this.#position += size
    this.#expectedOffset = batch.nextOffset(this.buffer, this.at)
    return true
  }

  /** Where in the file the batch after this one begins. */
  get position(): number {
    return this.#position
  }

  close(): void {
    this.#file.close()
  }

  /** Brings `count` bytes from `#position` into the buffer, at `at`. */
  #load(count: number): void {
    const offset = this.#position - this.#start
    if (offset >= 0 && offset + count <= this.#filled) {
      this.at = offset
      return
    }
    const room = this.#source.sizeBytes - this.#position
    if (count > room) throw this.#damaged('is longer than the file')
    if (count > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(count)
    const wanted = this.buffer.subarray(0, Math.min(this.buffer.length, room))
    this.#start = this.#position
    this.at = 0
    this.#filled = readFullySync(this.#file, wanted, this.#position)
    this.bytesRead += this.#filled
    if (this.#filled < count) throw this.#damaged('ends before the file was said to')
  }

  #damaged(what: string): StorageError {
    const { path } = this.#source
    return new StorageError('CORRUPT', path, `what stands at ${this.#position} of ${path} ${what}`)
  }
}
