import { describe, expect, it } from 'vitest'
import { type CleanableLog, dirtyRangeOf, groupSegments } from '../../../storage/compaction/cleanable.ts'

const NOW = 1_000_000
const rules = { minCleanableDirtyRatio: 0.5, minCompactionLagMs: 0, maxCompactionLagMs: Number.MAX_SAFE_INTEGER }

/** Segments of 100 offsets and 1000 bytes each, from 0 on; the last one is active. */
function logOf(count: number, changes: Partial<CleanableLog> = {}, times: readonly number[] = []): CleanableLog {
  const segments = Array.from({ length: count }, (_, index) => ({
    baseOffset: index * 100,
    sizeBytes: 1000,
    firstTimestamp: () => times[index] ?? NOW,
    largestTimestamp: () => times[index] ?? NOW,
  }))
  const end = count * 100
  return { segments, logStartOffset: 0, logEndOffset: end, lastStableOffset: end, ...changes }
}

describe('What may be compacted', () => {
  it('LG-5: everything but the active segment', () => {
    expect(dirtyRangeOf(logOf(4), rules, undefined, NOW)).toMatchObject({
      firstDirtyOffset: 0,
      upperBoundOffset: 300,
      cleanBytes: 0,
      dirtyBytes: 3000,
      dirtyRatio: 1,
      isDue: true,
    })
    expect(dirtyRangeOf(logOf(1), rules, undefined, NOW)).toMatchObject({ upperBoundOffset: 0, isDue: false })
  })

  it('LG-8: nothing from the segment on that holds the last stable offset', () => {
    expect(dirtyRangeOf(logOf(4, { lastStableOffset: 250 }), rules, undefined, NOW).upperBoundOffset).toBe(200)
    expect(dirtyRangeOf(logOf(4, { lastStableOffset: 200 }), rules, undefined, NOW).upperBoundOffset).toBe(200)
    expect(dirtyRangeOf(logOf(4, { lastStableOffset: 10 }), rules, undefined, NOW)).toMatchObject({
      upperBoundOffset: 0,
      dirtyBytes: 0,
      isDue: false,
    })
  })

  it('LG-6: nothing from the first segment on that has a record younger than min.compaction.lag.ms', () => {
    const log = logOf(5, {}, [NOW - 900, NOW - 500, NOW - 100, NOW - 900, NOW])
    const lagging = { ...rules, minCompactionLagMs: 500 }
    expect(dirtyRangeOf(log, lagging, undefined, NOW).upperBoundOffset).toBe(200)
    expect(dirtyRangeOf(log, lagging, undefined, NOW + 1000).upperBoundOffset).toBe(400)
    // What was cleaned before is not looked at: it may be rewritten again.
    expect(dirtyRangeOf(log, lagging, 300, NOW).upperBoundOffset).toBe(400)
  })
})

describe('When a log is worth a round', () => {
  it('when more than min.cleanable.dirty.ratio of it was never cleaned', () => {
    expect(dirtyRangeOf(logOf(5), rules, 200, NOW)).toMatchObject({ dirtyRatio: 0.5, isDue: false })
    expect(dirtyRangeOf(logOf(5), rules, 100, NOW)).toMatchObject({ dirtyRatio: 0.75, isDue: true })
    expect(dirtyRangeOf(logOf(5), { ...rules, minCleanableDirtyRatio: 0 }, 400, NOW).isDue).toBe(false)
  })

  it('LG-6: or when its oldest dirty record has waited for longer than max.compaction.lag.ms, whatever the ratio', () => {
    const log = logOf(5, {}, [NOW - 9000, NOW - 9000, NOW - 9000, NOW - 700, NOW])
    const lagging = { ...rules, maxCompactionLagMs: 600 }
    expect(dirtyRangeOf(log, rules, 300, NOW).isDue).toBe(false)
    expect(dirtyRangeOf(log, lagging, 300, NOW)).toMatchObject({ dirtyRatio: 0.25, overdueMs: 100, isDue: true })
    expect(dirtyRangeOf(log, { ...rules, maxCompactionLagMs: 700 }, 300, NOW)).toMatchObject({ isDue: false })
    // Records without timestamps do not wait.
    expect(dirtyRangeOf(logOf(3, {}, [-1, -1, -1]), { ...lagging, minCleanableDirtyRatio: 1 }, 0, NOW).isDue).toBe(
      false,
    )
  })

  it('a segment that is clean in part counts for both, as in Kafka', () => {
    expect(dirtyRangeOf(logOf(4), rules, 150, NOW)).toMatchObject({ cleanBytes: 2000, dirtyBytes: 2000 })
  })
})

describe('A checkpoint that points out of the log', () => {
  it('below its start is moved there', () => {
    const log = logOf(4, { logStartOffset: 120 })
    expect(dirtyRangeOf(log, rules, 50, NOW)).toMatchObject({ firstDirtyOffset: 120, checkpointWasInvalid: true })
    expect(dirtyRangeOf(log, rules, 120, NOW)).toMatchObject({ firstDirtyOffset: 120, checkpointWasInvalid: false })
  })

  it('beyond its end begins anew at its start', () => {
    expect(dirtyRangeOf(logOf(4), rules, 401, NOW)).toMatchObject({ firstDirtyOffset: 0, checkpointWasInvalid: true })
    expect(dirtyRangeOf(logOf(4), rules, 400, NOW)).toMatchObject({ dirtyBytes: 0, checkpointWasInvalid: false })
  })
})

describe('Segments that become one', () => {
  const limits = { segmentBytes: 1000, segmentIndexBytes: 100 }
  const segment = (baseOffset: number, sizeBytes: number, offsetIndexBytes = 8, timeIndexBytes = 12) => ({
    baseOffset,
    sizeBytes,
    offsetIndexBytes,
    timeIndexBytes,
  })

  it('are neighbours that fit into segment.bytes together', () => {
    const sizes = [400, 600, 1, 300, 700, 2000, 5].map((size, index) => segment(index * 10, size))
    expect(groupSegments(sizes, limits, 70)).toEqual([
      { from: 0, to: 2 },
      { from: 2, to: 4 },
      { from: 4, to: 5 },
      { from: 5, to: 6 },
      { from: 6, to: 7 },
    ])
  })

  it('and whose indexes fit into segment.index.bytes', () => {
    expect(groupSegments([segment(0, 1, 60), segment(10, 1, 40), segment(20, 1, 1)], limits, 30)).toEqual([
      { from: 0, to: 2 },
      { from: 2, to: 3 },
    ])
    expect(groupSegments([segment(0, 1, 0, 60), segment(10, 1, 0, 41)], limits, 30)).toHaveLength(2)
  })

  it('and whose offsets lie within 31 bits of the first; empty ones may lie anywhere', () => {
    const far = 2 ** 31
    expect(groupSegments([segment(0, 1), segment(10, 1)], limits, far)).toHaveLength(1)
    expect(groupSegments([segment(0, 1), segment(10, 1)], limits, far + 1)).toHaveLength(2)
    expect(groupSegments([segment(0, 1), segment(10, 1), segment(far + 1, 1)], limits, far + 2)).toEqual([
      { from: 0, to: 1 },
      { from: 1, to: 3 },
    ])
    expect(groupSegments([segment(0, 1), segment(10, 0)], limits, far + 1)).toHaveLength(1)
  })
})
