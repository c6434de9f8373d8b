/** Chance from a seed, quick enough for millions of frames. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number of 32 bits. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }

  /** From 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor((this.bits() / 2 ** 32) * end)
  }

  /** Both ends may come. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True in `percent` of a hundred times. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(count: number): Buffer {
    const buffer = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; at++) buffer[at] = this.bits() & 0xff
    return buffer
  }
}
