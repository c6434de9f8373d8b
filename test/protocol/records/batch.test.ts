import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { isIntact } from '../../../protocol/records/validate.ts'
import { golden, goldenV2 } from './support/golden.ts'

describe('The header of a batch', () => {
  it.each(goldenV2().map((each) => [each.description, each] as const))('says what Kafka reads: %s', (_, each) => {
    const { bytes, batches } = each
    let index = 0
    const end = batch.walkBatches(bytes, 0, bytes.length, (at, size) => {
      const expected = batches[index++]!
      const horizon = batch.hasDeleteHorizon(bytes, at) ? String(batch.baseTimestamp(bytes, at)) : null
      expect({
        magic: batch.magic(bytes, at),
        compression: batch.compression(bytes, at),
        sizeInBytes: size,
        baseOffset: batch.baseOffset(bytes, at),
        lastOffset: batch.lastOffset(bytes, at),
        timestampType: batch.timestampType(bytes, at),
        maxTimestamp: String(batch.maxTimestamp(bytes, at)),
        crc: batch.crc(bytes, at),
        baseTimestamp: String(batch.baseTimestamp(bytes, at)),
        partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, at),
        producerId: batch.producerId(bytes, at),
        producerEpoch: batch.producerEpoch(bytes, at),
        baseSequence: batch.baseSequence(bytes, at),
        lastSequence: batch.lastSequence(bytes, at),
        transactional: batch.isTransactional(bytes, at),
        control: batch.isControl(bytes, at),
        deleteHorizonMs: horizon,
        count: batch.recordCount(bytes, at),
      }).toEqual({
        ...expected,
        baseOffset: saturated(expected.baseOffset),
        lastOffset: saturated(expected.lastOffset),
        producerId: saturated(expected.producerId),
        records: undefined,
      })
      expect(batch.nextOffset(bytes, at)).toBe(batch.lastOffset(bytes, at) + 1)
      expect(isIntact(bytes, at)).toBe(true)
    })
    expect(end).toBe(bytes.length)
    expect(index).toBe(batches.length)
  })

  it('PR-8: takes base offset and leader epoch without a new CRC', () => {
    const bytes = golden('five records, none')
    const sum = batch.crc(bytes)
    batch.setBaseOffset(bytes, 0, 2 ** 40 + 7)
    batch.setPartitionLeaderEpoch(bytes, 0, 12)
    expect(batch.baseOffset(bytes)).toBe(2 ** 40 + 7)
    expect(batch.lastOffset(bytes)).toBe(2 ** 40 + 11)
    expect(batch.partitionLeaderEpoch(bytes)).toBe(12)
    expect(batch.crc(bytes)).toBe(sum)
    expect(isIntact(bytes)).toBe(true)
  })

  it.each([0, -1, 1, -2, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53 - 1)])(
    'holds the int64 %d',
    (value) => {
      const bytes = golden('one record, null key')
      batch.setMaxTimestamp(bytes, 0, value)
      expect(batch.maxTimestamp(bytes)).toBe(value)
      expect(bytes.readBigInt64BE(35)).toBe(BigInt(value))
    },
  )

  it.each([
    [2n ** 53n, Number.MAX_SAFE_INTEGER],
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-(2n ** 53n), -Number.MAX_SAFE_INTEGER],
    [-(2n ** 63n), -Number.MAX_SAFE_INTEGER],
  ])('reads the int64 %d, which no number holds, as the nearest that is safe', (value, expected) => {
    const bytes = golden('one record, null key')
    bytes.writeBigInt64BE(value, 35)
    expect(batch.maxTimestamp(bytes)).toBe(expected)
  })

  it('PR-24: counts sequences from 2^31-1 on to 0', () => {
    expect(batch.addToSequence(2 ** 31 - 1, 1)).toBe(0)
    expect(batch.addToSequence(2 ** 31 - 2, 1)).toBe(2 ** 31 - 1)
    expect(batch.addToSequence(2 ** 31 - 2, 4)).toBe(2)
  })

  it('has no codec for the ids 5 to 7', () => {
    const bytes = golden('one record, null key')
    for (const id of [5, 6, 7]) {
      batch.setAttributes(bytes, 0, id)
      expect(batch.compression(bytes)).toBeUndefined()
    }
  })
})

describe('A walk over batches', () => {
  const one = buildBatch({ records: [{ value: Buffer.from('a') }] })
  const two = buildBatch({ records: [{ value: Buffer.from('bb') }, { value: Buffer.from('c') }] })
  const both = Buffer.concat([one, two])
  const visits = (bytes: Buffer, start = 0, end = bytes.length) => {
    const found: [at: number, size: number][] = []
    return { end: batch.walkBatches(bytes, start, end, (at, size) => void found.push([at, size])), found }
  }

  it('visits each whole batch, and ends before a tail that is torn at any place', () => {
    for (let length = 0; length <= both.length; length++) {
      const whole =
        length < one.length
          ? []
          : length < both.length
            ? [[0, one.length]]
            : [
                [0, one.length],
                [one.length, two.length],
              ]
      const { end, found } = visits(both, 0, length)
      expect(found).toEqual(whole)
      expect(end).toBe(length < one.length ? 0 : length < both.length ? one.length : both.length)
    }
  })

  it('starts anywhere, and ends when the visitor says so', () => {
    expect(visits(both, one.length).found).toEqual([[one.length, two.length]])
    expect(batch.walkBatches(both, 0, both.length, () => false)).toBe(one.length)
  })

  it.each([
    ['a length of 0', (bytes: Buffer) => bytes.writeInt32BE(0, 8)],
    ['a negative length', (bytes: Buffer) => bytes.writeInt32BE(-12, 8)],
    ['a huge length', (bytes: Buffer) => bytes.writeInt32BE(2 ** 31 - 1, 8)],
    ['a length below that of its header', (bytes: Buffer) => bytes.writeInt32BE(48, 8)],
    ['an unknown magic', (bytes: Buffer) => bytes.writeInt8(3, 16)],
    ['a negative magic', (bytes: Buffer) => bytes.writeInt8(-1, 16)],
  ])('ends before %s', (_, damage) => {
    const bytes = Buffer.concat([one, two])
    damage(bytes.subarray(one.length))
    expect(visits(bytes)).toEqual({ end: one.length, found: [[0, one.length]] })
  })
})

/** As our accessors give it: what is beyond 2^53-1 saturates. */
function saturated(int64: string): number {
  return Math.min(Number(int64), Number.MAX_SAFE_INTEGER)
}
