import { createRequire } from 'node:module'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressions } from '../../../protocol/records/batch.ts'
import {
  compress,
  decompress,
  isCodecReady,
  maxDecompressedBytes,
  prepareCodec,
} from '../../../protocol/records/compression.ts'
import { frameInJavaScript, readLz4Frame } from '../../../protocol/records/lz4.ts'
import { RecordsError } from '../../../protocol/records/records-error.ts'
import { readSnappy, writeSnappy } from '../../../protocol/records/snappy.ts'
import { xxHash32 } from '../../../protocol/records/xx-hash.ts'
import { pseudoRandom } from './support/golden.ts'

const MIB = 1024 * 1024
const require = createRequire(import.meta.url)
const codecs = compressions.filter((codec) => codec !== 'none')

await prepareCodec('zstd')

/** Runs of both kinds: what codecs shorten, and what they store. */
const bytes = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(5_000)), { maxLength: 8 })
  .map((runs) => Buffer.concat(runs.map(([unit, length]) => Buffer.alloc(length, unit))))

describe.each(codecs)('%s', (codec) => {
  it('is ready once prepared', () => {
    expect(isCodecReady(codec)).toBe(true)
  })

  it('gives back what went in', () => {
    fc.assert(fc.property(bytes, (data) => decompress(codec, compress(codec, data), MIB).equals(data)))
  })

  it.each([0, 1, 15, 65_535, 65_536, 65_537, 300_000, 5_000_000])(
    'gives back %i bytes, of zeros and of noise',
    (length) => {
      for (const data of [Buffer.alloc(length), pseudoRandom(length, length)]) {
        expect(decompress(codec, compress(codec, data), 5_000_000).equals(data)).toBe(true)
      }
    },
  )

  it('H21: stops at the bound, though a bomb has a thousandth of it', () => {
    const bomb = compress(codec, Buffer.alloc(32 * MIB))
    expect(bomb.length).toBeLessThan(2 * MIB)
    expect(() => decompress(codec, bomb, MIB)).toThrow(
      expect.objectContaining({ name: 'RecordsError', error: 'MESSAGE_TOO_LARGE' }),
    )
    expect(decompress(codec, bomb, 32 * MIB)).toHaveLength(32 * MIB)
  })

  it('stops one byte above the bound, and not at it', () => {
    const data = pseudoRandom(9, 100_000)
    expect(decompress(codec, compress(codec, data), 100_000).equals(data)).toBe(true)
    expect(() => decompress(codec, compress(codec, data), 99_999)).toThrow(RecordsError)
  })

  it('refuses data that is cut short at any place', () => {
    const data = compress(codec, Buffer.from('what is cut short must not be taken for whole; '.repeat(20)))
    for (let length = 0; length < data.length; length++) {
      // An empty run, or only the header of the xerial format, is a stream of nothing.
      if (codec === 'snappy' && length === 16) continue
      expect(() => decompress(codec, data.subarray(0, length), MIB), `${length} bytes`).toThrow(RecordsError)
    }
  })

  it('gives bytes or a RecordsError, never something else, when a byte is changed', () => {
    const data = compress(codec, Buffer.concat([Buffer.from('abcabcabc'.repeat(30)), pseudoRandom(4, 100)]))
    for (let at = 0; at < data.length; at++) {
      const before = data[at]!
      for (const change of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        data[at] = before ^ change
        expectBytesOrRefusal(() => decompress(codec, data, 10_000))
      }
      data[at] = before
    }
  })

  it('does the same for any bytes', () => {
    const start = compress(codec, Buffer.alloc(0))
    const anything = fc.tuple(fc.nat(start.length), fc.uint8Array({ maxLength: 100 }))
    fc.assert(
      fc.property(anything, ([kept, rest]) => {
        expectBytesOrRefusal(() => decompress(codec, Buffer.concat([start.subarray(0, kept), rest]), 10_000))
      }),
      { numRuns: 500 },
    )
  })
})

describe('The bound of a batch', () => {
  it('is sixteen times max.message.bytes, and 16 MiB at least', () => {
    expect(maxDecompressedBytes(1_048_588)).toBe(16_777_408)
    expect(maxDecompressedBytes(1_000)).toBe(16 * MIB)
  })

  it('holds for batches that are not compressed, too', () => {
    expect(() => decompress('none', Buffer.alloc(11), 10)).toThrow(RecordsError)
  })
})

describe('gzip', () => {
  it('H21: reads members that follow one another as one', () => {
    const both = Buffer.concat([zlib.gzipSync('one, '), zlib.gzipSync('two')])
    expect(decompress('gzip', both, 100).toString()).toBe('one, two')
    expect(() => decompress('gzip', both, 7)).toThrow(RecordsError)
  })

  it('uses the level that it is given', () => {
    const text = Buffer.from(Array.from({ length: 5_000 }, (_, i) => `${i * i} `).join(''))
    expect(compress('gzip', text, 9).length).toBeLessThan(compress('gzip', text, 1).length)
  })
})

