import { storageErrorOfErrno } from '../../storage/errors.ts'
import type {
  DeviceSpace,
  File,
  FileLock,
  FileStat,
  FileSystem,
  FolderEntry,
  OpenMode,
} from '../../storage/file-system.ts'

/**
 * Another file system that fails when told to: the nth call of a kind, once or for ever, before it has an effect or in
 * the middle of it. Keeps a list of all calls, so that a test can fail each one in turn, or prove their order.
 *
 * Synchronous and asynchronous forms count as one operation (`write`, `datasync`, `syncFolder`, ...).
 */
export class FaultyFileSystem implements FileSystem {
  /** All calls so far, in order of their start. */
  readonly calls: Call[] = []
  readonly #inner: FileSystem
  readonly #faults: ActiveFault[] = []
  readonly #holds: ActiveHold[] = []
  readonly #onFault: (call: Call) => void

  /** @param onFault told of each call that is struck, before it fails: a failed sync has consequences of its own */
  constructor(inner: FileSystem, onFault: (call: Call) => void = () => {}) {
    this.#inner = inner
    this.#onFault = onFault
  }

  /** Arms a fault. Several may be armed; the first that matches a call and is due strikes. */
  fail(fault: Fault): void {
    this.#faults.push({ ...fault, waiting: (fault.nth ?? 1) - 1, left: fault.times ?? 1 })
  }

  /** Disarms all faults: the disk is well again. */
  heal(): void {
    this.#faults.length = 0
  }

  /**
   * Lets matching asynchronous calls wait until `release`: a slow disk, for as long as a test likes.
   * They take effect when released.
   */
  hold(operation: Operation, path = ''): Hold {
    const hold: ActiveHold = { operation, path, waiting: [], held: true }
    this.#holds.push(hold)
    return {
      get waiting() {
        return hold.waiting.length
      },
      release() {
        hold.held = false
        for (const wake of hold.waiting.splice(0)) wake()
      },
    }
  }

  open(path: string, mode: OpenMode): File {
    return new FaultyFile(
      this.#run('open', path, () => this.#inner.open(path, mode)),
      {
        run: (operation, run) => this.#run(operation, path, run),
        runLater: (operation, run) => this.#runLater(operation, path, run),
        strike: (operation) => this.#strike(operation, path),
      },
    )
  }

  mkdir(path: string): void {
    this.#run('mkdir', path, () => this.#inner.mkdir(path))
  }

  rename(from: string, to: string): void {
    this.#run('rename', from, () => this.#inner.rename(from, to))
  }

  unlink(path: string): void {
    this.#run('unlink', path, () => this.#inner.unlink(path))
  }

  removeFile(path: string): Promise<void> {
    return this.#runLater('unlink', path, () => this.#inner.removeFile(path))
  }

  removeFolder(path: string): Promise<void> {
    return this.#runLater('removeFolder', path, () => this.#inner.removeFolder(path))
  }

  readdir(path: string): FolderEntry[] {
    return this.#run('readdir', path, () => this.#inner.readdir(path))
  }

  stat(path: string): FileStat | undefined {
    return this.#run('stat', path, () => this.#inner.stat(path))
  }

  exists(path: string): boolean {
    return this.#run('stat', path, () => this.#inner.exists(path))
  }

  readFile(path: string, maxBytes?: number): Buffer {
    return this.#run('readFile', path, () => this.#inner.readFile(path, maxBytes))
  }

  syncFolder(path: string): Promise<void> {
    return this.#runLater('syncFolder', path, () => this.#inner.syncFolder(path))
  }

  syncFolderSync(path: string): void {
    this.#run('syncFolder', path, () => this.#inner.syncFolderSync(path))
  }

  statfs(path: string): DeviceSpace {
    return this.#run('statfs', path, () => this.#inner.statfs(path))
  }

  lock(path: string): FileLock {
    return this.#run('lock', path, () => this.#inner.lock(path))
  }

