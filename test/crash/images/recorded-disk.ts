import { assert } from '../../../protocol/assert.ts'
import { StorageError, storageErrorOfErrno } from '../../../storage/errors.ts'
import type { File, FileLock, FileSystem, OpenMode } from '../../../storage/file-system.ts'
import { MemoryFileSystem } from '../../../storage/memory-file-system.ts'
import { folder, type ImageFolder, walk } from './image.ts'

/**
 * A disk that records everything that is done to it, in order, so that afterwards it can be seen as a crash at any point
 * would have left it (disk-state.ts). Nodes, files as well as folders, have numbers that outlive their names.
 *
 * What its user notes in between (`note`) stands in the same list: at each point it is known what had been promised.
 */
export type DiskEvent<Fact> =
  | { readonly kind: 'link'; readonly folder: number; readonly name: string; readonly node: number; isFolder: boolean }
  | { readonly kind: 'rename'; readonly folder: number; readonly from: string; readonly to: string; node: number }
  | { readonly kind: 'unlink'; readonly folder: number; readonly name: string; readonly node: number }
  | { readonly kind: 'write'; readonly node: number; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly node: number; readonly sizeBytes: number }
  /** From here on a sync is under way; what was done before is safe once it ended. */
  | { readonly kind: 'syncBegan'; readonly node: number; readonly sync: number }
  | { readonly kind: 'syncEnded'; readonly node: number; readonly sync: number }
  /** The kernel has given up on what was written until here: no later sync will bring it to the disk. */
  | { readonly kind: 'syncFailed'; readonly node: number }
  | { readonly kind: 'fact'; readonly fact: Fact }

export class RecordedDisk<Fact> {
  readonly events: DiskEvent<Fact>[] = []
  /** What the disk was at the start of the record. */
  readonly start: ImageFolder
  readonly memory: MemoryFileSystem
  /** By path. */
  readonly #nodes = new Map<string, number>()
  readonly #locked = new Set<string>()
  readonly #waiting: (() => void)[] = []
  #lastNode = 0
  #lastSync = 0
  #session: RecordingSession<Fact> | undefined

  /**
   * @param start not copied, so not to be changed
   * @param holdsIo asynchronous calls end only when `releaseOne` says so; else at once
   */
  constructor(
    start: ImageFolder = folder(),
    { holdsIo = false, wallTime }: { holdsIo?: boolean; wallTime?: () => number } = {},
  ) {
    this.start = start
    this.holdsIo = holdsIo
    this.memory = new MemoryFileSystem({ clock: { wallTime: wallTime ?? (() => 0) } })
    for (const { path, node } of walk(start)) {
      this.#nodes.set(path, this.#lastNode++)
      if (path === '/') continue
      if (node.kind === 'folder') this.memory.mkdir(path)
      else {
        const file = this.memory.open(path, 'create')
        if (node.bytes.length > 0) file.writeSync([node.bytes], 0)
        file.close()
      }
    }
  }

  holdsIo: boolean

  /** The file system for the next process that uses the disk. The one before is dead: whatever it still calls never ends. */
  boot(): FileSystem {
    this.#session?.kill()
    this.#waiting.length = 0
    this.#locked.clear()
    this.#session = new RecordingSession(this)
    return this.#session
  }

  /** Asynchronous calls that wait to be released. */
  get waiting(): number {
    return this.#waiting.length
  }

  releaseOne(index: number): void {
    this.#waiting.splice(index, 1)[0]?.()
  }

  note(fact: Fact): void {
    this.events.push({ kind: 'fact', fact })
  }

  /** A sync of what is at this path has failed, before it reached us. */
  syncFailed(path: string): void {
    const node = this.#nodes.get(normal(path))
    if (node !== undefined) this.events.push({ kind: 'syncFailed', node })
  }

