/**
 * The LZ4 frame format, in the part of it that Kafka allows: version 1, independent blocks, no dictionary.
 *
 * ```
 * 04 22 4d 18   magic, little-endian like all that follows
 * flags         bits 7-6 version (01), 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum
 * block size    bits 6-4: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
 * (content size 8)  header checksum 1: second byte of xxHash32 over flags to content size
 * (length 4: top bit = stored as it is; bytes; (checksum 4))*
 * 00 00 00 00   end mark, (content checksum 4)
 * ```
 * Read by our own decoder, which is bounded by its output; `lz4-napi` and `lz4js` are only asked to compress.
 */
import { createRequire } from 'node:module'
import { invalid, tooLarge } from './records-error.ts'
import { xxHash32 } from './xx-hash.ts'

const MAGIC = 0x184d_2204
const VERSION_MASK = 0xc0
const VERSION = 0x40
const INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const CONTENT_CHECKSUM = 0x04
const RESERVED_FLAGS = 0x03
const RESERVED_BLOCK_SIZE = 0x8f
const STORED = 0x8000_0000
const TWO_32 = 0x1_0000_0000
/** One byte of a match length yields at most 255 bytes. */
const MAX_RATIO = 255

/**
 * @param options.anyHeaderChecksum for magic 0, where Kafka's first implementation summed the magic number, too
 * @throws {RecordsError} see compression.ts
 */
export function readLz4Frame(data: Buffer, maxBytes: number, options?: { anyHeaderChecksum: boolean }): Buffer {
  const header = readHeader(data, options?.anyHeaderChecksum ?? false)
  const capacity = outputBound(data, header, maxBytes)
  const out = Buffer.allocUnsafe(capacity)
  let filled = 0
  let at = header.size
  for (;;) {
    const word = data.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const length = word % STORED
    if (word >= STORED) {
      if (length > capacity - filled) throw overflow(header, maxBytes)
      data.copy(out, filled, at, at + length)
      filled += length
    } else {
      const limit = Math.min(capacity, filled + header.blockBytes)
      filled = readBlock(data, at, at + length, out, filled, limit)
      if (filled < 0) throw limit === maxBytes ? tooLarge(maxBytes) : invalid('an lz4 block is damaged')
    }
    if (header.blockChecksums && xxHash32(data, at, at + length) !== data.readUInt32LE(at + length)) {
      throw invalid('the checksum of an lz4 block is wrong')
    }
    at += length + (header.blockChecksums ? 4 : 0)
  }
  if (header.contentBytes >= 0 && header.contentBytes !== filled) {
    throw invalid(`an lz4 frame holds ${filled} bytes and claims ${header.contentBytes}`)
  }
  if (header.contentChecksum && xxHash32(out, 0, filled) !== data.readUInt32LE(at)) {
    throw invalid('the checksum of the lz4 frame is wrong')
  }
  return filled === capacity ? out : Buffer.from(out.subarray(0, filled))
}

/** With independent blocks and without checksums of the content, as Kafka's own writer does it. */
export function writeLz4Frame(data: Buffer): Buffer {
  compressFrame ??= loadCodec()
  return compressFrame(data)
}

interface FrameHeader {
  readonly size: number
  readonly blockBytes: number
  readonly blockChecksums: boolean
  readonly contentChecksum: boolean
  /** As declared, or -1. */
  readonly contentBytes: number
}

function readHeader(data: Buffer, anyChecksum: boolean): FrameHeader {
  if (data.length < 7 || data.readUInt32LE(0) !== MAGIC) throw invalid('not an lz4 frame')
  const flags = data[4]!
  const blockSize = data[5]!
  if ((flags & VERSION_MASK) !== VERSION || (flags & RESERVED_FLAGS) !== 0) throw invalid('unknown kind of lz4 frame')
  if ((flags & INDEPENDENT) === 0) throw invalid('lz4 blocks that depend on one another are not supported')
  const sizeId = blockSize >>> 4
  if ((blockSize & RESERVED_BLOCK_SIZE) !== 0 || sizeId < 4) throw invalid('unknown lz4 block size')
  const hasSize = (flags & CONTENT_SIZE) !== 0
  const size = hasSize ? 15 : 7
  if (data.length < size) throw invalid('the lz4 frame ends within its header')
  const checksum = (xxHash32(data, 4, size - 1) >>> 8) & 0xff
  if (!anyChecksum && checksum !== data[size - 1]) throw invalid('the checksum of the lz4 header is wrong')
  return {
    size,
    blockBytes: 1 << (8 + 2 * sizeId),
    blockChecksums: (flags & BLOCK_CHECKSUM) !== 0,
    contentChecksum: (flags & CONTENT_CHECKSUM) !== 0,
    contentBytes: hasSize ? data.readUInt32LE(6) + data.readUInt32LE(10) * TWO_32 : -1,
  }
}

