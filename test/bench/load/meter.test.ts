import { describe, expect, it } from 'vitest'
import { Latencies, summaries } from '../../../bench/load/latency.ts'
import { Meter } from '../../../bench/load/meter.ts'

describe('a meter', () => {
  it('counts everything in total, and as measured what was completed between begin and end', () => {
    const phases: string[] = []
    const meter = new Meter((phase) => phases.push(phase))
    meter.add(10, 1_000, 1_100)
    meter.begin()
    expect(meter.measuring).toBe(true)
    meter.add(1, 100, 110)
    meter.add(2, 200, 210)
    meter.end()
    expect(meter.measuring).toBe(false)
    meter.add(5, 500, 510)
    const { total, measured } = meter.result()
    expect(total).toEqual({ requests: 4, records: 18, payloadBytes: 1_800, batchBytes: 1_930 })
    expect(measured).toEqual({ requests: 2, records: 3, payloadBytes: 300, batchBytes: 320 })
    expect(phases).toEqual(['measuring', 'measured'])
  })

  it('has no result before its measured time is over', () => {
    const meter = new Meter()
    meter.begin()
    expect(() => meter.result()).toThrow('a meter is read after its measured time')
  })
})

describe('latencies', () => {
  it('are kept in microseconds, to three digits', () => {
    const latencies = new Latencies()
    for (let ms = 1; ms <= 1_000; ms++) latencies.record(ms)
    const { count, min, p50, p99, max } = latencies.summary()!
    expect(count).toBe(1_000)
    for (const [found, expected] of [
      [min, 1_000],
      [p50, 500_000],
      [p99, 990_000],
      [max, 1_000_000],
    ] as const) {
      expect(Math.abs(found - expected)).toBeLessThanOrEqual(expected / 1_000)
    }
  })

  it('take what lies outside of what can be told apart as the nearest that can', () => {
    const latencies = new Latencies()
    latencies.record(-1)
    latencies.record(1e9)
    expect(latencies.summary()).toMatchObject({ count: 2 })
  })

  it('that nothing was recorded in are left out', () => {
    const some = new Latencies()
    some.record(1)
    expect(Object.keys(summaries({ none: new Latencies(), some }))).toEqual(['some'])
  })
})
