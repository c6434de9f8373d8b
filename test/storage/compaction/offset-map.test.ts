import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENTRY_BYTES, OffsetMap } from '../../../storage/compaction/offset-map.ts'

const secret = Buffer.alloc(16, 1)
const MIB = 1024 ** 2

const put = (map: OffsetMap, key: string, offset: number) => {
  const bytes = Buffer.from(key)
  map.put(bytes, 0, bytes.length, offset)
}
const get = (map: OffsetMap, key: string) => {
  const bytes = Buffer.from(key)
  return map.get(bytes, 0, bytes.length)
}

describe('The key map', () => {
  it('gives the newest offset of each key, and -1 for a key that it does not know', () => {
    const map = new OffsetMap(MIB, 0.9, 1000, secret)
    put(map, 'a', 0)
    put(map, 'b', 1)
    put(map, 'a', 2 ** 52)
    expect([get(map, 'a'), get(map, 'b'), get(map, 'c'), get(map, '')]).toEqual([2 ** 52, 1, -1, -1])
    expect(map.size).toBe(2)
  })

  it('LG-10: takes as many keys as Kafka would in so much memory, five million in 128 MiB, and then is full', () => {
    const map = new OffsetMap(128 * MIB, 0.9, Number.MAX_SAFE_INTEGER, secret)
    const entries = Math.floor((128 * MIB) / ENTRY_BYTES)
    expect(map.slots).toBeLessThanOrEqual(entries)
    expect(map.slots).toBeGreaterThan(entries * 0.999)
    expect(map.capacity).toBeGreaterThan(5_000_000)

    const small = new OffsetMap(ENTRY_BYTES * 100, 0.9, Number.MAX_SAFE_INTEGER, secret)
    let count = 0
    for (; !small.isFull; count++) put(small, `key ${count}`, count)
    expect(count).toBe(Math.floor(small.slots * 0.9))
    put(small, 'key 0', 1000)
    expect(get(small, 'key 0')).toBe(1000)
    expect(small.utilization).toBeLessThanOrEqual(0.9)
    expect(() => put(small, 'one more', 1)).toThrow('full')
    expect(get(small, 'one more')).toBe(-1)
  })

  it('takes no more memory than the keys can need', () => {
    const map = new OffsetMap(128 * MIB, 0.9, 1000, secret)
    expect(map.slots).toBeLessThan(1200)
    for (let i = 0; i < 1000; i++) put(map, `key ${i}`, i)
    expect(map.isFull).toBe(false)
  })

  it.each([
    [0, 0.9],
    [1, 0.9],
    [ENTRY_BYTES * 3, 0],
    [ENTRY_BYTES * 3, 1],
    [ENTRY_BYTES * 3, 7],
  ])('has room for one key at least, and ends every search: %i bytes at a load of %d', (bytes, load) => {
    const map = new OffsetMap(bytes, load, 1000, secret)
    for (let i = 0; !map.isFull; i++) put(map, `key ${i}`, i)
    expect(map.size).toBeGreaterThanOrEqual(1)
    expect(get(map, 'unknown')).toBe(-1)
  })

  it('agrees with a Map, whatever the keys and however full it is', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 40 }), fc.nat()), { maxLength: 400 }), (puts) => {
        const map = new OffsetMap(ENTRY_BYTES * 420, 0.99, Number.MAX_SAFE_INTEGER, secret)
        const naive = new Map<string, number>()
        for (const [key, offset] of puts) {
          put(map, key, offset)
          naive.set(key, offset)
        }
        expect(map.size).toBe(naive.size)
        for (const [key, offset] of naive) expect(get(map, key)).toBe(offset)
      }),
    )
  })
})
