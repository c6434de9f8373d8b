import { describe, expect, it } from 'vitest'
import { AssertionError } from '../../protocol/assert.ts'
import * as batch from '../../protocol/records/batch.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { buildMarker } from '../../protocol/records/control.ts'
import { readRecords } from '../../protocol/records/record.ts'
import { OffsetOutOfRange } from '../../storage/index.ts'
import { batchesOf, LogContext, nextTurn } from '../support/log-context.ts'

const value = (text: string) => ({ value: Buffer.from(text), timestamp: 5 })

describe('Appending', () => {
  it('gives offsets at once and stamps them into the batch, with the leader epoch', async () => {
    const { log } = await LogContext.open()
    const first = buildBatch({ records: [value('a'), value('b')] })
    expect(log.append(first, 3, 'client')).toEqual({ kind: 'appended', baseOffset: 0, lastOffset: 1 })
    const second = buildBatch({ records: [value('c')] })
    expect(log.append(second, 3, 'client')).toEqual({ kind: 'appended', baseOffset: 2, lastOffset: 2 })
    expect(batch.baseOffset(second)).toBe(2)
    expect(batch.partitionLeaderEpoch(second)).toBe(3)
    expect(log.logEndOffset).toBe(3)
  })

  it('assigns before it writes, writes before it syncs, and says so in three offsets', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'commit' } })
    const { log } = context
    context.append('a')
    expect([log.logEndOffset, log.writtenOffset, log.durableOffset]).toEqual([1, 0, 0])
    context.endTurn()
    expect([log.logEndOffset, log.writtenOffset, log.durableOffset]).toEqual([1, 1, 0])
    await context.settle()
    expect([log.logEndOffset, log.writtenOffset, log.durableOffset]).toEqual([1, 1, 1])
    expect(log.recoveryPoint).toBe(1)
  })

  it('calls durable under policy os what was written, and leaves the recovery point to a sync', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'os' } })
    context.append('a')
    context.endTurn()
    expect([context.log.durableOffset, context.log.recoveryPoint]).toEqual([1, 0])
    await context.log.flush()
    expect(context.log.recoveryPoint).toBe(1)
  })

  it('tells its listener of each move', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'commit' } })
    const seen: number[][] = []
    context.log.onAdvance = () => seen.push([context.log.writtenOffset, context.log.durableOffset])
    context.append('a')
    context.append('b')
    await context.settle()
    expect(seen).toEqual([
      [2, 0],
      [2, 2],
    ])
  })

  it('stops the broker rather than append something that is not exactly one batch', async () => {
    const { log } = await LogContext.open()
    const two = Buffer.concat([buildBatch({ records: [value('a')] }), buildBatch({ records: [value('b')] })])
    expect(() => log.append(two, 0, 'client')).toThrow(AssertionError)
  })

  it('refuses appends once it is closed, and reads from the files too', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    context.append('a')
    await context.settle()
    await context.close()
    expect(context.append('b')).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
    await expect(context.log.read(0, 100, 1, true)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('LG-12: gives back timestamps, headers, null keys and empty values byte for byte', async () => {
    const context = await LogContext.open()
    const records = [
      {
        key: null,
        value: Buffer.alloc(0),
        timestamp: 7,
        headers: [
          { key: 'h', value: null },
          { key: 'h', value: Buffer.from('2') },
        ],
      },
      { key: Buffer.from('k'), value: null, timestamp: 3 },
    ]
    const sent = buildBatch({ records })
    const body = Buffer.from(sent.subarray(batch.ATTRIBUTES_AT))
    context.log.append(sent, 0, 'client')
    await context.settle()
    const again = await context.restart()
    const [read] = batchesOf(await again.log.read(0, 10_000, 2, true))
    expect(read!.subarray(batch.ATTRIBUTES_AT).equals(body)).toBe(true)
    expect([...readRecords(read!)].map(({ timestamp, key }) => [timestamp, key])).toEqual([
      [7, null],
      [3, Buffer.from('k')],
    ])
  })
})

