import { describe, expect, it } from 'vitest'
import { KeyHash } from '../../../storage/compaction/key-hash.ts'

const secret = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

function hashOf(bytes: Buffer, hash = new KeyHash(secret)): string {
  hash.of(bytes, 0, bytes.length)
  return [hash.h0, hash.h1, hash.h2, hash.h3].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

describe('The hash of a key', () => {
  it('is Chaskey: with 8 rounds it gives the published tags', () => {
    const key = Buffer.alloc(16)
    for (const [index, word] of [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39].entries())
      key.writeUInt32LE(word, index * 4)
    const chaskey8 = new KeyHash(key, 8)
    expect(hashOf(Buffer.alloc(0), chaskey8)).toBe('792e8fe575ce87aa2d1450b51191970b')
    expect(hashOf(Buffer.from([0]), chaskey8)).toBe('13a9307b50e62c894577bd88c0bbdc18')
  })

  it('differs for keys that differ in their length alone, however they are padded', () => {
    const hashes = new Set<string>()
    for (const filler of [0, 1, 0x80]) {
      for (let length = filler === 0 ? 0 : 1; length <= 70; length++) hashes.add(hashOf(Buffer.alloc(length, filler)))
    }
    expect(hashes.size).toBe(71 + 70 + 70)
  })

  it('does not hang on what stands before and after the key', () => {
    const hash = new KeyHash(secret)
    for (let length = 0; length <= 40; length++) {
      const around = Buffer.alloc(60, 0xff)
      around.fill(7, 10, 10 + length)
      hash.of(around, 10, 10 + length)
      expect(
        [hash.h0, hash.h1, hash.h2, hash.h3].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(''),
      ).toBe(hashOf(Buffer.alloc(length, 7)))
    }
  })

  it('changes in about half of its bits when one bit of the key does', () => {
    const key = Buffer.from('customer-4711-eu')
    const before = BigInt(`0x${hashOf(key)}`)
    let changed = 0
    for (let bit = 0; bit < key.length * 8; bit++) {
      const flipped = Buffer.from(key)
      flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7))
      changed += (before ^ BigInt(`0x${hashOf(flipped)}`)).toString(2).replaceAll('0', '').length
    }
    expect(changed / (key.length * 8)).toBeGreaterThan(60)
    expect(changed / (key.length * 8)).toBeLessThan(68)
  })

  it('is another one under another secret, so that nobody can prepare keys that collide', () => {
    const other = new KeyHash(Buffer.from('ff0102030405060708090a0b0c0d0e0f', 'hex'))
    expect(hashOf(Buffer.from('key'), other)).not.toBe(hashOf(Buffer.from('key')))
  })
})
