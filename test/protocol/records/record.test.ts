import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch, sealBatch } from '../../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../../protocol/records/compression.ts'
import { type BatchRecord, readRecords } from '../../../protocol/records/record.ts'
import { RecordsError } from '../../../protocol/records/records-error.ts'
import { golden, goldenBatches, goldenV2, goldenValue } from './support/golden.ts'

beforeAll(() => prepareCodec('zstd'))

describe('The records of a batch', () => {
  // Its offsets are beyond 2^53-1: no log of ours gives such.
  const readable = goldenV2().filter(({ description }) => !description.startsWith('base offset near 2^53'))

  it.each(readable.map((each) => [each.description, each] as const))(
    'are what Kafka reads: %s',
    (_, { bytes, batches }) => {
      let index = 0
      batch.walkBatches(bytes, 0, bytes.length, (at) => {
        const expected = batches[index++]!
        const records = [...readRecords(bytes, at)]
        expect(records.length).toBe(expected.count)
        const told = expected.records.map((record) =>
          Number(BigInt(record.offset) - BigInt(expected.records[0]!.offset)),
        )
        const shown = expected.count > 20 ? told.map((place) => records[place]!) : records
        expect(shown.map(plain)).toEqual(
          expected.records.map((record) => ({
            offset: record.offset,
            timestamp: record.timestamp,
            key: goldenValue(record.key)?.toString('base64') ?? null,
            value: goldenValue(record.value)?.toString('base64') ?? null,
            headers: record.headers ?? [],
          })),
        )
      })
      expect(index).toBe(batches.length)
    },
  )

  it.each(
    goldenBatches()
      .flatMap(({ description, bytes, kafkaReader }) =>
        kafkaReader !== undefined && !kafkaReader.startsWith('no error') ? [[description, bytes] as const] : [],
      )
      .filter(([description]) => !/CRC field|bit of the last record/.test(description)),
  )('are refused as Kafka refuses them: %s', (_, bytes) => {
    expect(() => [...readRecords(bytes)]).toThrow(RecordsError)
  })

  it('end with an error at the first that is broken, after those before it were given', () => {
    const bytes = buildBatch({ records: [{ value: Buffer.from('a') }, { value: Buffer.from('b') }] })
    bytes[bytes.length - 1] = 0x7f
    const records = readRecords(bytes)
    expect(records.next().value).toMatchObject({ offset: 0 })
    expect(() => records.next()).toThrow('record 1 claims -64 headers')
  })
})

describe('H19: a record that claims what cannot be', () => {
  // Bytes in order: attributes, timestamp, offset, key length, value length, headers.
  it.each<[string, number[]]>([
    ['a length beyond the batch', [0x7e, 0, 0, 0, 1, 1, 0]],
    ['a negative length', [0x01, 0, 0, 0, 1, 1, 0]],
    ['a length of 0', [0x00]],
    ['a length that ends within the key', [0x0a, 0, 0, 0, 0x08, 0x61]],
    ['a key length of -2', body(0, 0, 0, 0x03, 0x01, 0)],
    ['a key length beyond the record', body(0, 0, 0, 0x7e, 0x01, 0)],
    ['a value length of -2', body(0, 0, 0, 0x01, 0x03, 0)],
    ['a value length of 2^31-1', body(0, 0, 0, 0x01, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0)],
    ['2^31-1 headers', body(0, 0, 0, 0x01, 0x01, 0xfe, 0xff, 0xff, 0xff, 0x0f)],
    ['-1 headers', body(0, 0, 0, 0x01, 0x01, 0x01)],
    ['a null header key', body(0, 0, 0, 0x01, 0x01, 0x02, 0x01, 0x01)],
    ['a header value of -2 bytes', body(0, 0, 0, 0x01, 0x01, 0x02, 0x00, 0x03)],
    ['bytes after its headers', body(0, 0, 0, 0x01, 0x01, 0x00, 0x00)],
    ['a negative offset delta', body(0, 0, 0x01, 0x01, 0x01, 0)],
    ['a varint of six bytes', body(0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x01, 0x01, 0)],
    ['a varint of more than 32 bits', body(0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01, 0x01, 0)],
    ['a varlong of eleven bytes', body(0, ...Array<number>(10).fill(0x80), 0, 0, 0x01, 0x01, 0)],
    ['a varlong of more than 64 bits', body(0, ...Array<number>(9).fill(0xff), 0x03, 0, 0x01, 0x01, 0)],
    ['a timestamp delta that overflows', body(0, 0xfe, ...Array<number>(8).fill(0xff), 0x01, 0, 0x01, 0x01, 0)],
  ])('%s', (_, bytes) => {
    expect(() => [...readRecords(batchOf(bytes))]).toThrow(RecordsError)
  })

  it('a number that is longer than it must be is none of them', () => {
    expect([...readRecords(batchOf(body(0, 0x80, 0, 0x80, 0, 0x01, 0x01, 0)))]).toHaveLength(1)
  })

  it('a record count of 2^31-1 reserves nothing', () => {
    const bytes = golden('five records, none')
    bytes.writeInt32BE(2 ** 31 - 1, 57)
    expect(() => [...readRecords(bytes)]).toThrow('claims 2147483647 records and holds 5')
  })
})

