const TWO_32 = 0x1_0000_0000
const HIGH_LIMIT = 0x20_0000

/**
 * The int64 at `at` as a number. What lies beyond ±(2^53-1) comes back as ±(2^53-1): offsets and timestamps of that
 * size are never real, and a saturated value fails every comparison that the true one would fail.
 */
export function readInt64(buffer: Buffer, at: number): number {
  const high = buffer.readInt32BE(at)
  const low = buffer.readUInt32BE(at + 4)
  if (high >= HIGH_LIMIT) return Number.MAX_SAFE_INTEGER
  if (high < -HIGH_LIMIT || (high === -HIGH_LIMIT && low === 0)) return -Number.MAX_SAFE_INTEGER
  return high * TWO_32 + low
}

/** Writes a safe integer as int64. */
export function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / TWO_32), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}
