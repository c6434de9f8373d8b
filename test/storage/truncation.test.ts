import { describe, expect, it } from 'vitest'
import { AssertionError } from '../../protocol/assert.ts'
import { LogContext, logFile } from '../support/log-context.ts'

async function sevenBatches(config = {}) {
  const context = await LogContext.open({
    config: { segmentBytes: 250, indexIntervalBytes: 0, ...config },
    tailCacheBytes: 0,
  })
  for (let i = 0; i < 7; i++)
    context.appendBatch(
      {
        records: [{ value: Buffer.from(`value ${i}`), timestamp: 1000 + i }],
        producerId: 1,
        producerEpoch: 0,
        baseSequence: i,
      },
      i,
    )
  await context.settle()
  return context
}

describe('Cutting a log back', () => {
  it('removes whole segments and the end of one, and goes on from there', async () => {
    const context = await sevenBatches()
    expect(context.log.truncateTo(4)).toBe(4)
    expect([context.log.logEndOffset, context.log.durableOffset, context.log.recoveryPoint]).toEqual([4, 4, 4])
    expect(context.append('other 4')).toMatchObject({ baseOffset: 4 })
    await context.settle()
    const values = ['value 0', 'value 1', 'value 2', 'value 3', 'other 4']
    expect(await context.values()).toEqual(values)
    for (const again of [await context.afterKill(), await context.afterPowerCut(), await context.restart()]) {
      expect(await again.values()).toEqual(values)
      expect(again.files()).not.toContain(logFile(6))
    }
  })

  it('takes a batch that holds the offset as a whole', async () => {
    const context = await LogContext.open()
    context.append('a')
    context.append('b', 'c', 'd')
    await context.settle()
    expect(context.log.truncateTo(3)).toBe(1)
    expect(await context.values()).toEqual(['a'])
  })

  it('takes back epochs, timestamps and what producers had sent', async () => {
    const context = await sevenBatches()
    const { log } = context
    log.truncateTo(4)
    expect(log.endOffsetForEpoch(3)).toEqual({ epoch: 3, endOffset: 4 })
    expect(log.endOffsetForEpoch(6)).toEqual({ epoch: -1, endOffset: -1 })
    expect(await log.maxTimestamp(4)).toMatchObject({ offset: 3, timestamp: 1003 })
    const send = (sequence: number) => {
      const records = [{ value: Buffer.from('again'), timestamp: 2 }]
      return context.appendBatch({ records, producerId: 1, producerEpoch: 0, baseSequence: sequence }, 9)
    }
    expect(send(6)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(send(3)).toMatchObject({ kind: 'duplicate', baseOffset: 3 })
    expect(send(4)).toMatchObject({ kind: 'appended', baseOffset: 4 })
  })

  it('does nothing at or above the end, and is not asked to go below the start', async () => {
    const context = await sevenBatches()
    expect(context.log.truncateTo(7)).toBe(7)
    expect(context.log.truncateTo(99)).toBe(7)
    await context.log.deleteBefore(3)
    expect(() => context.log.truncateTo(2)).toThrow(AssertionError)
  })

  it('leaves an empty log where the log began in the middle of the batch that went', async () => {
    const context = await LogContext.open()
    context.append('a', 'b', 'c')
    await context.settle()
    await context.log.deleteBefore(1)
    expect(context.log.truncateTo(2)).toBe(1)
    expect([context.log.logStartOffset, context.log.logEndOffset]).toEqual([1, 1])
    expect(context.append('other')).toMatchObject({ baseOffset: 1 })
    await context.settle()
    expect(await (await context.afterPowerCut()).values()).toEqual(['other'])
  })
})
