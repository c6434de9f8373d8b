import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32, crc32c, crc32cInJavaScript, crc32cWithoutAddon } from '../../../protocol/records/crc32c.ts'
import { pseudoRandom } from './support/golden.ts'

describe('CRC-32C', () => {
  // RFC 3720, B.4.
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  it.each([
    ['nothing', Buffer.alloc(0), 0],
    ['"123456789"', Buffer.from('123456789'), 0xe306_9283],
    ['32 zeros', Buffer.alloc(32), 0x8a91_36aa],
    ['32 bytes of ff', Buffer.alloc(32, 0xff), 0x62a8_ab43],
    ['0 to 31', ascending, 0x46dd_794e],
    ['31 to 0', Buffer.from(ascending).reverse(), 0x113f_db5c],
  ])('of %s is that of RFC 3720', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
    expect(crc32cInJavaScript(bytes)).toBe(expected)
  })

  it('is the same by WebAssembly, by the addon and by JavaScript, whatever the length and the place', () => {
    const bytes = pseudoRandom(1, 40_000)
    const range = fc.tuple(fc.nat(100), fc.oneof(fc.nat(600), fc.nat(20_000)))
    fc.assert(
      fc.property(range, ([start, length]) => {
        const end = start + length
        const expected = crc32cInJavaScript(bytes, start, end)
        expect(crc32c(bytes, start, end)).toBe(expected)
        expect(crc32cWithoutAddon(bytes, start, end)).toBe(expected)
      }),
    )
  })

  it('can be summed in pieces', () => {
    const bytes = pseudoRandom(2, 10_000)
    for (const cut of [0, 1, 17, 400, 5_000, 10_000]) {
      expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes))
    }
  })
})

describe('CRC-32', () => {
  it('of "123456789" is cbf43926', () => {
    expect(crc32(Buffer.from('--123456789--'), 2, 11)).toBe(0xcbf4_3926)
  })
})
