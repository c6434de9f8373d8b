import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FileSystem } from '../../storage/file-system.ts'
import { writeFully } from '../../storage/file-system.ts'
import { IndexMemory } from '../../storage/index-file.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { OffsetIndex } from '../../storage/offset-index.ts'
import { kafkaFile, kafkaLogBytes } from '../support/kafka-files.ts'

const path = '/00000000000000002048.index'
const base = 2048

function given(bytes?: Buffer) {
  const fileSystem = new MemoryFileSystem()
  if (bytes !== undefined) put(fileSystem, bytes)
  return { fileSystem, path, baseOffset: base, maxBytes: 10 << 20 }
}

function put(fileSystem: FileSystem, bytes: Buffer): void {
  const file = fileSystem.open(path, 'replace')
  if (bytes.length > 0) writeFully(file, [bytes], 0)
  file.close()
}

function entriesOf(index: OffsetIndex) {
  return Array.from({ length: index.entryCount }, (_, at) => index.entry(at))
}

function filled(count: number) {
  const options = given()
  const index = OffsetIndex.empty(options)
  for (let at = 1; at <= count; at++) index.append(base + at * 10, at * 4096)
  return { index, ...options }
}

describe('OffsetIndex, beside Apache Kafka', () => {
  const kafkas = kafkaFile('00000000000000002048.index')

  it('reads the entries that Kafka wrote', () => {
    const index = OffsetIndex.open(given(kafkas))
    expect(index.entryCount).toBe(36)
    expect(index.entry(0)).toEqual({ offset: 2111, position: 16349 })
    expect(index.entry(35)).toEqual({ offset: 3184, position: 511773 })
    expect(index).toMatchObject({ lastOffset: 3184, lastPosition: 511773, isFull: false })
    expect(index.problem(kafkaLogBytes(base))).toBeUndefined()
  })

  it('writes the bytes that Kafka wrote', () => {
    const theirs = OffsetIndex.open(given(kafkas))
    const options = given()
    const ours = OffsetIndex.empty(options)
    for (const { offset, position } of entriesOf(theirs)) ours.append(offset, position)
    ours.close()
    expect(options.fileSystem.readFile(path).equals(kafkas)).toBe(true)
  })

  it('takes the zeros of a preallocated file for what they are, and trims them like Kafka at its close', () => {
    const options = given(Buffer.concat([kafkas, Buffer.alloc((1 << 20) - kafkas.length)]))
    const index = OffsetIndex.open(options)
    expect(index.entryCount).toBe(36)
    index.append(3200, 600_000)
    index.close()
    expect(options.fileSystem.stat(path)?.sizeBytes).toBe(kafkas.length + 8)
    expect(OffsetIndex.open(given(Buffer.alloc(1 << 20))).entryCount).toBe(0)
  })
})

describe('OffsetIndex', () => {
  it('finds the last position at or before an offset, and 0 before the first entry', () => {
    const { index } = filled(3)
    expect([2048, 2057, 2058, 2059, 2068, 2077, 2078, 9999].map((offset) => index.lookup(offset))).toEqual([
      0, 0, 4096, 4096, 8192, 8192, 12288, 12288,
    ])
    expect(OffsetIndex.empty(given()).lookup(5000)).toBe(0)
  })

  it('finds what a walk over all entries finds', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 1500 }), (gaps, asked) => {
        const index = OffsetIndex.empty(given())
        const entries: { offset: number; position: number }[] = []
        let offset = base
        for (const gap of gaps) {
          offset += gap
          entries.push({ offset, position: entries.length * 100 + 1 })
          index.append(offset, entries.length * 100 - 99)
        }
        const expected = entries.findLast((entry) => entry.offset <= base + asked)?.position ?? 0
        expect(index.lookup(base + asked)).toBe(expected)
        index.truncateTo(base + asked)
        expect(entriesOf(index)).toEqual(entries.filter((entry) => entry.offset < base + asked))
      }),
    )
  })

  it('says when it is full, and which offsets it can hold at all', () => {
    const index = OffsetIndex.empty({ ...given(), maxBytes: 23 })
    index.append(2049, 1)
    expect(index.isFull).toBe(false)
    index.append(2050, 2)
    expect(index.isFull).toBe(true)
    expect(() => index.append(2051, 3)).toThrow('while it has room')
    expect(index.fits(base + 2 ** 31 - 1)).toBe(true)
    expect(index.fits(base + 2 ** 31)).toBe(false)
    expect(index.fits(base - 1)).toBe(false)
  })

  it('does not take entries out of order', () => {
    const { index } = filled(2)
    expect(() => index.append(2068, 20_000)).toThrow('offsets in an index rise')
    expect(() => index.append(2069, 8192)).toThrow('positions in an index rise')
  })

  it('saves what is new only, and goes on after it was opened again', () => {
    const { index, fileSystem, ...rest } = filled(5)
    index.save()
    index.append(2200, 100_000)
    expect(fileSystem.stat(path)?.sizeBytes).toBe(40)
    index.save()
    const again = OffsetIndex.open({ fileSystem, ...rest })
    expect(entriesOf(again)).toEqual(entriesOf(index))
    again.append(2300, 200_000)
    again.close()
    expect(OffsetIndex.open({ fileSystem, ...rest }).lastOffset).toBe(2300)
  })

  it('cuts its file to what was kept, though it was cut and grew between two saves', () => {
    const { index, fileSystem, ...rest } = filled(5)
    index.save()
    index.truncateTo(2078)
    index.append(2080, 9000)
    index.close()
    expect(entriesOf(OffsetIndex.open({ fileSystem, ...rest })).map(({ offset }) => offset)).toEqual([2058, 2068, 2080])
    const emptied = OffsetIndex.open({ fileSystem, ...rest })
    emptied.truncateTo(0)
    emptied.close()
    expect(fileSystem.stat(path)?.sizeBytes).toBe(0)
  })

  it('is told to be missing, and is doubted when it is beyond the log or does not go on from its base', () => {
    expect(() => OffsetIndex.open(given())).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    const { index } = filled(3)
    expect(index.problem(12289)).toBeUndefined()
    expect(index.problem(12288)).toMatch('beyond the log')
    const zeroOffset = Buffer.alloc(8)
    zeroOffset.writeInt32BE(77, 4)
    expect(OffsetIndex.open(given(zeroOffset)).problem(1000)).toMatch('not above')
    expect(OffsetIndex.open(given(Buffer.alloc(0))).problem(0)).toBeUndefined()
  })

  it('ignores a part of an entry at the end', () => {
    const kafkas = kafkaFile('00000000000000002048.index')
    for (let cut = 1; cut < 8; cut++) {
      const options = given(kafkas.subarray(0, kafkas.length - cut))
      const index = OffsetIndex.open(options)
      expect(index.entryCount).toBe(35)
      index.close()
      expect(options.fileSystem.stat(path)?.sizeBytes).toBe(35 * 8)
    }
  })

  it('finds disorder when the entries are read, never a wrong position', () => {
    const bytes = Buffer.from(kafkaFile('00000000000000002048.index'))
    bytes.writeInt32BE(5, 10 * 8)
    const index = OffsetIndex.open(given(bytes))
    expect(() => index.lookup(3000)).toThrow(expect.objectContaining({ code: 'CORRUPT', path }))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const index = OffsetIndex.open(given(Buffer.from(random)))
        try {
          expect(index.lookup(base + 100)).toBeGreaterThanOrEqual(0)
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPT' })
        }
      }),
    )
  })
})