describe('Numbered producers', () => {
  const numbered = (sequence: number, count = 1, epoch = 0) => ({
    records: Array.from({ length: count }, () => value('x')),
    producerId: 9,
    producerEpoch: epoch,
    baseSequence: sequence,
  })

  it('PR-20: answers a repeat of one of the last five batches with its first offset, and appends nothing', async () => {
    const context = await LogContext.open()
    for (let sequence = 0; sequence < 6; sequence++) context.appendBatch(numbered(sequence))
    for (let sequence = 1; sequence < 6; sequence++) {
      expect(context.appendBatch(numbered(sequence))).toEqual({
        kind: 'duplicate',
        baseOffset: sequence,
        lastOffset: sequence,
        timestamp: 5,
      })
    }
    expect(context.log.logEndOffset).toBe(6)
  })

  it('PR-21: refuses a gap, and a repeat that is older than five batches', async () => {
    const context = await LogContext.open()
    for (let sequence = 0; sequence < 6; sequence++) context.appendBatch(numbered(sequence))
    const outOfOrder = { kind: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }
    expect(context.appendBatch(numbered(0))).toEqual(outOfOrder)
    expect(context.appendBatch(numbered(7))).toEqual(outOfOrder)
    expect(context.log.logEndOffset).toBe(6)
  })

  it('PR-22: lets a higher epoch begin at 0 only, and fences a lower one', async () => {
    const context = await LogContext.open()
    context.appendBatch(numbered(0, 1, 1))
    expect(context.appendBatch(numbered(1, 1, 2))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(context.appendBatch(numbered(0, 1, 2))).toMatchObject({ kind: 'appended' })
    expect(context.appendBatch(numbered(1, 1, 1))).toMatchObject({ error: 'INVALID_PRODUCER_EPOCH' })
  })

  it('PR-23: accepts any first sequence of a producer that it does not know', async () => {
    const context = await LogContext.open()
    expect(context.appendBatch(numbered(41))).toMatchObject({ kind: 'appended' })
    expect(context.appendBatch(numbered(42))).toMatchObject({ kind: 'appended' })
  })

  it('PR-24: goes on at 0 after 2^31-1', async () => {
    const context = await LogContext.open()
    context.appendBatch(numbered(2 ** 31 - 2, 2))
    expect(context.appendBatch(numbered(0))).toMatchObject({ kind: 'appended', baseOffset: 2 })
  })

  it('PR-25: knows them after a clean stop and after a kill', async () => {
    const context = await LogContext.open()
    context.appendBatch({
      ...numbered(0, 3),
      records: Array.from({ length: 3 }, () => ({ ...value('x'), timestamp: context.clock.wallTime() })),
    })
    await context.settle()
    for (const again of [await context.afterKill(), await context.restart()]) {
      expect(again.appendBatch(numbered(0, 3))).toMatchObject({ kind: 'duplicate', baseOffset: 0, lastOffset: 2 })
      expect(again.appendBatch(numbered(5))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
      expect(again.appendBatch(numbered(3))).toMatchObject({ kind: 'appended', baseOffset: 3 })
    }
  })

  it('PR-26: appends the batches of one producer in the order in which they came, however slow the disk', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 150 } })
    for (let sequence = 0; sequence < 9; sequence++) {
      expect(context.appendBatch(numbered(sequence))).toMatchObject({ baseOffset: sequence })
      if (sequence % 3 === 0) context.endTurn()
    }
    await context.settle()
    const sequences: number[] = []
    for (let offset = 0; offset < 9; offset++) {
      const [found] = batchesOf(await context.log.read(offset, 1, 9, true))
      sequences.push(batch.baseSequence(found!))
    }
    expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('does not ask sequences of its own coordinators', async () => {
    const context = await LogContext.open()
    const unnumbered = { ...numbered(-1), baseSequence: -1 }
    expect(context.appendBatch(unnumbered, 0, 'coordinator')).toMatchObject({ kind: 'appended' })
    expect(context.appendBatch(unnumbered, 0, 'coordinator')).toMatchObject({ kind: 'appended' })
  })

  it('forgets them after producer.id.expiration.ms', async () => {
    const context = await LogContext.open({ config: { producerIdExpirationMs: 1000 } })
    context.appendBatch({ ...numbered(0), records: [{ value: Buffer.from('x'), timestamp: context.clock.wallTime() }] })
    await context.settle()
    expect([...context.log.producers()].map(({ producerId }) => producerId)).toEqual([9])
    context.clock.advance(1001)
    context.log.applyRetention(context.clock.wallTime(), 1)
    expect(context.log.producer(9)).toBeUndefined()
  })

  it('TX-14: tells the first offset of the oldest open transaction, until its marker, after a kill as well', async () => {
    let context = await LogContext.open()
    context.append('before')
    const wall = context.clock.wallTime()
    context.appendBatch({
      ...numbered(0),
      records: [{ value: Buffer.from('x'), timestamp: wall }],
      transactional: true,
    })
    context.append('after')
    expect(context.log.oldestOpenTransaction()).toBe(1)
    await context.settle()
    context = await context.afterKill()
    expect(context.log.oldestOpenTransaction()).toBe(1)
    const marker = buildMarker({ type: 'COMMIT', producerId: 9, producerEpoch: 0, coordinatorEpoch: 4 }, wall)
    expect(context.log.append(marker, 0, 'coordinator')).toMatchObject({ kind: 'appended', baseOffset: 3 })
    expect(context.log.oldestOpenTransaction()).toBeUndefined()
    await context.settle()
    context = await context.afterKill()
    expect(context.log.oldestOpenTransaction()).toBeUndefined()
    const fenced = buildMarker({ type: 'ABORT', producerId: 9, producerEpoch: 0, coordinatorEpoch: 3 }, wall)
    expect(context.log.append(fenced, 0, 'coordinator')).toEqual({
      kind: 'refused',
      error: 'TRANSACTION_COORDINATOR_FENCED',
    })
  })
})

