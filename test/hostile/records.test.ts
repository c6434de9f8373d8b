import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { ListOffsets } from '../../protocol/apis/list-offsets.ts'
import * as batch from '../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../protocol/records/compression.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { Attacked } from './support/attacked.ts'

const records = [{ value: Buffer.from('x') }, { value: Buffer.from('y') }, { value: Buffer.from('z') }]
const good = (options: Omit<BatchToWrite, 'records'> = {}) =>
  buildBatch({ baseTimestamp: Date.now(), ...options, records })

const withCrc = (bytes: Buffer): Buffer => {
  bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
  return bytes
}
/** A good batch, changed; its checksum is as it was. */
const damaged = (change: (bytes: Buffer) => void): Buffer => {
  const bytes = good()
  change(bytes)
  return bytes
}
/** A good batch, changed; its checksum is right again. */
const forged = (change: (bytes: Buffer) => void, options?: Omit<BatchToWrite, 'records'>): Buffer => {
  const bytes = good(options)
  change(bytes)
  return withCrc(bytes)
}
/** A batch that says it is compressed, around bytes of ours. */
const compressed = (codec: number, body: Buffer): Buffer => {
  const bytes = Buffer.concat([good().subarray(0, batch.BATCH_HEADER_BYTES), body])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(codec, batch.ATTRIBUTES_AT)
  return withCrc(bytes)
}

let attacked: Attacked
beforeAll(async () => {
  await prepareCodec('zstd')
  attacked = await Attacked.start()
  // Topics whose batches the broker has to look into.
  await attacked.test.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
  await attacked.test.createTopic('recompressed', 1, { 'compression.type': 'uncompressed' })
  return () => attacked.stop()
})

describe('batches that are none', () => {
  it.each<[string, Buffer | null, string]>([
    ['null', null, 'INVALID_RECORD'],
    ['nothing', Buffer.alloc(0), 'INVALID_RECORD'],
    ['one byte', Buffer.alloc(1), 'INVALID_RECORD'],
    ['zeros', Buffer.alloc(100), 'CORRUPT_MESSAGE'],
    ['H17: a length of 0', damaged((bytes) => bytes.writeInt32BE(0, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a length of 48', damaged((bytes) => bytes.writeInt32BE(48, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a negative length', damaged((bytes) => bytes.writeInt32BE(-1, 8)), 'CORRUPT_MESSAGE'],
    ['H17: a huge length', damaged((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 8)), 'INVALID_RECORD'],
    ['H17: magic 3', damaged((bytes) => bytes.writeInt8(3, 16)), 'CORRUPT_MESSAGE'],
    ['H17: magic 127', damaged((bytes) => bytes.writeInt8(127, 16)), 'CORRUPT_MESSAGE'],
    ['H17: a checksum off by one bit', damaged((bytes) => bytes.writeUInt8(bytes[17]! ^ 1, 17)), 'CORRUPT_MESSAGE'],
    ['H17: codec 5', forged((bytes) => bytes.writeInt16BE(5, batch.ATTRIBUTES_AT)), 'UNSUPPORTED_COMPRESSION_TYPE'],
    ['H17: codec 7', forged((bytes) => bytes.writeInt16BE(7, batch.ATTRIBUTES_AT)), 'UNSUPPORTED_COMPRESSION_TYPE'],
    ['H17: a control batch', good({ control: true }), 'INVALID_RECORD'],
    ['H18: 2^31-1 records', forged((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 57)), 'INVALID_RECORD'],
    ['H18: -1 records', forged((bytes) => bytes.writeInt32BE(-1, 57)), 'INVALID_RECORD'],
    ['H18: a record more than offsets', forged((bytes) => bytes.writeInt32BE(4, 57)), 'INVALID_RECORD'],
    ['H18: a negative last offset', forged((bytes) => bytes.writeInt32BE(-1, 23)), 'INVALID_RECORD'],
    ['H19: a record longer than the batch', forged((bytes) => bytes.writeUInt8(0x7e, 61)), 'INVALID_RECORD'],
    ['H19: a key of -2 bytes', forged((bytes) => bytes.writeUInt8(3, 65)), 'INVALID_RECORD'],
    ['H20: two batches', Buffer.concat([good(), good()]), 'INVALID_RECORD'],
    ['H20: a batch and a half', Buffer.concat([good(), good().subarray(0, 40)]), 'INVALID_RECORD'],
    [
      'H20: a producer id without a sequence',
      good({ producerId: 7, producerEpoch: 0, baseSequence: -1 }),
      'INVALID_RECORD',
    ],
    ['H20: a producer id with epoch -1', good({ producerId: 7, producerEpoch: -1, baseSequence: 0 }), 'INVALID_RECORD'],
  ])('%s: refused, and nothing is appended', async (_what, bytes, expected) => {
    await attacked.survives(async () => {
      expect((await attacked.test.produce('t', bytes)).error).toBe(expected)
    })
  })

  it('acks=0: the connection is closed, since there is no other way to say it', async () => {
    await attacked.survives(async () => {
      const client = await attacked.connect()
      const answer = attacked.test.produce('t', Buffer.alloc(100), { acks: 0, client })
      await expect(answer).rejects.toThrow('the broker closed the connection')
    })
  })
})

describe('H21: bombs', () => {
  const zeros = Buffer.alloc(100 * 1024 * 1024)

  it.each<[string, () => Buffer]>([
    ['gzip of 100 MB', () => compressed(1, gzipSync(zeros))],
    ['gzip that is cut off', () => compressed(1, gzipSync(Buffer.alloc(10_000)).subarray(0, 20))],
    ['no gzip', () => compressed(1, Buffer.alloc(100, 0x5a))],
    ['snappy that says 4 GB', () => compressed(2, Buffer.from('ffffffff0f00', 'hex'))],
    [
      'snappy in chunks of -1 bytes',
      () => compressed(2, Buffer.from('82534e415050590000000001 00000001 ffffffff'.replaceAll(' ', ''), 'hex')),
    ],
    ['lz4 without an end', () => compressed(3, Buffer.from('04224d186040820b00008061', 'hex'))],
    [
      'lz4 of blocks of 4 MB',
      () => compressed(3, Buffer.concat([Buffer.from('04224d18707073', 'hex'), Buffer.alloc(1_000, 0xff)])),
    ],
    ['zstd with a window of 2 GB', () => compressed(4, Buffer.from('28b52ffd00a8 0100 00'.replaceAll(' ', ''), 'hex'))],
    [
      'zstd that repeats a byte for ever',
      () =>
        compressed(
          4,
          Buffer.concat([Buffer.from('28b52ffd8058ffffff7f', 'hex'), Buffer.from('f2ff7f00'.repeat(200), 'hex')]),
        ),
    ],
  ])('%s is refused where the broker must look inside', async (_what, make) => {
    const bytes = make()
    await attacked.survives(async () => {
      for (const topic of ['compacted', 'recompressed']) {
        const { error } = await attacked.test.produce(topic, bytes)
        expect(['CORRUPT_MESSAGE', 'INVALID_RECORD', 'MESSAGE_TOO_LARGE']).toContain(error)
      }
    })
  })

  it('a bomb that nobody has to look into is stored as it is, and a lookup by time gives up on it', async () => {
    await attacked.test.createTopic('stored')
    expect((await attacked.test.produce('stored', compressed(1, gzipSync(zeros)))).error).toBe('NONE')
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const { topics } = await client.call(ListOffsets, 7, {
        replicaId: -1,
        topics: [{ name: 'stored', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: 1 }] }],
      })
      expect(topics[0]?.partitions).toHaveLength(1)
    })
  })
})
