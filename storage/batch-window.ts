import type { PooledFile } from './open-files.ts'

export { hasGoodCrc, plausibleBatchSize } from './batch-check.ts'

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
