import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Random } from '../../../broker/runtime/random.ts'

/** What a file is sure to hold after a power cut. */
interface DiskFile {
  /** Bytes that a sync covers. */
  synced: number
  /** A sync of these failed: the kernel shows them, the disk may not have them, and no later sync writes them. */
  readonly untrusted: { readonly from: number; readonly to: number }[]
}

/** A change of the names in a folder that no sync of the folder covers. `final`: what cannot be played backwards. */
type NameChange =
  | { readonly kind: 'created'; readonly path: string }
  | { readonly kind: 'renamed'; readonly from: string; readonly to: string }
  | { readonly kind: 'final' }

/**
 * Plays a power cut on the folder of a broker that has just been killed: what no sync covered is taken away, in one of the
 * ways in which a file system may do that. kill -9 alone cannot show a missing sync, since the page cache outlives it.
 *
 * It goes by the journal that faults.c writes. Bytes: only files of logs lose any (segments and indexes, in every state
 * that compaction gives them); LMDB has its own order of writing. Names: the last changes of a folder are undone, as a
 * journaling file system loses them, as far back as a removed or replaced file allows.
 */
export class PowerCut {
  readonly #journal: string
  readonly #root: string
  readonly #random: Random
  readonly #files = new Map<string, DiskFile>()
  /** By folder, in order. */
  readonly #names = new Map<string, NameChange[]>()
  #read = 0

  constructor(journal: string, root: string, random: Random) {
    this.#journal = journal
    this.#root = root
    this.#random = random
  }

  /** @returns what was taken away, in words */
  strike(): string[] {
    this.#readJournal()
    const taken: string[] = []
    for (const [folder, changes] of this.#names) taken.push(...this.#undo(folder, changes))
    this.#names.clear()
    for (const path of logFiles(this.#root)) {
      const left = this.#damage(path, this.#file(path))
      if (left !== undefined) taken.push(`${left} ${path.slice(this.#root.length + 1)}`)
      // What is there now is what the disk has.
      this.#files.set(path, { synced: sizeOf(path), untrusted: [] })
    }
    return taken
  }

  #undo(folder: string, changes: NameChange[]): string[] {
    const undone: string[] = []
    const firstUndoable = changes.findLastIndex(({ kind }) => kind === 'final') + 1
    const count = this.#random.integer(changes.length - firstUndoable + 1)
    for (const change of changes.reverse().slice(0, count)) {
      if (change.kind === 'created' && existsSync(change.path)) {
        rmSync(change.path)
        this.#files.delete(change.path)
        undone.push(`no file ${change.path.slice(this.#root.length + 1)}`)
      } else if (change.kind === 'renamed' && existsSync(change.to) && !existsSync(change.from)) {
        renameSync(change.to, change.from)
        this.#moved(change.to, change.from)
        undone.push(`not renamed ${change.from.slice(folder.length + 1)}`)
      }
    }
    return undone
  }

  #damage(path: string, { synced, untrusted }: DiskFile): string | undefined {
    const size = sizeOf(path)
    const doubtful = [...untrusted, { from: synced, to: size }].filter(({ from, to }) => from < Math.min(to, size))
    if (doubtful.length === 0) return undefined
    const fd = openSync(path, 'r+')
    try {
      // The size may have reached the disk or not; a file may end anywhere in what was not synced.
      const end = this.#random.integer(2) === 0 ? size : synced + this.#random.integer(size - synced + 1)
      for (const { from, to } of doubtful) this.#losePages(fd, from, Math.min(to, end))
      if (end < size) ftruncateSync(fd, end)
      return `${synced} of ${size} bytes were safe, ${end} are left of`
    } finally {
      closeSync(fd)
    }
  }

  /** Pages reach the disk in any order; those that did not are zeros. */
  #losePages(fd: number, from: number, to: number): void {
    const everything = this.#random.integer(4) === 0
    for (let at = from; at < to; ) {
      const end = Math.min(to, (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES)
      if (everything || this.#random.integer(2) === 0) writeSync(fd, Buffer.alloc(end - at), 0, end - at, at)
      at = end
    }
  }

  #readJournal(): void {
    const bytes = readFileSync(this.#journal)
    // A line that the kill cut off is of something that nobody heard of.
    const end = bytes.lastIndexOf(10) + 1
    for (const line of bytes.toString('utf8', this.#read, end).split('\n')) if (line !== '') this.#note(line)
    this.#read = end
  }

  #note(line: string): void {
    const kind = line[0]
    const rest = line.slice(2)
    if (kind === 'C') {
      this.#files.set(rest, { synced: 0, untrusted: [] })
      this.#changed(rest, { kind: 'created', path: rest })
    } else if (kind === 'D') this.#names.delete(rest)
    else if (kind === 'U') {
      this.#files.delete(rest)
      this.#changed(rest, { kind: 'final' })
    } else if (kind === 'R' || kind === 'O') {
      const [from = '', to = ''] = rest.split('\t')
      this.#moved(from, to)
      const isPlain = kind === 'R' && dirname(from) === dirname(to) && this.#files.has(to)
      this.#changed(to, isPlain ? { kind: 'renamed', from, to } : { kind: 'final' })
    } else {
      const blank = rest.indexOf(' ')
      const file = this.#file(rest.slice(blank + 1))
      const size = Number(rest.slice(0, blank))
      if (kind === 'S') file.synced = Math.max(file.synced, size)
      else if (kind === 'T') file.synced = Math.min(file.synced, size)
      else if (kind === 'F' && size > file.synced) file.untrusted.push({ from: file.synced, to: size })
    }
  }

  #changed(path: string, change: NameChange): void {
    const changes = this.#names.get(dirname(path))
    if (changes === undefined) this.#names.set(dirname(path), [change])
    else changes.push(change)
  }

  /** A file, or a folder with all in it. */
  #moved(from: string, to: string): void {
    for (const [path, file] of [...this.#files]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#files.delete(path)
      this.#files.set(to + path.slice(from.length), file)
    }
  }

  #file(path: string): DiskFile {
    let file = this.#files.get(path)
    if (file === undefined) {
      file = { synced: 0, untrusted: [] }
      this.#files.set(path, file)
    }
    return file
  }
}

/** The files of logs, in folders of partitions. */
function logFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^\d{20}\.(log|index|timeindex)(\.cleaned|\.swap)?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function sizeOf(path: string): number {
  const fd = openSync(path, 'r')
  try {
    return fstatSync(fd).size
  } finally {
    closeSync(fd)
  }
}

const PAGE_BYTES = 4_096
