import type { Revision, WatchEvent } from './store.ts'

/** How many changes are remembered for those who watch from some revision on. A watcher further behind lists anew. */
const REMEMBERED = 4096

interface Change {
  readonly revision: Revision
  readonly key: string
  readonly event: WatchEvent
}

/** The recent changes of a store in this process, and who waits for more. */
export class ChangeFeed {
  readonly #changes: Change[] = []
  /** Changes at or below this revision are forgotten. */
  #forgotten: Revision
  #waiting: (() => void)[] = []
  #closed = false

  constructor(revision: Revision) {
    this.#forgotten = revision
  }

  publish(changes: readonly Change[]): void {
    this.#changes.push(...changes)
    // One txn may hold several changes: its revision is forgotten as a whole, or not at all.
    const excess = this.#changes.length - REMEMBERED
    if (excess > 0) {
      this.#forgotten = this.#changes[excess - 1]!.revision
      const kept = this.#changes.findIndex(({ revision }) => revision > this.#forgotten)
      this.#changes.splice(0, kept === -1 ? this.#changes.length : kept)
    }
    this.#wake()
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<WatchEvent[]> {
    let seen = after
    const wake = () => this.#wake()
    signal.addEventListener('abort', wake)
    try {
      while (!signal.aborted && !this.#closed) {
        if (seen < this.#forgotten) {
          yield [{ type: 'compacted' }]
          return
        }
        const news = this.#changes.filter(({ revision }) => revision > seen)
        seen = news.at(-1)?.revision ?? seen
        const events = news.filter(({ key }) => key.startsWith(prefix)).map(({ event }) => event)
        if (events.length > 0) yield events
        else await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  close(): void {
    this.#closed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
