import { endianness } from 'node:os'

/*
 * An LMDB file read without LMDB (data version 2, as lmdb-js writes it; numbers in the byte order of the machine):
 *
 *   page      number (8) | txn that wrote it (8) | pad (2) | flags (2) | lower (2) | upper (2) | offsets of nodes (2 each) …
 *             `lower`, `upper` and the offsets count from the end of these 24 bytes;
 *             of an overflow page, `lower` and `upper` are one number: how many pages it has
 *   node      low (2) | high (2) | flags (2) | key size (2) | key | value       branch: low, high, flags are the child's number
 *   big value number (8) | txn (8) | pages (8) of its overflow pages, in place of the value
 *   page 0, 1 magic (4) | version (4) | address (8) | map size (8) | free tree (48) | main tree (48) | last page (8) | txn (8) | boot (8)
 *   tree      page size, of the free tree (4) | flags (2) | depth (2) | branch, leaf, overflow pages, entries, root (8 each)
 *
 * Commits alternate between the first two pages. The free tree has lists of pages that may be written anew: a count, and
 * numbers of pages; a negative number says how many follow on the next one.
 */
const PAGE_BYTES = 4096
const HEADER_BYTES = 24
const BODY_BYTES = PAGE_BYTES - HEADER_BYTES
const META_PAGES = 2
const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
const META = 8
const MAGIC = 0xbeefc0de
const VERSION = 2
const BIG_VALUE = 1
const NO_PAGE = 2n ** 64n - 1n
const MAX_DEPTH = 32

export interface LmdbContent {
  /** In the order of the keys' bytes. */
  readonly entries: readonly (readonly [key: Buffer, value: Buffer])[]
  /** What is wrong with the rest of the file, which holds no entries: LMDB must not use it. */
  readonly doubt: string | undefined
}

/** The file does not hold what was committed to it. */
export class DamagedLmdbFile extends Error {
  override readonly name = 'DamagedLmdbFile'
}

/**
 * Every entry of the newest commit, after a check of all that leads to them: LMDB itself believes what it reads, and ends
 * the process when a page number points outside of the file. (Of 1,400 flipped bits, six crashed it and three made it
 * return less than was there.) What is in keys and values is for the caller to check.
 * @param isSound does the value of an entry match its own checksum?
 * @throws {DamagedLmdbFile} with the position of what cannot be right
 */
export function readLmdbFile(file: Buffer, isSound: (key: Buffer, value: Buffer) => boolean): LmdbContent {
  const metas = [readMeta(file, 0), readMeta(file, 1)] as const
  const newest = metas[0].txn >= metas[1].txn ? metas[0] : metas[1]
  const isNew = metas[0].txn === 0n && metas[1].txn === 0n
  if (!isNew && metas[0].txn - metas[1].txn !== (newest === metas[0] ? 1n : -1n))
    throw damage(newest.at, `commits ${metas[0].txn} and ${metas[1].txn} do not follow on one another`)
  if (!isNew && Number(newest.txn & 1n) !== newest.at / PAGE_BYTES)
    throw damage(newest.at, `commit ${newest.txn} is in the place of the one before`)
  const walk = new Walk(file, newest.txn)
  const entries = walk.tree(newest.main)
  const other = newest === metas[0] ? metas[1] : metas[0]
  const later = isNew ? undefined : laterCommit(file, other, walk, isSound)
  if (later !== undefined)
    return { entries: later, doubt: damage(other.at + 152, 'the newest commit has a wrong number').message }
  return { entries, doubt: doubtOf(file, metas, newest, walk) }
}

/**
 * The entries of the commit after the newest one, if all of it is there but for its number: that is what one flipped bit
 * makes of a commit, or what is left when the power goes just before its number is written. The first was acknowledged
 * and the second may be taken, if every page that is new in it was written.
 */
function laterCommit(
  file: Buffer,
  other: Meta,
  newest: Walk,
  isSound: (key: Buffer, value: Buffer) => boolean,
): [Buffer, Buffer][] | undefined {
  const rootAt = Number(other.main.root) * PAGE_BYTES
  if (other.main.root === NO_PAGE || !(rootAt + PAGE_BYTES <= file.length)) return undefined
  if (file.readBigUInt64LE(rootAt + 8) !== newest.txn + 1n) return undefined
  const walk = new Walk(file, newest.txn + 1n, newest)
  try {
    const entries = walk.tree(other.main)
    return entries.every(([key, value]) => isSound(key, value)) ? entries : undefined
  } catch (error) {
    if (!(error instanceof DamagedLmdbFile)) throw error
    return undefined
  }
}

