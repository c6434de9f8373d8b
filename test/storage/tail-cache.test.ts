import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogTail, TailCache } from '../../storage/tail-cache.ts'

const bytes = (size: number) => Buffer.alloc(size)
/** What an entry costs beside its bytes. */
const OVERHEAD = 256

function offsetsIn(tail: LogTail, from: number, maxBytes = 1e9, upTo = 1e9, atLeastOne = true): number[] | undefined {
  const into: Buffer[] = []
  return tail.collect(from, maxBytes, upTo, atLeastOne, into) ? into.map((buffer) => buffer.readInt32BE(0)) : undefined
}

/** A batch of this size that knows its base offset. */
function push(tail: LogTail, base: number, next: number, size = 10): void {
  const buffer = bytes(size)
  buffer.writeInt32BE(base)
  tail.push(base, next, buffer)
}

describe('What is kept of the tails of logs', () => {
  it('finds the batch that holds an offset, and all after it', () => {
    const tail = new LogTail(new TailCache(1e6))
    for (const [base, next] of [
      [10, 13],
      [13, 14],
      [20, 25],
    ] as const)
      push(tail, base, next)
    expect(offsetsIn(tail, 10)).toEqual([10, 13, 20])
    expect(offsetsIn(tail, 12)).toEqual([10, 13, 20])
    expect(offsetsIn(tail, 13)).toEqual([13, 20])
    expect(offsetsIn(tail, 16)).toEqual([20])
    expect(offsetsIn(tail, 24)).toEqual([20])
    expect(offsetsIn(tail, 25)).toEqual([])
  })

  it('says so when an offset is older than what it has', () => {
    const tail = new LogTail(new TailCache(1e6))
    expect(offsetsIn(tail, 0)).toBeUndefined()
    push(tail, 10, 13)
    expect(offsetsIn(tail, 9)).toBeUndefined()
  })

  it('obeys maxBytes, upTo and atLeastOne', () => {
    const tail = new LogTail(new TailCache(1e6))
    for (let base = 0; base < 5; base++) push(tail, base, base + 1)
    expect(offsetsIn(tail, 1, 25)).toEqual([1, 2])
    expect(offsetsIn(tail, 1, 5)).toEqual([1])
    expect(offsetsIn(tail, 1, 5, 1e9, false)).toEqual([])
    expect(offsetsIn(tail, 1, 1e9, 3)).toEqual([1, 2])
  })

  it('gives up the oldest batch of the whole process when it is over budget, whichever log that is of', () => {
    const cache = new TailCache(3 * (10 + OVERHEAD))
    const [one, other] = [new LogTail(cache), new LogTail(cache)]
    push(one, 0, 1)
    push(other, 0, 1)
    push(one, 1, 2)
    push(other, 1, 2)
    expect(offsetsIn(one, 0)).toBeUndefined()
    expect(offsetsIn(one, 1)).toEqual([1])
    expect(offsetsIn(other, 0)).toEqual([0, 1])
    expect(cache.heldBytes).toBe(cache.budgetBytes)
  })

  it('keeps nothing without a budget, not even a batch that is larger than all of it', () => {
    const cache = new TailCache(0)
    const tail = new LogTail(cache)
    push(tail, 0, 1, 1000)
    expect(offsetsIn(tail, 0)).toBeUndefined()
    expect(cache.heldBytes).toBe(0)
  })

  it('forgets what was deleted at the start or cut off at the end, once', () => {
    const cache = new TailCache(1e6)
    const tail = new LogTail(cache)
    for (let base = 0; base < 6; base++) push(tail, base, base + 1)
    tail.dropBefore(2)
    tail.dropFrom(4)
    expect(offsetsIn(tail, 1)).toBeUndefined()
    expect(offsetsIn(tail, 2)).toEqual([2, 3])
    expect(cache.heldBytes).toBe(2 * (10 + OVERHEAD))
    push(tail, 4, 5)
    cache.budgetBytes = 10 + OVERHEAD
    push(tail, 5, 6)
    expect(offsetsIn(tail, 5)).toEqual([5])
    expect(cache.heldBytes).toBe(10 + OVERHEAD)
  })

  it('never holds more than its budget, and of each log a run up to its newest batch', () => {
    const steps = fc.array(
      fc.record({ log: fc.nat(2), act: fc.constantFrom('push', 'push', 'push', 'before', 'from'), size: fc.nat(400) }),
      { maxLength: 120 },
    )
    fc.assert(
      fc.property(steps, fc.nat(5000), (all, budget) => {
        const cache = new TailCache(budget)
        const tails = [0, 1, 2].map(() => ({ tail: new LogTail(cache), end: 0, start: 0 }))
        for (const { log, act, size } of all) {
          const one = tails[log]!
          if (act === 'push') push(one.tail, one.end, ++one.end, size + 4)
          else if (act === 'before') {
            one.start = Math.min(one.end, one.start + (size % 3))
            one.tail.dropBefore(one.start)
          } else {
            one.end = Math.max(one.start, one.end - (size % 3))
            one.tail.dropFrom(one.end)
          }
          expect(cache.heldBytes).toBeLessThanOrEqual(budget)
          for (const { tail, end } of tails) {
            for (let from = Math.max(0, end - 3); from < end; from++) {
              const found = offsetsIn(tail, from)
              if (found !== undefined) expect(found).toEqual(Array.from({ length: end - from }, (_, i) => from + i))
            }
          }
        }
      }),
    )
  })
})
