import { assert } from '../protocol/assert.ts'
import { readInt64, writeInt64 } from '../protocol/records/int64.ts'
import type { FileSystem } from './file-system.ts'
import { IndexFile, IndexMemory } from './index-file.ts'

/**
 * `.timeindex`: the largest timestamp so far, at some places of the segment.
 *
 *      0                8       12
 *      +----------------+-------+
 *      |   timestamp    | delta |   delta = offset - base offset of the segment
 *      +----------------+-------+   big-endian int64 and int32; timestamps strictly rise, offsets do not fall
 *
 * An entry (timestamp, offset) says: every record up to `offset` is at most that old, so what is younger comes after it.
 * Timestamps may jump back and forth from record to record (they are the clients'), the running maximum does not.
 */
export class TimeIndex {
  readonly baseOffset: number
  readonly #file: IndexFile
  readonly #maxEntries: number

  private constructor(file: IndexFile, options: TimeIndexOptions) {
    this.#file = file
    this.baseOffset = options.baseOffset
    this.#maxEntries = Math.floor(options.maxBytes / entryBytes)
  }

  /** A new index, or one to be rebuilt: a file that is there is overwritten at the first `save`. */
  static empty(options: TimeIndexOptions): TimeIndex {
    return new TimeIndex(IndexFile.empty(fileOptions(options)), options)
  }

  /** The index that the disk has. @throws {StorageError} NOT_FOUND */
  static open(options: TimeIndexOptions): TimeIndex {
    return new TimeIndex(IndexFile.open(fileOptions(options)), options)
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

  /** Time for a new segment. One slot is kept back for the last entry, which is written when the segment is closed. */
  get isFull(): boolean {
    return this.#file.count >= this.#maxEntries - 1
  }

  get isLoaded(): boolean {
    return this.#file.isLoaded
  }

  /** The page cache has all entries. */
  get isSaved(): boolean {
    return this.#file.isSaved
  }

  /** The largest timestamp, and where; (-1, base offset) if there is no entry. @throws {StorageError} CORRUPT */
  get last(): TimestampOffset {
    return this.#file.count === 0 ? { timestamp: -1, offset: this.baseOffset } : this.entry(this.#file.count - 1)
  }

  /**
   * Notes that `timestamp`, first seen at `offset`, is the largest so far. Nothing happens if the last entry's is as
   * large (so -1, no timestamp, is never noted) or if there is no room.
   * @param closing the segment is being closed: uses the slot that was kept back
   */
  append(timestamp: number, offset: number, closing = false): void {
    const delta = offset - this.baseOffset
    assert(delta >= 0, 'an indexed offset lies in its segment')
    assert(delta <= 0x7fffffff, 'an indexed offset lies within 2^31 of its segment')
    if (this.#file.count >= this.#maxEntries || (this.isFull && !closing)) return
    const last = this.last
    if (timestamp <= last.timestamp) return
    assert(offset >= last.offset, 'offsets in a time index do not fall')
    const { bytes, at } = this.#file.append()
    writeInt64(bytes, timestamp, at)
    bytes.writeInt32BE(delta, at + 8)
  }

  /**
   * The greatest entry at or below `timestamp`; (-1, base offset) if there is none. Records that are as young or
   * younger than `timestamp` lie at or after its offset.
   * @throws {StorageError} CORRUPT: rebuild the index
   */
  lookup(timestamp: number): TimestampOffset {
    let low = 0
    let high = this.#file.count - 1
    if (high >= 0) {
      const entries = this.#file.entries()
      while (low <= high) {
        const middle = (low + high) >>> 1
        if (readInt64(entries, middle * entryBytes) <= timestamp) low = middle + 1
        else high = middle - 1
      }
    }
    return high < 0 ? { timestamp: -1, offset: this.baseOffset } : this.entry(high)
  }

  /** One entry; `index` from 0 to `entryCount - 1`. */
  entry(index: number): TimestampOffset {
    assert(index >= 0 && index < this.#file.count, 'an entry of the index')
    const entries = this.#file.entries()
    const at = index * entryBytes
    return { timestamp: readInt64(entries, at), offset: this.baseOffset + entries.readInt32BE(at + 8) }
  }

  /** Forgets all entries at or above `offset`. */
  truncateTo(offset: number): void {
    const delta = offset - this.baseOffset
    let count = this.#file.count
    if (count === 0) return
    const entries = this.#file.entries()
    while (count > 0 && entries.readInt32BE((count - 1) * entryBytes + 8) >= delta) count -= 1
    this.#file.cutTo(count)
  }

  /**
   * What speaks against trusting this index for a log that ends before `nextOffset`, or undefined.
   * Only the last entry is judged, as in Kafka; the order of all is when they are read.
   */
  problem(nextOffset: number): string | undefined {
    if (this.#file.count === 0) return undefined
    const { timestamp, offset } = this.last
    if (timestamp < 0) return `last timestamp ${timestamp} is negative`
    if (offset < this.baseOffset) return `last offset ${offset} is below ${this.baseOffset}`
    if (offset >= nextOffset) return `last offset ${offset} is beyond the log's ${nextOffset}`
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
}

export interface TimestampOffset {
  /** Ms since the epoch; -1: none. */
  readonly timestamp: number
  readonly offset: number
}

export interface TimeIndexOptions {
  readonly fileSystem: FileSystem
  readonly path: string
  readonly baseOffset: number
  /** `segment.index.bytes`: rounded down to whole entries. */
  readonly maxBytes: number
  /** Shared by all indexes of a process; its own by default. */
  readonly memory?: IndexMemory
}

const entryBytes = 12

function fileOptions({ fileSystem, path, memory }: TimeIndexOptions) {
  return { fileSystem, path, entryBytes, memory: memory ?? new IndexMemory(), check: disorder }
}

function disorder(bytes: Buffer, count: number): string | undefined {
  let timestamp = -1
  let delta = 0
  for (let at = 0; at < count * entryBytes; at += entryBytes) {
    const nextTimestamp = readInt64(bytes, at)
    const nextDelta = bytes.readInt32BE(at + 8)
    if (nextTimestamp <= timestamp || nextDelta < delta)
      return `entry ${at / entryBytes} does not follow the one before`
    timestamp = nextTimestamp
    delta = nextDelta
  }
  return undefined
}
