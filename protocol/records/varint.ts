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

/** Bytes that `value` (a safe integer) takes. */
export function varlongSize(value: number): number {
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 0x40)
  let size = 1
  while (rest > 0) {
    rest = Math.floor(rest / 0x80)
    size++
  }
  return size
}

/** Writes a safe integer; returns the position after it. */
export function writeVarlong(buffer: Buffer, value: number, at: number): number {
  // Zigzag doubles, which could leave the safe integers: so the lowest seven bits are taken before it is done.
  const sign = value < 0 ? 1 : 0
  const magnitude = sign === 1 ? -value - 1 : value
  let bits = (magnitude % 0x40) * 2 + sign
  let rest = Math.floor(magnitude / 0x40)
  let position = at
  while (rest > 0) {
    buffer[position++] = bits | 0x80
    bits = rest % 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[position++] = bits
  return position
}
