import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { RootDatabase } from 'lmdb'
import { type FileSystem, readFullySync } from '../../storage/file-system.ts'
import { type Entry, LocalStore, type Writes } from './local-store.ts'
import { MetadataStoreError, type Revision } from './store.ts'

/*
 * LMDB keys:    0x72 "r"         revision of the store, 8 bytes
 *               0x6b "k" <key>   an entry:
 *
 *   | crc32 (4) | format = 1 (1) | createRevision (8) | modRevision (8) | session (8) | value … |
 *
 * The checksum covers the LMDB key and all that follows it: LMDB's pages have none, and return a flipped bit as data.
 */
const REVISION_KEY = Buffer.from('r')
const FORMAT = 1
const HEADER_BYTES = 4 + 1 + 8 + 8 + 8

/** An LMDB file begins with two meta pages; this stands behind the first page header. */
const LMDB_MAGIC = 0xbeefc0de
const LMDB_MAGIC_AT = 24
const META_BYTES = 2 * 4096

type Database = RootDatabase<Buffer, Buffer>

/**
 * The metadata of a broker that lives alone, in one LMDB file.
 *
 * Txns are LMDB's synchronous ones: the event loop stands still for one fdatasync (0.3 to 3 ms) per administrative
 * change. That is the price of two certainties: an error is thrown to the caller, where the asynchronous interface
 * rejects promises that nobody holds, and nothing is acknowledged that a power cut takes back.
 */
export class LmdbStore extends LocalStore {
  // Keys of LMDB end at 1,978 bytes.
  readonly limits = { maxOpsPerTxn: 1_000_000, maxValueBytes: 16 * 1024 ** 2, maxKeyBytes: 1024 }
  readonly #database: Database

  private constructor(database: Database) {
    super({
      get: (key) => {
        const stored = database.getBinary(lmdbKey(key))
        return stored === undefined ? undefined : decode(lmdbKey(key), stored)
      },
      list: (prefix) => list(database, prefix),
      revision: () => database.getBinary(REVISION_KEY)?.readBigUInt64BE() ?? 0n,
    })
    this.#database = database
  }

  /**
   * Opens or makes the file; LMDB keeps a lock file beside it. Sessions of an earlier process are ended. The caller
   * holds the lock of the folder. `fileSystem` is used to look at the file first and to make its name durable; LMDB
   * itself reads and writes the real file.
   * @throws {MetadataStoreError} CORRUPT: not an LMDB file, or a value does not match its checksum; IO: anything else
   */
  static async open(path: string, fileSystem: FileSystem): Promise<LmdbStore> {
    let database: Database | undefined
    try {
      checkFile(path, fileSystem)
      // Loaded when first needed, and as one CommonJS file: 19 ms, where its ES modules take 30.
      const { open } = createRequire(import.meta.url)('lmdb') as typeof import('lmdb')
      database = open<Buffer, Buffer>({
        path,
        noSubdir: true,
        overlappingSync: false, // else a commit may be acknowledged before it is on disk
        encoding: 'binary',
        keyEncoding: 'binary',
        cache: false,
        maxDbs: 1,
      })
      await fileSystem.syncFolder(dirname(path))
      const store = new LmdbStore(database)
      await store.#endSessions()
      return store
    } catch (error) {
      await database?.close()
      if (error instanceof MetadataStoreError) throw error
      throw new MetadataStoreError('IO', `the metadata store ${path} cannot be opened`, error)
    }
  }

  protected async write(writes: Writes, revision: Revision): Promise<void> {
    const stamp = Buffer.alloc(8)
    stamp.writeBigUInt64BE(revision)
    this.#database.transactionSync(() => {
      for (const [key, entry] of writes) {
        if (entry === undefined) this.#database.removeSync(lmdbKey(key))
        else this.#database.putSync(lmdbKey(key), encode(lmdbKey(key), entry))
      }
      this.#database.putSync(REVISION_KEY, stamp)
    })
  }

  protected async closeTable(): Promise<void> {
    await this.#database.close()
  }

  /** Reads every entry, so that damage is found at the start and not when a request needs the value. */
  async #endSessions(): Promise<void> {
    const ended = list(this.#database, '').filter(([, { session }]) => session !== 0n)
    if (ended.length === 0) return
    const revision = (this.#database.getBinary(REVISION_KEY)?.readBigUInt64BE() ?? 0n) + 1n
    await this.write(new Map(ended.map(([key]) => [key, undefined])), revision)
  }
}

/**
 * Refuses what is no LMDB file, since lmdb-js would end the process with a segmentation fault. A file that ends within
 * the meta pages, or has none yet, comes from a crash while it was made: nothing was ever committed to it.
 */
function checkFile(path: string, fileSystem: FileSystem): void {
  if (fileSystem.stat(path) === undefined) return
  const file = fileSystem.open(path, 'write')
  try {
    const head = Buffer.alloc(LMDB_MAGIC_AT + 4)
    const read = readFullySync(file, head, 0)
    if (read === head.length && head.readUInt32LE(LMDB_MAGIC_AT) === LMDB_MAGIC) return
    const unfinished = file.size() <= META_BYTES && head.every((byte) => byte === 0)
    if (!unfinished) throw new MetadataStoreError('CORRUPT', `${path} is not a metadata store`)
    file.truncate(0)
  } finally {
    file.close()
  }
}

const lmdbKey = (key: string): Buffer => Buffer.from(`k${key}`)

function list(database: Database, prefix: string): [string, Entry][] {
  const start = lmdbKey(prefix)
  // One above the last byte; 0xff never ends a key of UTF-8.
  const end = Buffer.from(start)
  end[end.length - 1] = end[end.length - 1]! + 1
  const entries: [string, Entry][] = []
  for (const { key, value } of database.getRange({ start, end })) {
    entries.push([Buffer.from(key).toString('utf8', 1), decode(key, value)])
  }
  return entries
}

function encode(key: Buffer, { value, createRevision, modRevision, session }: Entry): Buffer {
  const stored = Buffer.allocUnsafe(HEADER_BYTES + value.length)
  stored.writeUInt8(FORMAT, 4)
  stored.writeBigUInt64BE(createRevision, 5)
  stored.writeBigUInt64BE(modRevision, 13)
  stored.writeBigUInt64BE(session, 21)
  value.copy(stored, HEADER_BYTES)
  stored.writeUInt32BE(checksum(key, stored))
  return stored
}

function decode(key: Buffer, lent: Buffer): Entry {
  const stored = Buffer.from(lent) // what LMDB hands out is valid until its next call only
  const name = (): string => Buffer.from(key).toString('utf8', 1)
  if (stored.length < HEADER_BYTES || stored.readUInt32BE() !== checksum(key, stored)) {
    throw new MetadataStoreError('CORRUPT', `the metadata of ${name()} does not match its checksum`)
  }
  if (stored[4] !== FORMAT) {
    throw new MetadataStoreError('CORRUPT', `the metadata of ${name()} has the unknown format ${stored[4]}`)
  }
  return {
    createRevision: stored.readBigUInt64BE(5),
    modRevision: stored.readBigUInt64BE(13),
    session: stored.readBigUInt64BE(21),
    value: stored.subarray(HEADER_BYTES),
  }
}

const checksum = (key: Buffer, stored: Buffer): number => crc32(stored.subarray(4), crc32(key))
