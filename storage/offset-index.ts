import { assert } from '../protocol/assert.ts'
import type { FileSystem } from './file-system.ts'
import { IndexFile, IndexMemory } from './index-file.ts'

/**
 * `.index`: where in the segment some of its batches begin, one entry every `index.interval.bytes` or so.
 *
 *      0       4        8
 *      +-------+--------+
 *      | delta | position |   delta = last offset of that batch - base offset of the segment
 *      +-------+--------+   both big-endian int32, both strictly rising from entry to entry
 *
 * Finding an offset: the greatest entry at or below it gives a position from which to walk batches. In memory a lookup
 * is one binary search without allocation; see index-file.ts for what stays in memory.
 */
export class OffsetIndex {
  readonly baseOffset: number
  readonly #file: IndexFile
  readonly #maxEntries: number
  #lastDelta: number | undefined

  private constructor(file: IndexFile, options: OffsetIndexOptions) {
    this.#file = file
    this.baseOffset = options.baseOffset
    this.#maxEntries = Math.floor(options.maxBytes / entryBytes)
  }

  /** A new index, or one to be rebuilt: a file that is there is overwritten at the first `save`. */
  static empty(options: OffsetIndexOptions): OffsetIndex {
    return new OffsetIndex(IndexFile.empty(fileOptions(options)), options)
  }

  /** The index that the disk has. @throws {StorageError} NOT_FOUND */
  static open(options: OffsetIndexOptions): OffsetIndex {
    return new OffsetIndex(IndexFile.open(fileOptions(options)), options)
  }

  get path(): string {
    return this.#file.path
  }

  /** Tells where the file lies after it was renamed with its segment. */
  movedTo(path: string): void {
    this.#file.path = path
  }

  get entryCount(): number {
    return this.#file.count
  }

  /** No room for another entry within `segment.index.bytes`: time for a new segment. */
  get isFull(): boolean {
    return this.#file.count >= this.#maxEntries
  }

  get isLoaded(): boolean {
    return this.#file.isLoaded
  }

  /** The page cache has all entries. */
  get isSaved(): boolean {
    return this.#file.isSaved
  }

  /** The newest entry's offset; the segment's base offset if there is none. @throws {StorageError} CORRUPT */
  get lastOffset(): number {
    return this.baseOffset + this.#last()
  }

  /** The newest entry's position, or 0. @throws {StorageError} CORRUPT */
  get lastPosition(): number {
    const { count } = this.#file
    return count === 0 ? 0 : this.#file.entries().readInt32BE((count - 1) * entryBytes + 4)
  }

  /** May an offset stand in this segment at all? Entries hold 31 bits. */
  fits(offset: number): boolean {
    return offset >= this.baseOffset && offset - this.baseOffset <= 0x7fffffff
  }

  /**
   * Notes that the batch that ends with `offset` begins at `position`.
   * Must not be called when full; offset and position are above those of the last entry.
   */
  append(offset: number, position: number): void {
    assert(!this.isFull, 'an index is appended to while it has room')
    assert(this.fits(offset), 'an indexed offset lies within 2^31 of its segment')
    const delta = offset - this.baseOffset
    assert(this.#file.count === 0 || delta > this.#last(), 'offsets in an index rise')
    assert(this.#file.count === 0 || position > this.lastPosition, 'positions in an index rise')
    const { bytes, at } = this.#file.append()
    bytes.writeInt32BE(delta, at)
    bytes.writeInt32BE(position, at + 4)
    this.#lastDelta = delta
  }

  /**
   * Position from which to walk batches to find the one that holds `offset`; 0 if no entry is that low.
   * Reads the file if the entries are not in memory: about a millisecond from the page cache.
   * @throws {StorageError} CORRUPT: rebuild the index
   */
  lookup(offset: number): number {
    const entry = this.#floor(offset)
    return entry < 0 ? 0 : this.#file.entries().readInt32BE(entry * entryBytes + 4)
  }

  /** One entry; `index` from 0 to `entryCount - 1`. */
  entry(index: number): { offset: number; position: number } {
    assert(index >= 0 && index < this.#file.count, 'an entry of the index')
    const entries = this.#file.entries()
    const at = index * entryBytes
    return { offset: this.baseOffset + entries.readInt32BE(at), position: entries.readInt32BE(at + 4) }
  }

  /** Forgets all entries at or above `offset`. */
  truncateTo(offset: number): void {
    this.#file.cutTo(this.#floor(offset - 1) + 1)
    this.#lastDelta = undefined
  }

  /**
   * What speaks against trusting this index for a log file of `logSizeBytes`, or undefined.
   * Only the last entry is judged, as in Kafka; the order of all is when they are read.
   */
  problem(logSizeBytes: number): string | undefined {
    if (this.#file.count === 0) return undefined
    if (this.lastOffset <= this.baseOffset) return `last offset ${this.lastOffset} is not above ${this.baseOffset}`
    if (this.lastPosition >= logSizeBytes)
      return `position ${this.lastPosition} is beyond the log's ${logSizeBytes} bytes`
    return undefined
  }

  /** Writes what is new into the file (page cache, not synced), which then has Kafka's trimmed form. */
  save(): void {
    this.#file.save()
  }

  /** As `save`, but a crash leaves the old file or the new. Settles when it is on the disk. */
  replace(): Promise<void> {
    return this.#file.replace()
  }

  /** Gives the memory back until it is next used. Does nothing while there are unsaved entries. */
  unload(): boolean {
    return this.#file.unload()
  }

  /** Saves, and gives the memory back. */
  close(): void {
    this.#file.save()
    this.#file.drop()
  }

  /** Ends the use of an index whose file is removed. */
  drop(): void {
    this.#file.drop()
  }

  #last(): number {
    const { count } = this.#file
    this.#lastDelta ??= count === 0 ? 0 : this.#file.entries().readInt32BE((count - 1) * entryBytes)
    return this.#lastDelta
  }

  /** The greatest entry at or below `offset`, or -1. */
  #floor(offset: number): number {
    const delta = offset - this.baseOffset
    let low = 0
    let high = this.#file.count - 1
    if (high < 0) return -1
    const entries = this.#file.entries()
    while (low <= high) {
      const middle = (low + high) >>> 1
      if (entries.readInt32BE(middle * entryBytes) <= delta) low = middle + 1
      else high = middle - 1
    }
    return high
  }
}

export interface OffsetIndexOptions {
  readonly fileSystem: FileSystem
  readonly path: string
  readonly baseOffset: number
  /** `segment.index.bytes`: rounded down to whole entries. */
  readonly maxBytes: number
  /** Shared by all indexes of a process; its own by default. */
  readonly memory?: IndexMemory
}

const entryBytes = 8

function fileOptions({ fileSystem, path, memory }: OffsetIndexOptions) {
  return { fileSystem, path, entryBytes, memory: memory ?? new IndexMemory(), check: disorder }
}

function disorder(bytes: Buffer, count: number): string | undefined {
  let delta = -1
  let position = -1
  for (let at = 0; at < count * entryBytes; at += entryBytes) {
    const nextDelta = bytes.readInt32BE(at)
    const nextPosition = bytes.readInt32BE(at + 4)
    if (nextDelta <= delta || nextPosition <= position) return `entry ${at / entryBytes} does not follow the one before`
    delta = nextDelta
    position = nextPosition
  }
  return undefined
}
