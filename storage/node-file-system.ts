import fs from 'node:fs'
import path from 'node:path'
import { StorageError, toStorageError } from './errors.ts'
import type { DeviceSpace, File, FileLock, FileStat, FileSystem, FolderEntry, OpenMode } from './file-system.ts'

/**
 * The machine's file system. The only file of storage that knows `node:fs`.
 * Folders are made 0700, files 0600: the data are the broker's alone.
 */
export class NodeFileSystem implements FileSystem {
  open(filePath: string, mode: OpenMode): File {
    return attempt('open', filePath, () => new NodeFile(filePath, fs.openSync(filePath, openFlags[mode], 0o600)))
  }

  mkdir(folderPath: string): void {
    attempt('create folder', folderPath, () => fs.mkdirSync(folderPath, { recursive: true, mode: 0o700 }))
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to))
  }

  unlink(filePath: string): void {
    attempt('remove', filePath, () => fs.unlinkSync(filePath))
  }

  async removeFile(filePath: string): Promise<void> {
    await attemptLater('remove', filePath, () => fs.promises.rm(filePath, { force: true }))
  }

  async removeFolder(folderPath: string): Promise<void> {
    await attemptLater('remove folder', folderPath, () => fs.promises.rm(folderPath, { force: true, recursive: true }))
  }

  readdir(folderPath: string): FolderEntry[] {
    const entries = attempt('list', folderPath, () => fs.readdirSync(folderPath, { withFileTypes: true }))
    return entries
      .map((entry): FolderEntry => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  stat(filePath: string): FileStat | undefined {
    const stat = attempt('look at', filePath, () => fs.lstatSync(filePath, { throwIfNoEntry: false }))
    if (stat === undefined) return undefined
    return { kind: kindOf(stat), sizeBytes: stat.size, modifiedMs: stat.mtimeMs }
  }

  exists(filePath: string): boolean {
    return this.stat(filePath) !== undefined
  }

  readFile(filePath: string, maxBytes = 64 << 20): Buffer {
    const file = this.open(filePath, 'read')
    try {
      const size = file.size()
      if (size > maxBytes)
        throw new StorageError('CORRUPT', filePath, `${filePath} has ${size} bytes, more than ${maxBytes}`)
      const buffer = Buffer.allocUnsafe(size)
      let total = 0
      while (total < size) {
        const read = file.readSync(buffer.subarray(total), total)
        if (read === 0) break
        total += read
      }
      return buffer.subarray(0, total)
    } finally {
      file.close()
    }
  }

  async syncFolder(folderPath: string): Promise<void> {
    await attemptLater('sync folder', folderPath, async () => {
      const handle = await fs.promises.open(folderPath, 'r')
      try {
        await handle.sync()
      } catch (error) {
        if (!isWindowsRefusal(error)) throw error
      } finally {
        await handle.close()
      }
    })
  }

  syncFolderSync(folderPath: string): void {
    attempt('sync folder', folderPath, () => {
      const fd = fs.openSync(folderPath, 'r')
      try {
        fs.fsyncSync(fd)
      } catch (error) {
        if (!isWindowsRefusal(error)) throw error
      } finally {
        fs.closeSync(fd)
      }
    })
  }

  statfs(anyPath: string): DeviceSpace {
    const stat = attempt('measure', anyPath, () => fs.statfsSync(anyPath))
    return { totalBytes: stat.blocks * stat.bsize, usableBytes: stat.bavail * stat.bsize }
  }

  lock(lockPath: string): FileLock {
    return attempt('lock', lockPath, () => takeLock(lockPath))
  }
}

/** An open descriptor. Calls under way in the thread pool keep it open: a reused number would reach another file. */
class NodeFile implements File {
  readonly path: string
  #fd: number
  #inFlight = 0
  #closed = false

  constructor(filePath: string, fd: number) {
    this.path = filePath
    this.#fd = fd
  }

  writeSync(buffers: readonly Buffer[], position: number): number {
    const fd = this.#open('write')
    return attempt('write', this.path, () =>
      buffers.length === 1
        ? fs.writeSync(fd, buffers[0]!, 0, buffers[0]!.length, position)
        : fs.writevSync(fd, buffers as Buffer[], position),
    )
  }

  readSync(buffer: Buffer, position: number): number {
    const fd = this.#open('read')
    return attempt('read', this.path, () => fs.readSync(fd, buffer, 0, buffer.length, position))
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return this.#later('read', (fd, done) => fs.read(fd, buffer, 0, buffer.length, position, done))
  }

  truncate(sizeBytes: number): void {
    const fd = this.#open('truncate')
    attempt('truncate', this.path, () => fs.ftruncateSync(fd, sizeBytes))
  }

  size(): number {
    const fd = this.#open('look at')
    return attempt('look at', this.path, () => fs.fstatSync(fd).size)
  }

  async datasync(): Promise<void> {
    await this.#later('datasync', (fd, done) => fs.fdatasync(fd, (error) => done(error, 0)))
  }

  datasyncSync(): void {
    const fd = this.#open('datasync')
    attempt('datasync', this.path, () => fs.fdatasyncSync(fd))
  }

  async sync(): Promise<void> {
    await this.#later('sync', (fd, done) => fs.fsync(fd, (error) => done(error, 0)))
  }

  syncSync(): void {
    const fd = this.#open('sync')
    attempt('sync', this.path, () => fs.fsyncSync(fd))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#inFlight === 0) this.#closeDescriptor()
  }

  #open(action: string): number {
    if (this.#closed) throw new StorageError('CLOSED', this.path, `cannot ${action} ${this.path}: it was closed`)
    return this.#fd
  }

  #later(
    action: string,
    start: (fd: number, done: (error: Error | null, result: number) => void) => void,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const fd = this.#open(action)
      this.#inFlight += 1
      start(fd, (error, result) => {
        this.#inFlight -= 1
        if (this.#closed && this.#inFlight === 0) this.#closeDescriptor()
        if (error) reject(toStorageError(error, action, this.path))
        else resolve(result)
      })
    })
  }

  #closeDescriptor(): void {
    attempt('close', this.path, () => fs.closeSync(this.#fd))
  }
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC } = fs.constants
/** Absent on Windows, where making links needs privileges. */
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0

