import { ChangeFeed } from './change-feed.ts'
import {
  type Compare,
  type KeyValue,
  type MetadataStore,
  MetadataStoreError,
  type Op,
  type Revision,
  type Session,
  type WatchEvent,
} from './store.ts'

/** What a kept value carries besides itself. */
export interface Entry {
  readonly value: Buffer
  readonly createRevision: Revision
  readonly modRevision: Revision
  /** Token of the session that the key lives and dies with; 0n for none. */
  readonly session: Revision
}

/** Where a {@link LocalStore} keeps its entries: a Map, or LMDB. */
export interface Table {
  get(key: string): Entry | undefined
  /** In the order of the keys' bytes. */
  list(prefix: string): [string, Entry][]
  revision(): Revision
}

/** Changes of one txn as they are to be written: undefined deletes. */
export type Writes = ReadonlyMap<string, Entry | undefined>

/**
 * A MetadataStore of one process: compares, revisions, sessions and watches over any table. Txns run one after the
 * other; what a txn compares cannot change before it is written.
 */
export abstract class LocalStore implements MetadataStore {
  abstract readonly limits: MetadataStore['limits']
  readonly #feed: ChangeFeed
  readonly #table: Table
  readonly #sessions = new Set<LocalSession>()
  #last: Promise<unknown> = Promise.resolve()
  #closed: MetadataStoreError | undefined

  protected constructor(table: Table) {
    this.#table = table
    this.#feed = new ChangeFeed(table.revision())
  }

  /** Writes all or nothing, durably. Rejects when it is not known to have been written. */
  protected abstract write(writes: Writes, revision: Revision): Promise<void>
  protected abstract closeTable(): Promise<void>

  async get(key: string): Promise<KeyValue | undefined> {
    this.#assertOpen()
    const entry = this.#table.get(key)
    return entry === undefined ? undefined : keyValue(key, entry)
  }

  async list(prefix: string): Promise<{ revision: Revision; items: KeyValue[] }> {
    this.#assertOpen()
    const items = this.#table.list(prefix).map(([key, entry]) => keyValue(key, entry))
    return { revision: this.#table.revision(), items }
  }

  txn(when: readonly Compare[], then: readonly Op[]): Promise<{ succeeded: boolean; revision: Revision }> {
    return this.#inTurn(async () => {
      this.#assertOpen()
      const before = this.#table.revision()
      if (!when.every((compare) => this.#holds(compare))) return { succeeded: false, revision: before }
      const revision = before + 1n
      const writes = this.#writes(then, revision)
      if (writes.size === 0) return { succeeded: true, revision: before }
      await this.#write(writes, revision)
      return { succeeded: true, revision }
    })
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<WatchEvent[]> {
    this.#assertOpen()
    return this.#feed.watch(prefix, after, signal)
  }

  openSession(key: string, value: Buffer, _ttlMs: number): Promise<Session> {
    return this.#inTurn(async () => {
      this.#assertOpen()
      if (this.#table.get(key) !== undefined) throw new MetadataStoreError('EXISTS', `${key} is held by somebody else`)
      const revision = this.#table.revision() + 1n
      const entry = { value, createRevision: revision, modRevision: revision, session: revision }
      await this.#write(new Map([[key, entry]]), revision)
      const session = new LocalSession(key, revision, (mine) => this.#endSession(mine))
      this.#sessions.add(session)
      return session
    })
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#closed?.code === 'CLOSED') return
      this.#closed = new MetadataStoreError('CLOSED', 'the metadata store is closed')
      for (const session of this.#sessions) session.end('closed')
      this.#feed.close()
      await this.closeTable()
    })
  }

  async #write(writes: Writes, revision: Revision): Promise<void> {
    try {
      await this.write(writes, revision)
    } catch (error) {
      // It may or may not be on disk, so nothing more is told from here: a restart reads what is true.
      this.#closed = new MetadataStoreError('IO', 'the metadata store could not write and takes nothing more', error)
      this.#feed.close()
      throw this.#closed
    }
    const changes = [...writes].map(([key, entry]) => ({
      revision,
      key,
      event: (entry === undefined
        ? { type: 'delete', key, revision }
        : { type: 'put', kv: keyValue(key, entry) }) satisfies WatchEvent as WatchEvent,
    }))
    this.#feed.publish(changes)
    for (const session of this.#sessions) {
      const entry = writes.get(session.key)
      if (writes.has(session.key) && entry?.createRevision !== session.token) {
        this.#sessions.delete(session)
        session.end('deleted')
      }
    }
  }

