import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VerifiedRanges } from '../../storage/verified-ranges.ts'

describe('Ranges of a file that are known to be good', () => {
  it('melt together where they touch', () => {
    const ranges = new VerifiedRanges()
    ranges.add(10, 20)
    ranges.add(30, 40)
    expect(ranges.covers(10, 40)).toBe(false)
    ranges.add(20, 30)
    expect(ranges.covers(10, 40)).toBe(true)
    expect(ranges.covers(9, 11)).toBe(false)
    expect(ranges.covers(39, 41)).toBe(false)
  })

  it('end where the file is cut', () => {
    const ranges = new VerifiedRanges()
    ranges.add(0, 100)
    ranges.cut(60)
    expect([ranges.covers(0, 60), ranges.covers(50, 61)]).toEqual([true, false])
    ranges.add(60, 70)
    expect(ranges.covers(0, 70)).toBe(true)
  })

  it('say yes only to what was added, whatever is forgotten', () => {
    const added = fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: 20 })), { maxLength: 300 })
    fc.assert(
      fc.property(added, (all) => {
        const ranges = new VerifiedRanges()
        const good = new Set<number>()
        for (const [start, length] of all) {
          ranges.add(start, start + length)
          for (let byte = start; byte < start + length; byte++) good.add(byte)
          expect(ranges.covers(start, start + length) || all.length > 64).toBe(true)
        }
        for (let byte = 0; byte < 3100; byte++) if (ranges.covers(byte, byte + 1)) expect(good.has(byte)).toBe(true)
      }),
    )
  })
})
