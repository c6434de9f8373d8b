/**
 * The records inside a batch. Not on the way of a plain produce or fetch: see compression.ts for who comes here.
 *
 * ```
 * length        varint   bytes of the record after this
 * attributes    int8     none defined
 * timestamp     varlong  minus the batch's base timestamp
 * offset        varint   minus the batch's base offset
 * key           varint length, or -1 for null; bytes
 * value         varint length, or -1 for null; bytes
 * headers       varint count; (varint length, key; varint length or -1, value)*
 * ```
 */
import * as batch from './batch.ts'
import { DEFAULT_MAX_DECOMPRESSED_BYTES, decompress } from './compression.ts'
import { readInt64 } from './int64.ts'
import { readLegacyMessages } from './legacy.ts'
import { invalid, RecordsError } from './records-error.ts'

/** A header of a record. Keys may repeat and may be empty. */
export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** One record as a consumer sees it. Buffers are views on the batch, or on what it was decompressed to. */
export interface BatchRecord {
  readonly offset: number
  /** Milliseconds since the epoch, -1 for none; the time of the append if the batch says LogAppendTime. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/**
 * The records of the batch at `at`, in order, control records too; none for a batch that compaction emptied. A message
 * of magic 0 or 1, as in logs from before Kafka 0.11, is read as well: it is one record, or all that it wraps.
 * Does not look at the CRC: that is `isIntact` of validate.ts.
 * @param maxBytes bound of the decompressed records, see `maxDecompressedBytes`
 * @throws {RecordsError} at the record that is wrong, after those before it were given
 */
export function* readRecords(
  buffer: Buffer,
  at = 0,
  maxBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Generator<BatchRecord, void, undefined> {
  const size = batch.wholeBatchSize(buffer, at, buffer.length)
  if (size > 0 && batch.magic(buffer, at) < 2) {
    for (const message of readLegacyMessages(buffer, at, at + size, maxBytes)) yield { ...message, headers: [] }
    return
  }
  const cursor = openRecords(buffer, at, maxBytes)
  while (cursor.next()) {
    yield {
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    }
  }
}

/**
 * A cursor before the first record of the batch at `at`.
 * @throws {RecordsError} the batch is not whole, is not of magic 2, or does not decompress
 */
export function openRecords(buffer: Buffer, at = 0, maxBytes = DEFAULT_MAX_DECOMPRESSED_BYTES): RecordCursor {
  const size = batch.wholeBatchSize(buffer, at, buffer.length)
  if (size < 0 || batch.magic(buffer, at) !== 2)
    throw new RecordsError('CORRUPT_MESSAGE', 'not a whole batch of magic 2')
  const codec = batch.compression(buffer, at)
  if (codec === undefined) {
    throw new RecordsError('UNSUPPORTED_COMPRESSION_TYPE', 'the batch uses a compression that does not exist')
  }
  const recordsAt = at + batch.BATCH_HEADER_BYTES
  const end = at + size
  if (codec === 'none') return new RecordCursor(buffer, at, buffer, recordsAt, end)
  // Compaction may leave no records at all, and nothing to decompress.
  if (recordsAt === end) return new RecordCursor(buffer, at, buffer, recordsAt, end)
  const data = decompress(codec, buffer.subarray(recordsAt, end), maxBytes)
  return new RecordCursor(buffer, at, data, 0, data.length)
}

/** An int32 leaves four bits for the fifth byte of a varint. Kafka lets higher ones fall off; here they are an error. */
const FIFTH_BYTE_MAX = 0x0f
const MIN_HEADER_BYTES = 2

/**
 * Steps through records without allocating: what it stands on is in its fields. Every length is checked against the
 * record, and every record against the batch, before it is used.
 */
export class RecordCursor {
  /** Offset minus the batch's base offset. */
  offsetDelta = 0
  /** Milliseconds, -1 for none; see BatchRecord. */
  timestamp = 0
  /** Bytes of the key, -1 for null. */
  keyLength = 0
  /** Bytes of the value, -1 for null. */
  valueLength = 0
  headerCount = 0

  readonly #batch: Buffer
  readonly #batchAt: number
  readonly #data: Buffer
  readonly #end: number
  readonly #count: number
  readonly #baseOffset: number
  readonly #baseTimestamp: number
  readonly #appendTime: number | undefined
  #index = 0
  #at: number
  #recordAt = 0
  #recordEnd = 0
  #restAt = 0
  #keyAt = 0
  #valueAt = 0
  #headersAt = 0

  /** For `openRecords`: the records of the batch at `batchAt` are in [start, end) of `data`. */
  constructor(buffer: Buffer, batchAt: number, data: Buffer, start: number, end: number) {
    this.#batch = buffer
    this.#batchAt = batchAt
    this.#data = data
    this.#at = start
    this.#end = end
    this.#count = batch.recordCount(buffer, batchAt)
    this.#baseOffset = batch.baseOffset(buffer, batchAt)
    this.#baseTimestamp = batch.baseTimestamp(buffer, batchAt)
    this.#appendTime =
      batch.timestampType(buffer, batchAt) === 'LogAppendTime' ? batch.maxTimestamp(buffer, batchAt) : undefined
    if (this.#count < 0) throw invalid(`the batch claims ${this.#count} records`)
  }

  /** Offset of the record that the cursor stands on. */
  get offset(): number {
    return this.#baseOffset + this.offsetDelta
  }

  /** What the positions below count in: the batch, or what it was decompressed to. For those who copy records as bytes. */
  get data(): Buffer {
    return this.#data
  }

  /** Where the record begins, its length included. */
  get recordAt(): number {
    return this.#recordAt
  }

  /** Where what does not hang on the batch begins: key, value and headers, with their lengths. */
  get restAt(): number {
    return this.#restAt
  }

  /** Where the bytes of the key begin; there are `keyLength` of them. */
  get keyAt(): number {
    return this.#keyAt
  }

  /** Where the record ends. */
  get recordEnd(): number {
    return this.#recordEnd
  }

  /**
   * Steps to the next record.
   * @returns false after the last one
   * @throws {RecordsError} the record is broken, or the batch holds more or fewer than it claims
   */
  next(): boolean {
    if (this.#index === this.#count) {
      if (this.#at !== this.#end)
        throw invalid(`there are bytes after the ${this.#count} records that the batch claims`)
      return false
    }
    if (this.#at >= this.#end) throw invalid(`the batch claims ${this.#count} records and holds ${this.#index}`)
    this.#recordAt = this.#at
    this.#recordEnd = this.#end
    const length = this.#varint()
    if (length < 0 || length > this.#end - this.#at) throw invalid(`record ${this.#index} claims ${length} bytes`)
    this.#recordEnd = this.#at + length
    this.#skip(1)
    this.#readTimestamp()
    this.offsetDelta = this.#varint()
    if (this.offsetDelta < 0) throw invalid(`record ${this.#index} has the offset delta ${this.offsetDelta}`)
    this.#restAt = this.#at
    this.keyLength = this.#nullableLength('key')
    this.#keyAt = this.#at
    this.#skip(this.keyLength)
    this.valueLength = this.#nullableLength('value')
    this.#valueAt = this.#at
    this.#skip(this.valueLength)
    this.headerCount = this.#varint()
    this.#headersAt = this.#at
    this.#skipHeaders()
    if (this.#at !== this.#recordEnd) throw invalid(`record ${this.#index} is shorter than it claims`)
    this.#index++
    return true
  }

  key(): Buffer | null {
    return this.keyLength < 0 ? null : this.#data.subarray(this.#keyAt, this.#keyAt + this.keyLength)
  }

  value(): Buffer | null {
    return this.valueLength < 0 ? null : this.#data.subarray(this.#valueAt, this.#valueAt + this.valueLength)
  }

  /** Parsed anew at each call. */
  headers(): RecordHeader[] {
    const found: RecordHeader[] = []
    const after = this.#at
    this.#at = this.#headersAt
    for (let left = this.headerCount; left > 0; left--) {
      const keyLength = this.#varint()
      const key = this.#data.toString('utf8', this.#at, this.#at + keyLength)
      this.#at += keyLength
      const valueLength = this.#varint()
      const value = valueLength < 0 ? null : this.#data.subarray(this.#at, this.#at + valueLength)
      if (valueLength > 0) this.#at += valueLength
      found.push({ key, value })
    }
    this.#at = after
    return found
  }

  #skipHeaders(): void {
    if (this.headerCount < 0 || this.headerCount > (this.#recordEnd - this.#at) / MIN_HEADER_BYTES) {
      throw invalid(`record ${this.#index} claims ${this.headerCount} headers`)
    }
    for (let left = this.headerCount; left > 0; left--) {
      const keyLength = this.#varint()
      if (keyLength < 0) throw invalid(`record ${this.#index} has a header without a key`)
      this.#skip(keyLength)
      this.#skip(this.#nullableLength('header'))
    }
  }

  #nullableLength(what: string): number {
    const length = this.#varint()
    if (length < -1) throw invalid(`record ${this.#index} has a ${what} of ${length} bytes`)
    return length
  }

  /** @param length -1 for null counts as nothing */
  #skip(length: number): void {
    if (length > this.#recordEnd - this.#at) throw invalid(`record ${this.#index} ends within one of its parts`)
    if (length > 0) this.#at += length
  }

  /** An int32 of at most five bytes that end before the record does. */
  #varint(): number {
    const first = this.#data[this.#at]!
    if (first < 0x80 && this.#at < this.#recordEnd) {
      this.#at++
      return (first >>> 1) ^ -(first & 1)
    }
    let raw = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      if (this.#at >= this.#recordEnd) throw invalid(`record ${this.#index} ends within a number`)
      const byte = this.#data[this.#at++]!
      if (shift === 28 && byte > FIFTH_BYTE_MAX) break
      raw = (raw | ((byte & 0x7f) << shift)) >>> 0
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    throw invalid(`record ${this.#index} has a number of more than 32 bits`)
  }

  #readTimestamp(): void {
    const start = this.#at
    let raw = 0
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      if (this.#at >= this.#recordEnd) throw invalid(`record ${this.#index} ends within a number`)
      const byte = this.#data[this.#at++]!
      raw += (byte & 0x7f) * scale
      if (byte < 0x80) {
        const delta = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
        const sum = this.#baseTimestamp + delta
        const timestamp = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(sum, Number.MAX_SAFE_INTEGER))
        this.timestamp = this.#appendTime ?? timestamp
        return
      }
    }
    this.#at = start
    this.#readLongTimestamp()
  }

  /** More than seven bytes of delta: centuries, but legal. In bigint, so that it is exact and an overflow shows. */
  #readLongTimestamp(): void {
    let raw = 0n
    for (let shift = 0n; shift <= 63n; shift += 7n) {
      if (this.#at >= this.#recordEnd) throw invalid(`record ${this.#index} ends within a number`)
      const byte = this.#data[this.#at++]!
      if (shift === 63n && byte > 1) break
      raw |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const delta = (raw >> 1n) ^ -(raw & 1n)
        const sum = this.#batch.readBigInt64BE(this.#batchAt + batch.BASE_TIMESTAMP_AT) + delta
        if (sum !== BigInt.asIntN(64, sum)) throw invalid(`the timestamp of record ${this.#index} overflows`)
        this.timestamp = this.#appendTime ?? saturate(sum)
        return
      }
    }
    throw invalid(`record ${this.#index} has a number of more than 64 bits`)
  }
}

function saturate(value: bigint): number {
  const int64 = Buffer.allocUnsafe(8)
  int64.writeBigInt64BE(value)
  return readInt64(int64, 0)
}
