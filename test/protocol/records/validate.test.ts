import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch, sealBatch } from '../../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../../protocol/records/compression.ts'
import { buildMarker } from '../../../protocol/records/control.ts'
import { writeLegacyMessage } from '../../../protocol/records/legacy.ts'
import { type BatchRules, checkBatch, checkSize, needsDecompression } from '../../../protocol/records/validate.ts'
import { golden, goldenV2, pseudoRandom } from './support/golden.ts'

await prepareCodec('zstd')

const HOUR = 3_600_000
const now = 1_700_000_000_000
/** Kafka's defaults. */
const defaults: BatchRules = {
  maxMessageBytes: 1_048_588,
  maxSegmentBytes: 2 ** 30,
  requireKeys: false,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: 2 ** 63,
  timestampAfterMaxMs: HOUR,
  maxDecompressedBytes: 16 * 1024 * 1024,
}
const compacted: BatchRules = { ...defaults, requireKeys: true }
const appendTime: BatchRules = { ...defaults, timestampType: 'LogAppendTime' }
const recent: BatchRules = { ...defaults, timestampBeforeMaxMs: 1_000 }
const small: BatchRules = { ...defaults, maxMessageBytes: 200 }
const walking: BatchRules = { ...defaults, walk: 'all' }

const record = (index: number, more: object = {}) => ({
  key: Buffer.from(`k${index}`),
  value: Buffer.from(`v${index}`),
  timestamp: now,
  ...more,
})
const three: BatchToWrite = { records: [record(0), record(1), record(2)] }
const check = (bytes: Buffer, rules = defaults, version = 13) => checkBatch(bytes, rules, version, now)
const errorOf = (bytes: Buffer, rules = defaults, version = 13) => check(bytes, rules, version)?.error ?? 'NONE'

/** Three good records, damaged; the CRC stays as it was. */
function damaged(damage: (bytes: Buffer) => unknown): Buffer {
  const bytes = buildBatch(three)
  damage(bytes)
  return bytes
}

/** The same with a CRC that fits again. */
function forged(damage: (bytes: Buffer) => unknown, from: BatchToWrite = three): Buffer {
  const bytes = buildBatch(from)
  damage(bytes)
  return sealBatch(bytes)
}

const attribute = (bits: number, from: BatchToWrite = three) =>
  forged((bytes) => batch.setAttributes(bytes, 0, batch.attributes(bytes) | bits), from)

const legacy = (magic: 0 | 1) =>
  writeLegacyMessage({ magic, offset: 0, timestamp: now, key: null, value: Buffer.from('x') })

