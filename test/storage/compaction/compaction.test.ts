import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { isIntact } from '../../../protocol/records/validate.ts'
import { ENTRY_BYTES } from '../../../storage/compaction/offset-map.ts'
import {
  batches,
  clean,
  compactedContext,
  listing,
  put,
  putAs,
  recordOf,
  roll,
} from '../../support/compaction-context.ts'
import { logFile } from '../../support/log-context.ts'

describe('Compaction', () => {
  it('LG-5: keeps the last record of each key with its offset, in order, and leaves the end of the log alone', async () => {
    const context = await compactedContext()
    put(context, 'a=1', 'b=1')
    put(context, 'c=1', 'a=2')
    put(context, 'b=2')
    await roll(context)
    const { logEndOffset, durableOffset } = context.log
    const report = await clean(context)
    expect(await listing(context)).toEqual(['2 c=1', '3 a=2', '4 b=2'])
    expect(context.log).toMatchObject({ logEndOffset, durableOffset, logStartOffset: 0 })
    expect(report).toMatchObject({ recordsRead: 5, recordsKept: 3, endOffset: 5 })
    await context.close()
  })

  it('LG-5: never touches the active segment', async () => {
    const context = await compactedContext()
    put(context, 'a=1')
    await roll(context)
    put(context, 'a=2')
    put(context, 'a=3')
    await clean(context)
    expect(await listing(context)).toEqual(['0 a=1', '2 a=2', '3 a=3'])
    await context.close()
  })

  it('LG-5: the same after a restart, and a second round has nothing to do', async () => {
    let context = await compactedContext()
    for (let i = 0; i < 30; i++) put(context, `k${i % 4}=${i}`)
    await roll(context)
    await clean(context)
    const before = await listing(context)
    expect(before).toEqual(['26 k2=26', '27 k3=27', '28 k0=28', '29 k1=29'])
    context = await context.restart()
    expect(await listing(context)).toEqual(before)
    expect(context.log.cleaning.dirtyRange(0)).toMatchObject({ firstDirtyOffset: 30, dirtyBytes: 0, isDue: false })
    await context.close()
  })

  it('LG-12: timestamps, headers, null values and empty ones survive byte for byte, and so does the order', async () => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20 } })
    const time = context.clock.wallTime()
    const headers = [
      { key: 'h', value: Buffer.from('1') },
      { key: 'h', value: null },
      { key: '', value: Buffer.alloc(0) },
    ]
    context.appendBatch({
      records: [
        { key: Buffer.from('gone'), value: Buffer.from('old'), timestamp: time },
        { key: Buffer.from('a'), value: Buffer.from('1'), timestamp: time + 5, headers },
        { key: Buffer.alloc(0), value: Buffer.alloc(0), timestamp: time - 77 },
        { key: Buffer.from('gone'), value: Buffer.from('old'), timestamp: time },
        { key: Buffer.from('late'), value: Buffer.from('x'.repeat(300)), timestamp: time + 400_000_000 },
      ],
    })
    const [original] = await (async () => {
      await context.settle()
      return batches(context)
    })()
    put(context, 'gone=new')
    await roll(context)
    await clean(context)
    const [rewritten] = await batches(context)
    const kept = [...readRecords(original!)].filter(({ key }) => String(key) !== 'gone')
    expect([...readRecords(rewritten!)]).toEqual(kept)
    expect(isIntact(rewritten!, 0)).toBe(true)
    expect(batch.lastOffset(rewritten!)).toBe(4)
    expect(batch.baseTimestamp(rewritten!)).toBe(time + 5)
    expect(batch.maxTimestamp(rewritten!)).toBe(time + 400_000_000)
    await context.close()
  })

  it.each(batch.compressions)('keeps the codec of the batch: %s', async (compression) => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20 } })
    const { prepareCodec } = await import('../../../protocol/records/compression.ts')
    await prepareCodec(compression)
    const records = Array.from({ length: 50 }, (_, i) => recordOf(`k${i}=${'v'.repeat(100)}${i}`, 1000 + i))
    context.appendBatch({ records, compression })
    context.appendBatch({ records: records.slice(0, 40), compression })
    await roll(context)
    const report = await clean(context)
    expect(report).toMatchObject({ recordsRead: 90, recordsKept: 50 })
    const [first, second] = await batches(context)
    expect(batch.compression(first!)).toBe(compression)
    expect([...readRecords(first!)].map(({ offset, timestamp }) => [offset, timestamp])).toEqual(
      Array.from({ length: 10 }, (_, i) => [40 + i, 1040 + i]),
    )
    expect(batch.recordCount(second!)).toBe(40)
    await context.close()
  })

  it('copies a batch that stays whole as it is', async () => {
    const context = await compactedContext()
    put(context, 'a=1', 'b=1')
    put(context, 'c=1')
    put(context, 'a=2')
    await context.settle()
    const before = await batches(context)
    await roll(context)
    await clean(context)
    const after = await batches(context)
    expect(after[0]!.equals(before[0]!)).toBe(false)
    expect(after[1]!.equals(before[1]!)).toBe(true)
    await context.close()
  })

  it('all records of a batch with LogAppendTime keep the time of the append', async () => {
    const context = await compactedContext({ config: { segmentBytes: 1 << 20 } })
    const records = [recordOf('a=1', 5), recordOf('b=1', 6), recordOf('c', 7)]
    context.appendBatch({ records, timestampType: 'LogAppendTime', maxTimestamp: 9000, baseTimestamp: 5 })
    put(context, 'a=2')
    await roll(context)
    await clean(context)
    const [first] = await batches(context)
    expect([...readRecords(first!)].map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [1, 9000],
      [2, 9000],
    ])
    expect(batch.timestampType(first!)).toBe('LogAppendTime')
    await context.close()
  })

  it('records without a key, from before the topic was compacted, go', async () => {
    const context = await compactedContext()
    context.appendBatch({ records: [{ value: Buffer.from('no key'), timestamp: 1 }, recordOf('a=1', 2)] })
    await roll(context)
    expect(await clean(context)).toMatchObject({ recordsWithoutKey: 1, recordsKept: 1 })
    expect(await listing(context)).toEqual(['1 a=1'])
    await context.close()
  })
})

