/**
 * Everything that storage does to a disk. The real one is node-file-system.ts; memory-file-system.ts can lose what was
 * not synced; tests have one more that fails on demand.
 *
 * Every method throws, and every promise rejects with, a `StorageError` and nothing else. Symbolic links are never
 * followed at the last step of a path: opening one is an error, `stat` and `readdir` call it `other`.
 *
 * What a power cut leaves, and what callers must therefore do:
 * - bytes written survive it once `datasync` or `sync` of their file came back;
 * - names (created, renamed, removed) survive it once `syncFolder` of their folder came back.
 * A failed sync is final: the kernel may have dropped the pages, so a second one would lie. It is never tried again.
 */
export interface FileSystem {
  /** @throws {StorageError} NOT_FOUND, EXISTS (mode `create`), TOO_MANY_FILES, ... */
  open(path: string, mode: OpenMode): File
  /** Creates the folder and its parents (0700). Nothing happens if it is there. */
  mkdir(path: string): void
  /** Atomic; replaces what is at `to`. */
  rename(from: string, to: string): void
  /** @throws {StorageError} NOT_FOUND */
  unlink(path: string): void
  /** As `unlink`, off the event loop: freeing a gigabyte takes time. A missing file is not an error. */
  removeFile(path: string): Promise<void>
  /** Removes the folder and all that is in it, off the event loop. A missing folder is not an error. */
  removeFolder(path: string): Promise<void>
  /** In order of names. @throws {StorageError} NOT_FOUND */
  readdir(path: string): FolderEntry[]
  /** `undefined` if nothing is there. */
  stat(path: string): FileStat | undefined
  exists(path: string): boolean
  /** The whole of a small file. @throws {StorageError} NOT_FOUND; CORRUPT above `maxBytes` (default 64 MiB) */
  readFile(path: string, maxBytes?: number): Buffer
  /** Makes the names in a folder survive a power cut. */
  syncFolder(path: string): Promise<void>
  syncFolderSync(path: string): void
  /** Space of the device that holds `path`. */
  statfs(path: string): DeviceSpace
  /**
   * Takes the folder's lock file for this process. It ends with `release`, or with the process, however that dies.
   * @throws {StorageError} LOCKED, with the holder's pid in the message
   */
  lock(path: string): FileLock
}

/**
 * - `read` an existing file, to read
 * - `write` an existing file, to read and write
 * - `create` a new file, to read and write; EXISTS if it is there
 * - `openOrCreate` to read and write, created if missing
 * - `replace` to read and write, emptied if it is there
 */
export type OpenMode = 'read' | 'write' | 'create' | 'openOrCreate' | 'replace'

/** An open file. Positions and sizes are bytes from its start. */
export interface File {
  readonly path: string
  /**
   * Writes the buffers one after another at `position`, in one gathered call, into the page cache.
   * @returns bytes written, which may be fewer than given: the last write before a full disk is a short one that
   *   reports success. Going on with the rest, and cutting back after an error, is the caller's (see `writeFully`).
   */
  writeSync(buffers: readonly Buffer[], position: number): number
  /** Fills `buffer` from `position`. @returns bytes read: fewer only at the end of the file (or if interrupted) */
  readSync(buffer: Buffer, position: number): number
  /** As `readSync`, off the event loop. The buffer must not be touched until then. */
  read(buffer: Buffer, position: number): Promise<number>
  /** Cuts, or extends with zeros. */
  truncate(sizeBytes: number): void
  size(): number
  /** Waits until the written bytes, and what is needed to read them (the size), are on the device. */
  datasync(): Promise<void>
  datasyncSync(): void
  /** As `datasync`, with all of the inode (times). */
  sync(): Promise<void>
  syncSync(): void
  /** No new calls from now on (CLOSED); those under way end first. Closing twice is allowed. */
  close(): void
}

export interface FolderEntry {
  readonly name: string
  /** `other`: a symbolic link, socket, device. */
  readonly kind: 'file' | 'folder' | 'other'
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes: number
  /** Wall clock, ms since the epoch, of the last change of its bytes. */
  readonly modifiedMs: number
}

export interface DeviceSpace {
  readonly totalBytes: number
  /** What an unprivileged process may still use. */
  readonly usableBytes: number
}

export interface FileLock {
  readonly path: string
  /** Gives the lock back. Twice is allowed. */
  release(): void
}

/**
 * Writes all bytes of the buffers at `position`, however many calls that takes.
 * @throws {StorageError} after which any part of them may be in the file: cut it back
 */
export function writeFully(file: File, buffers: readonly Buffer[], position: number): void {
  let rest = buffers
  let at = position
  for (;;) {
    let written = file.writeSync(rest, at)
    at += written
    let index = 0
    while (index < rest.length && written >= rest[index]!.length) written -= rest[index++]!.length
    if (index === rest.length) return
    rest = rest.slice(index)
    if (written > 0) rest = [rest[0]!.subarray(written), ...rest.slice(1)]
  }
}

/** Fills `buffer` from `position`, in as many calls as it takes. @returns bytes read: fewer only at the end of the file */
export function readFullySync(file: File, buffer: Buffer, position: number): number {
  let total = 0
  while (total < buffer.length) {
    const read = file.readSync(total === 0 ? buffer : buffer.subarray(total), position + total)
    if (read === 0) break
    total += read
  }
  return total
}

/** As `readFullySync`, off the event loop. */
export async function readFully(file: File, buffer: Buffer, position: number): Promise<number> {
  let total = 0
  while (total < buffer.length) {
    const read = await file.read(total === 0 ? buffer : buffer.subarray(total), position + total)
    if (read === 0) break
    total += read
  }
  return total
}