describe('The file of an index', () => {
  it('may be moved with its segment', () => {
    const { index, fileSystem, ...rest } = filled(2)
    index.save()
    fileSystem.rename(path, '/moved.index')
    index.movedTo('/moved.index')
    expect(index.path).toBe('/moved.index')
    index.unload()
    expect(index.lookup(2058)).toBe(4096)
    index.append(3000, 50_000)
    index.close()
    expect(OffsetIndex.open({ fileSystem, ...rest, path: '/moved.index' }).entryCount).toBe(3)
  })

  it('is found out when it became shorter behind our back', () => {
    const { index, fileSystem } = filled(5)
    index.save()
    index.unload()
    put(fileSystem, Buffer.alloc(8, 1))
    expect(() => index.lookup(2058)).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })
})

describe('IndexMemory', () => {
  const optionsFor = (fileSystem: FileSystem, name: string, memory: IndexMemory) => ({
    fileSystem,
    path: `/${name}`,
    baseOffset: 0,
    maxBytes: 10 << 20,
    memory,
  })

  it('drops the least recently used entries above its limit; they are read again when asked for', () => {
    const fileSystem = new MemoryFileSystem()
    for (const name of ['a', 'b', 'c']) {
      const index = OffsetIndex.empty(optionsFor(fileSystem, name, new IndexMemory()))
      for (let at = 1; at <= 100; at++) index.append(at, at)
      index.close()
    }
    const memory = new IndexMemory(2000)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => OffsetIndex.open(optionsFor(fileSystem, name, memory)))
    expect(memory.heldBytes).toBe(0)
    expect(a!.lookup(7)).toBe(7)
    expect(b!.lookup(7)).toBe(7)
    expect(a!.lookup(8)).toBe(8)
    expect(memory.heldBytes).toBe(1600)
    expect(c!.lookup(7)).toBe(7)
    expect([a, b, c].map((index) => index!.isLoaded)).toEqual([true, false, true])
    expect(memory.heldBytes).toBe(1600)
    expect(b!.lookup(9)).toBe(9)
    expect([a, b, c].map((index) => index!.isLoaded)).toEqual([false, true, true])
    for (const index of [a, b, c]) index!.close()
    expect(memory.heldBytes).toBe(0)
  })

  it('keeps what is not on the disk yet, whatever its limit', () => {
    const fileSystem = new MemoryFileSystem()
    const memory = new IndexMemory(0)
    const active = OffsetIndex.empty(optionsFor(fileSystem, 'active', memory))
    const other = OffsetIndex.empty(optionsFor(fileSystem, 'other', memory))
    for (let at = 1; at <= 20; at++) active.append(at, at)
    other.append(1, 1)
    expect(active.unload()).toBe(false)
    expect(active.isLoaded).toBe(true)
    active.save()
    expect(active.unload()).toBe(true)
    expect(active.isLoaded).toBe(false)
    active.append(21, 21)
    expect(active.entry(20)).toEqual({ offset: 21, position: 21 })
    active.drop()
    other.drop()
    expect(memory.heldBytes).toBe(0)
  })
})
