/**
 * The bytes of one file in memory, in pages that are allocated when first written: growing copies nothing. Knows which
 * writes no sync has covered yet, if asked to, so that the file can be seen as a power cut would leave it.
 */
export class MemoryPages {
  #sizeBytes = 0
  readonly #pages: (Buffer | undefined)[] = []
  /** How to take back each change since the last sync, oldest first; undefined: not kept. */
  #undo: UndoWrite[] | undefined
  #sequence = 0

  constructor(tracksSyncs: boolean) {
    this.#undo = tracksSyncs ? [] : undefined
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  write(bytes: Buffer, position: number): void {
    this.#remember(position, Math.min(position + bytes.length, this.#sizeBytes))
    this.#copyIn(bytes, position)
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length)
  }

  /** @returns bytes read into `target` */
  read(target: Buffer, position: number): number {
    const end = Math.min(position + target.length, this.#sizeBytes)
    for (let at = position; at < end; ) {
      const step = Math.min(pageBytes - (at % pageBytes), end - at)
      const page = this.#pages[Math.floor(at / pageBytes)]
      const from = at % pageBytes
      const there = Math.max(Math.min((page?.length ?? 0) - from, step), 0)
      if (there > 0) page!.copy(target, at - position, from, from + there)
      if (there < step) target.fill(0, at - position + there, at - position + step)
      at += step
    }
    return Math.max(end - position, 0)
  }

  truncate(sizeBytes: number): void {
    this.#remember(Math.min(sizeBytes, this.#sizeBytes), this.#sizeBytes)
    this.#resize(sizeBytes)
  }

  /** Marks what is written now; `synced(mark)` later says that it reached the disk. */
  mark(): number {
    return this.#sequence
  }

  synced(mark: number): void {
    if (this.#undo !== undefined) this.#undo = this.#undo.filter((step) => step.sequence > mark)
  }

  /** The file as synced, plus those 4 KiB pieces of the rest for which `survives` says so. */
  afterCrash(survives: (page: number) => boolean): MemoryPages {
    const now = this.#all()
    const image = new MemoryPages(false)
    image.write(now, 0)
    for (const step of (this.#undo ?? []).toReversed()) {
      image.#resize(step.sizeBytes)
      image.#copyIn(step.before, step.position)
    }
    const synced = image.#all()
    const last = Math.ceil(Math.max(now.length, synced.length) / diskPageBytes)
    for (let page = 0; page < last; page++) {
      const [from, to] = [page * diskPageBytes, (page + 1) * diskPageBytes]
      const [mine, old] = [now.subarray(from, to), synced.subarray(from, to)]
      if (mine.equals(old) || !survives(page)) continue
      if (mine.length < old.length) image.#resize(now.length)
      if (mine.length > 0) image.write(mine, from)
      if (mine.length < old.length) break
    }
    image.#undo = []
    return image
  }

  #all(): Buffer {
    const bytes = Buffer.alloc(this.#sizeBytes)
    this.read(bytes, 0)
    return bytes
  }

  #copyIn(bytes: Buffer, position: number): void {
    for (let from = 0; from < bytes.length; ) {
      const at = position + from
      const step = Math.min(pageBytes - (at % pageBytes), bytes.length - from)
      const index = Math.floor(at / pageBytes)
      bytes.copy(this.#pageFor(index, (at % pageBytes) + step), at % pageBytes, from, from + step)
      from += step
    }
  }

  /** The page, long enough for so many bytes: most files are small, so it grows as they do. */
  #pageFor(index: number, bytes: number): Buffer {
    const page = this.#pages[index]
    if (page !== undefined && page.length >= bytes) return page
    const grown = Buffer.alloc(Math.min(Math.max(bytes * 2, 256), pageBytes))
    page?.copy(grown)
    this.#pages[index] = grown
    return grown
  }

  #resize(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      this.#pages.length = Math.min(this.#pages.length, Math.ceil(sizeBytes / pageBytes))
      // What lies beyond the end must read as zeros if the file grows again.
      const last = this.#pages[Math.floor(sizeBytes / pageBytes)]
      last?.fill(0, Math.min(sizeBytes % pageBytes, last.length))
    }
    this.#sizeBytes = sizeBytes
  }

  #remember(from: number, to: number): void {
    if (this.#undo === undefined) return
    const before = Buffer.alloc(Math.max(to - from, 0))
    this.read(before, from)
    this.#sequence += 1
    this.#undo.push({ sequence: this.#sequence, position: from, before, sizeBytes: this.#sizeBytes })
  }
}

interface UndoWrite {
  readonly sequence: number
  readonly position: number
  readonly before: Buffer
  readonly sizeBytes: number
}

const pageBytes = 64 << 10

/** What a disk writes or does not write as a whole. */
export const diskPageBytes = 4096