describe('A batch from a client, as Kafka 4.3.1 answered to the same bytes', () => {
  it.each<[string, Buffer, string, BatchRules?, number?]>([
    ['good', buildBatch(three), 'NONE'],
    ['PR-3: nothing at all', Buffer.alloc(0), 'INVALID_RECORD'],
    ['PR-3: less than a length', Buffer.alloc(11), 'INVALID_RECORD'],
    ['PR-3: two batches', Buffer.concat([buildBatch(three), buildBatch(three)]), 'INVALID_RECORD'],
    ['PR-3: magic 1', legacy(1), 'INVALID_RECORD'],
    ['PR-3: magic 0', legacy(0), 'INVALID_RECORD'],
    ['PR-3: cut short', golden('invalid: cut short by 5 bytes'), 'INVALID_RECORD'],
    [
      'PR-4: zstd below version 7',
      buildBatch({ ...three, compression: 'zstd' }),
      'UNSUPPORTED_COMPRESSION_TYPE',
      defaults,
      6,
    ],
    ['zstd from version 7 on', buildBatch({ ...three, compression: 'zstd' }), 'NONE', defaults, 7],
    ['PR-7: one bit of the CRC', damaged((bytes) => bytes.writeUInt8(bytes[20]! ^ 1, 20)), 'CORRUPT_MESSAGE'],
    ['PR-9: base offset 5', buildBatch({ ...three, baseOffset: 5 }), 'INVALID_RECORD'],
    ['PR-9: base offset -1', buildBatch({ ...three, baseOffset: -1 }), 'INVALID_RECORD'],
    ['PR-10: no records', forged((bytes) => bytes.writeInt32BE(0, 57)), 'INVALID_RECORD'],
    ['PR-10: -1 records', forged((bytes) => bytes.writeInt32BE(-1, 57)), 'INVALID_RECORD'],
    ['PR-10: 2^31-1 records', forged((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 57)), 'INVALID_RECORD'],
    ['PR-10: fewer records than offsets', forged((bytes) => bytes.writeInt32BE(2, 57)), 'INVALID_RECORD'],
    ['PR-10: a last offset before the first', forged((bytes) => bytes.writeInt32BE(-1, 23)), 'INVALID_RECORD'],
    ['PR-10: more offsets than records', forged((bytes) => bytes.writeInt32BE(9, 23)), 'INVALID_RECORD'],
    ['PR-11: a control batch', attribute(batch.CONTROL_BIT), 'INVALID_RECORD'],
    [
      'PR-12: a producer id without sequence',
      buildBatch({ ...three, producerId: 1, producerEpoch: 0 }),
      'INVALID_RECORD',
    ],
    ['sequence and epoch without a producer id', buildBatch({ ...three, producerEpoch: 3, baseSequence: 0 }), 'NONE'],
    [
      'PR-13: above max.message.bytes',
      buildBatch({ records: [record(0, { value: pseudoRandom(1, 200) })] }),
      'MESSAGE_TOO_LARGE',
      small,
    ],
    [
      'PR-15: no key on a compacted topic',
      buildBatch({ records: [record(0, { key: null })] }),
      'INVALID_RECORD',
      compacted,
    ],
    ['keys on a compacted topic', buildBatch(three), 'NONE', compacted],
    [
      'PR-17: two hours ahead',
      buildBatch({ records: [record(0, { timestamp: now + 2 * HOUR })] }),
      'INVALID_TIMESTAMP',
    ],
    [
      'PR-16: two hours ahead, LogAppendTime',
      buildBatch({ records: [record(0, { timestamp: now + 2 * HOUR })] }),
      'NONE',
      appendTime,
    ],
    [
      'PR-17: an hour back',
      buildBatch({ records: [record(0), record(1, { timestamp: now - HOUR })] }),
      'INVALID_TIMESTAMP',
      recent,
    ],
    [
      'no timestamps, where old ones are refused',
      buildBatch({ records: [record(0, { timestamp: -1 })] }),
      'NONE',
      recent,
    ],
    ['the year 1970', buildBatch({ records: [record(0, { timestamp: 0 })] }), 'NONE'],
    ['H17: a length of 0', damaged((bytes) => bytes.writeInt32BE(0, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a length of 13', damaged((bytes) => bytes.writeInt32BE(13, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a length of 48', damaged((bytes) => bytes.writeInt32BE(48, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a negative length', damaged((bytes) => bytes.writeInt32BE(-5, 8)), 'CORRUPT_MESSAGE'],
    ['H17: magic 3', damaged((bytes) => bytes.writeInt8(3, 16)), 'CORRUPT_MESSAGE'],
    ['H17: magic 127', damaged((bytes) => bytes.writeInt8(127, 16)), 'CORRUPT_MESSAGE'],
    ['H17: magic -1', damaged((bytes) => bytes.writeInt8(-1, 16)), 'CORRUPT_MESSAGE'],
    ['H17: the delete horizon bit', attribute(batch.DELETE_HORIZON_BIT), 'NONE'],
    ['H17: reserved attribute bits', attribute(0x7f80), 'NONE'],
    ['LogAppendTime from a client', attribute(batch.LOG_APPEND_TIME_BIT), 'INVALID_TIMESTAMP', appendTime],
    [
      'two faults: base offset and CRC',
      damaged((bytes) => bytes.writeUInt8(5, 7) + bytes.writeUInt8(1, 20)),
      'INVALID_RECORD',
    ],
    [
      'two faults: size and CRC',
      damaged((bytes) => bytes.writeUInt8(1, 20)),
      'MESSAGE_TOO_LARGE',
      { ...defaults, maxMessageBytes: 80 },
    ],
    ['H18: one record fewer than claimed', forged((bytes) => claim(bytes, 4)), 'INVALID_RECORD', walking],
    ['H18: one record more than claimed', forged((bytes) => claim(bytes, 2)), 'INVALID_RECORD', walking],
    ['H18: 2^31-1 records and offsets', forged((bytes) => claim(bytes, 2 ** 31 - 1)), 'INVALID_RECORD', walking],
    ['H19: a record longer than the batch', forged((bytes) => bytes.writeUInt8(0x7e, 61)), 'INVALID_RECORD', walking],
    ['attributes of a record', forged((bytes) => bytes.writeUInt8(0x7f, 62)), 'NONE', walking],
  ])('%s', (_, bytes, kafka, rules, version) => {
    expect(errorOf(bytes, rules, version)).toBe(kafka)
  })

  it.each(goldenV2().map((each) => [each.description, each] as const))('a golden one is taken: %s', (_, each) => {
    const { bytes, batches } = each
    const [first] = batches
    const counted = first!.count === Number(first!.lastOffset) - Number(first!.baseOffset) + 1
    batch.setBaseOffset(bytes, 0, 0)
    const ordinary = batches.length === 1 && counted && !first!.control && first!.timestampType === 'CreateTime'
    expect(errorOf(bytes, { ...walking, timestampAfterMaxMs: Infinity }) === 'NONE').toBe(ordinary)
  })
})

describe('A batch from a client, where we answer otherwise than Kafka 4.3.1', () => {
  it.each<[string, Buffer, string, BatchRules?]>([
    // Kafka: UNKNOWN_SERVER_ERROR, from an exception that nobody catches.
    ['H17: compression 5', attribute(5), 'UNSUPPORTED_COMPRESSION_TYPE'],
    ['H17: compression 7', attribute(7), 'UNSUPPORTED_COMPRESSION_TYPE'],
    ['H17: a length of 2^31-1', damaged((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 8)), 'INVALID_RECORD'],
    [
      'damaged gzip',
      forged((bytes) => bytes.writeUInt8(bytes[75]! ^ 0x55, 75), { ...three, compression: 'gzip' }),
      'INVALID_RECORD',
      walking,
    ],
    // Kafka: NONE. It cuts the tail off, and renumbers the records.
    ['H20: bytes after the batch', Buffer.concat([buildBatch(three), Buffer.alloc(5)]), 'INVALID_RECORD'],
    [
      'H18: gaps between offsets',
      forged((bytes) => claim(bytes, 3), {
        records: [record(0), record(1, { offsetDelta: 5 }), record(2, { offsetDelta: 6 })],
      }),
      'INVALID_RECORD',
      walking,
    ],
    // Kafka: NONE. It takes the bit out on topics with CreateTime, and sets the timestamp of the header right.
    ['LogAppendTime from a client', attribute(batch.LOG_APPEND_TIME_BIT), 'INVALID_TIMESTAMP'],
    [
      'a timestamp ahead in the header alone',
      forged((bytes) => batch.setMaxTimestamp(bytes, 0, now + 2 * HOUR)),
      'INVALID_TIMESTAMP',
    ],
    // Kafka: NONE. No client sends it, and it can never be followed by a sequence that fits.
    ['H20: a producer id with epoch -1', buildBatch({ ...three, producerId: 1, baseSequence: 0 }), 'INVALID_RECORD'],
    // Kafka: TRANSACTIONAL_ID_AUTHORIZATION_FAILED for the whole request, if that names no transactional id.
    ['a transaction without a producer id', attribute(batch.TRANSACTIONAL_BIT), 'INVALID_RECORD'],
    [
      'a marker',
      buildMarker({ type: 'COMMIT', producerId: 5, producerEpoch: 0, coordinatorEpoch: 0 }, now),
      'INVALID_RECORD',
    ],
  ])('%s', (_, bytes, ours, rules) => {
    expect(errorOf(bytes, rules)).toBe(ours)
  })
})

describe('Errors of single records', () => {
  it('PR-15: name each record without a key, in compressed batches too', () => {
    for (const compression of batch.compressions) {
      const records = [record(0), record(1, { key: null }), record(2), record(3, { key: null })]
      expect(check(buildBatch({ records, compression }), compacted)).toMatchObject({
        error: 'INVALID_RECORD',
        recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }],
      })
    }
  })

  it('PR-17: name each record out of range, and the range', () => {
    const records = [record(0), record(1, { timestamp: now + 2 * HOUR }), record(2, { timestamp: now - 1_001 })]
    expect(check(buildBatch({ records }), recent)?.recordErrors).toEqual([
      {
        batchIndex: 1,
        message: `Timestamp ${now + 2 * HOUR} is out of range: it should be within [${now - 1_000}, ${now + HOUR}].`,
      },
      { batchIndex: 2, message: expect.stringContaining(`Timestamp ${now - 1_001}`) },
    ])
  })

  it('are about a timestamp if one is, and about the key first within a record', () => {
    const late = { timestamp: now + 2 * HOUR }
    const records = [record(0, late), record(1, { ...late, key: null }), record(2, { key: null })]
    expect(check(buildBatch({ records }), compacted)).toMatchObject({
      error: 'INVALID_TIMESTAMP',
      recordErrors: [
        { batchIndex: 0, message: expect.stringContaining('Timestamp') },
        { batchIndex: 1, message: expect.stringContaining('key') },
        { batchIndex: 2, message: expect.stringContaining('key') },
      ],
    })
  })

  it('are a thousand at most', () => {
    const records = Array.from({ length: 2_000 }, () => ({ value: Buffer.from('x'), timestamp: now }))
    expect(check(buildBatch({ records }), compacted)?.recordErrors).toHaveLength(1_000)
  })

  it('H21: are not looked for in a bomb', () => {
    const bomb = buildBatch({ records: [record(0, { value: Buffer.alloc(20_000_000) })], compression: 'gzip' })
    expect(check(bomb, compacted)).toMatchObject({ error: 'MESSAGE_TOO_LARGE' })
    expect(check(bomb, defaults)).toBeUndefined()
  })
})

describe('How far it is looked into a batch', () => {
  const broken = (compression: batch.Compression) =>
    forged((bytes) => bytes.writeInt32BE(4, 57), { ...three, compression, lastOffsetDelta: 3 })

  it('not at all unless a rule asks for it', () => {
    expect(errorOf(broken('none'))).toBe('NONE')
  })

  it("with 'plain': into batches that are not compressed", () => {
    expect(errorOf(broken('none'), { ...defaults, walk: 'plain' })).toBe('INVALID_RECORD')
    expect(errorOf(broken('gzip'), { ...defaults, walk: 'plain' })).toBe('NONE')
  })

  it("with 'all': into all", () => {
    expect(errorOf(broken('gzip'), walking)).toBe('INVALID_RECORD')
  })

  it('tells before whether a codec will be needed', () => {
    const plain = buildBatch(three)
    const gzip = buildBatch({ ...three, compression: 'gzip' })
    const late = buildBatch({ records: [record(0, { timestamp: now + 2 * HOUR })], compression: 'gzip' })
    expect(
      [defaults, compacted, recent, walking, appendTime].map((rules) => needsDecompression(gzip, rules, now)),
    ).toEqual([false, true, true, true, false])
    expect(needsDecompression(plain, compacted, now)).toBe(false)
    expect(needsDecompression(late, defaults, now)).toBe(true)
    expect(needsDecompression(late, appendTime, now)).toBe(false)
    expect(needsDecompression(Buffer.alloc(60), compacted, now)).toBe(false)
  })
})

describe('Sizes', () => {
  const bytes = buildBatch(three)
  const exactly: BatchRules = { ...defaults, maxMessageBytes: bytes.length, maxSegmentBytes: bytes.length }

  it('may be as large as the limits', () => {
    expect(errorOf(bytes, exactly)).toBe('NONE')
    expect(checkSize(bytes.length, exactly)).toBeUndefined()
  })

  it('PR-13: MESSAGE_TOO_LARGE above max.message.bytes, before and after the batch was rewritten', () => {
    const rules = { ...exactly, maxMessageBytes: bytes.length - 1 }
    expect(errorOf(bytes, rules)).toBe('MESSAGE_TOO_LARGE')
    expect(checkSize(bytes.length, rules)?.error).toBe('MESSAGE_TOO_LARGE')
  })

  it('PR-14: RECORD_LIST_TOO_LARGE above segment.bytes', () => {
    const rules = { ...exactly, maxSegmentBytes: bytes.length - 1 }
    expect(errorOf(bytes, rules)).toBe('RECORD_LIST_TOO_LARGE')
    expect(checkSize(bytes.length, rules)?.error).toBe('RECORD_LIST_TOO_LARGE')
  })
})

describe('Bytes from anywhere', () => {
  it('PR-7: with any bit changed behind the leader epoch are refused', () => {
    const bytes = buildBatch({ ...three, producerId: 7, producerEpoch: 1, baseSequence: 3 })
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >>> 3
      // PR-8: whatever the client put into the leader epoch is overwritten.
      const ignored = at >= 12 && at < 16
      bytes[at] = bytes[at]! ^ (1 << (bit & 7))
      expect(check(bytes) === undefined, `bit ${bit}`).toBe(ignored)
      bytes[at] = bytes[at]! ^ (1 << (bit & 7))
    }
  })

  it('cut at any place are refused', () => {
    const bytes = buildBatch(three)
    for (let length = 0; length < bytes.length; length++) expect(check(bytes.subarray(0, length))).toBeDefined()
  })
})

function claim(bytes: Buffer, count: number): void {
  bytes.writeInt32BE(count, 57)
  bytes.writeInt32BE(count - 1, 23)
}
