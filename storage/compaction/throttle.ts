import type { Clock } from '../clock.ts'

/** Waits; a rejection ends the work that waits. */
export type Sleep = (ms: number) => Promise<void>

/**
 * Keeps reading and writing to so many bytes a second (`log.cleaner.io.max.bytes.per.second`). What is not used while
 * nothing is done cannot be saved up.
 */
export class Throttle {
  readonly #clock: Pick<Clock, 'now'>
  readonly #sleep: Sleep
  /** When all bytes so far would have been through at the rate. */
  #dueMs = 0

  constructor(clock: Pick<Clock, 'now'>, sleep: Sleep) {
    this.#clock = clock
    this.#sleep = sleep
  }

  /** To be called after `bytes` were read or written; waits as long as that was too fast. */
  take(bytes: number, bytesPerSecond: number): void | Promise<void> {
    if (bytesPerSecond >= UNLIMITED) return
    const now = this.#clock.now()
    this.#dueMs = Math.max(this.#dueMs, now) + (bytes / bytesPerSecond) * 1000
    // Many short naps cost more than they are worth, and timers are not that exact.
    const ahead = this.#dueMs - now
    if (ahead >= SHORTEST_NAP_MS) return this.#sleep(ahead)
  }
}

const SHORTEST_NAP_MS = 50
/** More than any device does; Kafka's default is the largest double. */
const UNLIMITED = 1e12