describe('Timestamps of records', () => {
  it('are that of the append for all, when the batch says LogAppendTime', () => {
    const records = [...readRecords(golden('LogAppendTime, leader epoch 3, none'))]
    expect(new Set(records.map(({ timestamp }) => timestamp))).toEqual(new Set([1_700_000_012_345]))
  })

  it('saturate where no number holds them', () => {
    const bytes = buildBatch({ records: [{ value: null, timestamp: 5 }] })
    bytes.writeBigInt64BE(2n ** 63n - 1n, batch.BASE_TIMESTAMP_AT)
    expect([...readRecords(bytes)][0]!.timestamp).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('may lie centuries behind the base', () => {
    const records = [{ timestamp: 2 ** 53 - 1 }, { timestamp: 0 }, { timestamp: -1 }]
    const read = [...readRecords(buildBatch({ records }))]
    expect(read.map(({ timestamp }) => timestamp)).toEqual([2 ** 53 - 1, 0, -1])
  })

  it('take all of a varlong', () => {
    const delta = 2n ** 62n
    const bytes = batchOf(body(0, ...varlong(delta), 0, 0x01, 0x01, 0))
    bytes.writeBigInt64BE(-delta + 77n, batch.BASE_TIMESTAMP_AT)
    expect([...readRecords(bytes)][0]!.timestamp).toBe(77)
  })
})

describe('Records from anywhere', () => {
  it('cut at any place give records or a RecordsError, never something else', () => {
    for (const description of [
      'headers: null value, empty key, repeated key, UTF-8',
      'five records, zstd',
      'five records, lz4',
    ]) {
      const bytes = golden(description)
      for (let length = 0; length < bytes.length; length++) {
        expect(() => [...readRecords(bytes.subarray(0, length))]).toThrow(RecordsError)
        if (length >= batch.BATCH_HEADER_BYTES) recordsOrRefusal(sealBatch(Buffer.from(bytes.subarray(0, length))))
      }
    }
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'with any one byte changed do neither: five records, %s',
    (codec) => {
      const bytes = golden(`five records, ${codec}`)
      for (let at = 0; at < bytes.length; at++) {
        const before = bytes[at]!
        for (const change of [0x01, 0x80, 0xff, before]) {
          bytes[at] = before ^ change
          recordsOrRefusal(bytes)
        }
        bytes[at] = before
      }
    },
  )

  it('do neither for any bytes behind a good header', () => {
    const header = golden('five records, none').subarray(0, batch.BATCH_HEADER_BYTES)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(4), (bytes, codec) => {
        const whole = Buffer.concat([header, bytes])
        batch.setAttributes(whole, 0, codec)
        recordsOrRefusal(sealBatch(whole))
      }),
      { numRuns: 2000 },
    )
  })
})

function recordsOrRefusal(bytes: Buffer): void {
  let records: BatchRecord[] = []
  try {
    records = [...readRecords(bytes, 0, 1_000_000)]
  } catch (error) {
    expect(error).toBeInstanceOf(RecordsError)
  }
  for (const { key, value } of records) expect((key?.length ?? 0) + (value?.length ?? 0)).toBeLessThanOrEqual(1_000_000)
}

function plain({ offset, timestamp, key, value, headers }: BatchRecord): object {
  return {
    offset: String(offset),
    timestamp: String(timestamp),
    key: key?.toString('base64') ?? null,
    value: value?.toString('base64') ?? null,
    headers: headers.map((header) => [header.key, header.value?.toString('base64') ?? null]),
  }
}

/** A record of these bytes after its length. */
function body(...bytes: number[]): number[] {
  return [bytes.length * 2, ...bytes]
}

/** A batch that claims one record and holds these bytes. */
function batchOf(bytes: number[]): Buffer {
  const header = buildBatch({ records: [], baseTimestamp: 1_700_000_000_000 })
  header.writeInt32BE(1, 57)
  return sealBatch(Buffer.concat([header, Buffer.from(bytes)]))
}

function varlong(value: bigint): number[] {
  const bytes: number[] = []
  for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)]
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}