  #writes(then: readonly Op[], revision: Revision): Writes {
    if (then.length > this.limits.maxOpsPerTxn) {
      throw new MetadataStoreError('TOO_LARGE', `${then.length} changes in one txn`)
    }
    const writes = new Map<string, Entry | undefined>()
    for (const op of then) {
      if ('deletePrefix' in op) for (const [key] of this.#table.list(op.deletePrefix)) writes.set(key, undefined)
    }
    for (const op of then) {
      if ('delete' in op && this.#table.get(op.delete) !== undefined) writes.set(op.delete, undefined)
      if ('put' in op) {
        this.#checkSize(op.put, op.value)
        const gone = writes.has(op.put) && writes.get(op.put) === undefined
        const createRevision = (gone ? undefined : this.#table.get(op.put)?.createRevision) ?? revision
        const session = op.session?.token ?? 0n
        writes.set(op.put, { value: op.value, createRevision, modRevision: revision, session })
      }
    }
    return writes
  }

  #checkSize(key: string, value: Buffer): void {
    if (Buffer.byteLength(key) > this.limits.maxKeyBytes) {
      throw new MetadataStoreError('TOO_LARGE', `a key of ${Buffer.byteLength(key)} bytes`)
    }
    if (value.length > this.limits.maxValueBytes) {
      throw new MetadataStoreError('TOO_LARGE', `a value of ${value.length} bytes`)
    }
  }

  #holds(compare: Compare): boolean {
    const entry = this.#table.get(compare.key)
    if ('modRevision' in compare) return (entry?.modRevision ?? 0n) === compare.modRevision
    const created = entry?.createRevision ?? 0n
    return 'createRevision' in compare ? created === compare.createRevision : created !== compare.createRevisionIsNot
  }

  async #endSession(session: LocalSession): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#sessions.delete(session)) return
      session.end('closed')
      if (this.#closed !== undefined) return
      const bound = this.#table.list('').filter(([, entry]) => entry.session === session.token)
      const writes = new Map(bound.map(([key]) => [key, undefined]))
      if (writes.size > 0) await this.#write(writes, this.#table.revision() + 1n)
    })
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run, run)
    // The next in line waits for the end of this one, however it ends; the caller alone hears of a failure.
    this.#last = result.then(ignore, ignore)
    return result
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed
  }
}

const ignore = (): void => {}

const keyValue = (key: string, { value, createRevision, modRevision }: Entry): KeyValue => ({
  key,
  value,
  createRevision,
  modRevision,
})

/** Lives as long as the process: there is nobody else who could take it for dead. */
class LocalSession implements Session {
  readonly key: string
  readonly token: Revision
  readonly lost: Promise<'expired' | 'deleted' | 'closed'>
  readonly #close: (session: LocalSession) => Promise<void>
  #end: (why: 'deleted' | 'closed') => void = ignore
  #ended = false

  constructor(key: string, token: Revision, close: (session: LocalSession) => Promise<void>) {
    this.key = key
    this.token = token
    this.#close = close
    this.lost = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  isFresh(): boolean {
    return !this.#ended
  }

  end(why: 'deleted' | 'closed'): void {
    this.#ended = true
    this.#end(why)
  }

  close(): Promise<void> {
    return this.#close(this)
  }
}
