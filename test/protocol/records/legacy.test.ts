import { describe, expect, it } from 'vitest'
import { crc32 } from '../../../protocol/records/crc32c.ts'
import { readLegacyMessages, writeLegacyMessage } from '../../../protocol/records/legacy.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { RecordsError } from '../../../protocol/records/records-error.ts'
import { writeSnappy } from '../../../protocol/records/snappy.ts'
import { golden, goldenBatches, goldenValue } from './support/golden.ts'

const old = goldenBatches().filter(({ batches }) => batches !== undefined && batches[0]!.magic < 2)

describe('Messages of magic 0 and 1', () => {
  it.each(old.map((each) => [each.description, each] as const))('are what Kafka reads: %s', (_, { bytes, batches }) => {
    expect([...readLegacyMessages(bytes)]).toEqual(
      batches!.flatMap(({ magic, records }) =>
        records.map(({ offset, timestamp, key, value }) => ({
          magic,
          offset: Number(offset),
          timestamp: Number(timestamp),
          key: goldenValue(key),
          value: goldenValue(value),
        })),
      ),
    )
  })

  const plain = old.filter(({ batches }) => batches!.every(({ compression }) => compression === 'none'))

  it.each(plain.map((each) => [each.description, each] as const))('are written as Kafka writes them: %s', (_, each) => {
    const appended = each.batches![0]!.timestampType === 'LogAppendTime'
    const written = [...readLegacyMessages(each.bytes)].map((message) => writeLegacyMessage(message, appended))
    expect(Buffer.concat(written).toString('hex')).toBe(each.bytes.toString('hex'))
  })

  it('are records to whoever asks for records: each message, or all in a wrapper', () => {
    expect([...readRecords(golden('legacy magic 1, three messages'))]).toMatchObject([{ offset: 100, headers: [] }])
    const wrapped = [...readRecords(golden('legacy magic 1, three messages in a lz4 wrapper'))]
    expect(wrapped.map(({ offset }) => offset)).toEqual([100, 101, 102])
  })

  it('end before a torn tail', () => {
    const bytes = golden('legacy magic 0, three messages')
    expect([...readLegacyMessages(bytes, 0, bytes.length - 1)]).toHaveLength(2)
  })

  it.each(old.map((each) => [each.description, each] as const))(
    'with any one byte changed are messages or refused: %s',
    (_, { bytes }) => {
      for (let at = 0; at < bytes.length; at++) {
        for (const change of [1, 0x80, 0xff]) {
          bytes[at] = bytes[at]! ^ change
          messagesOrRefusal(bytes)
          messagesOrRefusal(resealed(bytes))
          bytes[at] = bytes[at]! ^ change
        }
      }
    },
  )

  it('are refused when a byte behind the CRC is another', () => {
    const bytes = golden('legacy magic 1, three messages')
    bytes[30] = bytes[30]! ^ 1
    expect(() => [...readLegacyMessages(bytes)]).toThrow(expect.objectContaining({ error: 'CORRUPT_MESSAGE' }))
  })

  it('H21: a wrapper in a wrapper is refused', () => {
    const inner = writeSnappy(golden('legacy magic 0, three messages in a gzip wrapper'))
    const outer = writeLegacyMessage({ magic: 0, offset: 5, timestamp: -1, key: null, value: inner })
    outer[17] = 2
    expect(() => [...readLegacyMessages(resealed(outer))]).toThrow('within a compressed message')
  })

  it('H21: a wrapper stops at the bound', () => {
    const bytes = golden('legacy magic 0, three messages in a gzip wrapper')
    expect(() => [...readLegacyMessages(bytes, 0, bytes.length, 50)]).toThrow(
      expect.objectContaining({ error: 'MESSAGE_TOO_LARGE' }),
    )
  })

  it('never had zstd', () => {
    const bytes = writeLegacyMessage({ magic: 1, offset: 5, timestamp: 1, key: null, value: Buffer.from('x') })
    bytes[17] = 4
    expect(() => [...readLegacyMessages(resealed(bytes))]).toThrow(
      expect.objectContaining({ error: 'UNSUPPORTED_COMPRESSION_TYPE' }),
    )
  })
})

/** A copy in which the first message has a CRC that fits, if its length lets it. */
function resealed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const end = 12 + copy.readInt32BE(8)
  if (end > 16 && end <= copy.length) copy.writeUInt32BE(crc32(copy, 16, end), 12)
  return copy
}

function messagesOrRefusal(bytes: Buffer): void {
  try {
    for (const { offset } of readLegacyMessages(bytes, 0, bytes.length, 10_000))
      expect(offset).toEqual(expect.any(Number))
  } catch (error) {
    expect(error).toBeInstanceOf(RecordsError)
  }
}
