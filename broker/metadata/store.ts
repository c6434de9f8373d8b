/** 64-bit version of a key; only ever compared, never computed with. */
export type Revision = bigint

export interface KeyValue {
  readonly key: string
  readonly value: Buffer
  /** The revision at which the key came to be; another one after it was deleted and put again. */
  readonly createRevision: Revision
  readonly modRevision: Revision
}

/** A compare that fails makes the whole txn a no-op. Absent key: both revisions are 0n. */
export type Compare =
  | { readonly key: string; readonly createRevision: Revision }
  | { readonly key: string; readonly createRevisionIsNot: Revision }
  | { readonly key: string; readonly modRevision: Revision }

/** One change of a txn. A key may be named once; `deletePrefix` goes before puts below it. */
export type Op =
  | { readonly put: string; readonly value: Buffer; readonly session?: Session }
  | { readonly delete: string }
  | { readonly deletePrefix: string }

/**
 * The one linearizable thing of a cluster: a small key-value store with compare-and-set. On one node it is LMDB; etcd
 * and PostgreSQL can stand behind the same contract. test/broker/metadata/store-contract.ts says what each must do.
 * Every method rejects with {@link MetadataStoreError} when the store is not usable.
 */
export interface MetadataStore {
  readonly limits: { readonly maxOpsPerTxn: number; readonly maxValueBytes: number; readonly maxKeyBytes: number }
  get(key: string): Promise<KeyValue | undefined>
  /** Everything whose key begins with `prefix`, in the order of the keys' bytes, at one moment. */
  list(prefix: string): Promise<{ revision: Revision; items: KeyValue[] }>
  /**
   * All of `then` if all of `when` hold, else nothing. Durable when it resolves.
   * @returns the revision of the change; of the store as it was when nothing changed
   */
  txn(when: readonly Compare[], then: readonly Op[]): Promise<{ succeeded: boolean; revision: Revision }>
  /**
   * Changes below `prefix` from `after` (exclusive) on, in revision order, nothing skipped; ends with 'compacted' when
   * the store does not know any more what happened then, and the caller must list anew. Ends quietly at `signal`.
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<WatchEvent[]>
  /**
   * Creates `key`, bound to this process's life. Its createRevision is the fencing token.
   * @throws {MetadataStoreError} EXISTS: somebody else holds it
   */
  openSession(key: string, value: Buffer, ttlMs: number): Promise<Session>
  close(): Promise<void>
}

export type WatchEvent =
  | { readonly type: 'put'; readonly kv: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly revision: Revision }
  | { readonly type: 'compacted' }

export interface Session {
  readonly key: string
  readonly token: Revision
  /** True is a hint for reads; writes are fenced by comparing the token in a txn, never by this. */
  isFresh(nowMs: number): boolean
  readonly lost: Promise<'expired' | 'deleted' | 'closed'>
  /** Deletes the key, and whatever else was put under this session. */
  close(): Promise<void>
}

export type MetadataStoreErrorCode = 'CLOSED' | 'EXISTS' | 'CORRUPT' | 'IO' | 'TOO_LARGE'

/** The store did not do what it was asked. After `IO` it takes nothing more: what is on disk decides at the next start. */
export class MetadataStoreError extends Error {
  override readonly name = 'MetadataStoreError'
  readonly code: MetadataStoreErrorCode

  constructor(code: MetadataStoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
