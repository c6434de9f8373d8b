import { assert } from '../protocol/assert.ts'
import type { Clock } from './clock.ts'
import { StorageError, storageErrorOfErrno } from './errors.ts'
import type { DeviceSpace, File, FileLock, FileStat, FileSystem, FolderEntry, OpenMode } from './file-system.ts'
import { MemoryPages } from './memory-pages.ts'

/**
 * A file system in memory: for tests, and for brokers that are to leave nothing behind.
 *
 * With `tracksCrashes` it knows what was synced, and `crash` gives the disk as a power cut would leave it: bytes that
 * no sync covered are lost (or some of their pages, as the test chooses), and so are names whose folder was not synced.
 * Folders directly below `/` stand for mount points: their own names are never lost.
 */
export class MemoryFileSystem implements FileSystem {
  /** Writes beyond this fill what is left, then fail with NO_SPACE. Free space by removing files, or raise it. */
  capacityBytes: number
  readonly #clock: Pick<Clock, 'wallTime'>
  readonly #tracksCrashes: boolean
  readonly #root: FolderNode
  readonly #locked = new Set<string>()
  #usedBytes = 0

  constructor(options: MemoryFileSystemOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? 2 ** 40
    this.#clock = options.clock ?? { wallTime: () => 0 }
    this.#tracksCrashes = options.tracksCrashes ?? false
    this.#root = new FolderNode()
  }

