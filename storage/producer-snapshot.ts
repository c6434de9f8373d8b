import { crc32c } from '../protocol/records/crc32c.ts'
import { readInt64, writeInt64 } from '../protocol/records/int64.ts'
import { StorageError } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import type { ProducerEntry } from './producer-state.ts'
import { lastSequenceOf, rememberedBatches } from './producer-state.ts'

/**
 * `<offset>.snapshot`: the producers' state from all batches below that offset, in Kafka's format (ProducerSnapshot,
 * version 1). Written at each roll and at a clean stop, by `replaceFile`; replay goes on from the newest good one.
 *
 *      0         2     6       10
 *      +---------+-----+-------+---------------------
 *      | version | crc | count | entries ...            crc: CRC-32C of all that follows it
 *      +---------+-----+-------+---------------------
 *
 *      0            8       10              14            22             26          34                 38                       46
 *      +------------+-------+---------------+-------------+--------------+-----------+------------------+--------------------------+
 *      | producerId | epoch | last sequence | last offset | offset delta | timestamp | coordinatorEpoch | current txn first offset |
 *      +------------+-------+---------------+-------------+--------------+-----------+------------------+--------------------------+
 *
 * Kafka writes one entry for a producer, of its newest batch. We write one for each batch that is remembered, oldest
 * first: with one alone, a producer that had several under way when the broker stopped would send the first of them again
 * and be told that it is out of order (PR-20, PR-25). Kafka takes the last entry of a producer, and so reads ours as its
 * own. A producer known by a marker alone has last sequence and last offset -1.
 */
export function encodeProducerSnapshot(entries: readonly ProducerEntry[]): Buffer {
  const count = entries.reduce((sum, { batches }) => sum + Math.max(1, batches.length), 0)
  const bytes = Buffer.alloc(headerBytes + count * entryBytes)
  bytes.writeInt16BE(1, 0)
  bytes.writeInt32BE(count, 6)
  let at = headerBytes
  for (const entry of entries) {
    for (const older of entry.batches.slice(0, -1)) {
      writeEntry(bytes, at, { ...entry, batches: [older], lastTimestamp: older.timestamp, currentTxnFirstOffset: -1 })
      at += entryBytes
    }
    writeEntry(bytes, at, entry)
    at += entryBytes
  }
  bytes.writeUInt32BE(crc32c(bytes, crcEnd, bytes.length), crcAt)
  return bytes
}

/** @throws {StorageError} CORRUPT: use an older snapshot, or replay from the log's start */
export function decodeProducerSnapshot(bytes: Buffer, path: string): ProducerEntry[] {
  const refuse = (why: string) => new StorageError('CORRUPT', path, `${path}: ${why}`)
  if (bytes.length < headerBytes) throw refuse(`${bytes.length} bytes are too few`)
  if (bytes.readInt16BE(0) !== 1) throw refuse(`version ${bytes.readInt16BE(0)} is not known`)
  if (bytes.readUInt32BE(crcAt) !== crc32c(bytes, crcEnd, bytes.length)) throw refuse('its checksum is wrong')
  const count = bytes.readInt32BE(6)
  if (bytes.length !== headerBytes + count * entryBytes)
    throw refuse(`${count} entries do not make ${bytes.length} bytes`)
  const entries = new Map<number, ProducerEntry>()
  for (let at = headerBytes; at < bytes.length; at += entryBytes) {
    const entry = readEntry(bytes, at)
    entries.set(entry.producerId, withOlderBatches(entry, entries.get(entry.producerId)))
  }
  return [...entries.values()]
}

/** @throws {StorageError} NOT_FOUND, CORRUPT, or the disk failed */
export function readProducerSnapshot(fileSystem: FileSystem, path: string): ProducerEntry[] {
  return decodeProducerSnapshot(fileSystem.readFile(path, maxSnapshotBytes), path)
}

const crcAt = 2
const crcEnd = 6
const headerBytes = 10
const entryBytes = 46
/** A million producers with five batches each, in one partition. */
const maxSnapshotBytes = 256 << 20

/** The last entry of a producer tells what it is; those before it add batches of the same epoch. */
function withOlderBatches(entry: ProducerEntry, before: ProducerEntry | undefined): ProducerEntry {
  if (before === undefined || before.producerEpoch !== entry.producerEpoch) return entry
  return { ...entry, batches: [...before.batches, ...entry.batches].slice(-rememberedBatches) }
}

function writeEntry(bytes: Buffer, at: number, entry: ProducerEntry): void {
  const newest = entry.batches.at(-1)
  writeInt64(bytes, entry.producerId, at)
  bytes.writeInt16BE(entry.producerEpoch, at + 8)
  bytes.writeInt32BE(lastSequenceOf(entry), at + 10)
  writeInt64(bytes, newest?.lastOffset ?? -1, at + 14)
  bytes.writeInt32BE(newest?.offsetDelta ?? 0, at + 22)
  writeInt64(bytes, entry.lastTimestamp, at + 26)
  bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
  writeInt64(bytes, entry.currentTxnFirstOffset, at + 38)
}

function readEntry(bytes: Buffer, at: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10)
  const lastOffset = readInt64(bytes, at + 14)
  const offsetDelta = bytes.readInt32BE(at + 22)
  const timestamp = readInt64(bytes, at + 26)
  const newest = {
    firstSequence: firstSequence(lastSequence, offsetDelta),
    lastSequence,
    lastOffset,
    offsetDelta,
    timestamp,
  }
  return {
    producerId: readInt64(bytes, at),
    producerEpoch: bytes.readInt16BE(at + 8),
    batches: lastOffset >= 0 ? [newest] : [],
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    currentTxnFirstOffset: readInt64(bytes, at + 38),
    lastTimestamp: timestamp,
  }
}

/** Sequences wrap from 2^31 - 1 to 0, so a batch may begin above where it ends. */
function firstSequence(lastSequence: number, offsetDelta: number): number {
  if (lastSequence < 0) return lastSequence
  return lastSequence >= offsetDelta ? lastSequence - offsetDelta : 0x7fffffff - (offsetDelta - lastSequence) + 1
}