/**
 * Walks the blocks up to the end mark, so that all lengths are known to be inside the data.
 * @returns bytes to make room for: what the blocks can yield at most, but not above `maxBytes`
 */
function outputBound(data: Buffer, header: FrameHeader, maxBytes: number): number {
  let bound = 0
  let at = header.size
  for (;;) {
    if (data.length - at < 4) throw invalid('the lz4 frame has no end mark')
    const word = data.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const length = word % STORED
    if (length > header.blockBytes) throw invalid(`an lz4 block claims ${length} bytes`)
    bound += word >= STORED ? length : Math.min(header.blockBytes, length * MAX_RATIO)
    at += length + (header.blockChecksums ? 4 : 0)
  }
  if (header.contentChecksum && data.length - at < 4) throw invalid('the lz4 frame ends before its checksum')
  if (header.contentBytes > bound) throw invalid(`an lz4 frame claims ${header.contentBytes} bytes`)
  if (header.contentBytes > maxBytes) throw tooLarge(maxBytes)
  return Math.min(header.contentBytes >= 0 ? header.contentBytes : bound, maxBytes)
}

function overflow(header: FrameHeader, maxBytes: number): Error {
  return header.contentBytes >= 0 ? invalid('an lz4 frame holds more than it claims') : tooLarge(maxBytes)
}

/**
 * One block: a token (literals, match length), literals, a two-byte distance, again and again; literals end it.
 * @returns the position after the output, or -1 when the block is damaged or would pass `limit`
 */
function readBlock(data: Buffer, start: number, end: number, out: Buffer, outStart: number, limit: number): number {
  let at = start
  let filled = outStart
  while (at < end) {
    const token = data[at++]!
    let literals = token >>> 4
    if (literals === 15) {
      for (let byte = 255; byte === 255; literals += byte) {
        if (at >= end) return -1
        byte = data[at++]!
      }
    }
    if (literals > end - at || literals > limit - filled) return -1
    if (literals < 16) for (let i = 0; i < literals; i++) out[filled + i] = data[at + i]!
    else data.copy(out, filled, at, at + literals)
    at += literals
    filled += literals
    if (at === end) return filled
    if (end - at < 2) return -1
    const distance = data[at]! | (data[at + 1]! << 8)
    at += 2
    let length = (token & 15) + 4
    if (length === 19) {
      for (let byte = 255; byte === 255; length += byte) {
        if (at >= end) return -1
        byte = data[at++]!
      }
    }
    if (distance === 0 || distance > filled - outStart || length > limit - filled) return -1
    for (let from = filled - distance, stop = filled + length; filled < stop; ) out[filled++] = out[from++]!
  }
  return -1
}

type CompressFrame = (data: Buffer) => Buffer
let compressFrame: CompressFrame | undefined

/** The addon, or JavaScript where it is missing: it is an optional dependency. */
function loadCodec(): CompressFrame {
  const require = createRequire(import.meta.url)
  try {
    const addon = require('lz4-napi') as { compressFrameSync(data: Buffer): Buffer }
    return (data) => addon.compressFrameSync(data)
  } catch {
    return frameInJavaScript(require('lz4js') as BlockCodec)
  }
}

/** What we use of lz4js: its frames lack the flag for independent blocks, so Java clients refuse them. */
interface BlockCodec {
  /** @returns bytes written, more than fit into `out` when it did not fit, or 0 */
  compressBlock(data: Buffer, out: Buffer, start: number, length: number, hashTable: Uint32Array): number
}

const JS_BLOCK_BYTES = 64 * 1024

/** Exported for the test that reads these frames with another decoder. */
export function frameInJavaScript(codec: BlockCodec): CompressFrame {
  return (data) => {
    const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, VERSION | INDEPENDENT, 4 << 4, 0])
    header[6] = (xxHash32(header, 4, 6) >>> 8) & 0xff
    const parts: Buffer[] = [header]
    for (let at = 0; at < data.length; at += JS_BLOCK_BYTES) {
      const block = data.subarray(at, Math.min(at + JS_BLOCK_BYTES, data.length))
      const out = Buffer.allocUnsafe(4 + block.length)
      const size = codec.compressBlock(block, out.subarray(4), 0, block.length, new Uint32Array(65_536))
      const fits = size > 0 && size < block.length
      out.writeUInt32LE(fits ? size : STORED + block.length)
      if (!fits) block.copy(out, 4)
      parts.push(fits ? out.subarray(0, 4 + size) : out)
    }
    parts.push(Buffer.alloc(4))
    return Buffer.concat(parts)
  }
}
