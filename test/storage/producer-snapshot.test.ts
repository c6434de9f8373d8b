import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import {
  decodeProducerSnapshot,
  encodeProducerSnapshot,
  readProducerSnapshot,
} from '../../storage/producer-snapshot.ts'
import type { ProducerEntry } from '../../storage/producer-state.ts'
import { kafkaFile } from '../support/kafka-files.ts'

const kafkas = kafkaFile('00000000000000003204.snapshot')

describe('Producer snapshots', () => {
  it('of Kafka are read: an idempotent producer, and one known by a KIP-890 marker alone', () => {
    expect(decodeProducerSnapshot(kafkas, '/s')).toEqual([
      {
        producerId: 0,
        producerEpoch: 0,
        batches: [
          { firstSequence: 2976, lastSequence: 2999, lastOffset: 2999, offsetDelta: 23, timestamp: 1795561144606 },
        ],
        coordinatorEpoch: -1,
        currentTxnFirstOffset: -1,
        lastTimestamp: 1795561144606,
      },
      {
        producerId: 1,
        producerEpoch: 4,
        batches: [],
        coordinatorEpoch: 0,
        currentTxnFirstOffset: -1,
        lastTimestamp: 1795561147118,
      },
    ])
  })

  it.each(['00000000000000002048.snapshot', '00000000000000003204.snapshot'])(
    'are byte for byte as Kafka wrote them: %s',
    (name) => {
      const bytes = kafkaFile(name)
      expect(encodeProducerSnapshot(decodeProducerSnapshot(bytes, '/s')).equals(bytes)).toBe(true)
    },
  )

  it('PR-20, PR-25: give back what was put in, each of the last five batches of a producer', () => {
    const int = (min: number, max: number) => fc.integer({ min, max })
    const batches = fc
      .array(
        fc.record({
          lastOffset: fc.maxSafeNat(),
          offsetDelta: int(0, 2 ** 31 - 1),
          lastSequence: int(0, 2 ** 31 - 1),
          timestamp: fc.maxSafeNat(),
        }),
        { minLength: 1, maxLength: 5 },
      )
      .map((batches) =>
        batches.map(({ lastSequence, offsetDelta, ...batch }) => {
          const first = lastSequence - offsetDelta
          return { ...batch, firstSequence: first < 0 ? first + 2 ** 31 : first, lastSequence, offsetDelta }
        }),
      )
    const entries = fc.uniqueArray(
      fc
        .record({
          producerId: fc.maxSafeNat(),
          producerEpoch: int(0, 32767),
          coordinatorEpoch: int(-1, 2 ** 31 - 1),
          currentTxnFirstOffset: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
          batches,
        })
        .map((entry): ProducerEntry => ({ ...entry, lastTimestamp: entry.batches.at(-1)!.timestamp })),
      { selector: ({ producerId }) => producerId },
    )
    fc.assert(
      fc.property(entries, (entries) => {
        expect(decodeProducerSnapshot(encodeProducerSnapshot(entries), '/s')).toEqual(entries)
      }),
    )
  })

  it('end with the newest batch of each producer, which is what Kafka takes', () => {
    const batchAt = (lastOffset: number) => ({
      firstSequence: 0,
      lastSequence: 0,
      lastOffset,
      offsetDelta: 0,
      timestamp: lastOffset,
    })
    const entry = { producerId: 7, producerEpoch: 2, coordinatorEpoch: 3, currentTxnFirstOffset: 11, lastTimestamp: 12 }
    const bytes = encodeProducerSnapshot([{ ...entry, batches: [batchAt(10), batchAt(12)] }])
    const newestAlone = encodeProducerSnapshot([{ ...entry, batches: [batchAt(12)] }])
    expect(bytes.subarray(-46).equals(newestAlone.subarray(-46))).toBe(true)
    // An older batch tells of no transaction, which Kafka would take for one of its own.
    expect(bytes.readBigInt64BE(10 + 38)).toBe(-1n)
  })

  it('of an older epoch of a producer add nothing to the newer one', () => {
    const of = (producerEpoch: number): ProducerEntry => ({
      producerId: 7,
      producerEpoch,
      batches: [{ firstSequence: 0, lastSequence: 0, lastOffset: 5, offsetDelta: 0, timestamp: 1 }],
      coordinatorEpoch: -1,
      currentTxnFirstOffset: -1,
      lastTimestamp: 1,
    })
    expect(decodeProducerSnapshot(encodeProducerSnapshot([of(1), of(2)]), '/s')).toEqual([of(2)])
  })

  it('are refused when any byte is wrong, missing, or too many', () => {
    const corrupt = expect.objectContaining({ code: 'CORRUPT', path: '/s' })
    for (let at = 0; at < kafkas.length; at++) {
      const flipped = Buffer.from(kafkas)
      flipped[at]! ^= 0x10
      expect(() => decodeProducerSnapshot(flipped, '/s')).toThrow(corrupt)
      expect(() => decodeProducerSnapshot(kafkas.subarray(0, at), '/s')).toThrow(corrupt)
    }
    expect(() => decodeProducerSnapshot(Buffer.concat([kafkas, Buffer.alloc(1)]), '/s')).toThrow(corrupt)
  })

  it('are refused when the count does not fit, though the checksum does', () => {
    const lying = encodeProducerSnapshot([])
    lying.writeInt32BE(2 ** 31 - 1, 6)
    // The checksum of a count of 2^31 - 1 and nothing after it.
    lying.writeUInt32BE(crc32c(lying, 6), 2)
    expect(() => decodeProducerSnapshot(lying, '/s')).toThrow(/2147483647 entries do not make 10 bytes/)
  })

  it('are read from their file', () => {
    const fileSystem = new MemoryFileSystem()
    expect(() => readProducerSnapshot(fileSystem, '/s')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    writeFully(fileSystem.open('/s', 'create'), [kafkas], 0)
    expect(readProducerSnapshot(fileSystem, '/s')).toHaveLength(2)
  })
})
