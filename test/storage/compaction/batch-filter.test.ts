import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import {
  batches,
  clean,
  compactedContext,
  listing,
  mark,
  put,
  putAs,
  recordOf,
  roll,
} from '../../support/compaction-context.ts'
import type { LogContext } from '../../support/log-context.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Producer of `roll` and others without one are -1; batches by what they hold. */
async function shape(context: LogContext): Promise<string[]> {
  return (await batches(context))
    .filter((whole) => ![...readRecords(whole)].some(({ key }) => String(key) === 'rolled'))
    .map((whole) => {
      const kind = batch.isControl(whole) ? 'marker' : 'batch'
      const range = `${batch.baseOffset(whole)}-${batch.lastOffset(whole)}`
      return `${kind} ${range} of ${batch.producerId(whole)}: ${batch.recordCount(whole)}`
    })
}

describe('A tombstone', () => {
  it('LG-7: stays readable for delete.retention.ms after its first cleaning, then goes', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: DAY_MS } })
    put(context, 'a=1', 'b=1')
    put(context, 'a')
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['1 b=1', '2 a'])

    context.clock.advance(DAY_MS - 1)
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['1 b=1', '2 a'])

    context.clock.advance(1)
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['1 b=1'])
    await context.close()
  })

  it('LG-7: has the horizon in the place of the base timestamp of its batch, and all records keep their times (KIP-534)', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: DAY_MS, segmentBytes: 1 << 20 } })
    const time = context.clock.wallTime()
    context.appendBatch({
      records: [recordOf('a', time - 5), recordOf('b=1', time + 7), recordOf('c=1', time), recordOf('d', time - 9)],
    })
    put(context, 'c=2')
    await roll(context)
    context.clock.advance(500)
    await clean(context)
    const [cleaned] = await batches(context)
    expect(batch.hasDeleteHorizon(cleaned!)).toBe(true)
    expect(batch.baseTimestamp(cleaned!)).toBe(time + 500 + DAY_MS)
    expect(batch.maxTimestamp(cleaned!)).toBe(time + 7)
    expect([...readRecords(cleaned!)].map(({ offset, timestamp }) => [offset, timestamp - time])).toEqual([
      [0, -5],
      [1, 7],
      [3, -9],
    ])

    // The horizon is set once: later rounds neither move it nor write the batch anew.
    context.clock.advance(1000)
    await roll(context)
    await clean(context)
    expect((await batches(context))[0]!.equals(cleaned!)).toBe(true)

    // When it has passed, what else is in the batch keeps its bytes but for the tombstones.
    context.clock.advance(DAY_MS)
    await roll(context)
    await clean(context)
    const [later] = await batches(context)
    expect([...readRecords(later!)].map(({ offset, timestamp }) => [offset, timestamp - time])).toEqual([[1, 7]])
    expect(batch.lastOffset(later!)).toBe(3)
    await context.close()
  })

  it('LG-7: that is superseded goes at once', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: DAY_MS } })
    put(context, 'a=1')
    put(context, 'a')
    put(context, 'a=2')
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['2 a=2'])
    await context.close()
  })

  it('with delete.retention.ms=0 goes with the second round', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: 0 } })
    put(context, 'a=1')
    put(context, 'a')
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['1 a'])
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual([])
    await context.close()
  })

  it('with a retention beyond all times never goes, and the records beside it keep theirs', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: 2 ** 63 } })
    const time = context.clock.wallTime()
    put(context, 'a', 'b=1')
    await roll(context)
    await clean(context)
    const [cleaned] = await batches(context)
    expect([...readRecords(cleaned!)].map(({ timestamp }) => timestamp)).toEqual([time, time])
    context.clock.advance(1000 * DAY_MS)
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['0 a', '1 b=1'])
    await context.close()
  })
})