const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NOFOLLOW,
  write: O_RDWR | O_NOFOLLOW,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
  openOrCreate: O_RDWR | O_CREAT | O_NOFOLLOW,
  replace: O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
}

function attempt<T>(action: string, filePath: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw toStorageError(error, action, filePath)
  }
}

async function attemptLater<T>(action: string, filePath: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw toStorageError(error, action, filePath)
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): FolderEntry['kind'] {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'folder' : 'other'
}

/** Windows cannot sync a folder, and does not need it. */
function isWindowsRefusal(error: unknown): boolean {
  return process.platform === 'win32' && error instanceof Error && 'code' in error && error.code === 'EPERM'
}

/** Paths locked by this process: its own pid in a lock file proves nothing otherwise (in a container it is always the same). */
const heldByUs = new Set<string>()

/**
 * Node offers no flock. So the lock file holds its holder's pid with the machine's boot id and the process' start time
 * (where /proc tells them): a pid that was given anew to another process, or that is from before a reboot, holds
 * nothing. The file comes into being whole (`link`), and a dead holder's is moved away by whoever judged it, so of two
 * starters one wins.
 *
 * Known limit: processes in different pid namespaces (two containers on one volume) do not see each other's pids.
 * Apache Kafka's lock is an OS lock on an empty file of the same name: found in /proc/locks, where that exists.
 */
function takeLock(lockPath: string): FileLock {
  const key = path.resolve(lockPath)
  if (heldByUs.has(key)) throw lockedBy(lockPath, process.pid)
  const mine = `${process.pid} ${startTimeOf(process.pid)} ${bootId()}\n`
  const draft = `${lockPath}.${process.pid}`
  fs.writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (let tries = 0; ; tries++) {
      const found = readIfThere(lockPath)
      if (found !== undefined) {
        const holder = holderOf(lockPath, found)
        if (holder !== undefined || tries === 3) throw lockedBy(lockPath, holder ?? 0)
        setAside(lockPath, found, draft)
      }
      if (!failsWith('EEXIST', () => fs.linkSync(draft, lockPath))) break
    }
  } finally {
    fs.unlinkSync(draft)
  }
  heldByUs.add(key)
  return {
    path: lockPath,
    release() {
      if (!heldByUs.delete(key)) return
      if (readIfThere(lockPath) === mine) fs.unlinkSync(lockPath)
    },
  }
}

/** The process that uses a folder now: it lives, and holds this lock file. Nothing is changed; for who only looks. */
export function lockHolder(lockPath: string): number | undefined {
  const content = attempt('look at', lockPath, () => readIfThere(lockPath))
  return content === undefined ? undefined : holderOf(lockPath, content)
}

/** The pid of the living process that holds the lock, if there is one. */
function holderOf(lockPath: string, content: string): number | undefined {
  const [pidText = '', startTime = '', boot = ''] = content.trim().split(' ')
  const pid = Number(pidText)
  if (content.trim() === '' || !Number.isSafeInteger(pid) || pid <= 0) return osLockHolder(lockPath)
  // Without /proc, our own pid can only be that of an earlier process: what we hold is in `heldByUs`.
  if (pid === process.pid && startTime === '') return undefined
  if (boot !== '' && boot !== bootId()) return undefined
  if (!isAlive(pid)) return undefined
  if (startTime !== '' && startTimeOf(pid) !== startTime) return undefined
  return pid
}

/** Moves a dead holder's file away; if it is no longer the one that was judged, another starter was quicker: put back. */
function setAside(lockPath: string, judged: string, draft: string): void {
  const aside = `${draft}.stale`
  if (failsWith('ENOENT', () => fs.renameSync(lockPath, aside))) return
  if (readIfThere(aside) !== judged) failsWith('EEXIST', () => fs.linkSync(aside, lockPath))
  fs.unlinkSync(aside)
}

/** Runs it, and tells whether it failed for this one reason; other failures are thrown. */
function failsWith(errno: string, run: () => void): boolean {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === errno) return true
    throw error
  }
}

function lockedBy(lockPath: string, pid: number): StorageError {
  const folder = path.dirname(lockPath)
  return new StorageError(
    'LOCKED',
    lockPath,
    `${folder} is used by another broker (pid ${pid}); stop it or choose another folder`,
  )
}

function readIfThere(filePath: string): string | undefined {
  let text: string | undefined
  failsWith('ENOENT', () => {
    text = fs.readFileSync(filePath, 'utf8')
  })
  return text
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Start time in clock ticks since boot, the 22nd field of /proc/PID/stat; '' where that is not to be had. */
function startTimeOf(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`)
  // The second field is the program's name in brackets and may hold blanks.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function bootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id').trim()
}

/** Who holds a POSIX lock on the file, as Apache Kafka does. */
function osLockHolder(lockPath: string): number | undefined {
  const inode = fs.statSync(lockPath).ino
  for (const line of readProc('/proc/locks').split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[5]?.split(':')[2] === String(inode)) return Number(fields[4])
  }
  return undefined
}

/** '' where the system has no /proc, or hides this of it. */
function readProc(procPath: string): string {
  try {
    return fs.readFileSync(procPath, 'utf8')
  } catch {
    return ''
  }
}
