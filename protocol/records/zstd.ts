/**
 * Zstandard. Node has it from 22.15 on; before that it is the reference implementation as WebAssembly.
 *
 * Frames are first walked by their own headers (RFC 8878), which costs nothing and tells what they can yield at most:
 * whatever decodes them then gets one frame, known to be whole, and room for no more than the bound.
 * The pure JavaScript decoder fzstd is not used: it does not check lengths of matches, and a frame of 21 bytes keeps
 * it busy for minutes.
 */
import { assert } from '../assert.ts'
import { invalid, tooLarge } from './records-error.ts'

const MAGIC = 0xfd2f_b528
const SKIPPABLE_MAGIC = 0x184d_2a5
const MAX_BLOCK_BYTES = 128 * 1024
/** What Kafka's own library accepts (ZSTD_WINDOWLOG_LIMIT_DEFAULT, 27). */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024
const TWO_32 = 0x1_0000_0000

/** @throws {RecordsError} see compression.ts */
export function readZstd(data: Buffer, maxBytes: number): Buffer {
  const codec = readyCodec()
  const parts: Buffer[] = []
  let total = 0
  for (let at = 0; at < data.length; ) {
    const frame = walkFrame(data, at)
    if (!frame.skippable) {
      const room = maxBytes - total
      if (frame.contentBytes > room) throw tooLarge(maxBytes)
      const capacity = Math.min(frame.contentBytes >= 0 ? frame.contentBytes : frame.bound, room)
      const part = decodeFrame(codec, data.subarray(at, at + frame.size), capacity, () =>
        capacity < frame.bound && capacity === room ? tooLarge(maxBytes) : undefined,
      )
      total += part.length
      parts.push(part)
    }
    at += frame.size
  }
  if (parts.length === 0) throw invalid('there is no zstd frame')
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

/** One frame. */
export function writeZstd(data: Buffer, level?: number): Buffer {
  return readyCodec().compress(data, level ?? 3)
}

/** See `prepareCodec`. */
export async function prepareZstd(): Promise<void> {
  if (codec !== undefined) return
  codec = codecOfNode() ?? (await codecInWasm())
}

/** See `isCodecReady`. */
export function isZstdReady(): boolean {
  codec ??= codecOfNode()
  return codec !== undefined
}

interface Frame {
  readonly size: number
  readonly skippable: boolean
  /** As declared, or -1. */
  readonly contentBytes: number
  /** What the blocks can yield at most. */
  readonly bound: number
}

function walkFrame(data: Buffer, start: number): Frame {
  const left = data.length - start
  if (left < 8) throw invalid('the zstd data ends within a frame')
  const magic = data.readUInt32LE(start)
  if (magic >>> 4 === SKIPPABLE_MAGIC) {
    const size = 8 + data.readUInt32LE(start + 4)
    if (size > left) throw invalid('the zstd data ends within a frame')
    return { size, skippable: true, contentBytes: 0, bound: 0 }
  }
  if (magic !== MAGIC) throw invalid('not a zstd frame')
  const descriptor = data[start + 4]!
  const singleSegment = (descriptor & 0x20) !== 0
  if ((descriptor & 0x08) !== 0) throw invalid('unknown kind of zstd frame')
  if ((descriptor & 0x03) !== 0) throw invalid('zstd frames with a dictionary are not supported')
  const sizeFlag = descriptor >>> 6
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag
  const headerBytes = 5 + (singleSegment ? 0 : 1) + sizeBytes
  if (headerBytes > left) throw invalid('the zstd data ends within a frame')
  const contentBytes = readContentSize(data, start + headerBytes - sizeBytes, sizeBytes)
  const window = singleSegment ? contentBytes : windowSize(data[start + 5]!)
  if (window > MAX_WINDOW_BYTES) throw invalid(`a zstd frame wants a window of ${window} bytes`)
  const blocks = walkBlocks(data, start + headerBytes, Math.min(window, MAX_BLOCK_BYTES))
  const end = blocks.end + ((descriptor & 0x04) !== 0 ? 4 : 0)
  if (end > data.length) throw invalid('the zstd data ends within a frame')
  if (contentBytes > blocks.bound) throw invalid(`a zstd frame claims to hold ${contentBytes} bytes`)
  return { size: end - start, skippable: false, contentBytes, bound: blocks.bound }
}

function readContentSize(data: Buffer, at: number, bytes: number): number {
  if (bytes === 0) return -1
  if (bytes === 1) return data[at]!
  if (bytes === 2) return data.readUInt16LE(at) + 256
  const low = data.readUInt32LE(at)
  return bytes === 4 ? low : low + data.readUInt32LE(at + 4) * TWO_32
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** Each block: 3 bytes (bit 0 last, bits 1-2 kind, size), then 1 byte to repeat, or `size` bytes. */
function walkBlocks(data: Buffer, start: number, maxBlockBytes: number): { end: number; bound: number } {
  let bound = 0
  for (let at = start; ; ) {
    if (data.length - at < 3) throw invalid('the zstd data ends within a frame')
    const header = data.readUIntLE(at, 3)
    const kind = (header >>> 1) & 3
    const size = header >>> 3
    if (kind === 3 || size > maxBlockBytes) throw invalid('a zstd block is damaged')
    bound += kind === 2 ? maxBlockBytes : size
    at += 3 + (kind === 1 ? 1 : size)
    if (at > data.length) throw invalid('the zstd data ends within a block')
    if ((header & 1) !== 0) return { end: at, bound }
  }
}

interface Codec {
  compress(data: Buffer, level: number): Buffer
  /** One whole frame into at most `capacity` bytes; throws whatever it likes. */
  decompress(frame: Buffer, capacity: number): Uint8Array
}

let codec: Codec | undefined

function readyCodec(): Codec {
  codec ??= codecOfNode()
  assert(codec !== undefined, "prepareCodec('zstd') must have ended before zstd is used")
  return codec
}

function decodeFrame(codec: Codec, frame: Buffer, capacity: number, overflow: () => Error | undefined): Buffer {
  let bytes: Uint8Array
  try {
    bytes = codec.decompress(frame, capacity)
  } catch (error) {
    throw overflow() ?? invalid('the zstd data is damaged', error)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What Node's zlib has from 22.15 on, and the types of Node 20 do not tell. */
interface ZlibWithZstd {
  zstdCompressSync?: (data: Buffer, options: { params: Record<number, number> }) => Buffer
  zstdDecompressSync?: (data: Buffer, options: { maxOutputLength: number }) => Buffer
  constants: { ZSTD_c_compressionLevel?: number }
}

function codecOfNode(): Codec | undefined {
  const { zstdCompressSync, zstdDecompressSync, constants } = process.getBuiltinModule(
    'node:zlib',
  ) as unknown as ZlibWithZstd
  const levelParameter = constants.ZSTD_c_compressionLevel
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined || levelParameter === undefined)
    return undefined
  return {
    compress: (data, level) => zstdCompressSync(data, { params: { [levelParameter]: level } }),
    // zlib wants room for one byte at least.
    decompress: (frame, capacity) => zstdDecompressSync(frame, { maxOutputLength: Math.max(capacity, 1) }),
  }
}

async function codecInWasm(): Promise<Codec> {
  const wasm = await import('@bokuweb/zstd-wasm')
  await wasm.init()
  return {
    compress: (data, level) => {
      const bytes = wasm.compress(data, level)
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    },
    decompress: (frame, capacity) => wasm.decompress(frame, { defaultHeapSize: capacity }),
  }
}
