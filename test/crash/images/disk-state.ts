import { assert } from '../../../protocol/assert.ts'
import { file, folder, type Image, type ImageFolder, walk } from './image.ts'
import type { DiskEvent } from './recorded-disk.ts'

/**
 * What a record of a disk comes to, event by event: of each file the bytes that are safe, the bytes that a reader sees,
 * and what was changed in between; the same of the names in each folder. From that, `image` makes the disk as a crash at
 * this moment may leave it.
 *
 * It is assumed of a file system what POSIX and the common ones keep: a completed sync of a file covers its bytes and
 * size, a completed sync of a folder covers its names, a rename happens or does not. Nothing else: bytes that are not
 * synced arrive in any order, in part, or never; so do names, each for itself; a synced file without a synced name is gone.
 * Names at the top are mount points, and safe.
 */
export class DiskState<Fact> {
  readonly #files = new Map<number, FileState>()
  readonly #folders = new Map<number, FolderState>()
  #clock = 0

  constructor(start: ImageFolder) {
    const numbers = new Map<Image, number>()
    for (const { node } of walk(start)) numbers.set(node, numbers.size)
    for (const [node, number] of numbers) {
      if (node.kind === 'file') this.#files.set(number, new FileState(node.bytes))
      else {
        const entries = new Map([...node.entries].map(([name, entry]) => [name, numbers.get(entry)!]))
        this.#folders.set(number, new FolderState(entries))
      }
    }
  }

  apply(event: DiskEvent<Fact>): void {
    const time = ++this.#clock
    switch (event.kind) {
      case 'link':
        if (event.isFolder) this.#folders.set(event.node, new FolderState(new Map()))
        else this.#files.set(event.node, new FileState(Buffer.alloc(0)))
        this.#changeNames(event.folder, { time, kind: 'link', name: event.name, node: event.node })
        break
      case 'rename':
        this.#changeNames(event.folder, { time, kind: 'rename', name: event.from, to: event.to, node: event.node })
        break
      case 'unlink':
        this.#changeNames(event.folder, { time, kind: 'unlink', name: event.name, node: event.node })
        break
      case 'write':
        this.#files.get(event.node)!.change({ time, position: event.position, bytes: event.bytes, isDropped: false })
        break
      case 'truncate':
        this.#files.get(event.node)!.change({ time, position: event.sizeBytes, bytes: undefined, isDropped: false })
        break
      case 'syncBegan':
        this.#node(event.node).syncs.set(event.sync, time)
        break
      case 'syncEnded': {
        const node = this.#node(event.node)
        const began = node.syncs.get(event.sync)
        assert(began !== undefined, 'a sync ends once, after it began')
        node.syncs.delete(event.sync)
        node.settle(began)
        break
      }
      case 'syncFailed':
        this.#files.get(event.node)?.drop()
        break
      case 'fact':
        break
    }
  }

  /** The disk after a crash at this moment, as `fate` decides. Shares buffers with this state: use it before the next `apply`. */
  image(fate: Fate): ImageFolder {
    return this.#folderImage(0, '', fate)
  }

  /** What a process sees, or finds after it was killed: everything that was done. */
  now(): ImageFolder {
    return this.image({ namesOf: () => () => true, bytesOf: ({ seen }) => seen })
  }

  #folderImage(number: number, path: string, fate: Fate): ImageFolder {
    const state = this.#folders.get(number)!
    const isTop = number === 0
    const entries = state.isSettled
      ? state.safe
      : isTop
        ? state.seen
        : state.after(fate.namesOf(path === '' ? '/' : path))
    const image: [string, Image][] = []
    for (const [name, node] of entries) {
      const below = `${path}/${name}`
      const found = this.#files.get(node)
      if (found === undefined) image.push([name, this.#folderImage(node, below, fate)])
      else image.push([name, file(found.isSettled ? found.safe : fate.bytesOf(found, below))])
    }
    return folder(image)
  }

  #changeNames(number: number, change: NameChange): void {
    this.#folders.get(number)!.change(change)
  }

  #node(number: number): FileState | FolderState {
    return this.#files.get(number) ?? this.#folders.get(number)!
  }
}

/** What becomes of that which no sync covers. */
export interface Fate {
  /** Which changes of the names in this folder reach the disk. */
  namesOf(path: string): (change: NameChange) => boolean
  /** What this file, which has changes that are not safe, looks like. */
  bytesOf(file: UnsafeFile, path: string): Buffer
}

