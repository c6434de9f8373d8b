import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
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
  /** Its name is in a folder that was not synced since. */
  nameIsSafe: boolean
}

/**
 * Plays a power cut on the folder of a broker that has just been killed: what no sync covered is taken away, in one of the
 * ways in which a file system may do that. kill -9 alone cannot show a missing sync, since the page cache outlives it.
 *
 * It goes by the journal that faults.c writes. Only the files of logs are touched (segments and indexes): LMDB has its own
 * order of writing, and what is renamed into place was synced before, or the journal would show it as empty.
 */
export class PowerCut {
  readonly #journal: string
  readonly #root: string
  readonly #random: Random
  readonly #files = new Map<string, DiskFile>()
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
    for (const path of logFiles(this.#root)) {
      const known = this.#files.get(path) ?? { synced: 0, untrusted: [], nameIsSafe: true }
      const what = known.nameIsSafe || this.#random.integer(2) === 0 ? this.#damage(path, known) : remove(path)
      if (what !== undefined) taken.push(`${what} ${path.slice(this.#root.length + 1)}`)
      // What is there now is what the disk has.
      if (existsSync(path)) this.#files.set(path, { synced: sizeOf(path), untrusted: [], nameIsSafe: true })
      else this.#files.delete(path)
    }
    return taken
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
    const text = readFileSync(this.#journal, 'utf8')
    // A line that the kill cut off is of something that nobody heard of.
    const end = text.lastIndexOf('\n') + 1
    for (const line of text.slice(this.#read, end).split('\n')) if (line !== '') this.#note(line)
    this.#read = end
  }

  #note(line: string): void {
    const kind = line[0]
    const rest = line.slice(2)
    if (kind === 'C') this.#files.set(rest, { synced: 0, untrusted: [], nameIsSafe: false })
    else if (kind === 'D') this.#folderSynced(rest)
    else if (kind === 'R') {
      const [from = '', to = ''] = rest.split('\t')
      this.#renamed(from, to)
    } else {
      const blank = rest.indexOf(' ')
      const file = this.#file(rest.slice(blank + 1))
      const size = Number(rest.slice(0, blank))
      if (kind === 'S') file.synced = Math.max(file.synced, size)
      else if (kind === 'T') file.synced = Math.min(file.synced, size)
      else if (kind === 'F' && size > file.synced) file.untrusted.push({ from: file.synced, to: size })
    }
  }

  #folderSynced(folder: string): void {
    for (const [path, file] of this.#files) if (dirname(path) === folder) file.nameIsSafe = true
  }

  /** A file, or a folder with all in it. */
  #renamed(from: string, to: string): void {
    for (const [path, file] of [...this.#files]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#files.delete(path)
      this.#files.set(to + path.slice(from.length), file)
    }
  }

  #file(path: string): DiskFile {
    let file = this.#files.get(path)
    if (file === undefined) {
      file = { synced: 0, untrusted: [], nameIsSafe: true }
      this.#files.set(path, file)
    }
    return file
  }
}

/** The files of logs, in folders of partitions. */
function logFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^\d{20}\.(log|index|timeindex)$/.test(entry.name))
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

function remove(path: string): string {
  rmSync(path)
  return 'not in its folder any more:'
}

const PAGE_BYTES = 4_096
