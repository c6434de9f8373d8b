/**
 * The signed varints of records: zigzag, seven bits a byte, lowest first (as Protocol Buffers' sint32 and sint64).
 * Readers live in record.ts, in the cursor, because they move its position.
 */

/** Bytes that `value` (an int32) takes. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  if (zigzag < 0x1000_0000) return 4
  return 5
}

/** Writes an int32; returns the position after it. */
export function writeVarint(buffer: Buffer, value: number, at: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let position = at
  while (zigzag >= 0x80) {
    buffer[position++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  buffer[position++] = zigzag
  return position
}

/** Bytes that `value` takes: an integer of at most ±2^52, since zigzag doubles it (differences of timestamps never come near). */
export function varlongSize(value: number): number {
  let rest = zigzagLong(value)
  let size = 1
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80)
    size++
  }
  return size
}

/** Writes an integer of at most ±2^52; returns the position after it. */
export function writeVarlong(buffer: Buffer, value: number, at: number): number {
  let rest = zigzagLong(value)
  let position = at
  while (rest >= 0x80) {
    buffer[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[position++] = rest
  return position
}

function zigzagLong(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}