/** LMDB files of other machines are for LMDB alone. */
export const canReadLmdbFiles: boolean = endianness() === 'LE'

interface Tree {
  /** Where it is described. */
  readonly at: number
  readonly flags: number
  readonly depth: number
  readonly branchPages: bigint
  readonly leafPages: bigint
  readonly overflowPages: bigint
  readonly entries: bigint
  readonly root: bigint
}

interface Meta {
  readonly at: number
  readonly pageBytes: number
  readonly free: Tree
  readonly main: Tree
  readonly lastPage: bigint
  readonly txn: bigint
}

function readMeta(file: Buffer, page: number): Meta {
  const at = page * PAGE_BYTES
  if (file.length < at + PAGE_BYTES) throw damage(at, 'the file ends here')
  return {
    at,
    pageBytes: file.readUInt32LE(at + 48),
    free: readTree(file, at + 48),
    main: readTree(file, at + 96),
    lastPage: file.readBigUInt64LE(at + 144),
    txn: file.readBigUInt64LE(at + 152),
  }
}

function readTree(file: Buffer, at: number): Tree {
  return {
    at,
    flags: file.readUInt16LE(at + 4),
    depth: file.readUInt16LE(at + 6),
    branchPages: file.readBigUInt64LE(at + 8),
    leafPages: file.readBigUInt64LE(at + 16),
    overflowPages: file.readBigUInt64LE(at + 24),
    entries: file.readBigUInt64LE(at + 32),
    root: file.readBigUInt64LE(at + 40),
  }
}

/** What speaks against letting LMDB write to the file, though all its entries are there. */
function doubtOf(file: Buffer, metas: readonly [Meta, Meta], newest: Meta, walk: Walk): string | undefined {
  try {
    for (const { at, pageBytes, free, main } of metas) {
      const isMeta = file.readUInt16LE(at + 18) === META && file.readUInt32LE(at + HEADER_BYTES) === MAGIC
      if (!isMeta || file.readUInt32LE(at + 28) !== VERSION) throw damage(at, 'this is no page of commits')
      if (pageBytes !== PAGE_BYTES) throw damage(at + 48, `pages of ${pageBytes} bytes`)
      if (free.flags !== metas[0].free.flags || main.flags !== 0) throw damage(at + 52, 'unknown kind of tree')
      if (file.readBigUInt64LE(at + 32) !== 0n) throw damage(at + 32, 'a fixed address')
      const mapBytes = file.readBigUInt64LE(at + 40)
      if (mapBytes > MAX_MAP_BYTES || mapBytes % BigInt(PAGE_BYTES) !== 0n)
        throw damage(at + 40, `a map of ${mapBytes} bytes`)
    }
    for (const [, list] of walk.tree(newest.free)) walk.freePages(list)
    // Every page is used or free: one that is neither, or beyond the last one, shows that a number is wrong.
    if (BigInt(walk.pages) !== newest.lastPage + 1n || BigInt(walk.highestPage) !== newest.lastPage)
      throw damage(
        newest.at + 144,
        `${walk.pages} pages up to ${walk.highestPage}, and the last one is called ${newest.lastPage}`,
      )
    return undefined
  } catch (error) {
    if (!(error instanceof DamagedLmdbFile)) throw error
    return error.message
  }
}

/** A terabyte of metadata is no metadata. */
const MAX_MAP_BYTES = 2n ** 40n

/** Goes through trees, and knows which pages are taken. */
class Walk {
  readonly txn: bigint
  readonly #file: Buffer
  /** The commit before, when this one is to be told from what lay in its pages earlier. */
  readonly #before: Walk | undefined
  readonly #taken = new Set<number>([0, 1])
  #highest = 1
  #tree: Tree | undefined
  #counts = { branch: 0, leaf: 0, overflow: 0 }
  #entries: [Buffer, Buffer][] = []
  #depth = 0

  constructor(file: Buffer, txn: bigint, before?: Walk) {
    this.#file = file
    this.txn = txn
    this.#before = before
  }

