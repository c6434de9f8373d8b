/**
 * HOT PATH. Writes one frame into a growing buffer; big byte runs are kept as chunks of their own, never copied, so
 * that a Fetch response goes out as header bytes and record slices under one `writev`.
 * Cost: one allocation for a small message, one view for each chunk.
 */
import { assert } from '../assert.ts'

/** Byte runs from this size on are kept as chunks, not copied. Below it a memcpy costs less than one more iovec. */
export const CHUNK_BYTES = 1_024

const FIRST_BYTES = 512
const TWO_32 = 0x1_0000_0000

export class Writer {
  #buffer: Buffer
  /** Where the bytes begin that are not yet part of a chunk. */
  #start = 0
  #at = 0
  readonly #chunks: Buffer[] = []
  #chunkBytes = 0
  /** How many tagged fields are open: their size is patched in afterwards, so their bytes must lie in one piece. */
  #openTags = 0

  /** @param capacity bytes to begin with; it grows as needed */
  constructor(capacity = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written so far, chunks included. */
  get size(): number {
    return this.#chunkBytes + this.#at - this.#start
  }

  /** The whole message, in order. The writer must not be used any more. */
  finish(): Buffer[] {
    this.#cut()
    return this.#chunks
  }

  /** As `finish`, with the length of all that follows written over the first four bytes. */
  finishFrame(): Buffer[] {
    const { size } = this
    this.#cut()
    this.#chunks[0]!.writeInt32BE(size - 4, 0)
    return this.#chunks
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#buffer[at] = value
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#buffer[at] = value >> 8
    this.#buffer[at + 1] = value
  }

  uint16(value: number): void {
    this.int16(value)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    const buffer = this.#buffer
    buffer[at] = value >> 24
    buffer[at + 1] = value >> 16
    buffer[at + 2] = value >> 8
    buffer[at + 3] = value
  }

  uint32(value: number): void {
    this.int32(value)
  }

  /** @param value a safe integer */
  int64(value: number): void {
    assert(Number.isSafeInteger(value), 'int64 out of the range of a number')
    this.int32(Math.floor(value / TWO_32))
    this.int32(value >>> 0)
  }

  bigint64(value: bigint): void {
    const at = this.#reserve(8)
    this.#buffer.writeBigInt64BE(value, at)
  }

  float64(value: number): void {
    const at = this.#reserve(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  /** @param value unpadded base64url, 22 characters */
  uuid(value: string): void {
    const at = this.#reserve(16)
    const written = value.length === 22 ? this.#buffer.write(value, at, 16, 'base64url') : 0
    assert(written === 16, 'uuid is not 22 characters of base64url')
  }

  uvarint(value: number): void {
    const at = this.#reserve(5)
    this.#at = putUvarint(this.#buffer, at, value)
  }

  string(value: string): void {
    const mark = this.#reserve(2) - this.#start
    const size = this.#text(value)
    assert(size <= 0x7fff, 'string longer than an int16 can say')
    const at = this.#start + mark
    this.#buffer[at] = size >> 8
    this.#buffer[at + 1] = size
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    if (value.length * 3 < 0x7f) {
      const mark = this.#reserve(1) - this.#start
      const size = this.#text(value)
      this.#buffer[this.#start + mark] = size + 1
    } else {
      this.uvarint(Buffer.byteLength(value) + 1)
      this.#text(value)
    }
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0)
    else this.compactString(value)
  }

  bytes(value: Buffer): void {
    this.int32(value.length)
    this.append(value)
  }

  nullableBytes(value: Buffer | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Buffer): void {
    this.uvarint(value.length + 1)
    this.append(value)
  }

  compactNullableBytes(value: Buffer | null): void {
    if (value === null) this.uvarint(0)
    else this.compactBytes(value)
  }

  /** Several runs as one `records` field. */
  chunks(value: readonly Buffer[]): void {
    this.int32(totalLength(value))
    for (const chunk of value) this.append(chunk)
  }

  nullableChunks(value: readonly Buffer[] | null): void {
    if (value === null) this.int32(-1)
    else this.chunks(value)
  }

  compactChunks(value: readonly Buffer[]): void {
    this.uvarint(totalLength(value) + 1)
    for (const chunk of value) this.append(chunk)
  }

  compactNullableChunks(value: readonly Buffer[] | null): void {
    if (value === null) this.uvarint(0)
    else this.compactChunks(value)
  }

  /** Bytes without a length. A big run is kept, not copied: it must not change before the message is sent. */
  append(value: Buffer): void {
    if (value.length >= CHUNK_BYTES && this.#openTags === 0) {
      this.#cut()
      this.#chunks.push(value)
      this.#chunkBytes += value.length
    } else {
      const at = this.#reserve(value.length)
      value.copy(this.#buffer, at)
    }
  }

  /** -1 for null. */
  arrayCount(count: number): void {
    this.int32(count)
  }

  compactArrayCount(count: number): void {
    this.uvarint(count + 1)
  }

  /** Begins a tagged field. @returns the mark to give to `endTag` once its bytes are written */
  beginTag(tag: number): number {
    this.uvarint(tag)
    this.#openTags++
    return this.#reserve(1) - this.#start
  }

  endTag(mark: number): void {
    this.#openTags--
    const sizeAt = this.#start + mark
    const size = this.#at - sizeAt - 1
    if (size > 0x7f) {
      const more = Math.ceil((32 - Math.clz32(size)) / 7) - 1
      this.#reserve(more)
      const at = this.#start + mark
      this.#buffer.copyWithin(at + 1 + more, at + 1, at + 1 + size)
      putUvarint(this.#buffer, at, size)
    } else {
      this.#buffer[sizeAt] = size
    }
  }

  /** Writes UTF-8 without a length. @returns the number of bytes */
  #text(value: string): number {
    const { length } = value
    const at = this.#reserve(length)
    const buffer = this.#buffer
    if (length <= 32) {
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 0x7f) break
        buffer[at + i] = code
      }
      if (i === length) return length
    }
    this.#at = at
    const size = Buffer.byteLength(value)
    const from = this.#reserve(size)
    this.#buffer.write(value, from, size, 'utf8')
    return size
  }

  /** Makes room for `size` bytes. @returns where they begin, valid until the next write */
  #reserve(size: number): number {
    if (this.#at + size > this.#buffer.length) this.#grow(size)
    const at = this.#at
    this.#at = at + size
    return at
  }

  /** Bytes that belong to a chunk stay where they are; the rest moves, so that open tags stay in one piece. */
  #grow(size: number): void {
    const kept = this.#at - this.#start
    const bigger = Buffer.allocUnsafe(Math.max(kept + size, 2 * this.#buffer.length))
    this.#buffer.copy(bigger, 0, this.#start, this.#at)
    this.#buffer = bigger
    this.#start = 0
    this.#at = kept
  }

  #cut(): void {
    if (this.#at === this.#start) return
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#at))
    this.#chunkBytes += this.#at - this.#start
    this.#start = this.#at
  }
}

/** @returns where the next byte goes */
function putUvarint(buffer: Buffer, at: number, value: number): number {
  let rest = value >>> 0
  while (rest > 0x7f) {
    buffer[at++] = rest | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

function totalLength(chunks: readonly Buffer[]): number {
  let size = 0
  for (const chunk of chunks) size += chunk.length
  return size
}
