import { describe, expect, it } from 'vitest'
import { type Random, seededRandom, systemRandom } from '../../../broker/runtime/random.ts'

describe.each<[string, Random]>([
  ['the system', systemRandom],
  ['a seed', seededRandom(7)],
])('randomness of %s', (_name, random) => {
  it("makes version-4 uuids in Kafka's form that a shell does not take for an option", () => {
    const ids = Array.from({ length: 2_000 }, () => random.uuid())
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
      const bytes = Buffer.from(id, 'base64url')
      expect([bytes.length, (bytes[6] ?? 0) >> 4, (bytes[8] ?? 0) >> 6]).toEqual([16, 4, 2])
    }
  })

  it('draws whole numbers below a bound, each of them', () => {
    const drawn = new Set(Array.from({ length: 1_000 }, () => random.integer(6)))
    expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('makes buffers of the size that was asked for', () => {
    expect(random.bytes(0)).toHaveLength(0)
    expect(random.bytes(33)).toHaveLength(33)
  })
})

describe('seededRandom', () => {
  it('repeats itself from the same seed and not from another', () => {
    const draw = (seed: number) => seededRandom(seed).bytes(16).toString('hex')
    expect(draw(1)).toBe(draw(1))
    expect(draw(1)).not.toBe(draw(2))
  })
})
