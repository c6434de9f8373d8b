import { type Entry, LocalStore, type Writes } from './local-store.ts'
import type { Revision } from './store.ts'

/** The metadata of a broker that keeps nothing: embedded in a test, gone with it. */
export class MemoryStore extends LocalStore {
  readonly limits = { maxOpsPerTxn: 1_000_000, maxValueBytes: 64 * 1024 ** 2, maxKeyBytes: 1024 }
  readonly #entries: Map<string, Entry>
  readonly #revision: { now: Revision }

  constructor() {
    const entries = new Map<string, Entry>()
    const revision = { now: 0n }
    super({
      get: (key) => entries.get(key),
      list: (prefix) => [...entries].filter(([key]) => key.startsWith(prefix)).sort(byBytes),
      revision: () => revision.now,
    })
    this.#entries = entries
    this.#revision = revision
  }

  protected async write(writes: Writes, revision: Revision): Promise<void> {
    for (const [key, entry] of writes) {
      if (entry === undefined) this.#entries.delete(key)
      else this.#entries.set(key, entry)
    }
    this.#revision.now = revision
  }

  protected async closeTable(): Promise<void> {
    this.#entries.clear()
  }
}

const byBytes = ([a]: [string, Entry], [b]: [string, Entry]): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
