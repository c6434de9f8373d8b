import * as batch from '../../protocol/records/batch.ts'
import { withRecords } from '../../protocol/records/batch-builder.ts'
import { compress } from '../../protocol/records/compression.ts'
import { writeInt64 } from '../../protocol/records/int64.ts'
import type { RecordCursor } from '../../protocol/records/record.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from '../../protocol/records/varint.ts'

/**
 * The records of one batch that stay, by their positions; used again for the next batch. Numbers in flat arrays, because
 * there may be a million records to a batch.
 */
export class KeptRecords {
  count = 0
  /** Where the record begins, where what does not hang on the batch begins, where it ends. */
  readonly starts: number[] = []
  readonly rests: number[] = []
  readonly ends: number[] = []
  readonly offsetDeltas: number[] = []
  readonly timestamps: number[] = []
  maxTimestamp = -1
  /** False if a time was met that no clock shows any more (or yet), which a number does not hold exactly. */
  areExact = true

  clear(): void {
    this.count = 0
    this.maxTimestamp = -1
    this.areExact = true
  }

  add(cursor: RecordCursor): void {
    const at = this.count++
    this.starts[at] = cursor.recordAt
    this.rests[at] = cursor.restAt
    this.ends[at] = cursor.recordEnd
    this.offsetDeltas[at] = cursor.offsetDelta
    this.timestamps[at] = cursor.timestamp
    if (cursor.timestamp > this.maxTimestamp) this.maxTimestamp = cursor.timestamp
    if (isBeyondNumbers(cursor.timestamp)) this.areExact = false
  }
}

/**
 * The batch with the records that stay, in its own codec. Base offset, last offset, producer, sequence, leader epoch and
 * flags are those of the original, as in Kafka: the last sequence of a batch must survive the records that go. The base
 * timestamp is the delete horizon if there is one, else the first record's; records count from it anew.
 * @param whole the original batch
 * @param data what positions in `kept` count in
 * @param horizonMs undefined: none of it has to go by time
 */
export function rebuildBatch(whole: Buffer, data: Buffer, kept: KeptRecords, horizonMs: number | undefined): Buffer {
  const header = Buffer.from(whole.subarray(0, batch.BATCH_HEADER_BYTES))
  const isAppendTime = batch.timestampType(whole) === 'LogAppendTime'
  const originalBase = batch.baseTimestamp(whole)
  // Records with impossible times are copied as they are; that their tombstones never go is the price.
  const isExact = kept.areExact && !isBeyondNumbers(originalBase)
  const base = isExact ? (horizonMs ?? kept.timestamps[0]!) : originalBase
  const asItIs = !isExact || (base === originalBase && !isAppendTime)
  const records = asItIs ? copyRecords(data, kept) : moveRecords(data, kept, base)
  if (isExact) {
    writeInt64(header, base, batch.BASE_TIMESTAMP_AT)
    if (!isAppendTime) batch.setMaxTimestamp(header, 0, kept.maxTimestamp)
    const others = batch.attributes(header) & ~batch.DELETE_HORIZON_BIT
    batch.setAttributes(header, 0, others | (horizonMs === undefined ? 0 : batch.DELETE_HORIZON_BIT))
  }
  header.writeInt32BE(kept.count, RECORD_COUNT_AT)
  const codec = batch.compression(whole) ?? 'none'
  return withRecords(header, codec === 'none' ? records : compress(codec, records))
}

/** The header of a batch whose records are gone: it still tells its offsets, its producer, and its newest timestamp. */
export function emptyBatch(buffer: Buffer, at: number): Buffer {
  const header = Buffer.from(buffer.subarray(at, at + batch.BATCH_HEADER_BYTES))
  const dropped = batch.COMPRESSION_MASK | batch.DELETE_HORIZON_BIT
  batch.setAttributes(header, 0, batch.attributes(header) & ~dropped)
  writeInt64(header, -1, batch.BASE_TIMESTAMP_AT)
  header.writeInt32BE(0, RECORD_COUNT_AT)
  return withRecords(header, NOTHING)
}

/** Records that count from the same base keep their bytes; neighbours are copied in one go. */
function copyRecords(data: Buffer, { count, starts, ends }: KeptRecords): Buffer {
  let size = 0
  for (let i = 0; i < count; i++) size += ends[i]! - starts[i]!
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (let i = 0; i < count; ) {
    const from = starts[i]!
    let to = ends[i++]!
    while (i < count && starts[i] === to) to = ends[i++]!
    at += data.copy(out, at, from, to)
  }
  return out
}

/** Records that count from another base: their first three fields are written anew. */
function moveRecords(data: Buffer, kept: KeptRecords, base: number): Buffer {
  const { count, rests, ends, offsetDeltas, timestamps } = kept
  let size = 0
  for (let i = 0; i < count; i++) {
    const body = bodySize(kept, i, base)
    size += varintSize(body) + body
  }
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (let i = 0; i < count; i++) {
    at = writeVarint(out, bodySize(kept, i, base), at)
    out[at++] = 0
    at = writeVarlong(out, timestamps[i]! - base, at)
    at = writeVarint(out, offsetDeltas[i]!, at)
    at += data.copy(out, at, rests[i]!, ends[i]!)
  }
  return out
}

function bodySize({ rests, ends, offsetDeltas, timestamps }: KeptRecords, i: number, base: number): number {
  return 1 + varlongSize(timestamps[i]! - base) + varintSize(offsetDeltas[i]!) + ends[i]! - rests[i]!
}

function isBeyondNumbers(timestamp: number): boolean {
  return timestamp >= Number.MAX_SAFE_INTEGER || timestamp <= -Number.MAX_SAFE_INTEGER
}

const RECORD_COUNT_AT = 57
const NOTHING = Buffer.alloc(0)