describe('Segments', () => {
  it('that have shrunk are merged with their neighbours by the next round, under the name of the first of them', async () => {
    const context = await compactedContext({ config: { segmentBytes: 500 } })
    const logs = () => context.files().filter((name) => name.endsWith('.log'))
    for (let i = 0; i < 60; i++) put(context, `key ${i % 12}=${i}`)
    await roll(context)
    const before = context.log.segmentCount - 1
    // They were full, so each became one of its own.
    expect(await clean(context)).toMatchObject({ segmentsBefore: before, segmentsAfter: before })
    for (let i = 60; i < 72; i++) put(context, `key ${i % 12}=${i}`)
    await roll(context)
    const report = await clean(context)
    expect(report!.segmentsAfter).toBeLessThan(before)
    expect(context.log.segmentCount).toBe(report!.segmentsAfter + 1)
    expect(logs()).toHaveLength(context.log.segmentCount)
    expect(logs()[0]).toBe(logFile(0))
    expect((await listing(context)).map((line) => line.split(' ')[0])).toEqual(
      Array.from({ length: 12 }, (_, i) => String(61 + i)),
    )
    await context.close()
  })

  it('have the index entries that the log would have set, and lookups by time go on', async () => {
    const context = await compactedContext({ config: { segmentBytes: 2000, indexIntervalBytes: 150 } })
    const start = context.clock.wallTime()
    for (let i = 0; i < 40; i++) {
      context.clock.advance(10)
      put(context, `key ${i % 25}=${'v'.repeat(20)}`)
    }
    await roll(context)
    await clean(context)
    const kept = (await listing(context)).map((line) => Number(line.split(' ')[0]))
    for (let i = 0; i < 40; i++) {
      const found = await context.log.offsetForTimestamp(start + 10 * (i + 1), context.log.durableOffset)
      expect(found?.offset).toBe(kept.find((offset) => offset >= i))
      const [first] = await context.values(i)
      expect(first).toBe('v'.repeat(20))
    }
    expect(context.memory.stat(context.path(logFile(0, '.index')))!.sizeBytes).toBeGreaterThan(0)
    await context.close()
  })

  it('keep the producers snapshot of the first, and lose those of the others', async () => {
    const context = await compactedContext()
    for (let i = 0; i < 20; i++) putAs(context, { id: 7, sequence: i }, `k=${i}`)
    await roll(context)
    const snapshots = () => context.files().filter((name) => name.endsWith('.snapshot'))
    expect(snapshots().length).toBeGreaterThan(3)
    await clean(context)
    const bases = context
      .files()
      .filter((name) => name.endsWith('.log'))
      .map((name) => name.slice(0, 20))
    expect(snapshots().map((name) => name.slice(0, 20))).toEqual(bases.slice(1))
    await context.close()
  })

  it('go from the disk after file.delete.delay.ms', async () => {
    const context = await compactedContext({ config: { fileDeleteDelayMs: 1000 } })
    for (let i = 0; i < 20; i++) put(context, `k=${i}`)
    await roll(context)
    await clean(context)
    const deleted = () => context.files().filter((name) => name.endsWith('.deleted'))
    expect(deleted().length).toBeGreaterThan(5)
    context.clock.advance(999)
    expect(deleted().length).toBeGreaterThan(5)
    context.clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(deleted()).toEqual([])
    await context.close()
  })
})

