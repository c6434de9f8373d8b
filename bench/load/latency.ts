import { build, type Histogram } from 'hdr-histogram-js'

/** Microseconds. */
export interface LatencySummary {
  readonly count: number
  readonly min: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Longest time that is told apart; what took longer counts as this. A run is shorter. */
const LONGEST_US = 600_000_000

/** Times in microseconds with three significant digits (HdrHistogram). */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 3,
  })

  /** @param milliseconds as `performance.now` gives them, fractions included */
  record(milliseconds: number): void {
    const us = Math.round(milliseconds * 1_000)
    this.#histogram.recordValue(Math.min(Math.max(us, 0), LONGEST_US))
  }

  /** Undefined when nothing was recorded. */
  summary(): LatencySummary | undefined {
    const histogram = this.#histogram
    if (histogram.totalCount === 0) return undefined
    return {
      count: histogram.totalCount,
      min: histogram.minNonZeroValue,
      mean: histogram.mean,
      p50: histogram.getValueAtPercentile(50),
      p90: histogram.getValueAtPercentile(90),
      p99: histogram.getValueAtPercentile(99),
      p999: histogram.getValueAtPercentile(99.9),
      max: histogram.maxValue,
    }
  }
}

/** The summaries of those that recorded something. */
export function summaries(latencies: Readonly<Record<string, Latencies>>): Record<string, LatencySummary> {
  const found: Record<string, LatencySummary> = {}
  for (const [name, one] of Object.entries(latencies)) {
    const summary = one.summary()
    if (summary !== undefined) found[name] = summary
  }
  return found
}