  #run<T>(operation: Operation, path: string, run: () => T): T {
    const fault = this.#strike(operation, path)
    if (fault?.errno !== undefined) throw storageErrorOfErrno(fault.errno, operation, path)
    return run()
  }

  async #runLater<T>(operation: Operation, path: string, run: () => Promise<T>): Promise<T> {
    const fault = this.#strike(operation, path)
    for (const hold of this.#holds) {
      if (hold.held && matches(hold, operation, path)) await new Promise<void>((wake) => hold.waiting.push(wake))
    }
    if (fault?.errno !== undefined) throw storageErrorOfErrno(fault.errno, operation, path)
    return run()
  }

  /** Notes the call, and finds the fault that strikes it. */
  #strike(operation: Operation, path: string): Fault | undefined {
    this.calls.push({ operation, path })
    for (const fault of this.#faults) {
      if (fault.left === 0 || !matches(fault, operation, path)) continue
      if (fault.waiting > 0) fault.waiting -= 1
      else {
        fault.left -= 1
        this.#onFault({ operation, path })
        return fault
      }
    }
    return undefined
  }
}

export type Operation =
  | 'open'
  | 'mkdir'
  | 'rename'
  | 'unlink'
  | 'removeFolder'
  | 'readdir'
  | 'stat'
  | 'readFile'
  | 'syncFolder'
  | 'statfs'
  | 'lock'
  | 'write'
  | 'read'
  | 'truncate'
  | 'size'
  | 'datasync'
  | 'sync'

export interface Call {
  readonly operation: Operation
  /** The old path of a rename. */
  readonly path: string
}

export interface Fault {
  /** Without it, every operation counts. */
  readonly operation?: Operation
  /** Only paths that contain this. */
  readonly path?: string
  /** Which of the matching calls from now on is struck first; default 1, the next. */
  readonly nth?: number
  /** How many calls in a row are struck; default 1, `Infinity` for ever. */
  readonly times?: number
  /** The operating system's code: `EIO`, `ENOSPC`. Without it, only `shortBytes` has an effect. */
  readonly errno?: string
  /** `write` only: so many bytes are written first. Then the call fails (with `errno`), or reports that few. */
  readonly shortBytes?: number
}

/** A held kind of call. */
export interface Hold {
  /** How many calls are waiting. */
  readonly waiting: number
  release(): void
}

type ActiveFault = Fault & { waiting: number; left: number }

interface ActiveHold {
  readonly operation: Operation
  readonly path: string
  readonly waiting: (() => void)[]
  held: boolean
}

interface Through {
  run<T>(operation: Operation, run: () => T): T
  runLater<T>(operation: Operation, run: () => Promise<T>): Promise<T>
  strike(operation: Operation): Fault | undefined
}

class FaultyFile implements File {
  readonly path: string
  readonly #inner: File
  readonly #through: Through

  constructor(inner: File, through: Through) {
    this.path = inner.path
    this.#inner = inner
    this.#through = through
  }

  writeSync(buffers: readonly Buffer[], position: number): number {
    const fault = this.#through.strike('write')
    if (fault === undefined) return this.#inner.writeSync(buffers, position)
    const part = Buffer.concat(buffers).subarray(0, fault.shortBytes ?? (fault.errno === undefined ? Infinity : 0))
    const written = part.length === 0 ? 0 : this.#inner.writeSync([part], position)
    if (fault.errno !== undefined) throw storageErrorOfErrno(fault.errno, 'write', this.path)
    return written
  }

  readSync(buffer: Buffer, position: number): number {
    return this.#through.run('read', () => this.#inner.readSync(buffer, position))
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return this.#through.runLater('read', () => this.#inner.read(buffer, position))
  }

  truncate(sizeBytes: number): void {
    this.#through.run('truncate', () => this.#inner.truncate(sizeBytes))
  }

  size(): number {
    return this.#through.run('size', () => this.#inner.size())
  }

  datasync(): Promise<void> {
    return this.#through.runLater('datasync', () => this.#inner.datasync())
  }

  datasyncSync(): void {
    this.#through.run('datasync', () => this.#inner.datasyncSync())
  }

  sync(): Promise<void> {
    return this.#through.runLater('sync', () => this.#inner.sync())
  }

  syncSync(): void {
    this.#through.run('sync', () => this.#inner.syncSync())
  }

  close(): void {
    this.#inner.close()
  }
}

function matches(wanted: { operation?: Operation; path?: string }, operation: Operation, path: string): boolean {
  return (wanted.operation === undefined || wanted.operation === operation) && path.includes(wanted.path ?? '')
}