describe('A transaction', () => {
  const open = (id: number, sequence: number) => ({ id, sequence, transactional: true })

  it('LG-8: that was aborted loses its records at once, and they supersede nothing', async () => {
    const context = await compactedContext()
    put(context, 'a=1', 'b=1')
    putAs(context, open(5, 0), 'a=aborted', 'c=aborted')
    putAs(context, open(6, 0), 'b=2')
    mark(context, 'ABORT', 5)
    mark(context, 'COMMIT', 6)
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['0 a=1', '4 b=2'])
    await context.close()
  })

  it('LG-8: keeps its marker as long as any batch of it is there, then until the horizon of the marker', async () => {
    const context = await compactedContext({ config: { deleteRetentionMs: DAY_MS } })
    putAs(context, open(5, 0), 'a=1')
    mark(context, 'COMMIT', 5)
    // Later batches of the producer: none of those above is its last.
    putAs(context, { id: 5, sequence: 1 }, 'z=1')
    await roll(context)
    await clean(context)
    expect(await shape(context)).toContain('marker 1-1 of 5: 1')
    expect(await listing(context)).toContain('0 a=1')

    // The record goes, the marker is not needed any more: its horizon is set.
    put(context, 'a=2')
    await roll(context)
    await clean(context)
    expect(await listing(context)).not.toContain('0 a=1')
    await roll(context)
    await clean(context)
    expect(await shape(context)).toContain('marker 1-1 of 5: 1')
    const marker = (await batches(context)).find((whole) => batch.isControl(whole))!
    expect(batch.hasDeleteHorizon(marker)).toBe(true)
    expect(batch.baseTimestamp(marker)).toBe(context.clock.wallTime() + DAY_MS)

    context.clock.advance(DAY_MS)
    await roll(context)
    await clean(context)
    expect((await shape(context)).filter((line) => line.startsWith('marker'))).toEqual([])
    await context.close()
  })

  it('LG-8: that is open stops compaction where it begins, though everything behind it is dirty', async () => {
    const context = await compactedContext()
    for (let i = 0; i < 10; i++) put(context, `a=${i}`)
    putAs(context, open(5, 0), 'b=1')
    for (let i = 10; i < 20; i++) put(context, `a=${i}`)
    await roll(context)
    const report = await clean(context)
    expect(report!.endOffset).toBeLessThanOrEqual(10)
    expect((await listing(context)).filter((line) => Number(line.split(' ')[0]) >= 10)).toHaveLength(11)

    mark(context, 'COMMIT', 5)
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['10 b=1', '20 a=19'])
    await context.close()
  })

  it('LG-8: whose marker lies behind all that is compacted is known to be aborted', async () => {
    const context = await compactedContext()
    put(context, 'a=1')
    putAs(context, open(5, 0), 'a=aborted')
    await roll(context)
    put(context, 'x=1')
    mark(context, 'ABORT', 5)
    await clean(context)
    expect((await batches(context)).some((whole) => batch.isControl(whole))).toBe(true)
    expect(await listing(context)).toEqual(['0 a=1', '3 x=1'])
    await context.close()
  })

  it('is told to the new transaction index while its aborted batches leave something behind', async () => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20 } })
    put(context, 'a=1')
    putAs(context, open(5, 0), 'a=aborted')
    mark(context, 'ABORT', 5)
    await roll(context)
    await clean(context)
    const index = context.memory.readFile(context.path('00000000000000000000.txnindex'))
    expect(index.length).toBe(34)
    expect([2, 10, 18, 26].map((at) => Number(index.readBigInt64BE(at)))).toEqual([5, 1, 2, 3])
    await roll(context)
    await clean(context)
    expect(context.files().filter((name) => name.endsWith('.txnindex'))).toEqual(['00000000000000000000.txnindex'])
    // The producer sends on: nothing of the aborted batch is needed any more.
    putAs(context, { id: 5, sequence: 1 }, 'b=1')
    await roll(context)
    await clean(context)
    await roll(context)
    await clean(context)
    expect(context.files().filter((name) => name.endsWith('.txnindex'))).toEqual([])
    await context.close()
  })
})

describe('A producer', () => {
  it('LG-9: that is remembered keeps its last batch, empty, so that its sequence goes on', async () => {
    let context = await compactedContext({ config: { segmentBytes: 1 << 20 } })
    putAs(context, { id: 9, sequence: 0 }, 'a=1', 'b=1')
    putAs(context, { id: 9, sequence: 2 }, 'a=2', 'b=2')
    put(context, 'a=3', 'b=3')
    await roll(context)
    await clean(context)
    expect(await shape(context)).toEqual(['batch 2-3 of 9: 0', 'batch 4-5 of -1: 2'])
    const [empty] = await batches(context)
    expect(empty).toHaveLength(batch.BATCH_HEADER_BYTES)
    expect([batch.baseSequence(empty!), batch.lastSequence(empty!)]).toEqual([2, 3])

    // Nothing but the log tells of it after a restart without snapshots.
    await context.close()
    for (const name of context.files()) if (name.endsWith('.snapshot')) context.memory.unlink(context.path(name))
    context = await context.restart()
    expect(putAs(context, { id: 9, sequence: 2 }, 'a=2', 'b=2')).toMatchObject({ kind: 'duplicate', baseOffset: 2 })
    expect(putAs(context, { id: 9, sequence: 3 }, 'a=4')).toMatchObject({ kind: 'refused' })
    expect(putAs(context, { id: 9, sequence: 4 }, 'a=4')).toMatchObject({ kind: 'appended' })
    await context.close()
  })

  it('LG-9: that was forgotten leaves nothing', async () => {
    const context = await compactedContext({ config: { producerIdExpirationMs: 5000 } })
    putAs(context, { id: 9, sequence: 0 }, 'a=1')
    put(context, 'a=2')
    await context.settle()
    context.clock.advance(5000)
    context.log.applyRetention(context.clock.wallTime(), 0)
    await roll(context)
    await clean(context)
    expect(await shape(context)).toEqual(['batch 1-1 of -1: 1'])
    await context.close()
  })

  it('LG-9: of which only a marker is known keeps that, for its epoch', async () => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20, deleteRetentionMs: 0 } })
    putAs(context, { id: 9, epoch: 3, sequence: 0, transactional: true }, 'a=1')
    mark(context, 'ABORT', 9, 4)
    put(context, 'a=2')
    for (let round = 0; round < 4; round++) {
      await roll(context)
      await clean(context)
    }
    expect(await shape(context)).toEqual(['marker 1-1 of 9: 0', 'batch 2-2 of -1: 1'])
    const [marker] = await batches(context)
    expect(batch.producerEpoch(marker!)).toBe(4)
    await context.close()
  })

  it('the last batch of a round stays, empty, so that the log does not end earlier when it is next read', async () => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20, deleteRetentionMs: 0 } })
    put(context, 'a=1')
    put(context, 'b')
    await roll(context)
    await clean(context)
    await clean(context)
    expect(await shape(context)).toEqual(['batch 0-0 of -1: 1', 'batch 1-1 of -1: 0'])
    await roll(context)
    await clean(context)
    expect(await shape(context)).toEqual(['batch 0-0 of -1: 1'])
    await context.close()
  })
})
