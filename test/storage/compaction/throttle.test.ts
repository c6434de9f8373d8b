import { describe, expect, it } from 'vitest'
import { Throttle } from '../../../storage/compaction/throttle.ts'

/** A throttle whose naps are noted and take no time. */
function throttleAt() {
  let now = 1000
  const naps: number[] = []
  const sleep = async (ms: number) => {
    naps.push(ms)
    now += ms
  }
  const throttle = new Throttle({ now: () => now }, sleep)
  const work = (ms: number) => {
    now += ms
  }
  return { throttle, naps, work, elapsed: () => now - 1000 }
}

describe('log.cleaner.io.max.bytes.per.second', () => {
  it('is kept over time, by naps that are not too short', async () => {
    const { throttle, naps, elapsed } = throttleAt()
    for (let i = 0; i < 1000; i++) await throttle.take(1000, 100_000)
    expect(elapsed()).toBeGreaterThan(9900)
    expect(elapsed()).toBeLessThan(10_100)
    expect(Math.min(...naps)).toBeGreaterThanOrEqual(50)
  })

  it('counts the time that the work takes itself, but what is not used cannot be saved up', async () => {
    const { throttle, naps, work } = throttleAt()
    for (let i = 0; i < 10; i++) {
      await throttle.take(1000, 100_000)
      work(10)
    }
    expect(naps).toEqual([])
    work(60_000)
    for (let i = 0; i < 100; i++) await throttle.take(1000, 100_000)
    expect(naps.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(900)
  })

  it('by default is no limit, and costs nothing', () => {
    const { throttle, naps } = throttleAt()
    for (const unlimited of [Number.MAX_VALUE, Number.POSITIVE_INFINITY])
      expect(throttle.take(2 ** 40, unlimited)).toBeUndefined()
    expect(naps).toEqual([])
  })
})
