/**
 * Snappy as Kafka uses it: in the stream format of the snappy-java library ("xerial"), which no other system uses.
 *
 * ```
 * 82 53 4e 41 50 50 59 00   "\x82SNAPPY\0"
 * 00 00 00 01  00 00 00 01  version, oldest version that can read it
 * (length int32, raw snappy of that length)*      each block at most 32 KiB when written by us, as in snappy-java
 * ```
 * A raw snappy block alone, without that header, is read as well, and so is a header between two blocks (streams that
 * were put behind one another): snappy-java reads both.
 */
import { createRequire } from 'node:module'
import { invalid, tooLarge } from './records-error.ts'

const HEADER = Buffer.from('82534e415050590000000001', 'hex')
const HEADER_BYTES = 16
/** The header's first four bytes as a block length: negative, so they cannot be one. */
const HEADER_AS_LENGTH = HEADER.readInt32BE(0)
const BLOCK_BYTES = 32 * 1024
/** The longest copy takes three bytes and yields 64: no block can claim to hold more than that. */
const MAX_RATIO = 64 / 3

/** @throws {RecordsError} see compression.ts */
export function readSnappy(data: Buffer, maxBytes: number): Buffer {
  if (!startsWithHeader(data, 0)) return readBlock(data, maxBytes)
  const blocks: Buffer[] = []
  let total = 0
  let at = 0
  while (at < data.length) {
    if (data.length - at < 4) throw invalid('the snappy data ends within a block length')
    const length = data.readInt32BE(at)
    if (length === HEADER_AS_LENGTH && startsWithHeader(data, at)) {
      at += HEADER_BYTES
      continue
    }
    at += 4
    if (length < 0 || length > data.length - at) throw invalid(`a snappy block claims ${length} bytes`)
    const block = readBlock(data.subarray(at, at + length), maxBytes - total, maxBytes)
    total += block.length
    blocks.push(block)
    at += length
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks, total)
}

/**
 * In the xerial format, in blocks of 32 KiB.
 * @param codec makes one raw block; given by tests only
 */
export function writeSnappy(data: Buffer, codec: Compress = loadCodec()): Buffer {
  const parts: Buffer[] = [HEADER, Buffer.from([0, 0, 0, 1])]
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block = codec(data.subarray(at, Math.min(at + BLOCK_BYTES, data.length)))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

function startsWithHeader(data: Buffer, at: number): boolean {
  return data.length - at >= HEADER_BYTES && data.compare(HEADER, 0, 8, at, at + 8) === 0
}

/**
 * One raw block. Ours, and not that of the npm package snappyjs: there a literal with a four-byte length above 2^31
 * moves the position backwards, and the loop never ends.
 */
function readBlock(data: Buffer, maxBytes: number, bound = maxBytes): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = data[at++]
    if (byte === undefined || shift > 28 || (shift === 28 && byte > 0x0f))
      throw invalid('a snappy block has no valid size')
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > data.length * MAX_RATIO) throw invalid(`a snappy block of ${data.length} bytes claims to hold ${size}`)
  if (size > maxBytes) throw tooLarge(bound)
  const out = Buffer.allocUnsafe(size)
  let filled = 0
  while (at < data.length) {
    const tag = data[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >>> 2
      if (length >= 60) {
        const lengthBytes = length - 59
        if (lengthBytes > data.length - at) throw invalid('a snappy block ends within a literal')
        length = data.readUIntLE(at, lengthBytes)
        at += lengthBytes
      }
      length += 1
      if (length > data.length - at || length > size - filled) throw invalid('a snappy literal is too long')
      data.copy(out, filled, at, at + length)
      at += length
      filled += length
      continue
    }
    const offsetBytes = kind === 1 ? 1 : kind === 2 ? 2 : 4
    if (offsetBytes > data.length - at) throw invalid('a snappy block ends within a copy')
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const offset = kind === 1 ? ((tag & 0xe0) << 3) | data[at]! : data.readUIntLE(at, offsetBytes)
    at += offsetBytes
    if (offset === 0 || offset > filled || length > size - filled) throw invalid('a snappy copy is out of range')
    for (let from = filled - offset, end = filled + length; filled < end; ) out[filled++] = out[from++]!
  }
  if (filled !== size) throw invalid(`a snappy block holds ${filled} bytes and claims ${size}`)
  return out
}

type Compress = (data: Buffer) => Buffer
let compressBlock: Compress | undefined

/** The addon, or JavaScript where it is missing: it is an optional dependency. */
function loadCodec(): Compress {
  if (compressBlock === undefined) {
    const require = createRequire(import.meta.url)
    try {
      const addon = require('snappy') as { compressSync(data: Buffer): Buffer }
      compressBlock = (data) => addon.compressSync(data)
    } catch {
      const fallback = require('snappyjs') as { compress(data: Buffer): Buffer }
      compressBlock = (data) => fallback.compress(data)
    }
  }
  return compressBlock
}
