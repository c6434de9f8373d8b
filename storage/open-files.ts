import { assert } from '../protocol/assert.ts'
import { isStorageError, StorageError } from './errors.ts'
import { type File, type FileSystem, type OpenMode, readFullySync } from './file-system.ts'

/**
 * A bounded number of open files for any number of segments: 10,000 logs must fit a limit of 4,096 descriptors.
 * Who needs a file asks its `PooledFile`, which is opened again when it had to give its descriptor to another.
 */
export class OpenFiles {
  readonly fileSystem: FileSystem
  readonly limit: number
  /** Nothing is ever opened for writing: for tools that look at the folder of a running broker. */
  readonly readOnly: boolean
  /** Those that hold a descriptor; `#hand` goes round and round over them. */
  readonly #open: PooledFile[] = []
  #hand = 0

  /** @param limit most files open at a time; at least 1. Files that are closed during a read or sync count no more. */
  constructor(fileSystem: FileSystem, limit: number, readOnly = false) {
    assert(limit >= 1, 'at least one file may be open')
    this.fileSystem = fileSystem
    this.limit = limit
    this.readOnly = readOnly
  }

  get count(): number {
    return this.#open.length
  }

  /** @internal for PooledFile */
  makeRoom(): void {
    if (this.#open.length >= this.limit) this.#evictOne()
  }

  /** @internal for PooledFile */
  opened(file: PooledFile): void {
    this.#open.push(file)
  }

  /** @internal for PooledFile */
  closed(file: PooledFile): void {
    const at = this.#open.indexOf(file)
    if (at >= 0) this.#remove(at)
  }

  /**
   * The clock algorithm: who was used since the hand came by last gets a second round. Files with unsynced bytes go only
   * when nothing else can: the kernel reports a failed write-back to whoever opens the file next, but we need not rely on it.
   */
  #evictOne(): void {
    for (let step = 0; step < this.#open.length * 3; step++) {
      if (this.#hand >= this.#open.length) this.#hand = 0
      const file = this.#open[this.#hand]!
      const spared = file.used || (file.dirty && step < this.#open.length * 2)
      if (spared) {
        file.used = false
        this.#hand++
      } else {
        this.#remove(this.#hand)
        file.evict()
        return
      }
    }
  }

  #remove(at: number): void {
    const last = this.#open.pop()!
    if (at < this.#open.length) this.#open[at] = last
  }
}

/** One file that is open when it has to be. */
export class PooledFile {
  /** A rename changes it; descriptors that are open go on. */
  path: string
  /** Has bytes that no sync covers yet. */
  dirty = false
  /** @internal for OpenFiles */
  used = false
  readonly #files: OpenFiles
  #file: File | undefined
  /** The device can only be read, any more. */
  #onlyReads = false
  #closed = false

  constructor(files: OpenFiles, path: string) {
    this.#files = files
    this.path = path
  }

  /**
   * The open file, to be used at once: after the caller returned to the event loop, another may have its descriptor.
   * (Reads and syncs that were begun keep it until they end; the file system sees to that.)
   * @throws {StorageError} it cannot be opened, or was closed for good
   */
  get(): File {
    this.used = true
    if (this.#onlyReads) this.evictNow()
    return this.#file ?? this.#openAs(this.#files.readOnly ? 'read' : 'write')
  }

  /** Creates the file, empty; what stood there under this name is gone. */
  create(): void {
    this.#openAs('replace')
  }

  /** Reads until `buffer` is full or the file ends, off the event loop. @returns bytes read */
  async read(buffer: Buffer, position: number): Promise<number> {
    let total = 0
    while (total < buffer.length) {
      // Asked for anew each time: it may have been evicted while we waited.
      const read = await this.#forReading().read(total === 0 ? buffer : buffer.subarray(total), position + total)
      if (read === 0) break
      total += read
    }
    return total
  }

  /** As `read`, at once. */
  readSync(buffer: Buffer, position: number): number {
    return readFullySync(this.#forReading(), buffer, position)
  }

  /** Gives the descriptor back for good; what is under way ends first. */
  close(): void {
    this.#closed = true
    this.evictNow()
  }

  /** Gives the descriptor back now: another file is about to take the place of this one. */
  evictNow(): void {
    if (this.#file === undefined) return
    this.#files.closed(this)
    this.evict()
  }

  /** @internal for OpenFiles */
  evict(): void {
    this.#file?.close()
    this.#file = undefined
    this.#onlyReads = false
  }

  /** A file system that was mounted read-only, because of errors as a rule, still gives what is on it. */
  #forReading(): File {
    this.used = true
    if (this.#file !== undefined) return this.#file
    try {
      return this.get()
    } catch (error) {
      if (!isStorageError(error, 'NOT_WRITABLE')) throw error
    }
    const file = this.#openAs('read')
    this.#onlyReads = true
    return file
  }

  #openAs(mode: OpenMode): File {
    if (this.#closed) throw new StorageError('CLOSED', this.path, `${this.path} was closed`)
    // Room is made first, so that one descriptor more than the limit is never needed.
    this.#files.makeRoom()
    this.#file = this.#files.fileSystem.open(this.path, mode)
    this.#files.opened(this)
    return this.#file
  }
}
