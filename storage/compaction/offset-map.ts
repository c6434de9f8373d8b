import { assert } from '../../protocol/assert.ts'
import { KeyHash } from './key-hash.ts'

/**
 * Which offset is the newest of each key, for as many keys as fit into the memory that is given: a hash map without
 * objects, in two typed arrays. It knows keys by their hash alone (key-hash.ts), as Kafka's does, and like there an entry
 * takes 24 bytes, so `log.cleaner.dedupe.buffer.size` means the same: 128 MiB hold five million keys at a load of 0.9.
 *
 * Hot path: per record one hash and some two probes, up to ten when the map is nearly full; nothing is allocated.
 * Collisions go on by a step of the key's own (double hashing); the number of slots is prime, so every step visits all.
 */
export class OffsetMap {
  readonly slots: number
  /** Entries that it takes before it counts as full. */
  readonly capacity: number
  readonly #hash: KeyHash
  /** Four words a slot. */
  readonly #keys: Int32Array
  /** Offset + 1 a slot; 0 is free. */
  readonly #offsets: Float64Array
  #size = 0

  /**
   * @param memoryBytes most that it may take
   * @param loadFactor share of the slots that may be used; at least 0.01 and at most 1
   * @param keysAtMost it takes no more memory than these need
   * @param hashKey 16 secret bytes
   */
  constructor(memoryBytes: number, loadFactor: number, keysAtMost: number, hashKey: Buffer) {
    const load = Math.min(Math.max(loadFactor, 0.01), 1)
    const affordable = Math.min(Math.floor(memoryBytes / ENTRY_BYTES), MAX_SLOTS)
    const needed = Math.ceil((keysAtMost + 1) / load) + 1
    this.slots = needed < affordable ? primeFrom(needed, 1) : primeFrom(affordable, -1)
    // Room for one key at least, or compaction would never come to an end; a slot stays free, or searches would not.
    this.capacity = Math.max(Math.min(Math.floor(this.slots * load), this.slots - 1), 1)
    this.#hash = new KeyHash(hashKey)
    this.#keys = new Int32Array(this.slots * 4)
    this.#offsets = new Float64Array(this.slots)
  }

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size >= this.capacity
  }

  /** Share of the slots that is in use. */
  get utilization(): number {
    return this.#size / this.slots
  }

  /** Notes the offset of the key [start, end), in the place of an older one. The map must not be full. */
  put(bytes: Buffer, start: number, end: number, offset: number): void {
    const slot = this.#find(bytes, start, end)
    if (this.#offsets[slot] === 0) {
      assert(!this.isFull, 'a full key map takes no more keys')
      const { h0, h1, h2, h3 } = this.#hash
      const at = slot * 4
      this.#keys[at] = h0
      this.#keys[at + 1] = h1
      this.#keys[at + 2] = h2
      this.#keys[at + 3] = h3
      this.#size++
    }
    this.#offsets[slot] = offset + 1
  }

  /** The newest offset of the key [start, end); -1 if the map does not know the key. */
  get(bytes: Buffer, start: number, end: number): number {
    return this.#offsets[this.#find(bytes, start, end)]! - 1
  }

  /** The slot that the key has, or would get. There is always a free one. */
  #find(bytes: Buffer, start: number, end: number): number {
    const { slots } = this
    const hash = this.#hash
    hash.of(bytes, start, end)
    const keys = this.#keys
    const offsets = this.#offsets
    let slot = (hash.h0 >>> 0) % slots
    let step = 0
    while (offsets[slot] !== 0) {
      const at = slot * 4
      if (keys[at] === hash.h0 && keys[at + 1] === hash.h1 && keys[at + 2] === hash.h2 && keys[at + 3] === hash.h3) {
        break
      }
      if (step === 0) step = 1 + ((hash.h1 >>> 0) % (slots - 1))
      slot += step
      if (slot >= slots) slot -= slots
    }
    return slot
  }
}

/** 16 bytes of hash and 8 of offset: what an entry takes in Kafka's map, so that one size means one number of keys. */
export const ENTRY_BYTES = 24
/** Kafka's map is one array of at most 2^31 bytes; more than that for one log would be a mistake in the settings. */
const MAX_SLOTS = Math.floor((2 ** 31 - 1) / ENTRY_BYTES)

/** The first prime at or beyond `from` in steps of `step`; at least 3. */
function primeFrom(from: number, step: 1 | -1): number {
  for (let candidate = Math.max(from, 3); candidate > 3; candidate += step) if (isPrime(candidate)) return candidate
  return 3
}

function isPrime(candidate: number): boolean {
  if (candidate % 2 === 0) return candidate === 2
  for (let divisor = 3; divisor * divisor <= candidate; divisor += 2) if (candidate % divisor === 0) return false
  return true
}
