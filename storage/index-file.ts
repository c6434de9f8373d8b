import { assert } from '../protocol/assert.ts'
import { replaceFile } from './atomic-file.ts'
import { StorageError } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import { readFullySync, writeFully } from './file-system.ts'

/**
 * The fixed-size entries of one index file, in memory in the very bytes that are on disk. What offset and time index
 * share: growing, lazy loading, writing behind, cutting.
 *
 * Cost: a file without entries in memory costs one small object; entries are read when first asked for, kept in the
 * `IndexMemory` budget, and dropped from there, oldest use first, once they are on disk. No descriptor stays open.
 * An index is never synced: whoever doubts it rebuilds it from the log.
 */
export class IndexFile {
  /** Where it lies; a renamed segment moves it. */
  path: string
  readonly entryBytes: number
  readonly #fileSystem: FileSystem
  readonly #memory: IndexMemory
  readonly #check: EntryCheck
  #count: number
  /** Entries at the front of the file that are as in memory. */
  #saved: number
  /** The file is longer than `#saved` entries, by preallocated zeros or by entries that were cut. */
  #hasTail: boolean
  #bytes: Buffer | undefined
  #cuts = 0

  private constructor(
    options: IndexFileOptions,
    state: { count: number; hasTail: boolean; bytes: Buffer | undefined },
  ) {
    this.path = options.path
    this.entryBytes = options.entryBytes
    this.#fileSystem = options.fileSystem
    this.#memory = options.memory
    this.#check = options.check
    this.#count = state.count
    this.#saved = state.count
    this.#hasTail = state.hasTail
    this.#bytes = state.bytes
  }

  /** An index without entries; what the file holds is overwritten at the first `save`. */
  static empty(options: IndexFileOptions): IndexFile {
    const bytes = Buffer.alloc(0)
    return new IndexFile(options, { count: 0, hasTail: true, bytes })
  }

  /**
   * The entries of an existing file. Only its size and last entry are looked at now, the rest when it is first used.
   * Kafka preallocates the active segment's indexes and trims them when it closes them: a tail of zeros is cut. So is
   * a part of an entry at the end.
   * @throws {StorageError} NOT_FOUND
   */
  static open(options: IndexFileOptions): IndexFile {
    const { fileSystem, path, entryBytes } = options
    const file = fileSystem.open(path, 'read')
    try {
      const size = file.size()
      const whole = Math.floor(size / entryBytes)
      const last = Buffer.alloc(entryBytes)
      if (whole > 0) readFullySync(file, last, (whole - 1) * entryBytes)
      if (whole === 0 || !isZero(last)) {
        return new IndexFile(options, { count: whole, hasTail: size > whole * entryBytes, bytes: undefined })
      }
      const bytes = Buffer.alloc(whole * entryBytes)
      readFullySync(file, bytes, 0)
      let count = whole
      while (count > 0 && isZero(bytes.subarray((count - 1) * entryBytes, count * entryBytes))) count -= 1
      return new IndexFile(options, { count, hasTail: true, bytes: undefined })
    } finally {
      file.close()
    }
  }

  get count(): number {
    return this.#count
  }

  /** Are the entries in memory, so that `entries` does not touch the disk? */
  get isLoaded(): boolean {
    return this.#bytes !== undefined || this.#count === 0
  }

  get isSaved(): boolean {
    return this.#saved === this.#count && !this.#hasTail
  }

  /** Memory held by the entries. */
  get heldBytes(): number {
    return this.#bytes?.length ?? 0
  }

