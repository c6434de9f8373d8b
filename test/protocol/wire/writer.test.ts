import { describe, expect, it } from 'vitest'
import { Reader } from '../../../protocol/wire/reader.ts'
import { CHUNK_BYTES, Writer } from '../../../protocol/wire/writer.ts'

function hexOf(write: (writer: Writer) => void): string {
  const writer = new Writer()
  write(writer)
  return Buffer.concat(writer.finish()).toString('hex')
}

describe('Writer', () => {
  it('writes numbers big-endian', () => {
    expect(hexOf((w) => w.int16(-2))).toBe('fffe')
    expect(hexOf((w) => w.uint16(65535))).toBe('ffff')
    expect(hexOf((w) => w.int32(-2147483648))).toBe('80000000')
    expect(hexOf((w) => w.uint32(4294967295))).toBe('ffffffff')
    expect(hexOf((w) => w.int64(-1))).toBe('ffffffffffffffff')
    expect(hexOf((w) => w.int64(Number.MIN_SAFE_INTEGER))).toBe('ffe0000000000001')
    expect(hexOf((w) => w.int64(1_700_000_000_000))).toBe('0000018bcfe56800')
    expect(hexOf((w) => w.bigint64(-(2n ** 63n)))).toBe('8000000000000000')
    expect(hexOf((w) => w.uvarint(4_294_967_295))).toBe('ffffffff0f')
  })

  it('refuses, as bugs of ours, what cannot be said', () => {
    expect(() => new Writer().int64(2 ** 53)).toThrow('int64')
    expect(() => new Writer().uuid('short')).toThrow('uuid')
    expect(() => new Writer().uuid('!'.repeat(22))).toThrow('uuid')
    expect(() => new Writer().string('x'.repeat(32_768))).toThrow('string')
  })

  it('writes strings that grow it, of any script and length', () => {
    for (const text of [
      '',
      'a',
      'é',
      '漢字😀',
      'x'.repeat(32),
      `${'x'.repeat(31)}é`,
      'y'.repeat(1_000),
      'é'.repeat(200),
    ]) {
      const writer = new Writer(1)
      writer.string(text)
      writer.compactString(text)
      const reader = new Reader(Buffer.concat(writer.finish()))
      expect([reader.string(), reader.compactString(), reader.remaining]).toEqual([text, text, 0])
    }
  })

  it('keeps big byte runs as chunks, uncopied, and copies small ones', () => {
    const big = Buffer.alloc(CHUNK_BYTES, 1)
    const small = Buffer.alloc(CHUNK_BYTES - 1, 2)
    const writer = new Writer()
    writer.int32(7)
    writer.nullableChunks([big, small])
    writer.compactBytes(big)
    writer.int32(8)
    expect(writer.size).toBe(4 + 4 + 2 * CHUNK_BYTES - 1 + 2 + CHUNK_BYTES + 4)
    const chunks = writer.finish()
    expect(chunks.filter((chunk) => chunk === big)).toHaveLength(2)
    expect(chunks).toHaveLength(5)
    const reader = new Reader(Buffer.concat(chunks))
    expect(reader.int32()).toBe(7)
    expect(reader.bytes()).toEqual(Buffer.concat([big, small]))
    expect(reader.compactBytes()).toEqual(big)
    expect(reader.int32()).toBe(8)
  })

  it('writes null and empty runs', () => {
    expect(hexOf((w) => w.nullableChunks(null))).toBe('ffffffff')
    expect(hexOf((w) => w.nullableChunks([]))).toBe('00000000')
    expect(hexOf((w) => w.compactNullableChunks(null))).toBe('00')
    expect(hexOf((w) => w.compactChunks([]))).toBe('01')
  })

  it.each([0, 1, 127, 128, 16_383, 16_384, 100_000])('patches the size of a tagged field of %i bytes', (size) => {
    const writer = new Writer(16)
    writer.int32(1)
    const mark = writer.beginTag(3)
    writer.append(Buffer.alloc(size, 0xab))
    writer.endTag(mark)
    writer.int32(2)
    const reader = new Reader(Buffer.concat(writer.finish()))
    expect([reader.int32(), reader.tag(-1)]).toEqual([1, 3])
    expect(reader.view(reader.uvarint())).toEqual(Buffer.alloc(size, 0xab))
    expect(reader.int32()).toBe(2)
  })

  it('nests tagged fields, also behind a chunk', () => {
    const writer = new Writer(8)
    writer.compactBytes(Buffer.alloc(CHUNK_BYTES))
    const outer = writer.beginTag(1)
    const inner = writer.beginTag(2)
    writer.append(Buffer.alloc(200, 5))
    writer.endTag(inner)
    writer.endTag(outer)
    const reader = new Reader(Buffer.concat(writer.finish()))
    reader.compactBytes()
    expect([reader.tag(-1), reader.uvarint(), reader.tag(-1), reader.uvarint()]).toEqual([1, 203, 2, 200])
    expect(reader.view(200)).toEqual(Buffer.alloc(200, 5))
  })

  it('writes the length of a frame over its first four bytes', () => {
    const writer = new Writer(4)
    writer.int32(0)
    writer.bytes(Buffer.alloc(CHUNK_BYTES))
    const chunks = writer.finishFrame()
    expect(chunks[0]!.readInt32BE(0)).toBe(4 + CHUNK_BYTES)
    expect(chunks).toHaveLength(2)
  })
})
