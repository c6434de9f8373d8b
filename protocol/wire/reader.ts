/**
 * HOT PATH. Reads one frame; every read is bounded by `end`, nothing read past it, no length believed.
 * Cost: no allocation for numbers, one string or view for each string or byte run. Records stay views of the frame.
 */
import { MalformedError } from './malformed.ts'

/** Topic id "none": 16 zero bytes. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

/**
 * Array elements that one message may hold, nested ones included. Kafka bounds each array by a million (NET-15);
 * bounding the sum as well keeps a 100 MiB frame of empty structures from becoming gigabytes of objects.
 */
export const MAX_ELEMENTS = 1_000_000

/** Of any string, as in Kafka: what the int16 of the older versions can say, so that each version can say what another said. */
export const MAX_STRING_BYTES = 0x7fff

/** Tagged fields of one structure. Kafka writes at most a handful; each costs a reader a turn of a loop (NET-15). */
export const MAX_TAGGED_FIELDS = 1_024

const TWO_32 = 0x1_0000_0000

export class Reader {
  readonly buffer: Buffer
  /** Where the next read begins. */
  offset: number
  /** First byte that may not be read; inside a tagged field the end of that field. */
  end: number
  #elementsLeft = MAX_ELEMENTS

  /** @param end exclusive; both bounds must lie within `buffer` */
  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer
    this.offset = offset
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  /** Moves over `size` bytes and returns where they began. */
  take(size: number): number {
    const at = this.offset
    if (size > this.end - at) throw new MalformedError(`${size} bytes needed, ${this.end - at} left`)
    this.offset = at + size
    return at
  }

  /** Any byte but 0 is true, as in Kafka. */
  bool(): boolean {
    return this.buffer[this.take(1)] !== 0
  }

  int8(): number {
    return (this.buffer[this.take(1)]! << 24) >> 24
  }

  int16(): number {
    const at = this.take(2)
    const { buffer } = this
    return ((buffer[at]! << 24) >> 16) | buffer[at + 1]!
  }

  uint16(): number {
    const at = this.take(2)
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!
  }

  int32(): number {
    const at = this.take(4)
    const { buffer } = this
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  /** @throws {MalformedError} also for a value that a `number` cannot hold exactly (beyond ±(2^53-1)) */
  int64(): number {
    const high = this.int32()
    const value = high * TWO_32 + (this.int32() >>> 0)
    if (!Number.isSafeInteger(value)) throw new MalformedError(`int64 beyond 2^53-1: about ${value}`)
    return value
  }

  /** For fields in which clients put Long.MAX_VALUE to mean "no limit": saturates at ±(2^53-1). */
  int64Clamped(): number {
    const high = this.int32()
    const value = high * TWO_32 + (this.int32() >>> 0)
    return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  }

  /** For fields in which every int64 is legal and must come back as it went in. */
  bigint64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.take(8))
  }

  /** @returns unpadded base64url, 22 characters */
  uuid(): string {
    const at = this.take(16)
    const { buffer } = this
    let bits = 0
    for (let i = at; i < at + 16; i++) bits |= buffer[i]!
    return bits === 0 ? ZERO_UUID : buffer.toString('base64url', at, at + 16)
  }

  /**
   * Unsigned LEB128 of 32 bits. Five bytes at most, and no bits beyond the 32nd (Kafka lets them fall off).
   * A longer form than needed (`80 00`) is accepted.
   */
  uvarint(): number {
    const { buffer, end } = this
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.offset >= end) throw new MalformedError('varint cut off')
      const byte = buffer[this.offset++]!
      if (shift === 28 && byte > 0x0f) throw new MalformedError('varint of more than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new MalformedError('varint of more than 5 bytes')
  }

  string(): string {
    return this.#text(this.int16())
  }

  nullableString(): string | null {
    const size = this.int16()
    return size === -1 ? null : this.#text(size)
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1)
  }

  compactNullableString(): string | null {
    const size = this.uvarint() - 1
    return size === -1 ? null : this.#text(size)
  }

  /** A view of the frame, not a copy: whoever keeps it keeps the frame. */
  bytes(): Buffer {
    return this.view(this.int32())
  }

  nullableBytes(): Buffer | null {
    const size = this.int32()
    return size === -1 ? null : this.view(size)
  }

  compactBytes(): Buffer {
    return this.view(this.uvarint() - 1)
  }

  compactNullableBytes(): Buffer | null {
    const size = this.uvarint() - 1
    return size === -1 ? null : this.view(size)
  }

  /** The next `size` bytes as a view. */
  view(size: number): Buffer {
    if (size < 0) throw new MalformedError(`bytes of length ${size}`)
    const at = this.take(size)
    return this.buffer.subarray(at, at + size)
  }

  /**
   * Number of elements of an array, or -1 for null (which the caller judges).
   * @param minBytes smallest size of one element; a count that cannot fit in what is left is refused before anything
   *   is allocated
   */
  arrayCount(minBytes: number): number {
    return this.#count(this.int32(), minBytes)
  }

  compactArrayCount(minBytes: number): number {
    return this.#count(this.uvarint() - 1, minBytes)
  }

  /** Byte before a nullable structure: negative is null. */
  isPresent(): boolean {
    return this.int8() >= 0
  }

  /** Number of tagged fields that follow. */
  tagCount(): number {
    const count = this.uvarint()
    if (count > MAX_TAGGED_FIELDS) throw new MalformedError(`${count} tagged fields`)
    return count
  }

  /** @param previous the tag before, or -1: tags must rise */
  tag(previous: number): number {
    const tag = this.uvarint()
    if (tag <= previous) throw new MalformedError(`tag ${tag} after ${previous}`)
    return tag
  }

  /** Reads the size of a tagged field and narrows the reader to it. @returns the end to give to `leaveTag` */
  enterTag(): number {
    const size = this.uvarint()
    const outer = this.end
    if (size > outer - this.offset) throw new MalformedError(`tagged field of ${size} bytes, ${this.remaining} left`)
    this.end = this.offset + size
    return outer
  }

  leaveTag(outer: number): void {
    if (this.offset !== this.end) throw new MalformedError(`${this.remaining} bytes left over in a tagged field`)
    this.end = outer
  }

  skipTag(): void {
    this.take(this.uvarint())
  }

  /** Skips all tagged fields of a structure that we know none of. */
  skipTags(): void {
    for (let left = this.tagCount(), tag = -1; left > 0; left--) {
      tag = this.tag(tag)
      this.skipTag()
    }
  }

  /** Bytes that are not UTF-8 become U+FFFD, as in Kafka; names with it fail validation later. */
  #text(size: number): string {
    if (size < 0) throw new MalformedError(size === -1 ? 'null where a string is needed' : `string of length ${size}`)
    if (size > MAX_STRING_BYTES) throw new MalformedError(`string of ${size} bytes`)
    const at = this.take(size)
    const text = this.buffer.toString('utf8', at, at + size)
    // Each byte that is not UTF-8 is read as one character of three. A string that we could not say again is none.
    if (size > MAX_STRING_BYTES / 3 && Buffer.byteLength(text) > MAX_STRING_BYTES) {
      throw new MalformedError(`string of ${size} bytes that are not UTF-8`)
    }
    return text
  }

  #count(count: number, minBytes: number): number {
    if (count < -1 || count * minBytes > this.end - this.offset) {
      throw new MalformedError(`array of ${count} elements in ${this.remaining} bytes`)
    }
    if (count > 0) this.#elementsLeft -= count
    if (this.#elementsLeft < 0) throw new MalformedError(`more than ${MAX_ELEMENTS} array elements`)
    return count
  }
}