describe('snappy', () => {
  const raw = (text: string): Buffer =>
    (require('snappyjs') as { compress(data: Buffer): Buffer }).compress(Buffer.from(text))

  it('is written in the format of snappy-java, in blocks of 32 KiB', () => {
    const written = writeSnappy(Buffer.alloc(70_000))
    expect(written.toString('hex', 0, 16)).toBe('82534e41505059000000000100000001')
    let blocks = 0
    for (let at = 16; at < written.length; at += 4 + written.readInt32BE(at)) blocks++
    expect(blocks).toBe(3)
  })

  it('is written without the addon as well', () => {
    const codec = require('snappyjs') as { compress(data: Buffer): Buffer }
    const data = Buffer.from('x'.repeat(100_000))
    expect(readSnappy(writeSnappy(data, codec.compress), MIB).equals(data)).toBe(true)
  })

  it('is read as a raw block without that format, and with a header between two blocks', () => {
    expect(readSnappy(raw('raw raw raw raw'), 100).toString()).toBe('raw raw raw raw')
    const twice = Buffer.concat([writeSnappy(Buffer.from('one, ')), writeSnappy(Buffer.from('two'))])
    expect(readSnappy(twice, 100).toString()).toBe('one, two')
  })

  it.each([
    ['a chunk of a negative length', framed(Buffer.alloc(0), -1)],
    ['a chunk longer than the data', framed(Buffer.from([1, 0, 0x61]), 2 ** 31 - 1)],
    ['a size of 2^32-1', framed(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]))],
    ['a size of more than 32 bits', framed(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x1f, 0]))],
    ['a size that its bytes cannot hold', framed(Buffer.from([0x80, 0x80, 0x01, 0, 0x61]))],
    ['a size above what comes out', framed(Buffer.from([5, 0, 0x61]))],
    ['a size below what comes out', framed(Buffer.from([1, 4, 0x61, 0x62]))],
    ['a copy from before the start', framed(Buffer.from([5, 0, 0x61, 1, 2]))],
    ['a copy at distance 0', framed(Buffer.from([5, 0, 0x61, 1, 0]))],
    ['a literal beyond the data', framed(Buffer.from([5, 0xec, 0x61]))],
    // snappyjs takes this length for negative, steps back, and never comes to an end.
    ['H22: a literal of 2^32-5 bytes', framed(Buffer.from([100, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]))],
  ])('refuses %s', (_, data) => {
    expect(() => readSnappy(data, MIB)).toThrow(RecordsError)
  })
})

describe('lz4', () => {
  const data = Buffer.concat([Buffer.alloc(200_000, 'abcdefg'), pseudoRandom(3, 70_000)])
  const written = compress('lz4', Buffer.from('some text, some text, some text'))

  it('is written in independent blocks: Java clients refuse others', () => {
    expect(written.readUInt32LE(0)).toBe(0x184d_2204)
    expect(written[4]! & 0xf3).toBe(0x60)
  })

  it('is written without the addon as well, and the addon reads it', () => {
    const frame = frameInJavaScript(require('lz4js') as Parameters<typeof frameInJavaScript>[0])(data)
    const addon = require('lz4-napi') as { decompressFrameSync(data: Buffer): Buffer }
    expect(readLz4Frame(frame, MIB).equals(data)).toBe(true)
    expect(addon.decompressFrameSync(frame).equals(data)).toBe(true)
    expect(frame.length).toBeLessThan(75_000)
  })

  it('reads checksums of blocks and content, and refuses them when they are wrong', () => {
    const addon = require('lz4-napi') as { compressFrameSync(data: Buffer, options: object): Buffer }
    const frame = addon.compressFrameSync(data, { contentChecksum: true, blockChecksums: true })
    expect(frame[4]! & 0x14).toBe(0x14)
    expect(readLz4Frame(frame, MIB).equals(data)).toBe(true)
    frame[frame.length - 1] = frame[frame.length - 1]! ^ 1
    expect(() => readLz4Frame(frame, MIB)).toThrow('the checksum of the lz4 frame is wrong')
    frame[frame.length - 9] = frame[frame.length - 9]! ^ 1
    expect(() => readLz4Frame(frame, MIB)).toThrow('the checksum of an lz4 block is wrong')
  })

  it('reads a content size, and refuses one that lies', () => {
    expect(readLz4Frame(sized(11), MIB).toString()).toBe('hello hello')
    for (const lie of [10, 12, 2 ** 32]) expect(() => readLz4Frame(sized(lie), MIB)).toThrow(RecordsError)
  })

  it('refuses a wrong header checksum, but not in magic 0, where Kafka once summed other bytes', () => {
    const frame = Buffer.from(written)
    frame[6] = frame[6]! ^ 1
    expect(() => readLz4Frame(frame, MIB)).toThrow('header is wrong')
    expect(readLz4Frame(frame, MIB, { anyHeaderChecksum: true }).toString()).toMatch(/^some text/)
  })

  it.each([
    ['linked blocks', 4, 0x40],
    ['a dictionary', 4, 0x61],
    ['another version', 4, 0xa0],
    ['an unknown block size', 5, 0x30],
    ['reserved bits', 5, 0x41],
  ])('refuses %s', (_, at, value) => {
    const frame = Buffer.from(written)
    frame[at] = value
    frame[6] = (xxHash32(frame, 4, 6) >>> 8) & 0xff
    expect(() => readLz4Frame(frame, MIB)).toThrow(RecordsError)
  })

  it('H21: 4 MiB blocks in a row make room for no more than the bound', () => {
    const block = Buffer.from('ff'.repeat(2_000), 'hex')
    const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])
    const length = Buffer.alloc(4)
    length.writeUInt32LE(block.length)
    const frame = Buffer.concat([header, ...Array.from({ length: 50 }, () => [length, block]).flat(), Buffer.alloc(4)])
    expect(() => readLz4Frame(frame, MIB)).toThrow(RecordsError)
  })

  it.each([
    ['nothing', '', 0x02cc_5d05],
    ['"abc"', 'abc', 0x32d1_53ff],
    ['a longer text', 'Nobody inspects the spammish repetition', 0xe229_3b2f],
  ])('xxHash32 of %s is as published', (_, text, expected) => {
    expect(xxHash32(Buffer.from(text), 0, text.length)).toBe(expected)
  })
})