describe('A key map that is too small for the keys', () => {
  it('LG-10: is filled again and again: the log is cleaned in rounds, each from where the last one ended', async () => {
    const context = await compactedContext({ config: { segmentBytes: 600 } })
    const keys = 50
    for (let i = 0; i < 4 * keys; i += 2) put(context, `key ${i % keys}=${i}`, `key ${(i + 1) % keys}=${i + 1}`)
    await roll(context)
    const ends: number[] = []
    for (let round = 0; context.log.cleaning.dirtyRange(0).dirtyBytes > 0 && round < 100; round++) {
      const report = await clean(context, { dedupeBufferBytes: 13 * ENTRY_BYTES })
      expect(report!.keys).toBeLessThanOrEqual(12)
      expect(report!.endOffset).toBeGreaterThan(ends.at(-1) ?? 0)
      ends.push(report!.endOffset)
      // Whatever is not compared yet is still there.
      const now = await listing(context)
      for (let key = 0; key < keys; key++)
        expect(now.some((line) => line.endsWith(`key ${key}=${3 * keys + key}`))).toBe(true)
    }
    expect(ends.length).toBeGreaterThan(10)
    expect(ends.at(-1)).toBe(4 * keys)
    await clean(context)
    expect(await listing(context)).toEqual(
      Array.from({ length: keys }, (_, key) => `${3 * keys + key} key ${key}=${3 * keys + key}`),
    )
    await context.close()
  })
})

describe('compact,delete', () => {
  it('LG-11: old segments go by age, whatever keys they have, and what is left is compacted', async () => {
    const context = await compactedContext({
      config: { deletes: true, retentionMs: 10_000, segmentBytes: 150, fileDeleteDelayMs: 0 },
    })
    put(context, 'old=1')
    put(context, 'old=2')
    context.clock.advance(8000)
    put(context, 'new=1')
    put(context, 'new=2')
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['1 old=2', '3 new=2'])
    context.clock.advance(5000)
    context.log.applyRetention(context.clock.wallTime(), context.log.durableOffset)
    await context.settle()
    expect(await listing(context)).toEqual(['3 new=2'])
    expect(context.log.logStartOffset).toBe(2)
    // Compaction goes on from the new start.
    put(context, 'new=3')
    await roll(context)
    await clean(context)
    expect(await listing(context)).toEqual(['5 new=3'])
    await context.close()
  })
})