  open(path: string, mode: OpenMode): File {
    const { folder, name } = this.#parentOf('open', path)
    const found = folder.entries.get(name)
    if (found instanceof FolderNode) throw storageErrorOfErrno('EISDIR', 'open', path)
    if (found === undefined && (mode === 'read' || mode === 'write')) throw storageErrorOfErrno('ENOENT', 'open', path)
    if (found !== undefined && mode === 'create') throw storageErrorOfErrno('EEXIST', 'open', path)
    const node = found ?? new FileNode(new MemoryPages(this.#tracksCrashes))
    folder.entries.set(name, node)
    const file = new MemoryFile(path, node, this.#device, mode === 'read')
    if (mode === 'replace') file.truncate(0)
    return file
  }

  mkdir(path: string): void {
    let folder = this.#root
    for (const name of partsOf(path)) {
      let next = folder.entries.get(name)
      if (next === undefined) {
        next = new FolderNode()
        folder.entries.set(name, next)
        if (folder === this.#root) folder.durable.set(name, next)
      }
      if (!(next instanceof FolderNode)) throw storageErrorOfErrno('ENOTDIR', 'create folder', path)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    const source = this.#parentOf('rename', from)
    const target = this.#parentOf('rename', to)
    const node = source.folder.entries.get(source.name)
    if (node === undefined) throw storageErrorOfErrno('ENOENT', 'rename', from)
    const replaced = target.folder.entries.get(target.name)
    if (replaced instanceof FolderNode && replaced.entries.size > 0)
      throw storageErrorOfErrno('ENOTEMPTY', 'rename', from)
    if (replaced instanceof FileNode && replaced !== node) this.#usedBytes -= replaced.pages.sizeBytes
    source.folder.entries.delete(source.name)
    target.folder.entries.set(target.name, node)
  }

  unlink(path: string): void {
    const { folder, name } = this.#parentOf('remove', path)
    const node = folder.entries.get(name)
    if (node === undefined) throw storageErrorOfErrno('ENOENT', 'remove', path)
    if (node instanceof FolderNode) throw storageErrorOfErrno('EISDIR', 'remove', path)
    folder.entries.delete(name)
    this.#usedBytes -= node.pages.sizeBytes
  }

  async removeFile(path: string): Promise<void> {
    if (this.exists(path)) this.unlink(path)
  }

  async removeFolder(path: string): Promise<void> {
    const node = this.#find(path)
    if (node === undefined) return
    const { folder, name } = this.#parentOf('remove folder', path)
    folder.entries.delete(name)
    this.#usedBytes -= sizeOf(node)
  }

  readdir(path: string): FolderEntry[] {
    const folder = this.#folder('list', path)
    return [...folder.entries]
      .map(([name, node]): FolderEntry => ({ name, kind: node instanceof FileNode ? 'file' : 'folder' }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  stat(path: string): FileStat | undefined {
    const node = this.#find(path)
    if (node === undefined) return undefined
    if (node instanceof FolderNode) return { kind: 'folder', sizeBytes: 0, modifiedMs: 0 }
    return { kind: 'file', sizeBytes: node.pages.sizeBytes, modifiedMs: node.modifiedMs }
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined
  }

  readFile(path: string, maxBytes = 64 << 20): Buffer {
    const file = this.open(path, 'read')
    const size = file.size()
    if (size > maxBytes) throw new StorageError('CORRUPT', path, `${path} has ${size} bytes, more than ${maxBytes}`)
    const buffer = Buffer.alloc(size)
    file.readSync(buffer, 0)
    return buffer
  }

  async syncFolder(path: string): Promise<void> {
    this.syncFolderSync(path)
  }

  syncFolderSync(path: string): void {
    const folder = this.#folder('sync folder', path)
    folder.durable = new Map(folder.entries)
  }

  statfs(_path: string): DeviceSpace {
    return { totalBytes: this.capacityBytes, usableBytes: Math.max(this.capacityBytes - this.#usedBytes, 0) }
  }

  lock(path: string): FileLock {
    const key = partsOf(path).join('/')
    if (this.#locked.has(key)) {
      throw new StorageError('LOCKED', path, `${path} is locked by another broker (pid ${process.pid})`)
    }
    this.open(path, 'openOrCreate').close()
    this.#locked.add(key)
    return { path, release: () => void this.#locked.delete(key) }
  }

  /**
   * What would be found after a power cut at this moment, as a file system of its own. This one is not changed, so many
   * outcomes of one moment can be tried. Nothing is locked or open in the new one.
   * Needs `tracksCrashes`.
   */
  crash(outcome: CrashOutcome = {}): MemoryFileSystem {
    assert(this.#tracksCrashes, 'the file system was told to track crashes')
    const after = new MemoryFileSystem({
      capacityBytes: this.capacityBytes,
      clock: this.#clock,
      tracksCrashes: true,
    })
    copyAfterCrash(this.#root, '', after.#root, outcome)
    after.#usedBytes = sizeOf(after.#root)
    return after
  }

  /** What a kill of the process leaves: everything that was written, synced or not. */
  kill(): MemoryFileSystem {
    return this.crash({ pageSurvives: () => true, namesSurvive: () => true })
  }

  /** What files need to know of the device that they are on. */
  readonly #device: Device = {
    wallTime: () => this.#clock.wallTime(),
    freeBytes: () => this.capacityBytes - this.#usedBytes,
    grow: (bytes) => {
      this.#usedBytes += bytes
    },
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of partsOf(path)) {
      if (!(node instanceof FolderNode)) return undefined
      node = node.entries.get(name)
    }
    return node
  }

  #folder(action: string, path: string): FolderNode {
    const node = this.#find(path)
    if (node instanceof FolderNode) return node
    throw storageErrorOfErrno(node === undefined ? 'ENOENT' : 'ENOTDIR', action, path)
  }

  #parentOf(action: string, path: string): { folder: FolderNode; name: string } {
    const parts = partsOf(path)
    const name = parts.pop()
    if (name === undefined) throw storageErrorOfErrno('EISDIR', action, path)
    const folder = this.#find(parts.join('/'))
    if (!(folder instanceof FolderNode)) throw storageErrorOfErrno('ENOENT', action, path)
    return { folder, name }
  }
}

export interface MemoryFileSystemOptions {
  /** Default: a terabyte, so what the process can hold. */
  readonly capacityBytes?: number
  /** For the times of change; they stay at 0 without it. */
  readonly clock?: Pick<Clock, 'wallTime'>
  /** Costs memory per unsynced write. */
  readonly tracksCrashes?: boolean
}

export interface CrashOutcome {
  /** Did this 4 KiB page reach the disk, though no sync covered it? Default: no. */
  readonly pageSurvives?: (path: string, page: number) => boolean
  /** Did the names in this folder reach the disk as they are, though it was not synced? Default: no. */
  readonly namesSurvive?: (folderPath: string) => boolean
}

type Node = FolderNode | FileNode

class FolderNode {
  readonly entries = new Map<string, Node>()
  /** As of the last sync. */
  durable = new Map<string, Node>()
}

class FileNode {
  readonly pages: MemoryPages
  modifiedMs = 0

  constructor(pages: MemoryPages) {
    this.pages = pages
  }
}

interface Device {
  wallTime(): number
  freeBytes(): number
  grow(bytes: number): void
}

class MemoryFile implements File {
  readonly path: string
  readonly #node: FileNode
  readonly #device: Device
  readonly #readOnly: boolean
  #closed = false

  constructor(path: string, node: FileNode, device: Device, readOnly: boolean) {
    this.path = path
    this.#node = node
    this.#device = device
    this.#readOnly = readOnly
  }

  writeSync(buffers: readonly Buffer[], position: number): number {
    const pages = this.#pages('write')
    let at = position
    for (const buffer of buffers) {
      const fits = Math.max(pages.sizeBytes, at) + Math.max(this.#device.freeBytes(), 0) - at
      const part = buffer.length <= fits ? buffer : buffer.subarray(0, fits)
      const before = pages.sizeBytes
      if (part.length > 0) pages.write(part, at)
      this.#device.grow(pages.sizeBytes - before)
      at += part.length
      if (part.length < buffer.length) break
    }
    if (at === position && buffers.some(({ length }) => length > 0))
      throw storageErrorOfErrno('ENOSPC', 'write', this.path)
    this.#node.modifiedMs = this.#device.wallTime()
    return at - position
  }

  readSync(buffer: Buffer, position: number): number {
    return this.#pages('read').read(buffer, position)
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    return this.readSync(buffer, position)
  }

  truncate(sizeBytes: number): void {
    const pages = this.#pages('truncate')
    this.#device.grow(sizeBytes - pages.sizeBytes)
    pages.truncate(sizeBytes)
    this.#node.modifiedMs = this.#device.wallTime()
  }

  size(): number {
    return this.#pages('look at').sizeBytes
  }

  /** Covers what was written before the call, and counts once it has come back. */
  async datasync(): Promise<void> {
    const pages = this.#pages('datasync')
    const mark = pages.mark()
    await Promise.resolve()
    pages.synced(mark)
  }

  datasyncSync(): void {
    const pages = this.#pages('datasync')
    pages.synced(pages.mark())
  }

  sync(): Promise<void> {
    return this.datasync()
  }

  syncSync(): void {
    this.datasyncSync()
  }

  close(): void {
    this.#closed = true
  }

  #pages(action: string): MemoryPages {
    if (this.#closed) throw new StorageError('CLOSED', this.path, `cannot ${action} ${this.path}: it was closed`)
    if (this.#readOnly && (action === 'write' || action === 'truncate')) {
      throw storageErrorOfErrno('EBADF', action, this.path)
    }
    return this.#node.pages
  }
}

function partsOf(path: string): string[] {
  return path.split(/[\\/]/).filter((part) => part !== '' && part !== '.')
}

function sizeOf(node: Node): number {
  if (node instanceof FileNode) return node.pages.sizeBytes
  return [...node.entries.values()].reduce((total, entry) => total + sizeOf(entry), 0)
}

function copyAfterCrash(from: FolderNode, path: string, to: FolderNode, outcome: CrashOutcome): void {
  const names = outcome.namesSurvive?.(path === '' ? '/' : path) ? from.entries : from.durable
  for (const [name, node] of names) {
    const nodePath = `${path}/${name}`
    if (node instanceof FolderNode) {
      const folder = new FolderNode()
      to.entries.set(name, folder)
      copyAfterCrash(node, nodePath, folder, outcome)
    } else {
      const survives = (page: number) => outcome.pageSurvives?.(nodePath, page) ?? false
      const file = new FileNode(node.pages.afterCrash(survives))
      file.modifiedMs = node.modifiedMs
      to.entries.set(name, file)
    }
  }
  to.durable = new Map(to.entries)
}
