/**
 * The codecs of Kafka over one run of bytes, with a bound on the output: a length that somebody declares is never
 * believed, since 100 KB of gzip can be 100 MB of zeros.
 *
 * All of it is synchronous and on the caller's thread. Nothing of it is on the way of a plain produce or fetch: only
 * compacted topics, `compression.type` other than `producer`, look-ups by timestamp, compaction and consoles take
 * batches apart. Codecs are loaded when first used.
 */
import type { Compression } from './batch.ts'
import { readLz4Frame, writeLz4Frame } from './lz4.ts'
import { invalid, tooLarge } from './records-error.ts'
import { readSnappy, writeSnappy } from './snappy.ts'
import { isZstdReady, prepareZstd, readZstd, writeZstd } from './zstd.ts'

/** The bound when a caller has no better one: that of the default `max.message.bytes`. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024

/**
 * Bytes that a batch of a topic may take when decompressed: sixteen times `max.message.bytes`, and never below 16 MiB,
 * so that text, which shrinks to a tenth, always passes and a bomb (gzip reaches 1 : 1,028) never does.
 */
export function maxDecompressedBytes(maxMessageBytes: number): number {
  return Math.max(16 * maxMessageBytes, DEFAULT_MAX_DECOMPRESSED_BYTES)
}

/**
 * Makes a codec ready for the synchronous calls. Needed once for 'zstd' on Node before 22.15, where it comes as a
 * WebAssembly module that only loads asynchronously; for the others it does nothing.
 */
export async function prepareCodec(codec: Compression): Promise<void> {
  if (codec === 'zstd') await prepareZstd()
}

/** True when the synchronous calls work for this codec at once. */
export function isCodecReady(codec: Compression): boolean {
  return codec !== 'zstd' || isZstdReady()
}

/**
 * @param maxBytes at most so many bytes of output
 * @returns a buffer of its own, or `data` itself for 'none'
 * @throws {RecordsError} MESSAGE_TOO_LARGE beyond `maxBytes`; INVALID_RECORD for data that is damaged or cut short
 * @throws {AssertionError} 'zstd' was not prepared
 */
export function decompress(codec: Compression, data: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case 'none':
      if (data.length > maxBytes) throw tooLarge(maxBytes)
      return data
    case 'gzip':
      return readGzip(data, maxBytes)
    case 'snappy':
      return readSnappy(data, maxBytes)
    case 'lz4':
      return readLz4Frame(data, maxBytes)
    case 'zstd':
      return readZstd(data, maxBytes)
  }
}

/**
 * @param level as `compression.gzip.level` and `compression.zstd.level` mean it, the codec's own default if not given;
 * the others know no levels here
 * @throws {AssertionError} 'zstd' was not prepared
 */
export function compress(codec: Compression, data: Buffer, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return data
    case 'gzip':
      return zlib().gzipSync(data, level === undefined ? {} : { level })
    case 'snappy':
      return writeSnappy(data)
    case 'lz4':
      return writeLz4Frame(data)
    case 'zstd':
      return writeZstd(data, level)
  }
}

/** Members that follow one another are read as one, as RFC 1952 has it. */
function readGzip(data: Buffer, maxBytes: number): Buffer {
  try {
    return zlib().gunzipSync(data, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw invalid('the gzip data is damaged or cut short', error)
  }
}

/** Loaded when first used: it takes longer than all of this folder. */
function zlib(): typeof import('node:zlib') {
  return process.getBuiltinModule('node:zlib')
}
