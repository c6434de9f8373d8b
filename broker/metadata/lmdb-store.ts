import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { type FileSystem, readFullySync } from '../../storage/file-system.ts'
import { guardLmdbFile, META_BYTES } from './lmdb-guard.ts'
import { decode, decodeRevision, encode, encodeRevision, keyOf, lmdbKey, REVISION_KEY } from './lmdb-values.ts'
import { type Entry, LocalStore, type Writes } from './local-store.ts'
import { MetadataStoreError, type Revision } from './store.ts'

/** An LMDB file begins with two meta pages; this stands behind the first page header. */
const LMDB_MAGIC = 0xbeefc0de
const LMDB_MAGIC_AT = 24

/** Keys of LMDB end at 1,978 bytes. */
const MAX_KEY_BYTES = 1024

/** Nothing can have been put there; asked for a key that is longer than its buffer, LMDB throws. */
const isTooLong = (key: string): boolean => Buffer.byteLength(key) > MAX_KEY_BYTES

type Database = RootDatabase<Buffer, Buffer>

/**
 * The metadata of a broker that lives alone, in one LMDB file.
 *
 * Txns are LMDB's synchronous ones: the event loop stands still for one fdatasync (0.3 to 3 ms) per administrative
 * change. That is the price of two certainties: an error is thrown to the caller, where the asynchronous interface
 * rejects promises that nobody holds, and nothing is acknowledged that a power cut takes back.
 */
export class LmdbStore extends LocalStore {
  readonly limits = { maxOpsPerTxn: 1_000_000, maxValueBytes: 16 * 1024 ** 2, maxKeyBytes: MAX_KEY_BYTES }
  readonly #database: Database

  private constructor(database: Database) {
    super({
      get: (key) => {
        if (isTooLong(key)) return undefined
        const stored = database.getBinary(lmdbKey(key))
        return stored === undefined ? undefined : decode(lmdbKey(key), stored)
      },
      list: (prefix) => (isTooLong(prefix) ? [] : list(database, prefix)),
      revision: () => readRevision(database),
    })
    this.#database = database
  }

  /**
   * Opens or makes the file; LMDB keeps a lock file beside it. Sessions of an earlier process are ended. The caller
   * holds the lock of the folder. `fileSystem` is used to look at the file first and to make its name durable; LMDB
   * itself reads and writes the real file.
   * @param report told of damage that could be repaired
   * @throws {MetadataStoreError} CORRUPT: not an LMDB file, or one that does not hold what was committed to it; IO:
   *   anything else
   */
  static async open(
    path: string,
    fileSystem: FileSystem,
    report: (facts: object, message: string) => void = () => {},
  ): Promise<LmdbStore> {
    let database: Database | undefined
    try {
      checkFile(path, fileSystem)
      await guardLmdbFile(path, fileSystem, writeLmdbFile, report)
      database = openLmdb(path)
      await fileSystem.syncFolder(dirname(path))
      const store = new LmdbStore(database)
      await store.#endSessions()
      return store
    } catch (error) {
      await database?.close()
      if (error instanceof MetadataStoreError) {
        if (error.code !== 'CORRUPT' || error.message.includes(path)) throw error
        throw new MetadataStoreError('CORRUPT', `${path} is damaged: ${error.message}`, error)
      }
      throw new MetadataStoreError('IO', `the metadata store ${path} cannot be opened`, error)
    }
  }

  protected async write(writes: Writes, revision: Revision): Promise<void> {
    this.#database.transactionSync(() => {
      for (const [key, entry] of writes) {
        if (entry === undefined) this.#database.removeSync(lmdbKey(key))
        else this.#database.putSync(lmdbKey(key), encode(lmdbKey(key), entry))
      }
      this.#database.putSync(REVISION_KEY, encodeRevision(revision))
    })
  }

  protected async closeTable(): Promise<void> {
    await this.#database.close()
  }

  /** Reads every entry, so that damage is found at the start and not when a request needs the value. */
  async #endSessions(): Promise<void> {
    const ended = list(this.#database, '').filter(([, { session }]) => session !== 0n)
    if (ended.length === 0) return
    const revision = readRevision(this.#database) + 1n
    await this.write(new Map(ended.map(([key]) => [key, undefined])), revision)
  }
}

function openLmdb(path: string): Database {
  // Loaded when first needed, and as one CommonJS file: 19 ms, where its ES modules take 30.
  const { open } = createRequire(import.meta.url)('lmdb') as typeof import('lmdb')
  return open<Buffer, Buffer>({
    path,
    noSubdir: true,
    overlappingSync: false, // else a commit may be acknowledged before it is on disk
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    maxDbs: 1,
  })
}

async function writeLmdbFile(path: string, entries: readonly (readonly [Buffer, Buffer])[]): Promise<void> {
  const database = openLmdb(path)
  try {
    database.transactionSync(() => {
      for (const [key, value] of entries) database.putSync(key, value)
    })
  } finally {
    await database.close()
  }
}

function readRevision(database: Database): Revision {
  const stamp = database.getBinary(REVISION_KEY)
  return stamp === undefined ? 0n : decodeRevision(stamp)
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

function list(database: Database, prefix: string): [string, Entry][] {
  const start = lmdbKey(prefix)
  // One above the last byte; 0xff never ends a key of UTF-8.
  const end = Buffer.from(start)
  end[end.length - 1] = end[end.length - 1]! + 1
  const entries: [string, Entry][] = []
  for (const { key, value } of database.getRange({ start, end })) {
    entries.push([keyOf(Buffer.from(key)), decode(key, value)])
  }
  return entries
}