describe('zstd', () => {
  const frame = compress('zstd', Buffer.from('hello hello hello hello'))

  it('reads frames that follow one another as one, and skips those that are to be skipped', () => {
    const skippable = Buffer.from('5a2a4d1803000000aabbcc', 'hex')
    const all = Buffer.concat([frame, skippable, frame])
    expect(decompress('zstd', all, 100).toString()).toBe('hello hello hello hello'.repeat(2))
    expect(() => decompress('zstd', all, 30)).toThrow(RecordsError)
    expect(() => decompress('zstd', skippable, 100)).toThrow(RecordsError)
  })

  // Header: magic, descriptor, window (3 << 3 is 8 KiB), then blocks.
  it.each([
    ['a window of 2 GiB', '28b52ffd 00a8 010000'],
    ['a dictionary', '28b52ffd 01582a 010000'],
    ['a reserved bit', '28b52ffd 0858 010000'],
    ['a declared size of 2^64-1', '28b52ffd c058 ffffffffffffffff 010000'],
    ['a declared size of 2^32-2', '28b52ffd 8058 feffffff 010000'],
    ['a block of the reserved kind', '28b52ffd 0058 070000'],
    ['a block beyond the data', '28b52ffd 0058 ff0000'],
    ['no last block', '28b52ffd 0058 000000'],
    ['another magic', '28b52ffe 0058 010000'],
    ['a skippable frame beyond the data', '502a4d18 ffffffff 00'],
  ])('H21: refuses %s', (_, hex) => {
    expect(() => decompress('zstd', Buffer.from(hex.replaceAll(' ', ''), 'hex'), MIB)).toThrow(RecordsError)
  })

  it('H22: ends on a block of matches that lead nowhere (fzstd takes minutes for these 21 bytes)', () => {
    const block = Buffer.from('2161ff3f9f54000034ffff80', 'hex')
    const header = (block.length << 3) | 5
    const endless = Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), Buffer.from([header, header >> 8, 0]), block])
    expect(endless).toHaveLength(21)
    expect(() => decompress('zstd', endless, 16 * MIB)).toThrow(RecordsError)
  })

  it('H21: a run of one byte repeated, tens of thousands to one, stops at the bound', () => {
    const run = Buffer.from([0x02, 0x00, 0x10, 0x61])
    const last = Buffer.from([0x03, 0x00, 0x10, 0x61])
    const bomb = Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...Array<Buffer>(199).fill(run), last])
    expect(decompress('zstd', bomb, 200 * 128 * 1024)).toHaveLength(200 * 128 * 1024)
    expect(() => decompress('zstd', bomb, 16 * MIB)).toThrow(expect.objectContaining({ error: 'MESSAGE_TOO_LARGE' }))
  })
})

function expectBytesOrRefusal(read: () => Buffer): void {
  let length = 0
  try {
    length = read().length
  } catch (error) {
    expect(error).toBeInstanceOf(RecordsError)
  }
  expect(length).toBeLessThanOrEqual(10_000)
}

/** One chunk in snappy-java's format that claims `length` bytes. */
function framed(chunk: Buffer, length = chunk.length): Buffer {
  const header = Buffer.from('82534e4150505900000000010000000100000000', 'hex')
  header.writeInt32BE(length, 16)
  return Buffer.concat([header, chunk])
}

/** An lz4 frame of "hello hello" that declares `size`. */
function sized(size: number): Buffer {
  const header = Buffer.from('04224d186840000000000000000000', 'hex')
  header.writeUInt32LE(size % 2 ** 32, 6)
  header.writeUInt32LE(Math.floor(size / 2 ** 32), 10)
  header[14] = (xxHash32(header, 4, 14) >>> 8) & 0xff
  const text = Buffer.from('hello hello')
  return Buffer.concat([header, Buffer.from([text.length, 0, 0, 0x80]), text, Buffer.alloc(4)])
}