export type NameChange =
  | { readonly time: number; readonly kind: 'link'; readonly name: string; readonly node: number }
  | {
      readonly time: number
      readonly kind: 'rename'
      readonly name: string
      readonly to: string
      readonly node: number
    }
  | { readonly time: number; readonly kind: 'unlink'; readonly name: string; readonly node: number }

/** A write, or (without bytes) a change of the size to `position`. */
export interface ByteChange {
  readonly time: number
  readonly position: number
  readonly bytes: Buffer | undefined
  /** A failed sync has given it up. */
  isDropped: boolean
}

export interface UnsafeFile {
  readonly safe: Buffer
  readonly seen: Buffer
  readonly changes: readonly ByteChange[]
  /** The safe bytes with the changes for which `survives` says so, in order. */
  after(survives: (change: ByteChange) => boolean): Buffer
}

class FileState implements UnsafeFile {
  readonly syncs = new Map<number, number>()
  changes: ByteChange[] = []
  readonly #safe: Bytes
  readonly #seen: Bytes

  constructor(bytes: Buffer) {
    this.#safe = new Bytes(bytes)
    this.#seen = new Bytes(bytes)
  }

  get safe(): Buffer {
    return this.#safe.view
  }

  get seen(): Buffer {
    return this.#seen.view
  }

  get isSettled(): boolean {
    return this.changes.length === 0
  }

  change(change: ByteChange): void {
    this.#seen.apply(change)
    this.changes.push(change)
  }

  settle(until: number): void {
    let open: ByteChange[] = []
    for (const change of this.changes) {
      if (change.time > until || change.isDropped) open.push(change)
      else {
        this.#safe.apply(change)
        // What was given up and is now written over cannot come to light any more.
        open = open.filter((older) => !overlap(older, change))
      }
    }
    this.changes = open
  }

  drop(): void {
    for (const change of this.changes) change.isDropped = true
  }

  after(survives: (change: ByteChange) => boolean): Buffer {
    const bytes = new Bytes(this.safe)
    for (const change of this.changes) if (survives(change)) bytes.apply(change)
    return bytes.view
  }
}

class FolderState {
  readonly syncs = new Map<number, number>()
  readonly safe: Map<string, number>
  readonly seen: Map<string, number>
  #changes: NameChange[] = []

  constructor(entries: Map<string, number>) {
    this.safe = entries
    this.seen = new Map(entries)
  }

  get isSettled(): boolean {
    return this.#changes.length === 0
  }

  change(change: NameChange): void {
    changeNames(this.seen, change)
    this.#changes.push(change)
  }

  settle(until: number): void {
    const open: NameChange[] = []
    for (const change of this.#changes) {
      if (change.time <= until) changeNames(this.safe, change)
      else open.push(change)
    }
    this.#changes = open
  }

  after(survives: (change: NameChange) => boolean): Map<string, number> {
    const names = new Map(this.safe)
    for (const change of this.#changes) if (survives(change)) changeNames(names, change)
    return names
  }
}

function changeNames(names: Map<string, number>, change: NameChange): void {
  const { kind, name, node } = change
  // A node that lacks the name, because an earlier change was lost, keeps the one that it has, or none.
  if (kind !== 'link' && names.get(name) === node) names.delete(name)
  if (kind === 'link') names.set(name, node)
  if (kind === 'rename') names.set(change.to, node)
}

function overlap(a: ByteChange, b: ByteChange): boolean {
  const endOf = ({ position, bytes }: ByteChange) => (bytes === undefined ? Infinity : position + bytes.length)
  return a.position < endOf(b) && b.position < endOf(a)
}

/** Bytes that grow without being copied each time. */
class Bytes {
  #buffer: Buffer
  #length: number

  constructor(bytes: Buffer) {
    this.#buffer = Buffer.from(bytes)
    this.#length = bytes.length
  }

  get view(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  apply({ position, bytes }: ByteChange): void {
    if (bytes === undefined) this.#resize(position)
    else {
      if (position + bytes.length > this.#length) this.#resize(position + bytes.length)
      bytes.copy(this.#buffer, position)
    }
  }

  #resize(length: number): void {
    if (length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(length, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    } else if (length < this.#length) this.#buffer.fill(0, length, this.#length)
    this.#length = length
  }
}
