/** What a broker may change in a client's batch beyond offset and leader epoch; the CRC is renewed each time. */
import * as batch from './batch.ts'
import { withRecords } from './batch-builder.ts'
import { compress, DEFAULT_MAX_DECOMPRESSED_BYTES, decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { RecordsError } from './records-error.ts'

/**
 * `message.timestamp.type=LogAppendTime`: the batch gets the broker's time, for all of its records at once, since
 * readers take the max timestamp for each when the attribute says so. In place; the deltas of the records stay.
 * @param nowMs wall clock, milliseconds since the epoch
 */
export function setLogAppendTime(buffer: Buffer, at: number, nowMs: number): void {
  batch.setAttributes(buffer, at, batch.attributes(buffer, at) | batch.LOG_APPEND_TIME_BIT)
  batch.setMaxTimestamp(buffer, at, nowMs)
  renewCrc(buffer, at)
}

/**
 * The batch with its records in another codec (`compression.type` of a topic), or the batch itself when it has that
 * codec already. Records keep their bytes: only what is around them changes, and nothing of the header but the codec.
 * @param buffer one whole batch of magic 2, checked
 * @param options.level see `compress`; options.maxBytes see `maxDecompressedBytes`
 * @throws {RecordsError} the records do not decompress, or take more than `maxBytes`
 * @throws {AssertionError} one of the codecs is zstd and `prepareCodec` was not called
 */
export function recompress(
  buffer: Buffer,
  codec: batch.Compression,
  options: { readonly level?: number; readonly maxBytes?: number } = {},
): Buffer {
  const from = batch.compression(buffer)
  if (from === codec) return buffer
  if (from === undefined) {
    throw new RecordsError('UNSUPPORTED_COMPRESSION_TYPE', 'the batch uses a compression that does not exist')
  }
  const stored = buffer.subarray(batch.BATCH_HEADER_BYTES)
  const records =
    stored.length === 0 ? stored : decompress(from, stored, options.maxBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES)
  const rewritten = records.length === 0 ? records : compress(codec, records, options.level)
  const header = Buffer.from(buffer.subarray(0, batch.BATCH_HEADER_BYTES))
  const others = batch.attributes(header) & ~batch.COMPRESSION_MASK
  batch.setAttributes(header, 0, others | batch.compressions.indexOf(codec))
  return withRecords(header, rewritten)
}

/** After a change behind the CRC field of the whole batch at `at`. */
function renewCrc(buffer: Buffer, at: number): void {
  batch.setCrc(buffer, at, crc32c(buffer, at + batch.ATTRIBUTES_AT, at + batch.batchSize(buffer, at)))
}