  /** Pages that are used or free. */
  get pages(): number {
    return this.#taken.size
  }

  get highestPage(): number {
    return this.#highest
  }

  /** All entries of a tree. */
  tree(tree: Tree): [Buffer, Buffer][] {
    this.#tree = tree
    this.#counts = { branch: 0, leaf: 0, overflow: 0 }
    this.#entries = []
    this.#depth = 0
    if (tree.root !== NO_PAGE) {
      const root = this.#take(tree.root, tree.at + 40)
      this.#page(root, 1, undefined, undefined)
    }
    const { branch, leaf, overflow } = this.#counts
    const counted = [this.#depth, branch, leaf, overflow, this.#entries.length].join(', ')
    const promised = [tree.depth, tree.branchPages, tree.leafPages, tree.overflowPages, tree.entries].join(', ')
    if (counted !== promised)
      throw damage(tree.at, `depth, branches, leaves, overflow pages and entries are ${counted}, not ${promised}`)
    return this.#entries
  }

  /** A list of the free tree. */
  freePages(list: Buffer): void {
    const count = list.length >= 8 ? Number(list.readBigInt64LE(0)) : 0
    if (list.length % 8 !== 0 || count < 0 || count * 8 + 8 > list.length)
      throw damage(this.#tree!.at, `a list of free pages has ${list.length} bytes and ${count} entries`)
    for (let i = 1; i <= count; i++) {
      const entry = list.readBigInt64LE(i * 8)
      if (entry > 0n) this.#take(entry, this.#tree!.at)
      if (entry >= 0n) continue
      i++
      const first = i <= count ? list.readBigInt64LE(i * 8) : 0n
      for (let page = first; page < first - entry; page++) this.#take(page, this.#tree!.at)
    }
  }

  /** @returns the number of a page that nobody has used yet */
  #take(page: bigint, from: number): number {
    const number = Number(page)
    if (page < META_PAGES || page > Number.MAX_SAFE_INTEGER) throw damage(from, `there is no page ${page}`)
    if (this.#taken.has(number)) throw damage(from, `page ${page} is in two places`)
    this.#taken.add(number)
    this.#highest = Math.max(this.#highest, number)
    return number
  }

  /** @param low keys are not below it; `high`: and not above or equal */
  #page(page: number, depth: number, low: Buffer | undefined, high: Buffer | undefined): void {
    const at = page * PAGE_BYTES
    const flags = this.#header(page, 1)
    if (depth > MAX_DEPTH) throw damage(at, 'the tree is too deep')
    if (flags !== BRANCH && flags !== LEAF) throw damage(at + 18, `a page of kind ${flags} in a tree`)
    if (flags === BRANCH) this.#counts.branch++
    else this.#counts.leaf++
    if (depth === 1 && this.#file.readBigUInt64LE(at + 8) !== this.txn && this.#tree!.entries > 0n && this.#isMain)
      throw damage(at + 8, `the root is of another commit than ${this.txn}`)
    const nodes = this.#nodes(page, flags)
    if (flags === LEAF) {
      if (this.#depth !== 0 && this.#depth !== depth) throw damage(at, 'a leaf at another depth than the others')
      this.#depth = depth
    }
    let before = low
    for (const [index, node] of nodes.entries()) {
      const key = this.#keyOf(node)
      // The first key of a branch page is never looked at.
      const isBound = flags === LEAF || index > 0
      if (isBound && before !== undefined && this.#order(before, key) > (index === 0 || flags === BRANCH ? 0 : -1))
        throw damage(node, 'keys are out of order')
      if (isBound && high !== undefined && this.#order(key, high) >= 0) throw damage(node, 'a key is in the wrong page')
      if (flags === LEAF) this.#entries.push([key, this.#value(node, key)])
      else {
        const next = nodes[index + 1]
        const child = this.#take(this.#childOf(node), node)
        this.#page(child, depth + 1, index === 0 ? low : key, next === undefined ? high : this.#keyOf(next))
      }
      if (isBound) before = key
    }
  }

  /** The newest commit always wrote the main tree; the free tree may be an older one's. */
  get #isMain(): boolean {
    return this.#tree!.at % PAGE_BYTES === 96
  }

  #header(page: number, pages: number): number {
    const at = page * PAGE_BYTES
    if (at + pages * PAGE_BYTES > this.#file.length) throw damage(at, 'the file ends before this page')
    if (this.#file.readBigUInt64LE(at) !== BigInt(page)) throw damage(at, `this is not page ${page}`)
    const txn = this.#file.readBigUInt64LE(at + 8)
    if (txn > this.txn) throw damage(at + 8, 'a page of a later commit')
    if (this.#before !== undefined && txn !== this.txn && !this.#before.#taken.has(page))
      throw damage(at + 8, 'a page that this commit has not written')
    return this.#file.readUInt16LE(at + 18)
  }

  /** Where its nodes are. They fill the page from its end on, without holes. */
  #nodes(page: number, flags: number): number[] {
    const at = page * PAGE_BYTES
    const lower = this.#file.readUInt16LE(at + 20)
    const upper = this.#file.readUInt16LE(at + 22)
    if (lower > upper || upper > BODY_BYTES || lower % 2 !== 0)
      throw damage(at + 20, `nodes from ${upper}, and ${lower} before them`)
    const body = at + HEADER_BYTES
    const nodes: number[] = []
    const starts = new Set<number>()
    let bytes = 0
    for (let pointer = 0; pointer < lower; pointer += 2) {
      const offset = this.#file.readUInt16LE(body + pointer)
      if (offset < upper || offset + 8 > BODY_BYTES || offset % 2 !== 0 || starts.has(offset))
        throw damage(body + pointer, `a node at ${offset}`)
      starts.add(offset)
      const size = this.#nodeBytes(body + offset, flags)
      if (offset + size > BODY_BYTES) throw damage(body + offset, 'a node is larger than its page')
      bytes += size
      nodes.push(body + offset)
    }
    if (bytes !== BODY_BYTES - upper || nodes.length === 0)
      throw damage(at + 22, `nodes of ${bytes} bytes in room for ${BODY_BYTES - upper}`)
    return nodes
  }

  #nodeBytes(node: number, flags: number): number {
    const keyBytes = this.#file.readUInt16LE(node + 6)
    let size = 8 + keyBytes
    if (flags === LEAF) {
      const kind = this.#file.readUInt16LE(node + 4)
      if (kind !== 0 && kind !== BIG_VALUE) throw damage(node + 4, `a value of kind ${kind}`)
      size += kind === BIG_VALUE ? 24 : this.#file.readUInt32LE(node)
    }
    return size + (size % 2)
  }

  #keyOf(node: number): Buffer {
    return this.#file.subarray(node + 8, node + 8 + this.#file.readUInt16LE(node + 6))
  }

  #childOf(node: number): bigint {
    return BigInt(this.#file.readUInt32LE(node)) + (BigInt(this.#file.readUInt16LE(node + 4)) << 32n)
  }

  #value(node: number, key: Buffer): Buffer {
    const size = this.#file.readUInt32LE(node)
    const at = node + 8 + key.length
    if (this.#file.readUInt16LE(node + 4) !== BIG_VALUE) return this.#file.subarray(at, at + size)
    const pages = Math.floor((HEADER_BYTES - 1 + size) / PAGE_BYTES) + 1
    const first = this.#file.readBigUInt64LE(at)
    for (let i = 0; i < pages; i++) this.#take(first + BigInt(i), at)
    const flags = this.#header(Number(first), pages)
    const start = Number(first) * PAGE_BYTES
    if (
      flags !== OVERFLOW ||
      this.#file.readUInt32LE(start + 20) !== pages ||
      this.#file.readBigUInt64LE(at + 16) !== BigInt(pages)
    )
      throw damage(start, `not the ${pages} pages of a large value`)
    this.#counts.overflow += pages
    return this.#file.subarray(start + HEADER_BYTES, start + HEADER_BYTES + size)
  }

  /** Keys of the free tree are numbers of commits, all others are bytes. */
  #order(a: Buffer, b: Buffer): number {
    if (this.#isMain) return Buffer.compare(a, b)
    if (a.length !== 8 || b.length !== 8) throw damage(this.#tree!.at, 'a key that is no number of a commit')
    const [left, right] = [a.readBigUInt64LE(0), b.readBigUInt64LE(0)]
    return left < right ? -1 : left > right ? 1 : 0
  }
}

function damage(position: number, what: string): DamagedLmdbFile {
  return new DamagedLmdbFile(`${what} at position ${position}`)
}
