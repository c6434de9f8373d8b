import { describe, expect, it } from 'vitest'
import { MalformedError } from '../../../protocol/wire/malformed.ts'
import { MAX_ELEMENTS, MAX_TAGGED_FIELDS, Reader, ZERO_UUID } from '../../../protocol/wire/reader.ts'

const reader = (hex: string) => new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

describe('Reader: numbers', () => {
  it('are big-endian and signed as their names say', () => {
    expect(reader('80').int8()).toBe(-128)
    expect(reader('8000').int16()).toBe(-32768)
    expect(reader('7fff').int16()).toBe(32767)
    expect(reader('ffff').uint16()).toBe(65535)
    expect(reader('80000000').int32()).toBe(-2147483648)
    expect(reader('ffffffff').uint32()).toBe(4294967295)
    expect(reader('ffffffffffffffff').int64()).toBe(-1)
    expect(reader('0000018bcfe56800').int64()).toBe(1_700_000_000_000)
    expect(reader('3ff8000000000000').float64()).toBe(1.5)
    expect([reader('00').bool(), reader('01').bool(), reader('ff').bool()]).toEqual([false, true, true])
  })

  it('take an int64 up to 2^53-1 as a number and refuse what a number cannot hold', () => {
    expect(reader('001fffffffffffff').int64()).toBe(Number.MAX_SAFE_INTEGER)
    expect(reader('ffe0000000000001').int64()).toBe(Number.MIN_SAFE_INTEGER)
    for (const hex of ['0020000000000000', 'ffe0000000000000', '7fffffffffffffff', '8000000000000000']) {
      expect(() => reader(hex).int64()).toThrow(MalformedError)
    }
  })

  it('saturate where clients say Long.MAX_VALUE for "no limit", and are exact as bigint', () => {
    expect(reader('7fffffffffffffff').int64Clamped()).toBe(Number.MAX_SAFE_INTEGER)
    expect(reader('8000000000000000').int64Clamped()).toBe(Number.MIN_SAFE_INTEGER)
    expect(reader('fffffffffffffffe').int64Clamped()).toBe(-2)
    expect(reader('8000000000000000').bigint64()).toBe(-(2n ** 63n))
  })
})

describe('Reader: unsigned varints', () => {
  it('H09: reach 4,294,967,295 and do not turn negative', () => {
    expect(reader('ffffffff0f').uvarint()).toBe(4_294_967_295)
    expect(reader('8080808008').uvarint()).toBe(2_147_483_648)
    expect(reader('ac02').uvarint()).toBe(300)
  })

  it('H10: have at most five bytes and 32 bits; a longer form of a small number is accepted', () => {
    for (const hex of ['808080808000', 'ffffffff7f', 'ffffffff10']) {
      expect(() => reader(hex).uvarint()).toThrow(MalformedError)
    }
    expect(reader('8000').uvarint()).toBe(0)
  })

  it('stop at the end of what may be read', () => {
    for (const hex of ['', '80', 'ffffffff']) expect(() => reader(hex).uvarint()).toThrow(MalformedError)
    expect(() => new Reader(Buffer.from('80ff01', 'hex'), 0, 1).uvarint()).toThrow(MalformedError)
  })
})

