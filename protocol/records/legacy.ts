/**
 * Messages of magic 0 and 1, from before Kafka 0.11. Brokers of today take none from clients (Produce starts at version
 * 3), but a log that was copied from an old cluster may hold them; so we read them, and write them plain for tests.
 *
 * ```
 * offset 8, size 4 | crc 4 (CRC-32 of the rest), magic 1, attributes 1, (timestamp 8, magic 1 only),
 *                  | key length 4 or -1, key, value length 4 or -1, value
 * ```
 * attributes: bits 0-2 compression, bit 3 timestamp type. A compressed message is a wrapper: its value is a set of plain
 * messages. Their offsets are absolute in magic 0; in magic 1 they count from 0, and the wrapper has the last one's.
 */
import { COMPRESSION_MASK, compressions, LOG_APPEND_TIME_BIT, LOG_OVERHEAD_BYTES, wholeBatchSize } from './batch.ts'
import { DEFAULT_MAX_DECOMPRESSED_BYTES, decompress } from './compression.ts'
import { crc32 } from './crc32c.ts'
import { readInt64, writeInt64 } from './int64.ts'
import { readLz4Frame } from './lz4.ts'
import { invalid, RecordsError } from './records-error.ts'

export interface LegacyMessage {
  readonly magic: 0 | 1
  readonly offset: number
  /** Milliseconds since the epoch; -1 for magic 0. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

const MAGIC_AT = 16
const ATTRIBUTES_AT = 17
const TIMESTAMP_AT = 18
const CRC_FROM = 16
/** Where the key's length stands, by magic. */
const KEY_AT = [18, 26] as const

/**
 * The messages in [start, end), those in wrappers too (one level: a wrapper in a wrapper is refused).
 * @param maxBytes bound of what one wrapper may decompress to
 * @returns a generator that ends before a tail that is torn or of another magic
 * @throws {RecordsError} CORRUPT_MESSAGE for a wrong CRC, INVALID_RECORD for the rest
 */
export function* readLegacyMessages(
  buffer: Buffer,
  start = 0,
  end = buffer.length,
  maxBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Generator<LegacyMessage, void, undefined> {
  let at = start
  for (;;) {
    const size = wholeBatchSize(buffer, at, end)
    if (size < 0 || buffer[MAGIC_AT + at]! > 1) return
    const message = parse(buffer, at, size)
    if (message.compression === 'none') yield message.plain
    else yield* unwrap(message, maxBytes)
    at += size
  }
}

/** One plain message, with its CRC. */
export function writeLegacyMessage(message: LegacyMessage, logAppendTime = false): Buffer {
  const { magic, key, value } = message
  const keyAt = KEY_AT[magic]
  const out = Buffer.alloc(keyAt + 8 + (key?.length ?? 0) + (value?.length ?? 0))
  writeInt64(out, message.offset, 0)
  out.writeInt32BE(out.length - LOG_OVERHEAD_BYTES, 8)
  out[MAGIC_AT] = magic
  out[ATTRIBUTES_AT] = logAppendTime ? LOG_APPEND_TIME_BIT : 0
  if (magic === 1) writeInt64(out, message.timestamp, TIMESTAMP_AT)
  let at = out.writeInt32BE(key?.length ?? -1, keyAt)
  if (key !== null) at += key.copy(out, at)
  at = out.writeInt32BE(value?.length ?? -1, at)
  value?.copy(out, at)
  out.writeUInt32BE(crc32(out, CRC_FROM), 12)
  return out
}

interface Parsed {
  readonly plain: LegacyMessage
  readonly compression: (typeof compressions)[number]
  readonly logAppendTime: boolean
}

function parse(buffer: Buffer, at: number, size: number): Parsed {
  const end = at + size
  if (crc32(buffer, at + CRC_FROM, end) !== buffer.readUInt32BE(at + 12)) {
    throw new RecordsError('CORRUPT_MESSAGE', 'the checksum of a message is wrong')
  }
  const magic = buffer[at + MAGIC_AT] === 0 ? 0 : 1
  const attributes = buffer[at + ATTRIBUTES_AT]!
  const compression = compressions[attributes & COMPRESSION_MASK]
  if (compression === undefined || compression === 'zstd') {
    throw new RecordsError('UNSUPPORTED_COMPRESSION_TYPE', `unknown compression in a message of magic ${magic}`)
  }
  const keyAt = at + KEY_AT[magic]
  const key = bytesAt(buffer, keyAt, end)
  const valueAt = keyAt + 4 + (key?.length ?? 0)
  const value = bytesAt(buffer, valueAt, end)
  if (valueAt + 4 + (value?.length ?? 0) !== end) throw invalid('a message is shorter than it claims')
  const timestamp = magic === 0 ? -1 : readInt64(buffer, at + TIMESTAMP_AT)
  return {
    plain: { magic, offset: readInt64(buffer, at), timestamp, key, value },
    compression,
    logAppendTime: magic === 1 && (attributes & LOG_APPEND_TIME_BIT) !== 0,
  }
}

function bytesAt(buffer: Buffer, at: number, end: number): Buffer | null {
  if (end - at < 4) throw invalid('a message ends within a length')
  const length = buffer.readInt32BE(at)
  if (length === -1) return null
  if (length < 0 || length > end - at - 4) throw invalid(`a message has a part of ${length} bytes`)
  return buffer.subarray(at + 4, at + 4 + length)
}

function unwrap(wrapper: Parsed, maxBytes: number): LegacyMessage[] {
  const { magic, offset, timestamp, value } = wrapper.plain
  if (value === null) throw invalid('a compressed message has no value')
  const data =
    wrapper.compression === 'lz4'
      ? readLz4Frame(value, maxBytes, { anyHeaderChecksum: magic === 0 })
      : decompress(wrapper.compression, value, maxBytes)
  const inner: LegacyMessage[] = []
  for (let at = 0; at < data.length; ) {
    const size = wholeBatchSize(data, at, data.length)
    if (size < 0 || data[MAGIC_AT + at] !== magic)
      throw invalid('a compressed message holds something else than messages')
    const message = parse(data, at, size)
    if (message.compression !== 'none') throw invalid('a compressed message within a compressed message')
    inner.push(message.plain)
    at += size
  }
  const last = inner.at(-1)
  if (last === undefined) throw invalid('a compressed message holds nothing')
  const base = magic === 0 ? 0 : offset - last.offset
  if (base < 0) throw invalid('the offsets within a compressed message are beyond its own')
  return inner.map((message) => ({
    ...message,
    offset: base + message.offset,
    timestamp: wrapper.logAppendTime ? timestamp : message.timestamp,
  }))
}
