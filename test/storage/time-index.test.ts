import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import type { TimestampOffset } from '../../storage/time-index.ts'
import { TimeIndex } from '../../storage/time-index.ts'
import { kafkaFile } from '../support/kafka-files.ts'

const path = '/00000000000000002048.timeindex'
const base = 2048

function given(bytes?: Buffer) {
  const fileSystem = new MemoryFileSystem()
  if (bytes !== undefined) {
    const file = fileSystem.open(path, 'create')
    if (bytes.length > 0) writeFully(file, [bytes], 0)
    file.close()
  }
  return { fileSystem, path, baseOffset: base, maxBytes: 10 << 20 }
}

const entriesOf = (index: TimeIndex) => Array.from({ length: index.entryCount }, (_, at) => index.entry(at))

describe('TimeIndex, beside Apache Kafka', () => {
  const kafkas = kafkaFile('00000000000000002048.timeindex')

  it('reads the entries that Kafka wrote', () => {
    const index = TimeIndex.open(given(kafkas))
    expect(index.entryCount).toBe(19)
    expect(index.entry(0)).toEqual({ timestamp: 1795561144596, offset: 2111 })
    expect(index.last).toEqual({ timestamp: 1795561147118, offset: 3203 })
    expect(index.problem(3204)).toBeUndefined()
  })

  it('writes the bytes that Kafka wrote', () => {
    const options = given()
    const ours = TimeIndex.empty(options)
    for (const { timestamp, offset } of entriesOf(TimeIndex.open(given(kafkas)))) ours.append(timestamp, offset)
    ours.close()
    expect(options.fileSystem.readFile(path).equals(kafkas)).toBe(true)
  })

  it('takes the zeros of a preallocated file for what they are', () => {
    const index = TimeIndex.open(given(Buffer.concat([kafkas, Buffer.alloc(12_000)])))
    expect(index.last).toEqual({ timestamp: 1795561147118, offset: 3203 })
  })
})

describe('TimeIndex', () => {
  it('notes only larger timestamps, and none below 0', () => {
    const index = TimeIndex.empty(given())
    index.append(-1, 2048)
    expect(index.last).toEqual({ timestamp: -1, offset: 2048 })
    index.append(100, 2050)
    index.append(100, 2060)
    index.append(90, 2070)
    index.append(101, 2080)
    expect(entriesOf(index)).toEqual([
      { timestamp: 100, offset: 2050 },
      { timestamp: 101, offset: 2080 },
    ])
    expect(() => index.append(102, 2079)).toThrow('do not fall')
    expect(() => index.append(102, 2047)).toThrow('lies in its segment')
    expect(() => index.append(102, base + 2 ** 31)).toThrow('within 2^31')
  })

  it('finds the last entry that is as old as asked for or older', () => {
    const index = TimeIndex.empty(given())
    for (const [timestamp, offset] of [
      [100, 2050],
      [200, 2060],
      [300, 2060],
    ] as const)
      index.append(timestamp, offset)
    expect(index.lookup(99)).toEqual({ timestamp: -1, offset: 2048 })
    expect(index.lookup(100)).toEqual({ timestamp: 100, offset: 2050 })
    expect(index.lookup(299)).toEqual({ timestamp: 200, offset: 2060 })
    expect(index.lookup(Number.MAX_SAFE_INTEGER)).toEqual({ timestamp: 300, offset: 2060 })
    expect(TimeIndex.empty(given()).lookup(5)).toEqual({ timestamp: -1, offset: 2048 })
  })

  it('keeps a slot back for the entry at closing', () => {
    const index = TimeIndex.empty({ ...given(), maxBytes: 36 })
    index.append(1, 2048)
    expect(index.isFull).toBe(false)
    index.append(2, 2049)
    expect(index.isFull).toBe(true)
    index.append(3, 2050)
    expect(index.entryCount).toBe(2)
    index.append(3, 2050, true)
    index.append(4, 2051, true)
    expect(index.last).toEqual({ timestamp: 3, offset: 2050 })
  })

  it('agrees with a walk over all entries, also cut and saved and opened again', () => {
    const steps = fc.array(fc.record({ later: fc.integer({ min: 1, max: 2 ** 40 }), on: fc.nat(5) }), { maxLength: 40 })
    fc.assert(
      fc.property(steps, fc.nat(2 ** 44), fc.nat(100), (steps, asked, cut) => {
        const options = given()
        const index = TimeIndex.empty(options)
        const entries: TimestampOffset[] = []
        let [timestamp, offset] = [0, base]
        for (const { later, on } of steps) {
          timestamp += later
          offset += on
          entries.push({ timestamp, offset })
          index.append(timestamp, offset)
        }
        const expected = entries.findLast((entry) => entry.timestamp <= asked)
        expect(index.lookup(asked)).toEqual(expected ?? { timestamp: -1, offset: base })
        index.save()
        index.truncateTo(base + cut)
        index.close()
        const kept = entries.filter((entry) => entry.offset < base + cut)
        expect(entriesOf(TimeIndex.open(options))).toEqual(kept)
      }),
    )
  })

  it('gives its memory back when it is on the disk, moves with its segment, and can be dropped', () => {
    const options = given()
    const index = TimeIndex.empty(options)
    index.append(100, 2050)
    expect(index.unload()).toBe(false)
    index.save()
    expect(index.unload()).toBe(true)
    expect(index.isLoaded).toBe(false)
    options.fileSystem.rename(path, '/moved')
    index.movedTo('/moved')
    expect(index.path).toBe('/moved')
    expect(index.lookup(100)).toEqual({ timestamp: 100, offset: 2050 })
    index.drop()
    expect(index.isLoaded).toBe(false)
  })

  it('holds every timestamp that we hold exactly', () => {
    const index = TimeIndex.empty(given())
    const timestamps = [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
    for (const timestamp of timestamps) index.append(timestamp, base + 1)
    expect(entriesOf(index).map(({ timestamp }) => timestamp)).toEqual(timestamps)
  })

  it('is doubted when it is beyond the log, and found out when it is not in order', () => {
    const index = TimeIndex.open(given(kafkaFile('00000000000000002048.timeindex')))
    expect(index.problem(3203)).toMatch('beyond the log')
    const bytes = Buffer.from(kafkaFile('00000000000000002048.timeindex'))
    bytes.writeInt32BE(-5, bytes.length - 4)
    const damaged = TimeIndex.open(given(bytes))
    expect(() => damaged.problem(5000)).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
    expect(() => TimeIndex.open(given())).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(TimeIndex.open(given(Buffer.alloc(0))).problem(base)).toBeUndefined()
  })
})
