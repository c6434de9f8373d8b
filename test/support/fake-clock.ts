import type { Cancel, Clock } from '../../storage/clock.ts'

/** A clock that a test moves by hand. `now` starts at 0; `wallTime` at `wallStart`. */
export class FakeClock implements Clock {
  #now = 0
  #wallOffset: number
  #timers: { at: number; order: number; run: () => void }[] = []
  #turn: (() => void)[] = []
  #arrived: (() => void)[] = []
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

  /** Something has come over the network: handled in the next turn, behind the timers that are due, before the turn ends. */
  arrives(run: () => void): void {
    this.#arrived.push(run)
  }

  /** Ends the turn: handles what has arrived, runs what was put off to its end, and what that puts off in its turn. */
  endTurn(): void {
    for (const run of this.#arrived.splice(0)) run()
    while (this.#turn.length > 0) {
      const due = this.#turn
      this.#turn = []
      for (const run of due) run()
    }
  }

  /** Ends the turn, then lets `ms` pass; timers run in order, each at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms
    if (this.#turn.length > 0) this.endTurn()
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
    this.endTurn()
    this.#now = Math.max(this.#now, end)
  }

  /** Time passes and nothing runs, as in a process that was stopped. What is due runs late, with the next `advance`. */
  standStill(ms: number): void {
    this.#now += ms
  }

  /** Moves the wall clock alone, as an operator or NTP would. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms
  }
}
