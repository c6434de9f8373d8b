import type { Cancel, Clock } from '../../storage/clock.ts'

/**
 * Many deadlines on one timer of the clock: parked fetches, produce timeouts, group sessions.
 * A binary heap by due time; setting and cancelling cost O(log n) and O(1), an idle broker sets no timer at all.
 * Cancelled entries stay in the heap until they are due or make up half of it.
 */
export class Timers {
  readonly #clock: Clock
  #heap: Entry[] = []
  #cancelled = 0
  #cancelTimer: Cancel | undefined
  #timerDue = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Deadlines that are set and not cancelled. */
  get size(): number {
    return this.#heap.length - this.#cancelled
  }

  /**
   * Calls `run` once at `due` (the clock's monotonic milliseconds), or in the next turn if that has passed.
   * @param run is told what time it is. Who judges others by their silence must go by this, not look at the clock anew:
   *   the process may have stood still since.
   */
  at(due: number, run: (now: number) => void): Cancel {
    const entry: Entry = { due, run }
    push(this.#heap, entry)
    this.#arm()
    return () => {
      if (entry.run === undefined) return
      entry.run = undefined
      this.#cancelled++
      if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact()
    }
  }

  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: (now: number) => void): Cancel {
    return this.at(this.#clock.now() + delayMs, run)
  }

  /** Forgets every deadline; nothing runs any more. */
  clear(): void {
    this.#heap = []
    this.#cancelled = 0
    this.#disarm()
  }

  #arm(): void {
    const next = this.#heap[0]
    if (next !== undefined && next.due >= this.#timerDue) return
    this.#disarm()
    if (next === undefined) return
    this.#timerDue = next.due
    this.#cancelTimer = this.#clock.schedule(Math.ceil(next.due - this.#clock.now()), () => this.#expired())
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerDue = Number.POSITIVE_INFINITY
  }

  /**
   * A timer that comes late shows that the process stood still: stopped, paused with its machine, or busy for long. What
   * clients sent meanwhile lies in the sockets and is heard first, or a group would expel members whose heartbeats wait
   * to be read.
   */
  #expired(): void {
    const now = this.#clock.now()
    if (now - this.#timerDue <= LATE_MS) this.#fire(now)
    else this.#hearFirst(TURNS_TO_HEAR, now)
  }

  /** Goes by the time before the turns: if the process stands still during them, that shows at the next deadline. */
  #hearFirst(turns: number, now: number): void {
    if (turns === 0) this.#fire(now)
    else this.#clock.afterTurn(() => this.#hearFirst(turns - 1, now))
  }

  #fire(now: number): void {
    this.#disarm()
    for (let next = this.#heap[0]; next !== undefined && next.due <= now; next = this.#heap[0]) {
      pop(this.#heap)
      const run = next.run
      if (run === undefined) {
        this.#cancelled--
        continue
      }
      next.run = undefined
      run(now)
    }
    this.#arm()
  }

  #compact(): void {
    const kept = this.#heap.filter((entry) => entry.run !== undefined)
    this.#heap = []
    for (const entry of kept) push(this.#heap, entry)
    this.#cancelled = 0
    this.#disarm()
    this.#arm()
  }
}

/** More than timers are late by in a loop that is merely busy. To wait for some turns costs nothing, so it may be small. */
const LATE_MS = 20
/** Each turn reads what the sockets have: a connection that waits is accepted in the first one, and heard in the second. */
const TURNS_TO_HEAR = 2

/** `run` is undefined once it ran or was cancelled. */
interface Entry {
  readonly due: number
  run: ((now: number) => void) | undefined
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]!
    if (above.due <= entry.due) break
    heap[at] = above
    at = parent
  }
  heap[at] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child++
    const below = heap[child]!
    if (below.due >= last.due) break
    heap[at] = below
    at = child
  }
  heap[at] = last
}
