import type { Cancel, Clock } from '../../storage/clock.ts'

/** The machine's clock and the event loop's timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  schedule(delayMs: number, run: () => void): Cancel {
    // Longer than 2^31-1 ms, setTimeout would fire at once.
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
  afterTurn(run: () => void): void {
    setImmediate(run)
  },
}