describe('Reading', () => {
  for (const [where, tailCacheBytes] of [
    ['memory', 1 << 20],
    ['files', 0],
  ] as const) {
    it(`FE-5: from ${where}, gives the whole batch that an offset lies in`, async () => {
      const context = await LogContext.open({ tailCacheBytes })
      context.append('a', 'b', 'c')
      context.append('d')
      await context.settle()
      const slice = await context.log.read(1, 10_000, 4, true)
      expect(batchesOf(slice).map((one) => batch.baseOffset(one))).toEqual([0, 3])
      expect(slice.sizeBytes).toBe(batchesOf(slice).reduce((total, one) => total + one.length, 0))
    })

    it(`FE-2: from ${where}, gives one whole batch beyond maxBytes if asked for, else whole batches within it`, async () => {
      const context = await LogContext.open({ tailCacheBytes })
      for (const text of ['a', 'b', 'c']) context.append(text.repeat(100))
      await context.settle()
      const size = (await context.log.read(0, 1, 3, true)).sizeBytes
      expect(size).toBeGreaterThan(160)
      expect((await context.log.read(0, 1, 3, false)).sizeBytes).toBe(0)
      expect((await context.log.read(0, size, 3, false)).sizeBytes).toBe(size)
      expect((await context.log.read(0, 2 * size + 1, 3, true)).sizeBytes).toBe(2 * size)
    })

    it(`FE-9: from ${where}, never goes beyond upTo`, async () => {
      const context = await LogContext.open({ tailCacheBytes })
      context.append('a')
      context.append('b', 'c')
      await context.settle()
      expect(batchesOf(await context.log.read(0, 10_000, 1, true))).toHaveLength(1)
      expect(batchesOf(await context.log.read(0, 10_000, 2, true))).toHaveLength(1)
      expect(batchesOf(await context.log.read(1, 10_000, 2, true))).toHaveLength(0)
      expect(batchesOf(await context.log.read(0, 10_000, 3, true))).toHaveLength(2)
    })

    it(`FE-6: from ${where}, goes on with the next batch in a gap`, async () => {
      const context = await LogContext.open({ tailCacheBytes })
      context.append('a')
      // As compaction leaves it: the batch spans five offsets, and has a record at the first.
      context.appendBatch({ records: [value('b')], lastOffsetDelta: 4 })
      context.append('c')
      await context.settle()
      const slice = await context.log.read(4, 10_000, 7, true)
      expect(batchesOf(slice).map((one) => batch.baseOffset(one))).toEqual([1, 6])
    })
  }

  it('FE-7: refuses offsets below the start and above the end', async () => {
    const context = await LogContext.open()
    for (const text of ['a', 'b', 'c']) context.append(text)
    await context.settle()
    await context.log.deleteBefore(1)
    expect(() => context.log.read(0, 100, 3, true)).toThrow(OffsetOutOfRange)
    expect(() => context.log.read(4, 100, 3, true)).toThrow(OffsetOutOfRange)
  })

  it('FE-8: gives nothing at the end, and nothing that is assigned but not written', async () => {
    const context = await LogContext.open()
    context.append('a')
    expect(await context.log.read(0, 100, 1, true)).toEqual({ chunks: [], sizeBytes: 0 })
    await context.settle()
    expect(await context.log.read(1, 100, 1, true)).toEqual({ chunks: [], sizeBytes: 0 })
  })

  it('FE-35: shows nothing below the durable offset that a power cut could take back, at any moment', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 250 } })
    for (let turn = 0; turn < 12; turn++) {
      context.append(`first of turn ${turn}`)
      context.append(`second of turn ${turn}`)
      if (turn % 2 === 0) context.endTurn()
      if (turn % 3 === 0) await nextTurn()
      const shown = await context.values(0, context.log.durableOffset)
      const after = await context.afterPowerCut()
      expect((await after.values()).slice(0, shown.length)).toEqual(shown)
    }
    expect(context.log.durableOffset).toBeGreaterThan(10)
  })

  it('answers from memory without a promise, and with the very buffer that was appended', async () => {
    const context = await LogContext.open()
    const sent = buildBatch({ records: [value('a')] })
    context.log.append(sent, 0, 'client')
    context.endTurn()
    const slice = context.log.read(0, 100, 1, true)
    expect(slice).not.toBeInstanceOf(Promise)
    expect((await slice).chunks[0]).toBe(sent)
  })

  it('goes from segment to segment, with two files open at a time', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 100 }, tailCacheBytes: 0, maxOpenFiles: 2 })
    const texts = Array.from({ length: 20 }, (_, i) => `value ${i}`)
    for (const text of texts) context.append(text)
    await context.settle()
    expect(context.log.segmentCount).toBe(20)
    expect(await context.values()).toEqual(texts)
    expect(await context.values(13)).toEqual(texts.slice(13))
  })

  it('serves what it reads while retention removes the file, and then says that the offset is gone', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 100 }, tailCacheBytes: 0 })
    for (const text of ['a', 'b', 'c']) context.append(text)
    await context.settle()
    const reading = Promise.resolve(context.log.read(0, 100, 3, true))
    await context.log.deleteBefore(2)
    // Below the start meanwhile: the one honest answer.
    await expect(reading).rejects.toBeInstanceOf(OffsetOutOfRange)
    expect(await context.values()).toEqual(['c'])
  })
})

