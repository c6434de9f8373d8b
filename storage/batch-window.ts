import * as batch from '../protocol/records/batch.ts'
import { crc32c } from '../protocol/records/crc32c.ts'
import type { PooledFile } from './open-files.ts'

/**
 * A piece of a segment's file in memory, from which batches are read one by one; moved along as needed.
 * Lengths found in the file are believed only as far as the file reaches.
 */
export class BatchWindow {
  readonly #file: PooledFile
  /** Position up to which there are bytes to be read. */
  readonly end: number
  readonly #chunkBytes: number
  #start = 0
  #buffer: Buffer = Buffer.alloc(0)

  constructor(file: PooledFile, end: number, chunkBytes: number) {
    this.#file = file
    this.end = end
    this.#chunkBytes = chunkBytes
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** Where in `buffer` the byte at this position of the file is. It must have been made available. */
  indexOf(position: number): number {
    return position - this.#start
  }

  /** Are the bytes [position, position + count) in the buffer? */
  has(position: number, count: number): boolean {
    return position >= this.#start && position + count <= this.#start + this.#buffer.length
  }

  /**
   * Makes `count` bytes from `position` available, and what fits in a chunk after them.
   * @returns false if the file ends before
   */
  async load(position: number, count: number): Promise<boolean> {
    if (this.has(position, count)) return true
    if (position + count > this.end) return false
    const wanted = Math.min(Math.max(count, this.#chunkBytes), this.end - position)
    const buffer = Buffer.allocUnsafeSlow(wanted)
    const read = await this.#file.read(buffer, position)
    this.#buffer = buffer.subarray(0, read)
    this.#start = position
    return read >= count
  }

  /** As `load`, at once: for truncation, which happens between two turns. */
  loadSync(position: number, count: number): boolean {
    if (this.has(position, count)) return true
    if (position + count > this.end) return false
    const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(count, this.#chunkBytes), this.end - position))
    const read = this.#file.readSync(buffer, position)
    this.#buffer = buffer.subarray(0, read)
    this.#start = position
    return read >= count
  }
}

/**
 * The size of a batch whose header is at `at`, if the header can be one: magic 2, a length that fits, offsets from
 * `minOffset` on. -1 otherwise. The header must be there, the rest of the batch need not be.
 * @param room bytes from `at` to the end of the file
 */
export function plausibleBatchSize(buffer: Buffer, at: number, room: number, minOffset: number): number {
  const size = batch.batchSize(buffer, at)
  if (size < batch.BATCH_HEADER_BYTES || size > room) return -1
  if (batch.magic(buffer, at) !== 2) return -1
  const base = batch.baseOffset(buffer, at)
  if (base < minOffset || batch.lastOffsetDelta(buffer, at) < 0) return -1
  return size
}

/** Do the bytes of this whole batch match their checksum? */
export function hasGoodCrc(buffer: Buffer, at: number, size: number): boolean {
  return crc32c(buffer, at + batch.ATTRIBUTES_AT, at + size) === batch.crc(buffer, at)
}

/**
 * The next position at or after `position` at which a whole batch begins whose header is sane, whose offset is at least
 * `minOffset` and below `maxOffset`, and whose checksum is good; undefined if there is none before the window's end.
 * Only bytes that look like a header are checked further, so this is a search for two bytes most of the time.
 */
export async function findNextGoodBatch(
  window: BatchWindow,
  position: number,
  minOffset: number,
  maxOffset: number,
): Promise<number | undefined> {
  let at = position
  while (await window.load(at, batch.BATCH_HEADER_BYTES)) {
    // Positions whose whole header is in the buffer now.
    const { buffer } = window
    const base = window.indexOf(0)
    const last = buffer.length - batch.BATCH_HEADER_BYTES - base
    for (; at <= last; at++) {
      const index = at + base
      if (buffer[index + MAGIC_AT] !== 2) continue
      const size = plausibleBatchSize(buffer, index, window.end - at, minOffset)
      if (size < 0 || batch.baseOffset(buffer, index) >= maxOffset) continue
      if (window.has(at, size)) {
        if (hasGoodCrc(buffer, index, size)) return at
        continue
      }
      if (await batchIsGood(window, at, size)) return at
      break
    }
    if (at <= last) at++
  }
  return undefined
}

const MAGIC_AT = batch.MAGIC_END - 1

async function batchIsGood(window: BatchWindow, position: number, size: number): Promise<boolean> {
  return (await window.load(position, size)) && hasGoodCrc(window.buffer, window.indexOf(position), size)
}
