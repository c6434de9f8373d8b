import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { defaultLogConfig } from '../../storage/index.ts'
import { RollPlan } from '../../storage/roll-plan.ts'

const batchAt = (timestamp: number, size = 10) => buildBatch({ records: [{ value: Buffer.alloc(size), timestamp }] })
const never = () => {
  throw new Error('the clock is not asked when records tell the time')
}

describe('LG-14: whether a batch begins a new segment', () => {
  it('does not depend on a clock while records have timestamps', () => {
    const plan = RollPlan.next(0, 0)
    const config = { ...defaultLogConfig, segmentMs: 100 }
    plan.note(batchAt(1000), 4096)
    expect(plan.mustRoll(batchAt(1100), 1, config, never)).toBe(false)
    expect(plan.mustRoll(batchAt(1101), 1, config, never)).toBe(true)
    expect(plan.mustRoll(batchAt(5), 1, config, never)).toBe(false)
  })

  it('counts from the first batch, not from the newest', () => {
    const plan = RollPlan.next(0, 0)
    const config = { ...defaultLogConfig, segmentMs: 100 }
    plan.note(batchAt(1000), 4096)
    plan.note(batchAt(1090), 4096)
    expect(plan.mustRoll(batchAt(1150), 2, config, never)).toBe(true)
  })

  it('goes by settings as they are at that moment', () => {
    const plan = RollPlan.next(0, 0)
    const first = batchAt(0, 100)
    plan.note(first, 4096)
    const limits = (segmentBytes: number) => ({ ...defaultLogConfig, segmentBytes })
    expect(plan.mustRoll(first, 1, limits(2 * first.length), never)).toBe(false)
    expect(plan.mustRoll(first, 1, limits(2 * first.length - 1), never)).toBe(true)
  })

  it('never, for the first batch of a segment', () => {
    const plan = RollPlan.next(7, 0)
    expect(plan.mustRoll(batchAt(0, 1000), 7, { ...defaultLogConfig, segmentBytes: 1, segmentMs: 0 }, never)).toBe(
      false,
    )
  })

  it('is the same for what is staged and for what is written: indexes fill alike', () => {
    const plan = RollPlan.next(0, 0)
    const config = { ...defaultLogConfig, segmentIndexBytes: 12 * 5 }
    const batches = Array.from({ length: 6 }, (_, i) => batchAt(1000 + i, 50))
    const rolls = batches.map((buffer, i) => {
      const rolls = plan.mustRoll(buffer, i, config, never)
      plan.note(buffer, 0)
      return rolls
    })
    // Four entries fill an index of five slots, as one is kept for the last timestamp; the first batch has none.
    expect(rolls).toEqual([false, false, false, false, false, true])
  })
})
