/** From counts and times to the figures of a table. Names end with their unit; MiB and GiB are powers of two. */
import type { LoadResult } from './load/jobs.ts'
import type { LatencySummary } from './load/latency.ts'

/** What a cell found, by name and unit. A figure that could not be taken is not there. */
export type Figures = Readonly<Record<string, number>>

export interface Row {
  readonly name: string
  readonly figures: Figures
}

/** What was seen of the broker while the load was measured. Undefined when its process is not ours to see. */
export interface BrokerUse {
  readonly cpuSeconds: number | undefined
  readonly mostResidentBytes: number | undefined
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/**
 * The figures of one run of one or more generators side by side: their rates add up. Payload is what applications
 * wrote, the values of records, as Kafka's own perf tools count it.
 * @param latency which of the measured times to show; of several generators, the worst of each percentile
 */
export function loadFigures(results: readonly LoadResult[], broker: BrokerUse, latency: string): Figures {
  const sum = (value: (result: LoadResult) => number) => results.reduce((total, result) => total + value(result), 0)
  const seconds = Math.max(...results.map((result) => result.seconds))
  const payloadBytes = sum(({ measured }) => measured.payloadBytes)
  const requests = sum(({ measured }) => measured.requests)
  const { cpuSeconds, mostResidentBytes } = broker
  return defined({
    seconds,
    payloadMibPerSecond: sum(({ measured, seconds }) => measured.payloadBytes / MIB / seconds),
    recordsPerSecond: sum(({ measured, seconds }) => measured.records / seconds),
    requestsPerSecond: sum(({ measured, seconds }) => measured.requests / seconds),
    ...percentiles('', results, latency),
    ...percentiles('late', results, 'late'),
    brokerCores: quotient(cpuSeconds, seconds),
    brokerCpuSecondsPerGib: quotient(cpuSeconds, payloadBytes / GIB),
    brokerCpuSecondsPerMillionRequests: quotient(cpuSeconds, requests / 1e6),
    brokerMostResidentMib: quotient(mostResidentBytes, MIB),
    generatorCores: sum(({ generatorCpuSeconds, seconds }) => generatorCpuSeconds / seconds),
  })
}

function percentiles(
  prefix: string,
  results: readonly LoadResult[],
  latency: string,
): Record<string, number | undefined> {
  const found = results.flatMap(({ latenciesUs }) => latenciesUs[latency] ?? [])
  const worst = (value: (summary: LatencySummary) => number) =>
    found.length === 0 ? undefined : Math.max(...found.map(value))
  const name = (percentile: string) => (prefix === '' ? `${percentile}Us` : `${prefix}${capital(percentile)}Us`)
  return {
    [name('p50')]: worst(({ p50 }) => p50),
    [name('p99')]: worst(({ p99 }) => p99),
    [name('p999')]: worst(({ p999 }) => p999),
    [name('max')]: worst(({ max }) => max),
  }
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

/** Undefined where there is nothing to divide, or nothing to divide by. */
export function quotient(value: number | undefined, by: number): number | undefined {
  return value === undefined || by === 0 ? undefined : value / by
}

export function defined(figures: Readonly<Record<string, number | undefined>>): Figures {
  const known: Record<string, number> = {}
  for (const [name, value] of Object.entries(figures)) if (value !== undefined) known[name] = value
  return known
}

/** A row over several rounds: the median of each figure, and its smallest and largest. */
export interface Summary extends Row {
  readonly spread: Readonly<Record<string, readonly [number, number]>>
}

/** Rows of the same name, one a round, become one. */
export function summarize(rows: readonly Row[]): Summary[] {
  const byName = new Map<string, Figures[]>()
  for (const { name, figures } of rows) byName.set(name, [...(byName.get(name) ?? []), figures])
  return [...byName].map(([name, rounds]) => {
    const figures: Record<string, number> = {}
    const spread: Record<string, readonly [number, number]> = {}
    for (const figure of new Set(rounds.flatMap((round) => Object.keys(round)))) {
      const values = rounds.flatMap((round) => round[figure] ?? [])
      figures[figure] = median(values)
      spread[figure] = [Math.min(...values), Math.max(...values)]
    }
    return { name, figures, spread }
  })
}

/** The mean of the two in the middle when their number is even. @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new Error('no median of nothing')
  return (lower + upper) / 2
}
