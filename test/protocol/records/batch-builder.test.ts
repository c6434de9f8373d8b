import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../../protocol/records/compression.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { isIntact } from '../../../protocol/records/validate.ts'
import { type GoldenBatch, goldenV2, goldenValue } from './support/golden.ts'

beforeAll(() => prepareCodec('zstd'))

describe('A batch that is built', () => {
  const told = goldenV2().filter(({ description, batches }) => {
    const plain = batches.every(({ compression, records, count }) => compression === 'none' && records.length === count)
    return plain && !/2\^53/.test(description)
  })

  it.each(told.map((each) => [each.description, each] as const))('has the bytes that Kafka writes: %s', (_, each) => {
    const built = Buffer.concat(each.batches.map((golden) => buildBatch(asKafkaWasTold(golden))))
    expect(built.toString('hex')).toBe(each.bytes.toString('hex'))
  })

  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  const nullable = fc.option(bytes)
  const record = fc.record({
    key: nullable,
    value: nullable,
    timestamp: fc.oneof(fc.constant(-1), fc.nat(), fc.maxSafeNat()),
    headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: nullable }), { maxLength: 4 }),
  })

  it.each(batch.compressions)('is read back as it was given, by any codec: %s', (compression) => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), fc.maxSafeNat(), (records, start) => {
        const baseOffset = Math.min(start, Number.MAX_SAFE_INTEGER - records.length)
        const built = buildBatch({ records, baseOffset, compression })
        expect(isIntact(built)).toBe(true)
        expect(batch.compression(built)).toBe(compression)
        expect([...readRecords(built)]).toEqual(records.map((given, i) => ({ ...given, offset: baseOffset + i })))
        expect(batch.maxTimestamp(built)).toBe(Math.max(...records.map(({ timestamp }) => timestamp)))
      }),
      { numRuns: 60 },
    )
  })

  it('without any record keeps its range for the state of the producer', () => {
    const built = buildBatch({ records: [], lastOffsetDelta: 5, baseSequence: 3, producerId: 8, producerEpoch: 0 })
    expect(built).toHaveLength(batch.BATCH_HEADER_BYTES)
    expect(batch.nextOffset(built)).toBe(6)
    expect(batch.lastSequence(built)).toBe(8)
    expect([...readRecords(built)]).toEqual([])
  })

  it('refuses offsets that do not rise: that is a mistake of ours', () => {
    expect(() => buildBatch({ records: [{ offsetDelta: 3 }, { offsetDelta: 3 }] })).toThrow('offsets rise')
  })
})

function asKafkaWasTold(golden: GoldenBatch): BatchToWrite {
  const baseOffset = Number(golden.baseOffset)
  return {
    records: golden.records.map((record) => ({
      key: goldenValue(record.key),
      value: goldenValue(record.value),
      headers: (record.headers ?? []).map(([key, value]) => ({ key, value: goldenValue(value) })),
      offsetDelta: Number(record.offset) - baseOffset,
      // With LogAppendTime Kafka tells the time of the append for each record; the bytes have the deltas of the client.
      timestamp:
        golden.timestampType === 'LogAppendTime'
          ? Number(golden.baseTimestamp) + 100 * (Number(record.offset) - baseOffset)
          : Number(record.timestamp),
    })),
    baseOffset,
    partitionLeaderEpoch: golden.partitionLeaderEpoch,
    timestampType: golden.timestampType === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    baseTimestamp: Number(golden.baseTimestamp),
    maxTimestamp: Number(golden.maxTimestamp),
    producerId: Number(golden.producerId),
    producerEpoch: golden.producerEpoch,
    baseSequence: golden.baseSequence,
    transactional: golden.transactional,
    control: golden.control,
    deleteHorizon: golden.deleteHorizonMs !== null,
    lastOffsetDelta: Number(golden.lastOffset) - baseOffset,
  }
}
