import type { MetricLabels } from '../broker/runtime/metrics.ts'

/** One line of `/metrics`. */
export interface Sample {
  readonly labels: MetricLabels & { readonly le?: string }
  readonly value: number
  /** Only for the parts of a histogram, whose lines have a suffix behind the metric's name. */
  readonly metricName?: string
}

/** The lines of each metric, by its name. */
export type Samples = Map<string, Sample[]>

export function add(samples: Samples, name: string, labels: MetricLabels, value: number): void {
  let rows = samples.get(name)
  if (rows === undefined) {
    rows = []
    samples.set(name, rows)
  }
  rows.push({ labels, value })
}
