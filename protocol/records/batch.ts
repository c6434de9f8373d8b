/**
 * Hot path. A record batch (magic 2) as accessors over its bytes: nothing is parsed ahead, nothing is allocated.
 *
 * ```
 *  0 baseOffset            8   | 12 partitionLeaderEpoch 4 | 23 lastOffsetDelta 4 | 43 producerId    8
 *  8 batchLength           4   | 16 magic                1 | 27 baseTimestamp   8 | 51 producerEpoch 2
 *    (bytes after itself)      | 17 crc                  4 | 35 maxTimestamp    8 | 53 baseSequence  4
 *                              | 21 attributes           2 |                      | 57 recordCount   4
 * 61 records, as they are or compressed as one
 *
 * attributes: bits 0-2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
 * ```
 * The CRC (CRC-32C) covers everything from `attributes` on, so that a broker may set base offset and partition leader
 * epoch without touching it (KIP-98).
 *
 * Every function takes the buffer and where the batch begins in it. They trust that the header is there: whoever gets
 * bytes from outside looks at them with validate.ts or walks them with `walkBatches` first.
 */
import { readInt64, writeInt64 } from './int64.ts'

/** Bytes before the first record. */
export const BATCH_HEADER_BYTES = 61
/** Base offset and length: what stands before the part that `batchLength` counts. */
export const LOG_OVERHEAD_BYTES = 12
/** Bytes that must be there to tell which magic it is; the magic stands at the same place in all three formats. */
export const MAGIC_END = 17

/** Smallest message of magic 0 (14 bytes after the overhead), the least that any format can take. */
const SMALLEST_LEGACY_BYTES = LOG_OVERHEAD_BYTES + 14

const LENGTH_AT = 8
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const CRC_AT = 17
/** Where the bytes that the CRC covers begin. */
export const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const RECORD_COUNT_AT = 57

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME_BIT = 0x08
export const TRANSACTIONAL_BIT = 0x10
export const CONTROL_BIT = 0x20
export const DELETE_HORIZON_BIT = 0x40

const MAX_INT32 = 0x7fff_ffff

/** Codecs in the order of their ids 0 to 4. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]
export type TimestampType = 'CreateTime' | 'LogAppendTime'

export function baseOffset(buffer: Buffer, at = 0): number {
  return readInt64(buffer, at)
}

/** Outside the CRC. */
export function setBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, offset, at)
}

/** Bytes of the whole batch as it claims: 12 + batchLength. Not believed before those bytes are there. */
export function batchSize(buffer: Buffer, at = 0): number {
  return LOG_OVERHEAD_BYTES + buffer.readInt32BE(at + LENGTH_AT)
}

export function partitionLeaderEpoch(buffer: Buffer, at = 0): number {
  return buffer.readInt32BE(at + LEADER_EPOCH_AT)
}

/** Outside the CRC. */
export function setPartitionLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + LEADER_EPOCH_AT)
}

/** Signed, as Kafka reads it. */
export function magic(buffer: Buffer, at = 0): number {
  return buffer.readInt8(at + MAGIC_AT)
}

/** The stored checksum, unsigned. */
export function crc(buffer: Buffer, at = 0): number {
  return buffer.readUInt32BE(at + CRC_AT)
}

export function setCrc(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32BE(value, at + CRC_AT)
}

export function attributes(buffer: Buffer, at = 0): number {
  return buffer.readInt16BE(at + ATTRIBUTES_AT)
}

/** Inside the CRC: renew it (rewrite.ts). */
export function setAttributes(buffer: Buffer, at: number, value: number): void {
  buffer.writeInt16BE(value, at + ATTRIBUTES_AT)
}

/** The codec, or undefined for the ids 5, 6 and 7, which nobody has given a meaning. */
export function compression(buffer: Buffer, at = 0): Compression | undefined {
  return compressions[attributes(buffer, at) & COMPRESSION_MASK]
}

export function timestampType(buffer: Buffer, at = 0): TimestampType {
  return (attributes(buffer, at) & LOG_APPEND_TIME_BIT) === 0 ? 'CreateTime' : 'LogAppendTime'
}

export function isTransactional(buffer: Buffer, at = 0): boolean {
  return (attributes(buffer, at) & TRANSACTIONAL_BIT) !== 0
}

