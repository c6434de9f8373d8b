import { describe, expect, it } from 'vitest'
import { LogContext } from '../support/log-context.ts'

/** Four segments, two batches each; timestamps go up and down as clients please. */
async function someLog() {
  const context = await LogContext.open({ config: { segmentBytes: 250, indexIntervalBytes: 0 }, tailCacheBytes: 0 })
  context.appendAt(100, 300, 200) // 0 to 2
  context.appendAt(150) // 3
  context.appendAt(400, 350) // 4, 5
  context.appendAt(250, 900) // 6, 7
  context.appendAt(900, 500) // 8, 9
  context.appendAt(1000) // 10
  context.appendAt(600) // 11
  await context.settle()
  expect(context.log.segmentCount).toBeGreaterThan(2)
  return context
}

describe('Finding a record by its time', () => {
  it('LO-6: gives the first record whose timestamp is not older, not the first batch that has one', async () => {
    const { log } = await someLog()
    const find = (timestamp: number) => log.offsetForTimestamp(timestamp, 12)
    expect(await find(0)).toEqual({ offset: 0, timestamp: 100, leaderEpoch: 0 })
    expect(await find(101)).toEqual({ offset: 1, timestamp: 300, leaderEpoch: 0 })
    expect(await find(301)).toEqual({ offset: 4, timestamp: 400, leaderEpoch: 0 })
    expect(await find(401)).toEqual({ offset: 7, timestamp: 900, leaderEpoch: 0 })
    expect(await find(900)).toEqual({ offset: 7, timestamp: 900, leaderEpoch: 0 })
    expect(await find(901)).toEqual({ offset: 10, timestamp: 1000, leaderEpoch: 0 })
    expect(await find(1001)).toBeUndefined()
  })

  it('LO-7: counts what lies at or beyond the end of the reader as not found', async () => {
    const { log } = await someLog()
    expect(await log.offsetForTimestamp(901, 11)).toMatchObject({ offset: 10 })
    expect(await log.offsetForTimestamp(901, 10)).toBeUndefined()
  })

  it('never gives a record below the log start', async () => {
    const { log } = await someLog()
    await log.deleteBefore(2)
    expect(await log.offsetForTimestamp(0, 12)).toMatchObject({ offset: 2, timestamp: 200 })
    await log.deleteBefore(8)
    expect(await log.offsetForTimestamp(0, 12)).toMatchObject({ offset: 8, timestamp: 900 })
  })

  it('looks into compressed batches, and takes the time of the append where that counts', async () => {
    const context = await LogContext.open()
    const records = [100, 200, 300].map((timestamp) => ({ value: Buffer.from('x'), timestamp }))
    context.appendBatch({ records, compression: 'gzip' })
    context.appendBatch({ records, timestampType: 'LogAppendTime', maxTimestamp: 777 })
    await context.settle()
    expect(await context.log.offsetForTimestamp(150, 6)).toMatchObject({ offset: 1, timestamp: 200 })
    expect(await context.log.offsetForTimestamp(301, 6)).toMatchObject({ offset: 3, timestamp: 777 })
  })

  it('tells the leader epoch of the batch', async () => {
    const context = await LogContext.open()
    context.appendBatch({ records: [{ value: Buffer.from('x'), timestamp: 100 }] }, 7)
    await context.settle()
    expect(await context.log.offsetForTimestamp(0, 1)).toEqual({ offset: 0, timestamp: 100, leaderEpoch: 7 })
  })

  it('finds the same after a restart', async () => {
    const before = await someLog()
    const { log } = await before.restart()
    expect(await log.offsetForTimestamp(401, 12)).toMatchObject({ offset: 7 })
    expect(await log.offsetForTimestamp(901, 12)).toMatchObject({ offset: 10 })
  })
})

describe('Finding the largest timestamp', () => {
  it('LO-3: gives the first record that has it, and nothing in an empty log', async () => {
    expect(await (await LogContext.open()).log.maxTimestamp(0)).toBeUndefined()
    const { log } = await someLog()
    expect(await log.maxTimestamp(12)).toEqual({ offset: 10, timestamp: 1000, leaderEpoch: 0 })
  })

  it('sees only what the reader may see', async () => {
    const { log } = await someLog()
    expect(await log.maxTimestamp(10)).toMatchObject({ offset: 7, timestamp: 900 })
    expect(await log.maxTimestamp(6)).toMatchObject({ offset: 4, timestamp: 400 })
    expect(await log.maxTimestamp(3)).toMatchObject({ offset: 1, timestamp: 300 })
  })

  it('does not count what was deleted', async () => {
    const { log } = await someLog()
    await log.deleteBefore(8)
    expect(await log.maxTimestamp(10)).toMatchObject({ offset: 8, timestamp: 900 })
    await log.deleteBefore(11)
    expect(await log.maxTimestamp(12)).toMatchObject({ offset: 11, timestamp: 600 })
  })

  it('does not know records without timestamps', async () => {
    const context = await LogContext.open()
    context.appendAt(-1)
    await context.settle()
    expect(await context.log.maxTimestamp(1)).toBeUndefined()
  })
})
