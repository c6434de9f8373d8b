import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch, sealBatch } from '../../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../../protocol/records/compression.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { RecordsError } from '../../../protocol/records/records-error.ts'
import { recompress, setLogAppendTime } from '../../../protocol/records/rewrite.ts'
import { isIntact } from '../../../protocol/records/validate.ts'
import { golden } from './support/golden.ts'

await prepareCodec('zstd')

describe('LogAppendTime', () => {
  it('PR-16: is the max timestamp, the attribute bit and a new CRC; readers then see it in each record', () => {
    const bytes = golden('five records, zstd')
    setLogAppendTime(bytes, 0, 1_700_000_012_345)
    expect(batch.timestampType(bytes)).toBe('LogAppendTime')
    expect(batch.maxTimestamp(bytes)).toBe(1_700_000_012_345)
    expect(isIntact(bytes)).toBe(true)
    expect([...readRecords(bytes)].map(({ timestamp }) => timestamp)).toEqual(Array(5).fill(1_700_000_012_345))
  })

  it('PR-16: makes of a batch what Kafka makes of it', () => {
    const kafka = golden('LogAppendTime, leader epoch 3, none')
    const bytes = golden('five records, none')
    batch.setBaseOffset(bytes, 0, 500)
    batch.setPartitionLeaderEpoch(bytes, 0, 3)
    setLogAppendTime(bytes, 0, 1_700_000_012_345)
    expect(bytes.toString('hex')).toBe(kafka.toString('hex'))
  })

  it('is set in the middle of a buffer, and nowhere else', () => {
    const one = golden('five records, none')
    const all = Buffer.concat([one, one, one])
    setLogAppendTime(all, one.length, 99)
    expect(all.subarray(0, one.length).equals(one)).toBe(true)
    expect(isIntact(all, one.length)).toBe(true)
    expect(batch.maxTimestamp(all, one.length)).toBe(99)
    expect(all.subarray(2 * one.length).equals(one)).toBe(true)
  })
})

describe('Another codec', () => {
  const pairs = batch.compressions.flatMap((from) => batch.compressions.map((to) => [from, to] as const))

  it.each(pairs)('PR-18: from %s to %s keeps the records and the rest of the header', (from, to) => {
    const bytes = buildBatch({
      records: [
        { key: Buffer.from('k'), value: Buffer.alloc(500, 'v'), timestamp: 5 },
        { value: null, timestamp: 9 },
      ],
      compression: from,
      producerId: 12,
      producerEpoch: 3,
      baseSequence: 40,
      transactional: true,
    })
    const rewritten = recompress(bytes, to)
    expect(batch.compression(rewritten)).toBe(to)
    expect(isIntact(rewritten)).toBe(true)
    expect(batch.batchSize(rewritten)).toBe(rewritten.length)
    expect([...readRecords(rewritten)]).toEqual([...readRecords(bytes)])
    expect(rewritten.toString('hex', 23, batch.BATCH_HEADER_BYTES)).toBe(
      bytes.toString('hex', 23, batch.BATCH_HEADER_BYTES),
    )
    expect(batch.isTransactional(rewritten)).toBe(true)
  })

  it('PR-18: to the same codec is the batch itself, with the bytes as they were sent', () => {
    const bytes = golden('2000 records, zstd level 10')
    const before = bytes.toString('hex')
    expect(recompress(bytes, 'zstd')).toBe(bytes)
    expect(bytes.toString('hex')).toBe(before)
  })

  it('of a batch without records has none either', () => {
    const bytes = golden('no records left (kept for the producer state), transactional')
    const rewritten = recompress(bytes, 'gzip')
    expect(rewritten).toHaveLength(batch.BATCH_HEADER_BYTES)
    expect([...readRecords(rewritten)]).toEqual([])
  })

  it('H21: stops at the bound', () => {
    const bytes = buildBatch({ records: [{ value: Buffer.alloc(1_000_000) }], compression: 'gzip' })
    expect(() => recompress(bytes, 'none', { maxBytes: 900_000 })).toThrow(RecordsError)
  })

  it('is refused for a codec that does not exist', () => {
    const bytes = golden('five records, none')
    batch.setAttributes(bytes, 0, 6)
    expect(() => recompress(sealBatch(bytes), 'gzip')).toThrow(RecordsError)
  })
})