  /**
   * All entries, `count * entryBytes` bytes at least, to read. Valid until the next change.
   * @throws {StorageError} CORRUPT if they are not in order, or the file shrank: rebuild it
   */
  entries(): Buffer {
    if (this.#bytes === undefined) this.#load()
    this.#memory.used(this)
    return this.#bytes!
  }

  /** Room for one more entry; the caller fills it in before anything else happens. */
  append(): { bytes: Buffer; at: number } {
    let bytes = this.entries()
    const at = this.#count * this.entryBytes
    if (at + this.entryBytes > bytes.length) {
      const grown = Buffer.alloc(Math.max(at * 2, this.entryBytes * 8))
      bytes.copy(grown, 0, 0, at)
      this.#memory.resized(this, grown.length - bytes.length)
      bytes = grown
      this.#bytes = grown
    }
    this.#count += 1
    return { bytes, at }
  }

  /** Keeps the first `count` entries. The file is cut at the next `save`. */
  cutTo(count: number): void {
    assert(count <= this.#count, 'an index is cut to fewer entries')
    this.#cuts++
    if (count < this.#saved) {
      this.#saved = count
      this.#hasTail = true
    }
    this.#count = count
    if (count === 0) this.#bytes ??= Buffer.alloc(0)
  }

  /** Hands the entries that the file lacks to the page cache, and cuts its tail off. */
  save(): void {
    if (this.isSaved) return
    const file = this.#fileSystem.open(this.path, 'openOrCreate')
    try {
      const from = this.#saved * this.entryBytes
      const to = this.#count * this.entryBytes
      if (this.#hasTail) file.truncate(from)
      if (to > from) writeFully(file, [this.#bytes!.subarray(from, to)], from)
      this.#saved = this.#count
      this.#hasTail = false
    } finally {
      file.close()
    }
  }

  /**
   * Writes all entries into a new file, which takes the place of the old one when it is on the disk: for files that the
   * next start may believe, so that a crash leaves the old or the new.
   */
  async replace(): Promise<void> {
    const [count, cuts] = [this.#count, this.#cuts]
    const content = Buffer.from(this.entries().subarray(0, count * this.entryBytes))
    await replaceFile(this.#fileSystem, this.path, content)
    // What was cut meanwhile is in the file, so all of it has to be written again.
    this.#saved = cuts === this.#cuts ? count : 0
    this.#hasTail = cuts !== this.#cuts
  }

  /** Gives the memory back, if the disk has it all. */
  unload(): boolean {
    if (!this.isSaved || this.#bytes === undefined) return false
    this.#memory.forget(this)
    this.#bytes = undefined
    return true
  }

  /** Ends its use, saved or not. */
  drop(): void {
    this.#memory.forget(this)
    this.#bytes = undefined
  }

  #load(): void {
    if (this.#count === 0) {
      this.#bytes = Buffer.alloc(0)
      return
    }
    const bytes = Buffer.allocUnsafe(this.#count * this.entryBytes)
    const file = this.#fileSystem.open(this.path, 'read')
    try {
      const read = readFullySync(file, bytes, 0)
      if (read < bytes.length) throw new StorageError('CORRUPT', this.path, `${this.path} became shorter`)
    } finally {
      file.close()
    }
    const problem = this.#check(bytes, this.#count)
    if (problem !== undefined) throw new StorageError('CORRUPT', this.path, `${this.path}: ${problem}`)
    this.#bytes = bytes
  }
}

export interface IndexFileOptions {
  readonly fileSystem: FileSystem
  readonly path: string
  readonly entryBytes: number
  readonly memory: IndexMemory
  readonly check: EntryCheck
}

/** What is wrong with the entries, if anything. */
export type EntryCheck = (bytes: Buffer, count: number) => string | undefined

/**
 * How much memory all indexes together may keep. A gigabyte of log has 3.5 MiB of indexes (4 KiB apart), so a terabyte
 * would take 3.5 GiB if all stayed. What does not fit is read again when it is next used.
 * Indexes with unsaved entries stay whatever happens: those are of active segments, and few.
 */
export class IndexMemory {
  readonly limitBytes: number
  #heldBytes = 0
  /** Least recently used first. */
  readonly #loaded = new Map<IndexFile, number>()

  /** @param limitBytes 0 keeps nothing beyond its use */
  constructor(limitBytes = 64 << 20) {
    this.limitBytes = limitBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  used(index: IndexFile): void {
    const before = this.#loaded.get(index)
    // A busy index is mostly the newest already; moving it costs two hash operations, so only when others press.
    if (before !== undefined && this.#heldBytes <= this.limitBytes / 2) return
    this.#loaded.delete(index)
    this.#loaded.set(index, index.heldBytes)
    this.#heldBytes += index.heldBytes - (before ?? 0)
    if (this.#heldBytes > this.limitBytes) this.#evict(index)
  }

  resized(index: IndexFile, byBytes: number): void {
    const before = this.#loaded.get(index)
    if (before === undefined) return
    this.#loaded.set(index, before + byBytes)
    this.#heldBytes += byBytes
  }

  forget(index: IndexFile): void {
    this.#heldBytes -= this.#loaded.get(index) ?? 0
    this.#loaded.delete(index)
  }

  #evict(inUse: IndexFile): void {
    for (const index of this.#loaded.keys()) {
      if (this.#heldBytes <= this.limitBytes) return
      if (index !== inUse) index.unload()
    }
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}