describe('Reader: strings and bytes', () => {
  it('are null or have a length', () => {
    expect(reader('0002 6869').string()).toBe('hi')
    expect(reader('ffff').nullableString()).toBeNull()
    expect(reader('03 6869').compactString()).toBe('hi')
    expect(reader('00').compactNullableString()).toBeNull()
    expect(reader('00000001 07').bytes()).toEqual(Buffer.from([7]))
    expect(reader('ffffffff').nullableBytes()).toBeNull()
    expect(reader('02 07').compactBytes()).toEqual(Buffer.from([7]))
    expect(reader('00').compactNullableBytes()).toBeNull()
  })

  it('H12: refuse null where it is not allowed', () => {
    expect(() => reader('ffff').string()).toThrow(MalformedError)
    expect(() => reader('00').compactString()).toThrow(MalformedError)
    expect(() => reader('ffffffff').bytes()).toThrow(MalformedError)
    expect(() => reader('00').compactBytes()).toThrow(MalformedError)
  })

  it('H07: refuse negative lengths and lengths beyond the frame', () => {
    expect(() => reader('fffe').nullableString()).toThrow(MalformedError)
    expect(() => reader('7fff 61').nullableString()).toThrow(MalformedError)
    expect(() => reader('fffffffe').nullableBytes()).toThrow(MalformedError)
    expect(() => reader('ffffffff0f 61').compactBytes()).toThrow(MalformedError)
  })

  it('H14: read bytes that are not UTF-8 as U+FFFD and do not throw', () => {
    for (const hex of ['0002 c080', '0003 eda080', '0004 f5808080']) expect(reader(hex).string()).toContain('\ufffd')
  })

  it('H16: refuse a string that an older version could not say again, as it is or as it was read', () => {
    const compact = (size: number, byte: number) => {
      const bytes = Buffer.concat([Buffer.from([0, 0, 0]), Buffer.alloc(size, byte)])
      const length = size + 1
      bytes[0] = (length & 0x7f) | 0x80
      bytes[1] = ((length >> 7) & 0x7f) | 0x80
      bytes[2] = length >> 14
      return new Reader(bytes)
    }
    expect(compact(0x7fff, 0x61).compactString()).toHaveLength(0x7fff)
    expect(() => compact(0x8000, 0x61).compactString()).toThrow(MalformedError)
    expect(compact(10_922, 0xff).compactNullableString()).toHaveLength(10_922)
    expect(() => compact(10_923, 0xff).compactNullableString()).toThrow(MalformedError)
  })

  it('read text of any length and script', () => {
    for (const text of ['', 'orders', 'grün', '漢字😀', 'x'.repeat(300), `${'y'.repeat(40)}é`]) {
      const bytes = Buffer.from(text)
      const length = Buffer.from([bytes.length >> 8, bytes.length])
      expect(new Reader(Buffer.concat([length, bytes])).string()).toBe(text)
    }
  })

  it('give views of the frame, not copies', () => {
    const frame = Buffer.from('0000000101', 'hex')
    const bytes = new Reader(frame).bytes()
    frame[4] = 9
    expect(bytes[0]).toBe(9)
  })

  it('read a uuid as 22 characters of base64url', () => {
    expect(reader('00000000000000000000000000000000').uuid()).toBe(ZERO_UUID)
    expect(reader('fb000000000000000000000000000001').uuid()).toBe('-wAAAAAAAAAAAAAAAAAAAQ')
    expect(() => reader('00').uuid()).toThrow(MalformedError)
  })
})

describe('Reader: arrays', () => {
  it('H08: refuse a count whose smallest elements do not fit, before anything is allocated', () => {
    expect(() => reader('7fffffff 00').arrayCount(1)).toThrow(MalformedError)
    expect(() => reader('fffffffe').arrayCount(1)).toThrow(MalformedError)
    expect(() => reader('ffffffff0f 00').compactArrayCount(1)).toThrow(MalformedError)
    expect(() => reader('00000002 0000000000').arrayCount(4)).toThrow(MalformedError)
    expect(reader('00000002 0000000000000000').arrayCount(4)).toBe(2)
    expect(reader('ffffffff').arrayCount(4)).toBe(-1)
  })

  it('NET-15: refuse more than a million elements in one message, however they are nested', () => {
    const frame = Buffer.alloc(4 + MAX_ELEMENTS + 8)
    frame.writeInt32BE(MAX_ELEMENTS + 1, 0)
    expect(() => new Reader(frame).arrayCount(1)).toThrow(MalformedError)
    frame.writeInt32BE(MAX_ELEMENTS, 0)
    frame.writeInt32BE(1, 4)
    const nested = new Reader(frame)
    expect(nested.arrayCount(1)).toBe(MAX_ELEMENTS)
    expect(() => nested.arrayCount(1)).toThrow(MalformedError)
  })
})

describe('Reader: tagged fields', () => {
  it('NET-10: are skipped if unknown', () => {
    const tagged = reader('02 05 02 aabb 07 00 2a')
    tagged.skipTags()
    expect(tagged.int8()).toBe(0x2a)
  })

  it('H11: are limited in number, must rise, and end where their sizes say', () => {
    expect(() => reader('ffffffff0f').tagCount()).toThrow(MalformedError)
    expect(reader('8008').tagCount()).toBe(MAX_TAGGED_FIELDS)
    expect(() => reader('8108').tagCount()).toThrow(MalformedError)
    expect(() => reader('02 05 00 05 00').skipTags()).toThrow(MalformedError)
    expect(() => reader('02 05 00 04 00').skipTags()).toThrow(MalformedError)
    expect(() => reader('01 05 03 aabb').skipTags()).toThrow(MalformedError)
    expect(() => reader('03 aabb').enterTag()).toThrow(MalformedError)
  })

  it('narrow the reader to their bytes, all of which must be read', () => {
    const short = reader('01 aabb')
    const outer = short.enterTag()
    expect(() => short.int16()).toThrow(MalformedError)
    expect(() => short.leaveTag(outer)).toThrow(MalformedError)
    expect(short.int8()).toBe(-86)
    short.leaveTag(outer)
    expect(short.remaining).toBe(1)
  })
})
