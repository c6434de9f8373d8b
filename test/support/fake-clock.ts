import type { Cancel, Clock } from '../../storage/clock.ts'

/** A clock that a test moves by hand. `now` starts at 0; `wallTime` at `wallStart`. */
export class FakeClock implements Clock {
  #now = 0
  #wallOffset: number
  #timers: { at: number; order: number; run: () => void }[] = []
  #turn: (() => void)[] = []
  #order = 0

  constructor(wallStart = 1_700_000_000_000) {
    this.#wallOffset = wallStart
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return Math.floor(this.#wallOffset + this.#now)
  }

  schedule(delayMs: number, run: () => void): Cancel {
    const timer = { at: this.#now + Math.max(delayMs, 0), order: this.#order++, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  afterTurn(run: () => void): void {
    this.#turn.push(run)
  }

  /** Ends the turn: runs what was put off to its end, and what that puts off in its turn. */
  endTurn(): void {
    while (this.#turn.length > 0) {
      const due = this.#turn
      this.#turn = []
      for (const run of due) run()
    }
  }

  /** Ends the turn, then lets `ms` pass; timers run in order, each at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms
    this.endTurn()
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)
        .at(0)
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      this.endTurn()
    }
    this.#now = end
  }

  /** Moves the wall clock alone, as an operator or NTP would. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms
  }
}
