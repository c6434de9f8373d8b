import { assert } from '../../protocol/assert.ts'
import type { Cancel } from '../../storage/clock.ts'
import type { Timers } from '../runtime/timers.ts'
import type { Partition } from './partition.ts'
import { type FetchRead, type ReadRequest, readTargets } from './read.ts'

/** What a parked fetch waits for. */
export interface FetchWait {
  readonly request: ReadRequest
  readonly minBytes: number
  /** Monotonic milliseconds: when it is answered with what is there. */
  readonly deadline: number
  /** Calls back when the client is gone. @returns takes it back */
  readonly onClose: (run: () => void) => () => void
}

/**
 * Fetches that found too little, until a partition of theirs moves (D15: no polling; PR-34: woken in the same turn), or
 * their deadline comes, their client goes, or the broker stops. An idle broker with many parked fetches does nothing.
 */
export class ParkedFetches {
  readonly #timers: Timers
  readonly #parked = new Set<ParkedFetch>()
  #closed = false

  constructor(timers: Timers) {
    this.#timers = timers
  }

  get size(): number {
    return this.#parked.size
  }

  /**
   * Waits until `minBytes` are there.
   * @param first what the read that was too little found
   * @returns what the last read found; for a client that is gone or a broker that stops: what there is
   */
  park(wait: FetchWait, first: FetchRead): Promise<FetchRead> {
    if (this.#closed) return Promise.resolve(first)
    return new Promise((resolve, reject) => {
      const fetch = new ParkedFetch(wait, first, this.#timers, (result) => {
        this.#parked.delete(fetch)
        if (result instanceof Error) reject(result)
        else resolve(result)
      })
      this.#parked.add(fetch)
      fetch.start()
    })
  }

  /** Ends all waits; fetches that come later are answered at once (NET-14). */
  close(): void {
    this.#closed = true
    for (const fetch of [...this.#parked]) fetch.finish()
  }
}

class ParkedFetch {
  readonly #wait: FetchWait
  readonly #timers: Timers
  readonly #done: (result: FetchRead | Error) => void
  #found: FetchRead
  #registrations: (() => void)[] = []
  #cancelTimer: Cancel = NOTHING
  #cancelClose: Cancel = NOTHING
  #reading = false
  #finished = false

  constructor(wait: FetchWait, first: FetchRead, timers: Timers, done: (result: FetchRead | Error) => void) {
    this.#wait = wait
    this.#found = first
    this.#timers = timers
    this.#done = done
  }

  start(): void {
    this.#cancelTimer = this.#timers.at(this.#wait.deadline, () => this.finish())
    this.#cancelClose = this.#wait.onClose(() => this.finish())
    this.#register()
  }

  /** Answers with what was found last. */
  finish(): void {
    this.#end(this.#found)
  }

  #end(result: FetchRead | Error): void {
    if (this.#finished) return
    this.#finished = true
    this.#cancelTimer()
    this.#cancelClose()
    this.#unregister()
    this.#done(result)
  }

  #register(): void {
    assert(this.#registrations.length === 0, 'a parked fetch registers once')
    const wake = () => this.#wake()
    for (const { partition } of this.#found.outcomes) {
      if (partition !== undefined) this.#registrations.push(partition.onAdvance(wake))
    }
  }

  #unregister(): void {
    for (const unregister of this.#registrations) unregister()
    this.#registrations = []
  }

  #wake(): void {
    if (this.#finished || this.#reading) return
    this.#unregister()
    try {
      const read = readTargets(this.#wait.request)
      if (read instanceof Promise) this.#judgeLate(read)
      else this.#judge(read)
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #judgeLate(read: Promise<FetchRead>): void {
    this.#reading = true
    read.then(
      (late) => {
        this.#reading = false
        this.#judge(late)
      },
      (error: Error) => this.#end(error),
    )
  }

  #judge(read: FetchRead): void {
    this.#found = read
    if (read.urgent || read.bytes >= this.#wait.minBytes) this.finish()
    else if (this.#finished) return
    // A cold read takes a while: what moved meanwhile woke nobody, so it is looked at again.
    else if (read.outcomes.some(hasMoved)) this.#wake()
    else this.#register()
  }
}

const NOTHING: Cancel = () => undefined

function hasMoved(outcome: { readonly partition: Partition | undefined; readonly highWatermark: number }): boolean {
  const { partition } = outcome
  return (
    partition !== undefined && (partition.closed !== undefined || partition.highWatermark !== outcome.highWatermark)
  )
}
