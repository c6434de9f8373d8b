import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AgingSegment, deletableSegments } from '../../storage/retention.ts'
import { LogContext, logFile, nextTurn, visible } from '../support/log-context.ts'

const segment = (sizeBytes: number, endOffset: number, newest = 0): AgingSegment => ({
  sizeBytes,
  endOffset,
  largestTimestamp: () => newest,
})
const keepAll = { retentionMs: -1, retentionBytes: -1, deletes: true }

describe('Which segments may go', () => {
  it('LG-1: those whose newest record is older than retention.ms, up to the first that is not', () => {
    const segments = [segment(10, 10, 100), segment(10, 20, 200), segment(10, 30, 50), segment(10, 40, 900)]
    const count = (now: number) => deletableSegments(segments, { ...keepAll, retentionMs: 100 }, now, 40, 0)
    expect([count(200), count(201), count(300), count(301), count(1000), count(1001)]).toEqual([0, 1, 1, 3, 3, 4])
  })

  it('LG-1: a record of the far future keeps its segment, and those after it', () => {
    const segments = [segment(10, 10, 2 ** 52), segment(10, 20, 0)]
    expect(deletableSegments(segments, { ...keepAll, retentionMs: 1 }, 10_000, 20, 0)).toBe(0)
  })

  it('LG-2: the oldest, as long as what remains is still at least retention.bytes', () => {
    const segments = [segment(10, 10), segment(20, 20), segment(30, 30)]
    const count = (retentionBytes: number) => deletableSegments(segments, { ...keepAll, retentionBytes }, 0, 30, 0)
    expect([count(61), count(60), count(51), count(50), count(31), count(30), count(0)]).toEqual([0, 0, 0, 1, 1, 2, 3])
  })

  it('LG-3: the active one as well, unless it is empty', () => {
    const rules = { ...keepAll, retentionMs: 1 }
    expect(deletableSegments([segment(10, 10), segment(5, 15)], rules, 100, 15, 0)).toBe(2)
    expect(deletableSegments([segment(10, 10), segment(0, 10)], rules, 100, 10, 0)).toBe(1)
  })

  it('LG-4: never beyond the high watermark', () => {
    const segments = [segment(10, 10), segment(10, 20), segment(10, 30)]
    const count = (highWatermark: number) =>
      deletableSegments(segments, { ...keepAll, retentionMs: 1 }, 100, highWatermark, 0)
    expect([count(0), count(9), count(10), count(29), count(30)]).toEqual([0, 0, 1, 2, 3])
  })

  it('without the policy delete only what DeleteRecords has taken', () => {
    const segments = [segment(10, 10), segment(10, 20), segment(10, 30)]
    const rules = { retentionMs: 1, retentionBytes: 1, deletes: false }
    expect(deletableSegments(segments, rules, 100, 30, 0)).toBe(0)
    expect(deletableSegments(segments, rules, 100, 30, 20)).toBe(2)
    expect(deletableSegments(segments, rules, 100, 30, 19)).toBe(1)
  })

  it('never leaves less than retention.bytes, nor a segment that could go as well', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }), fc.nat(1500), (sizes, retentionBytes) => {
        const segments = sizes.map((size, i) => segment(size, i + 1))
        const count = deletableSegments(segments, { ...keepAll, retentionBytes }, 0, sizes.length, 0)
        const rest = sizes.slice(count).reduce((total, size) => total + size, 0)
        if (count > 0) expect(rest).toBeGreaterThanOrEqual(retentionBytes)
        const next = sizes[count]
        const isEmptyActive = count === sizes.length - 1 && next === 0
        if (next !== undefined && !isEmptyActive) expect(rest - next).toBeLessThan(retentionBytes)
      }),
    )
  })
})

describe('Retention of a log', () => {
  const config = { segmentBytes: 250, retentionMs: 1000, retentionBytes: -1, fileDeleteDelayMs: 5000 }

  async function oldLog() {
    const context = await LogContext.open({ config, tailCacheBytes: 0 })
    for (let i = 0; i < 7; i++) context.append(`value ${i}`)
    await context.settle()
    return context
  }
  const retain = (context: LogContext) =>
    context.log.applyRetention(context.clock.wallTime(), context.log.durableOffset)

  it('LG-3, LG-15: empties a log whose records are all too old; offsets go on where they were', async () => {
    const context = await oldLog()
    expect(retain(context)).toBe(0)
    context.clock.advance(1001)
    expect(retain(context)).toBe(3)
    expect([context.log.logStartOffset, context.log.logEndOffset]).toEqual([7, 7])
    expect(context.log.sizeBytes).toBe(0)
    await context.settle()
    for (const again of [await context.afterKill(), await context.afterPowerCut(), await context.restart()]) {
      expect([again.log.logStartOffset, again.log.logEndOffset]).toEqual([7, 7])
      expect(again.append('next')).toMatchObject({ baseOffset: 7 })
    }
  })

  it('C12 to C14: has the new start on the disk before it renames a file, and unlinks it file.delete.delay.ms later', async () => {
    const context = await oldLog()
    context.clock.advance(1001)
    context.append('young')
    await context.settle()
    const checkpoint = () => visible(context.memory.readFile('/data/log-start-offset-checkpoint'))
    expect(retain(context)).toBe(2)
    expect(context.files()).toContain(logFile(0))
    await nextTurn()
    expect(checkpoint()).toBe('0\n1\nevents 0 6\n')
    expect(context.files()).not.toContain(logFile(0))
    expect(context.files()).toContain(`${logFile(0)}.deleted`)
    context.clock.advance(4999)
    expect(context.files()).toContain(`${logFile(3)}.deleted`)
    context.clock.advance(1)
    await nextTurn()
    expect(context.files().filter((name) => name.endsWith('.deleted'))).toEqual([])
  })

  it('LO-2: DeleteRecords moves the start, lets whole segments go, and a crash does not undo it', async () => {
    const context = await oldLog()
    await context.log.deleteBefore(5)
    expect(context.log.logStartOffset).toBe(5)
    expect(context.log.segmentCount).toBe(2)
    for (const again of [await context.afterKill(), await context.afterPowerCut()]) {
      expect(again.log.logStartOffset).toBe(5)
      expect(await again.values()).toEqual(['value 5', 'value 6'])
    }
    await context.log.deleteBefore(2)
    expect(context.log.logStartOffset).toBe(5)
  })

  it('goes on with a full disk, since that is how it gets space again', async () => {
    const context = await oldLog()
    context.clock.advance(1001)
    context.append('young')
    await context.settle()
    context.memory.capacityBytes = 0
    expect(retain(context)).toBe(2)
    await nextTurn()
    expect(context.files()).toContain(`${logFile(0)}.deleted`)
    expect(context.directory.offline).toBeUndefined()
  })

  it('goes by the time of the file where records have none', async () => {
    const context = await LogContext.open({ config })
    context.appendAt(-1)
    await context.settle()
    context.clock.advance(1000)
    expect(retain(context)).toBe(0)
    context.clock.advance(1)
    expect(retain(context)).toBe(1)
  })
})
