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
  readonly #isHandedOut: boolean
  #start = 0
  #buffer: Buffer = NOTHING
  #room: Buffer = NOTHING

  /**
   * @param end position up to which there are bytes to be read
   * @param chunkBytes read at a time, unless a batch is larger
   * @param isHandedOut parts of the buffer are given to others: each piece is read into a buffer of its own
   */
  constructor(file: PooledFile, end: number, chunkBytes: number, isHandedOut = false) {
    this.#file = file
    this.end = end
    this.#chunkBytes = chunkBytes
    this.#isHandedOut = isHandedOut
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
    const buffer = this.#roomFor(position, count)
    const read = await this.#file.read(buffer, position)
    this.#buffer = buffer.subarray(0, read)
    this.#start = position
    return read >= count
  }

  /** As `load`, at once: for truncation, which happens between two turns. */
  loadSync(position: number, count: number): boolean {
    if (this.has(position, count)) return true
    if (position + count > this.end) return false
    const buffer = this.#roomFor(position, count)
    const read = this.#file.readSync(buffer, position)
    this.#buffer = buffer.subarray(0, read)
    this.#start = position
    return read >= count
  }

  #roomFor(position: number, count: number): Buffer {
    // If the read fails, what is in the room is neither the old piece nor the new one.
    this.#buffer = NOTHING
    const wanted = Math.min(Math.max(count, this.#chunkBytes), this.end - position)
    if (this.#isHandedOut) return Buffer.allocUnsafeSlow(wanted)
    if (this.#room.length < wanted) this.#room = Buffer.allocUnsafeSlow(wanted)
    return this.#room.subarray(0, wanted)
  }
}

const NOTHING: Buffer = Buffer.alloc(0)