/** True for batches that carry markers of transactions or of the quorum: consumers count their offsets, but skip them. */
export function isControl(buffer: Buffer, at = 0): boolean {
  return (attributes(buffer, at) & CONTROL_BIT) !== 0
}

/** True when compaction has put the time at which tombstones may go in the place of the base timestamp (KIP-534). */
export function hasDeleteHorizon(buffer: Buffer, at = 0): boolean {
  return (attributes(buffer, at) & DELETE_HORIZON_BIT) !== 0
}

/** May be more than recordCount - 1: compaction takes records out, and keeps the range. */
export function lastOffsetDelta(buffer: Buffer, at = 0): number {
  return buffer.readInt32BE(at + LAST_OFFSET_DELTA_AT)
}

export function lastOffset(buffer: Buffer, at = 0): number {
  return baseOffset(buffer, at) + lastOffsetDelta(buffer, at)
}

/** The offset at which the batch after this one may begin. */
export function nextOffset(buffer: Buffer, at = 0): number {
  return lastOffset(buffer, at) + 1
}

/** Milliseconds, or -1 for none; the delete horizon if `hasDeleteHorizon`. Timestamps of records count from it. */
export function baseTimestamp(buffer: Buffer, at = 0): number {
  return readInt64(buffer, at + BASE_TIMESTAMP_AT)
}

/** Largest timestamp of the records, or the time of the append with LogAppendTime; -1 for none. */
export function maxTimestamp(buffer: Buffer, at = 0): number {
  return readInt64(buffer, at + MAX_TIMESTAMP_AT)
}

/** Inside the CRC: renew it (rewrite.ts). */
export function setMaxTimestamp(buffer: Buffer, at: number, timestamp: number): void {
  writeInt64(buffer, timestamp, at + MAX_TIMESTAMP_AT)
}

/** -1 for a producer that is neither idempotent nor transactional. */
export function producerId(buffer: Buffer, at = 0): number {
  return readInt64(buffer, at + PRODUCER_ID_AT)
}

export function producerEpoch(buffer: Buffer, at = 0): number {
  return buffer.readInt16BE(at + PRODUCER_EPOCH_AT)
}

/** Sequence of the first record, or -1. */
export function baseSequence(buffer: Buffer, at = 0): number {
  return buffer.readInt32BE(at + BASE_SEQUENCE_AT)
}

/** Sequence of the last record, or -1. Wraps from 2^31-1 to 0. */
export function lastSequence(buffer: Buffer, at = 0): number {
  const first = baseSequence(buffer, at)
  return first < 0 ? -1 : addToSequence(first, lastOffsetDelta(buffer, at))
}

/** `sequence` + `increment`, both 0 to 2^31-1, where 0 follows on 2^31-1. */
export function addToSequence(sequence: number, increment: number): number {
  const sum = sequence + increment
  return sum > MAX_INT32 ? sum - MAX_INT32 - 1 : sum
}

/** Records that are in the batch, as it claims. */
export function recordCount(buffer: Buffer, at = 0): number {
  return buffer.readInt32BE(at + RECORD_COUNT_AT)
}

/**
 * The size of the whole batch (or legacy message) that begins at `at`, or -1 when it is not all there before `end` or
 * its length and magic cannot be those of any format. Says nothing about the CRC.
 */
export function wholeBatchSize(buffer: Buffer, at: number, end: number): number {
  if (end - at < SMALLEST_LEGACY_BYTES) return -1
  const size = batchSize(buffer, at)
  if (size > end - at) return -1
  const format = magic(buffer, at)
  if (format === 2) return size >= BATCH_HEADER_BYTES ? size : -1
  if (format !== 0 && format !== 1) return -1
  return size >= SMALLEST_LEGACY_BYTES ? size : -1
}

/**
 * Visits each whole batch in [start, end) in order. A torn or senseless tail ends the walk.
 * @param visit gets where the batch begins and its size; `false` ends the walk after this batch
 * @returns the position after the last batch that was visited: less than `end` when there is a tail
 */
export function walkBatches(
  buffer: Buffer,
  start: number,
  end: number,
  // biome-ignore lint/suspicious/noConfusingVoidType: visitors that never end the walk need not say so
  visit: (at: number, size: number) => boolean | void,
): number {
  let at = start
  for (;;) {
    const size = wholeBatchSize(buffer, at, end)
    if (size < 0) return at
    const goOn = visit(at, size)
    at += size
    if (goOn === false) return at
  }
}
