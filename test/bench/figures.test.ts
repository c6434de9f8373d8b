import { describe, expect, it } from 'vitest'
import { loadFigures, median, quotient, summarize } from '../../bench/figures.ts'
import type { LoadResult } from '../../bench/load/jobs.ts'

const GIB = 1024 ** 3
const nothing = { requests: 0, records: 0, payloadBytes: 0, batchBytes: 0 }

const result = (given: Partial<LoadResult>): LoadResult => ({
  total: nothing,
  measured: nothing,
  seconds: 1,
  generatorCpuSeconds: 0,
  latenciesUs: {},
  ...given,
})

const latency = (p50: number) => ({ count: 1, min: 1, mean: p50, p50, p90: p50, p99: 2 * p50, p999: 3 * p50, max: 9 })

describe('figures of a load', () => {
  it('are per second, and per gibibyte and million of requests of the broker’s work', () => {
    const measured = { requests: 500_000, records: 4_000_000, payloadBytes: 2 * GIB, batchBytes: 3 * GIB }
    const figures = loadFigures(
      [result({ measured, seconds: 4, generatorCpuSeconds: 2 })],
      { cpuSeconds: 3, mostResidentBytes: 100 * 1024 ** 2 },
      'request',
    )
    expect(figures).toEqual({
      seconds: 4,
      payloadMibPerSecond: 512,
      recordsPerSecond: 1_000_000,
      requestsPerSecond: 125_000,
      brokerCores: 0.75,
      brokerCpuSecondsPerGib: 1.5,
      brokerCpuSecondsPerMillionRequests: 6,
      brokerMostResidentMib: 100,
      generatorCores: 0.5,
    })
  })

  it('of several generators: rates add up, times are the worst of them', () => {
    const measured = { ...nothing, requests: 10, payloadBytes: 1024 ** 2 }
    const figures = loadFigures(
      [
        result({ measured, seconds: 1, latenciesUs: { request: latency(100) } }),
        result({ measured, seconds: 2, latenciesUs: { request: latency(40), late: latency(7) } }),
      ],
      { cpuSeconds: undefined, mostResidentBytes: undefined },
      'request',
    )
    expect(figures).toMatchObject({
      payloadMibPerSecond: 1.5,
      requestsPerSecond: 15,
      p50Us: 100,
      p999Us: 300,
      lateP99Us: 14,
    })
    expect(figures).not.toHaveProperty('brokerCores')
  })

  it('that cannot be taken are left out', () => {
    const figures = loadFigures([result({})], { cpuSeconds: 1, mostResidentBytes: undefined }, 'request')
    expect(figures).not.toHaveProperty('brokerCpuSecondsPerGib')
    expect(figures).not.toHaveProperty('p50Us')
    expect(quotient(1, 0)).toBeUndefined()
  })
})

describe('rounds', () => {
  it.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])('the median of %j is %d', (values, middle) => {
    expect(median(values)).toBe(middle)
  })

  it('become one row by name, with the median and the spread of each figure', () => {
    const rows = [10, 30, 20].map((value) => ({ name: 'a', figures: { value } }))
    expect(summarize([...rows, { name: 'b', figures: { value: 1 } }])).toEqual([
      { name: 'a', figures: { value: 20 }, spread: { value: [10, 30] } },
      { name: 'b', figures: { value: 1 }, spread: { value: [1, 1] } },
    ])
  })

  it('a figure that was not taken in each round counts where it was', () => {
    const rows = [
      { name: 'a', figures: { p50Us: 5 } },
      { name: 'a', figures: { p50Us: 7, brokerCores: 1 } },
    ]
    expect(summarize(rows)[0]?.figures).toEqual({ p50Us: 6, brokerCores: 1 })
  })
})