  /** @internal for the session: settles when the call may end. */
  pass(): Promise<void> {
    return this.holdsIo ? new Promise((wake) => this.#waiting.push(wake)) : Promise.resolve()
  }

  /** @internal */
  push(event: DiskEvent<Fact>): void {
    this.events.push(event)
  }

  /** @internal */
  nodeAt(path: string): number | undefined {
    return this.#nodes.get(normal(path))
  }

  /** @internal */
  beginSync(node: number): number {
    const sync = this.#lastSync++
    this.events.push({ kind: 'syncBegan', node, sync })
    return sync
  }

  /** @internal a new name in a folder that is there */
  link(path: string, isFolder: boolean): number {
    const { parent, name, whole } = split(path)
    const node = this.#lastNode++
    this.#nodes.set(whole, node)
    this.events.push({ kind: 'link', folder: this.#nodes.get(parent)!, name, node, isFolder })
    return node
  }

  /** @internal */
  unlink(path: string): void {
    const { parent, name, whole } = split(path)
    const node = this.#nodes.get(whole)!
    this.#nodes.delete(whole)
    this.events.push({ kind: 'unlink', folder: this.#nodes.get(parent)!, name, node })
  }

  /** @internal */
  rename(from: string, to: string): void {
    const [source, target] = [split(from), split(to)]
    assert(source.parent === target.parent, 'names are changed within their folder')
    const renamed = this.#nodes.get(source.whole)!
    const folder = this.#nodes.get(source.parent)!
    for (const [path, node] of [...this.#nodes]) {
      if (path !== source.whole && !path.startsWith(`${source.whole}/`)) continue
      this.#nodes.delete(path)
      this.#nodes.set(target.whole + path.slice(source.whole.length), node)
    }
    this.events.push({ kind: 'rename', folder, from: source.name, to: target.name, node: renamed })
  }

  /** @internal */
  lock(path: string): FileLock {
    const key = normal(path)
    if (this.#locked.has(key)) throw new StorageError('LOCKED', path, `${path} is locked`)
    this.#locked.add(key)
    return { path, release: () => void this.#locked.delete(key) }
  }
}

/** One process's view of the disk. */
class RecordingSession<Fact> implements FileSystem {
  readonly #disk: RecordedDisk<Fact>
  readonly #memory: MemoryFileSystem
  #isDead = false

  constructor(disk: RecordedDisk<Fact>) {
    this.#disk = disk
    this.#memory = disk.memory
  }

  kill(): void {
    this.#isDead = true
  }

  /** What a killed process does next is nothing. */
  alive(action: string, path: string): void {
    if (this.#isDead) throw storageErrorOfErrno('EOWNERDEAD', action, path)
  }

  async whenReleased(): Promise<void> {
    await this.#disk.pass()
    if (this.#isDead) await new Promise<never>(() => {})
  }

  open(path: string, mode: OpenMode): File {
    this.alive('open', path)
    const inner = this.#memory.open(path, mode === 'replace' ? 'openOrCreate' : mode)
    const node = this.#disk.nodeAt(path) ?? this.#disk.link(path, false)
    const file = new RecordingFile(inner, node, this, this.#disk)
    if (mode === 'replace' && inner.size() > 0) file.truncate(0)
    return file
  }

  mkdir(path: string): void {
    this.alive('mkdir', path)
    this.#memory.mkdir(path)
    const parts = path.split('/').filter((part) => part !== '')
    for (let count = 1; count <= parts.length; count++) {
      const whole = `/${parts.slice(0, count).join('/')}`
      if (this.#disk.nodeAt(whole) === undefined) this.#disk.link(whole, true)
    }
  }

  rename(from: string, to: string): void {
    this.alive('rename', from)
    this.#memory.rename(from, to)
    this.#disk.rename(from, to)
  }

  unlink(path: string): void {
    this.alive('unlink', path)
    this.#memory.unlink(path)
    this.#disk.unlink(path)
  }

  async removeFile(path: string): Promise<void> {
    this.alive('unlink', path)
    await this.whenReleased()
    if (this.exists(path)) this.unlink(path)
  }

  /** Entry by entry, as every system does: a crash may leave a folder with half of its files. */
  async removeFolder(path: string): Promise<void> {
    this.alive('remove folder', path)
    await this.whenReleased()
    if (!this.exists(path)) return
    for (const { name, kind } of this.readdir(path)) {
      if (kind === 'folder') await this.removeFolder(`${path}/${name}`)
      else this.unlink(`${path}/${name}`)
    }
    await this.#memory.removeFolder(path)
    this.#disk.unlink(path)
  }

  readdir(path: string) {
    this.alive('list', path)
    return this.#memory.readdir(path)
  }

  stat(path: string) {
    this.alive('look at', path)
    return this.#memory.stat(path)
  }

  exists(path: string): boolean {
    this.alive('look at', path)
    return this.#memory.exists(path)
  }

  readFile(path: string, maxBytes?: number): Buffer {
    this.alive('read', path)
    return this.#memory.readFile(path, maxBytes)
  }

  async syncFolder(path: string): Promise<void> {
    this.alive('sync', path)
    const node = this.#disk.nodeAt(path)
    if (node === undefined) throw storageErrorOfErrno('ENOENT', 'sync folder', path)
    const sync = this.#disk.beginSync(node)
    await this.whenReleased()
    this.#disk.push({ kind: 'syncEnded', node, sync })
  }

  syncFolderSync(path: string): void {
    this.alive('sync', path)
    const node = this.#disk.nodeAt(path)
    if (node === undefined) throw storageErrorOfErrno('ENOENT', 'sync folder', path)
    this.#disk.push({ kind: 'syncEnded', node, sync: this.#disk.beginSync(node) })
  }

  statfs(path: string) {
    this.alive('measure', path)
    return this.#memory.statfs(path)
  }

  lock(path: string): FileLock {
    this.alive('lock', path)
    this.open(path, 'openOrCreate').close()
    return this.#disk.lock(path)
  }
}

class RecordingFile<Fact> implements File {
  readonly path: string
  readonly #inner: File
  readonly #node: number
  readonly #session: RecordingSession<Fact>
  readonly #disk: RecordedDisk<Fact>

  constructor(inner: File, node: number, session: RecordingSession<Fact>, disk: RecordedDisk<Fact>) {
    this.path = inner.path
    this.#inner = inner
    this.#node = node
    this.#session = session
    this.#disk = disk
  }

  writeSync(buffers: readonly Buffer[], position: number): number {
    this.#session.alive('write', this.path)
    const written = this.#inner.writeSync(buffers, position)
    const bytes = Buffer.concat(buffers).subarray(0, written)
    if (written > 0) this.#disk.push({ kind: 'write', node: this.#node, position, bytes })
    return written
  }

  readSync(buffer: Buffer, position: number): number {
    this.#session.alive('read', this.path)
    return this.#inner.readSync(buffer, position)
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    return this.readSync(buffer, position)
  }

  truncate(sizeBytes: number): void {
    this.#session.alive('truncate', this.path)
    if (sizeBytes === this.#inner.size()) return
    this.#inner.truncate(sizeBytes)
    this.#disk.push({ kind: 'truncate', node: this.#node, sizeBytes })
  }

  size(): number {
    this.#session.alive('look at', this.path)
    return this.#inner.size()
  }

  async datasync(): Promise<void> {
    this.#session.alive('sync', this.path)
    this.#inner.size() // a closed file is not synced
    const sync = this.#disk.beginSync(this.#node)
    await this.#session.whenReleased()
    this.#disk.push({ kind: 'syncEnded', node: this.#node, sync })
  }

  datasyncSync(): void {
    this.#session.alive('sync', this.path)
    this.#inner.size()
    this.#disk.push({ kind: 'syncEnded', node: this.#node, sync: this.#disk.beginSync(this.#node) })
  }

  sync(): Promise<void> {
    return this.datasync()
  }

  syncSync(): void {
    this.datasyncSync()
  }

  close(): void {
    this.#inner.close()
  }
}

function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}

function split(path: string): { whole: string; parent: string; name: string } {
  const whole = normal(path)
  const slash = whole.lastIndexOf('/')
  return { whole, parent: slash === 0 ? '/' : whole.slice(0, slash), name: whole.slice(slash + 1) }
}
