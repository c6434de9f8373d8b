import { assert } from '../../protocol/assert.ts'

/**
 * Hot path of compaction: 128 bits that stand for a key. Two keys with the same hash would be taken for one, and the older
 * record of the two lost, so the hash must not collide, not even for somebody who tries.
 *
 * Apache Kafka uses MD5, for which anybody can make collisions today, and which costs 1 µs a key from Node. This is
 * Chaskey-12 (ISO/IEC 29192-6), a keyed hash made for 32-bit arithmetic: 50 ns for a key of 16 bytes. Its key is drawn
 * anew for each round and never leaves the process, so collisions cannot be prepared; by chance, a billion keys collide
 * with a probability of 10^-21.
 *
 * ```
 * state = K;  for each block of 16 bytes: state = permute(state ^ block);  the last block, padded with 1 0 0 ... if it is
 * short, is mixed with a subkey before and after
 * ```
 */
export class KeyHash {
  /** The hash of the last key: four words of 32 bits, signed. */
  h0 = 0
  h1 = 0
  h2 = 0
  h3 = 0
  /** The key, and its doubles in GF(2^128): for last blocks that are full, and for those that are padded. */
  readonly #key: Int32Array
  readonly #full: Int32Array
  readonly #padded: Int32Array
  readonly #rounds: number

  /**
   * @param key 16 bytes that nobody outside of the process knows
   * @param rounds 8 for the original Chaskey, whose test vectors are published
   */
  constructor(key: Buffer, rounds = 12) {
    this.#rounds = rounds
    assert(key.length === 16, 'the key of the hash has 16 bytes')
    this.#key = Int32Array.of(key.readInt32LE(0), key.readInt32LE(4), key.readInt32LE(8), key.readInt32LE(12))
    this.#full = double(this.#key)
    this.#padded = double(this.#full)
  }

  /** Hashes the bytes [start, end). */
  of(bytes: Buffer, start: number, end: number): void {
    const key = this.#key
    const rounds = this.#rounds
    let v0 = key[0]!
    let v1 = key[1]!
    let v2 = key[2]!
    let v3 = key[3]!
    let at = start
    let last: Int32Array | undefined
    do {
      const left = end - at
      if (left > 16) {
        v0 ^= word(bytes, at)
        v1 ^= word(bytes, at + 4)
        v2 ^= word(bytes, at + 8)
        v3 ^= word(bytes, at + 12)
        at += 16
      } else {
        last = left === 16 ? this.#full : this.#padded
        v0 ^= partOfWord(bytes, at, end) ^ last[0]!
        v1 ^= partOfWord(bytes, at + 4, end) ^ last[1]!
        v2 ^= partOfWord(bytes, at + 8, end) ^ last[2]!
        v3 ^= partOfWord(bytes, at + 12, end) ^ last[3]!
      }
      for (let round = 0; round < rounds; round++) {
        v0 = (v0 + v1) | 0
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
        v0 = (v0 << 16) | (v0 >>> 16)
        v2 = (v2 + v3) | 0
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
        v0 = (v0 + v3) | 0
        v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0
        v2 = (v2 + v1) | 0
        v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2
        v2 = (v2 << 16) | (v2 >>> 16)
      }
    } while (last === undefined)
    this.h0 = v0 ^ last[0]!
    this.h1 = v1 ^ last[1]!
    this.h2 = v2 ^ last[2]!
    this.h3 = v3 ^ last[3]!
  }
}

function word(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

/** Up to four bytes before `end`, and the padding 1 0 0 ... right behind the last one. */
function partOfWord(bytes: Buffer, at: number, end: number): number {
  if (end - at >= 4) return word(bytes, at)
  let value = 0
  for (let i = 0; i < 4 && at + i <= end; i++) value |= (at + i < end ? bytes[at + i]! : 1) << (8 * i)
  return value
}

/** Times x in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1. */
function double(from: Int32Array): Int32Array {
  const carry = (at: number) => from[at]! >>> 31
  return Int32Array.of(
    (from[0]! << 1) ^ (carry(3) === 0 ? 0 : 0x87),
    (from[1]! << 1) | carry(0),
    (from[2]! << 1) | carry(1),
    (from[3]! << 1) | carry(2),
  )
}
