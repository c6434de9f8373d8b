/** Time, as it is passed in to everything that needs it. The real one is broker/runtime/system-clock.ts. */
export interface Clock {
  /** Milliseconds that never go back (fractions allowed): for every decision, timeout and deadline. */
  now(): number
  /** Whole milliseconds since the epoch: only for record timestamps and for retention. */
  wallTime(): number
  /** Calls `run` once, `delayMs` from now at the earliest. */
  schedule(delayMs: number, run: () => void): Cancel
  /** Calls `run` once, when the events at hand in this turn of the event loop have been handled. */
  afterTurn(run: () => void): void
}

/** Takes a scheduled call back; has no effect once it ran. */
export type Cancel = () => void
