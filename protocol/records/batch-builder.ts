/** Builds batches: markers, what coordinators write, rewritten batches, what a console or a test sends. */
import { assert } from '../assert.ts'
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  CONTROL_BIT,
  type Compression,
  compressions,
  DELETE_HORIZON_BIT,
  LOG_APPEND_TIME_BIT,
  LOG_OVERHEAD_BYTES,
  setAttributes,
  setBaseOffset,
  setCrc,
  setMaxTimestamp,
  setPartitionLeaderEpoch,
  type TimestampType,
  TRANSACTIONAL_BIT,
} from './batch.ts'
import { compress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { writeInt64 } from './int64.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

export interface RecordToWrite {
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | null }[]
  /** Milliseconds since the epoch; the batch's `baseTimestamp` if not given. */
  readonly timestamp?: number
  /** Offset minus the base offset; the place in the list if not given. Must rise. */
  readonly offsetDelta?: number
}

export interface BatchToWrite {
  readonly records: readonly RecordToWrite[]
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
  /** 'zstd' wants `prepareCodec` first. */
  readonly compression?: Compression
  readonly compressionLevel?: number
  readonly timestampType?: TimestampType
  /** The first record's timestamp if not given, else -1. */
  readonly baseTimestamp?: number
  /** The largest of the records' timestamps if not given; the time of the append with LogAppendTime. */
  readonly maxTimestamp?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly control?: boolean
  /** Set by compaction: `baseTimestamp` is then the time at which tombstones may go (KIP-534). */
  readonly deleteHorizon?: boolean
  /** Where the range ends, when it does not end with the last record (after compaction). */
  readonly lastOffsetDelta?: number
}

/**
 * One batch of magic 2 with its CRC. What is not given is what a plain producer sends: base offset 0, leader epoch -1,
 * no producer id, no compression, CreateTime.
 */
export function buildBatch(batch: BatchToWrite): Buffer {
  const { records } = batch
  const baseTimestamp = batch.baseTimestamp ?? records[0]?.timestamp ?? -1
  let size = 0
  let maxTimestamp = records.length === 0 ? baseTimestamp : -1
  let lastDelta = -1
  for (const [index, record] of records.entries()) {
    const delta = record.offsetDelta ?? index
    assert(delta > lastDelta, 'offsets rise within a batch')
    lastDelta = delta
    const timestamp = record.timestamp ?? baseTimestamp
    maxTimestamp = Math.max(maxTimestamp, timestamp)
    const body = bodySize(record, timestamp - baseTimestamp, delta)
    size += varintSize(body) + body
  }
  lastDelta = batch.lastOffsetDelta ?? Math.max(lastDelta, 0)

  const codec = batch.compression ?? 'none'
  const plain = Buffer.allocUnsafe(BATCH_HEADER_BYTES + size)
  let at = BATCH_HEADER_BYTES
  for (const [index, record] of records.entries()) {
    at = writeRecord(
      plain,
      at,
      record,
      (record.timestamp ?? baseTimestamp) - baseTimestamp,
      record.offsetDelta ?? index,
    )
  }
  assert(at === plain.length, 'a record took the room that was counted for it')

  const attributes =
    compressions.indexOf(codec) |
    (batch.timestampType === 'LogAppendTime' ? LOG_APPEND_TIME_BIT : 0) |
    (batch.transactional === true ? TRANSACTIONAL_BIT : 0) |
    (batch.control === true ? CONTROL_BIT : 0) |
    (batch.deleteHorizon === true ? DELETE_HORIZON_BIT : 0)
  setBaseOffset(plain, 0, batch.baseOffset ?? 0)
  setPartitionLeaderEpoch(plain, 0, batch.partitionLeaderEpoch ?? -1)
  plain[16] = 2
  setAttributes(plain, 0, attributes)
  plain.writeInt32BE(lastDelta, ATTRIBUTES_AT + 2)
  writeInt64(plain, baseTimestamp, BASE_TIMESTAMP_AT)
  setMaxTimestamp(plain, 0, batch.maxTimestamp ?? maxTimestamp)
  writeInt64(plain, batch.producerId ?? -1, 43)
  plain.writeInt16BE(batch.producerEpoch ?? -1, 51)
  plain.writeInt32BE(batch.baseSequence ?? -1, 53)
  plain.writeInt32BE(records.length, 57)
  if (codec === 'none' || size === 0) return sealBatch(plain)
  return withRecords(plain, compress(codec, plain.subarray(BATCH_HEADER_BYTES), batch.compressionLevel))
}

/** A batch with the header of `header` over other bytes of records; its attributes must name their codec already. */
export function withRecords(header: Buffer, records: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(BATCH_HEADER_BYTES + records.length)
  header.copy(whole, 0, 0, BATCH_HEADER_BYTES)
  records.copy(whole, BATCH_HEADER_BYTES)
  return sealBatch(whole)
}

/** Writes length and CRC of a batch that fills the whole buffer. Returns the buffer. */
export function sealBatch(whole: Buffer): Buffer {
  whole.writeInt32BE(whole.length - LOG_OVERHEAD_BYTES, 8)
  setCrc(whole, 0, crc32c(whole, ATTRIBUTES_AT, whole.length))
  return whole
}

/** Bytes of a record after its length. */
function bodySize(record: RecordToWrite, timestampDelta: number, offsetDelta: number): number {
  let size = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta)
  size += nullableSize(record.key) + nullableSize(record.value)
  const headers = record.headers ?? []
  size += varintSize(headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key)
    size += varintSize(keyBytes) + keyBytes + nullableSize(value)
  }
  return size
}

function nullableSize(bytes: Buffer | null | undefined): number {
  return bytes === null || bytes === undefined ? 1 : varintSize(bytes.length) + bytes.length
}

function writeRecord(out: Buffer, start: number, record: RecordToWrite, timestampDelta: number, delta: number): number {
  let at = writeVarint(out, bodySize(record, timestampDelta, delta), start)
  out[at++] = 0
  at = writeVarlong(out, timestampDelta, at)
  at = writeVarint(out, delta, at)
  at = writeNullable(out, at, record.key)
  at = writeNullable(out, at, record.value)
  const headers = record.headers ?? []
  at = writeVarint(out, headers.length, at)
  for (const { key, value } of headers) {
    at = writeNullable(out, at, Buffer.from(key))
    at = writeNullable(out, at, value)
  }
  return at
}

function writeNullable(out: Buffer, at: number, bytes: Buffer | null | undefined): number {
  if (bytes === null || bytes === undefined) return writeVarint(out, -1, at)
  const start = writeVarint(out, bytes.length, at)
  bytes.copy(out, start)
  return start + bytes.length
}
