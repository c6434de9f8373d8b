import type { SyncedLog } from './log-host.ts'

/**
 * Group commit of one log directory: whoever has unsynced bytes stands in the queue once; when its turn comes, one sync
 * covers all that was written until then. What is written during the sync puts the log at the end of the queue again, so
 * that a busy log never starves the others. A log is never synced twice at a time.
 *
 * Few run at a time: libuv's four threads also read files, look up names and compress. Four slow syncs would stop all of
 * that (measured: an unrelated `fs.stat` waited for 3 s behind them).
 */
export class Flusher {
  readonly #parallel: number
  readonly #queue = new Set<SyncedLog>()
  readonly #running = new Set<SyncedLog>()
  /** Those that asked again while their sync ran. */
  readonly #again = new Set<SyncedLog>()

  constructor(parallel = 2) {
    this.#parallel = parallel
  }

  /** Logs that wait for a sync, or are in one. */
  get pending(): number {
    return this.#queue.size + this.#running.size
  }

  /** Syncs `log` as soon as possible. Cheap when it stands in the queue already. */
  add(log: SyncedLog): void {
    if (this.#running.has(log)) this.#again.add(log)
    else if (this.#running.size < this.#parallel) this.#run(log)
    else this.#queue.add(log)
  }

  /** Forgets who waits: the directory is offline, or closed. */
  clear(): void {
    this.#queue.clear()
    this.#again.clear()
  }

  #run(log: SyncedLog): void {
    this.#running.add(log)
    log.sync().then(() => {
      this.#running.delete(log)
      if (this.#again.delete(log)) this.#queue.add(log)
      for (const next of this.#queue) {
        if (this.#running.size >= this.#parallel) break
        this.#queue.delete(next)
        this.#run(next)
      }
    }, unexpected)
  }
}

/** `sync` handles what the world does; what comes out of it is a broken invariant of ours, and must stop the process. */
function unexpected(error: unknown): never {
  throw error
}
