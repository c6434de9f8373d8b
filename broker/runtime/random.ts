import { randomBytes, randomInt } from 'node:crypto'

/** Chance, as it is passed in to everything that needs it, so that a run can be repeated from its seed. */
export interface Random {
  /**
   * A new version-4 UUID in Kafka's text form: 22 characters of base64url without padding. Never one that Kafka
   * reserves, and never one that begins with `-`, which a shell would take for an option (Kafka's Uuid.randomUuid).
   */
  uuid(): string
  /** `count` random bytes in a buffer of their own. */
  bytes(count: number): Buffer
  /** A whole number from 0 up to, not including, `below` (1 to 2^32). */
  integer(below: number): number
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  uuid: () => uuidFrom(randomBytes),
  bytes: (count) => randomBytes(count),
  integer: (below) => randomInt(below),
}

/** The same sequence for the same seed: for tests. Not for secrets. */
export function seededRandom(seed: number): Random {
  const next = splitMix32(seed)
  const bytes = (count: number) => {
    const buffer = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; at++) buffer[at] = next() & 0xff
    return buffer
  }
  return { uuid: () => uuidFrom(bytes), bytes, integer: (below) => Math.floor((next() / 2 ** 32) * below) }
}

function uuidFrom(bytes: (count: number) => Buffer): string {
  for (;;) {
    const raw = bytes(16)
    raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40
    raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80
    const text = raw.toString('base64url')
    // The version bits rule out Kafka's reserved ids, which are 0 and 1 as 128-bit numbers.
    if (!text.startsWith('-')) return text
  }
}

/** SplitMix with 32 bits of state: tiny, and well spread even for neighbouring seeds. */
function splitMix32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}