describe('Leader epochs', () => {
  it('LE-1: tells where an epoch ended, for one that is current, past, skipped, too low and too high', async () => {
    const context = await LogContext.open()
    const { log } = context
    log.assignEpoch(2)
    context.appendBatch({ records: [value('a')] }, 2)
    log.assignEpoch(5)
    context.appendBatch({ records: [value('b'), value('c')] }, 5)
    expect(log.endOffsetForEpoch(5)).toEqual({ epoch: 5, endOffset: 3 })
    expect(log.endOffsetForEpoch(2)).toEqual({ epoch: 2, endOffset: 1 })
    expect(log.endOffsetForEpoch(4)).toEqual({ epoch: 2, endOffset: 1 })
    expect(log.endOffsetForEpoch(1)).toEqual({ epoch: 1, endOffset: 0 })
    expect(log.endOffsetForEpoch(6)).toEqual({ epoch: -1, endOffset: -1 })
    expect([log.epochAt(0), log.epochAt(2), log.latestEpoch]).toEqual([2, 5, 5])
  })

  it('finds them again after a clean stop, and in the log itself after a kill', async () => {
    const context = await LogContext.open()
    context.appendBatch({ records: [value('a')] }, 2)
    context.appendBatch({ records: [value('b')] }, 5)
    await context.settle()
    for (const again of [await context.afterKill(), await context.restart()]) {
      expect(again.log.endOffsetForEpoch(2)).toEqual({ epoch: 2, endOffset: 1 })
      expect(again.log.latestEpoch).toBe(5)
    }
  })
})

describe('Settings', () => {
  it('AD-17: take effect at once', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'os' } })
    context.append('a')
    context.endTurn()
    expect(context.log.recoveryPoint).toBe(0)
    context.log.reconfigure({ ...context.config, flushPolicy: 'commit', segmentBytes: 100 })
    await context.settle()
    expect(context.log.recoveryPoint).toBe(1)
    context.append('b')
    await context.settle()
    expect(context.log.segmentCount).toBe(2)
  })

  it('flush.messages syncs under policy os after so many messages', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'os', flushMessages: 3 } })
    context.append('a', 'b')
    context.endTurn()
    await nextTurn()
    expect(context.log.recoveryPoint).toBe(0)
    context.append('c')
    context.endTurn()
    await nextTurn()
    expect(context.log.recoveryPoint).toBe(3)
  })

  it('flush.ms syncs under policy os after so long', async () => {
    const context = await LogContext.open({ config: { flushPolicy: 'os', flushMs: 500 } })
    context.append('a')
    context.clock.advance(499)
    expect(context.directory.pendingSyncs).toBe(0)
    context.clock.advance(1)
    await nextTurn()
    expect(context.log.recoveryPoint).toBe(1)
  })
})
