import type { Count, Phase, Stop } from './jobs.ts'

/** Counts completed work, and how much of it fell into the measured time. Of one run. */
export class Meter {
  readonly #onPhase: (phase: Phase) => void
  #requests = 0
  #records = 0
  #payloadBytes = 0
  #batchBytes = 0
  #began: Mark | undefined
  #ended: Mark | undefined

  constructor(onPhase: (phase: Phase) => void = () => {}) {
    this.#onPhase = onPhase
  }

  /** One request was completed that carried so much. */
  add(records: number, payloadBytes: number, batchBytes: number): void {
    this.#requests++
    this.#records += records
    this.#payloadBytes += payloadBytes
    this.#batchBytes += batchBytes
  }

  /** Whether what completes now belongs to the measured time. */
  get measuring(): boolean {
    return this.#began !== undefined && this.#ended === undefined
  }

  get total(): Count {
    return {
      requests: this.#requests,
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      batchBytes: this.#batchBytes,
    }
  }

  begin(): void {
    this.#began = this.#mark()
    this.#onPhase('measuring')
  }

  end(): void {
    this.#ended = this.#mark()
    this.#onPhase('measured')
  }

  /** What was completed between `begin` and `end`, in how many seconds, and what it cost this process. */
  result(): { total: Count; measured: Count; seconds: number; generatorCpuSeconds: number } {
    const began = this.#began
    const ended = this.#ended
    if (began === undefined || ended === undefined) throw new Error('a meter is read after its measured time')
    return {
      total: this.total,
      measured: difference(ended.count, began.count),
      seconds: (ended.timeMs - began.timeMs) / 1_000,
      generatorCpuSeconds: ended.cpuSeconds - began.cpuSeconds,
    }
  }

  #mark(): Mark {
    const { user, system } = process.cpuUsage()
    return { timeMs: performance.now(), cpuSeconds: (user + system) / 1e6, count: this.total }
  }
}

interface Mark {
  readonly timeMs: number
  readonly cpuSeconds: number
  readonly count: Count
}

export function difference(after: Count, before: Count): Count {
  return {
    requests: after.requests - before.requests,
    records: after.records - before.records,
    payloadBytes: after.payloadBytes - before.payloadBytes,
    batchBytes: after.batchBytes - before.batchBytes,
  }
}

/**
 * Starts the meter's clock for a run. With a time: measuring begins after the warm-up and ends after that time, then
 * `stop` is called. With a count: all of it is measured, and whoever finishes the count calls `meter.end` himself.
 */
export function startClock(meter: Meter, rule: Stop, stop: () => void): void {
  if (rule.kind === 'count') {
    meter.begin()
    return
  }
  setTimeout(() => {
    meter.begin()
    setTimeout(() => {
      meter.end()
      stop()
    }, rule.measureMs)
  }, rule.warmupMs)
}
