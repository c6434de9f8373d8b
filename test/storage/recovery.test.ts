import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import type { LogConfig, MemoryFileSystem } from '../../storage/index.ts'
import { LogContext, logFile, nextTurn, tamper } from '../support/log-context.ts'

const LOG = logFile(0)
/** Nothing may be trusted: as after a power cut before the first checkpoint. */
const CHECKPOINT = '/data/recovery-point-offset-checkpoint'

/** The files of a process that was killed. */
interface Dead {
  readonly memory: MemoryFileSystem
  path(name: string): string
  tamper(name: string, change: (bytes: Buffer) => Buffer): void
}

/** A log with these values, one a batch, whose process was killed; `spoil` is done to its files before the next start. */
async function killed(values: readonly string[], spoil: (dead: Dead) => void, config: Partial<LogConfig> = {}) {
  const context = await LogContext.open({ config: { indexIntervalBytes: 100, ...config }, tailCacheBytes: 0 })
  for (const value of values) context.append(value)
  await context.settle()
  await nextTurn()
  const memory = context.memory.kill()
  if (memory.exists(CHECKPOINT)) memory.unlink(CHECKPOINT)
  spoil({
    memory,
    path: (name) => context.path(name),
    tamper: (name, change) => tamper(memory, context.path(name), change),
  })
  return LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
}

/** Where each batch of one record with a value of this length ends. */
const sizeOf = (value: string) =>
  buildBatch({ records: [{ value: Buffer.from(value), timestamp: 1_700_000_000_000 }] }).length

describe('A torn tail', () => {
  const values = ['first', 'second', 'third']

  it('D01: is cut to the last whole batch, wherever the file ends', async () => {
    const whole = values.reduce((total, value) => total + sizeOf(value), 0)
    for (let size = 0; size < whole; size++) {
      const again = await killed(values, (dead) => dead.tamper(LOG, (bytes) => bytes.subarray(0, size)))
      let kept = 0
      for (let end = 0; kept < 3 && end + sizeOf(values[kept]!) <= size; kept++) end += sizeOf(values[kept]!)
      expect(await again.values()).toEqual(values.slice(0, kept))
      expect(again.append('next')).toMatchObject({ baseOffset: kept })
      await again.settle()
      expect(await again.values()).toEqual([...values.slice(0, kept), 'next'])
      await again.close()
    }
  })

  it('D02: of zeros is cut, and nothing is kept of it', async () => {
    for (const zeros of [1, 60, 61, 4096, 65_536]) {
      const context = await killed(values, (dead) =>
        dead.tamper(LOG, (bytes) => Buffer.concat([bytes, Buffer.alloc(zeros)])),
      )
      expect(await context.values()).toEqual(values)
      expect(context.memory.stat(context.path(LOG))?.sizeBytes).toBe(context.log.sizeBytes)
      expect(context.files().some((name) => name.includes('cut'))).toBe(false)
    }
  })

  it('D02: of other bytes is kept beside the segment, and reported with offsets', async () => {
    const garbage = Buffer.from('this is not a batch, but somebody may want to look at it '.repeat(20))
    const context = await killed(values, (dead) => dead.tamper(LOG, (bytes) => Buffer.concat([bytes, garbage])))
    expect(await context.values()).toEqual(values)
    expect(context.memory.readFile(context.path(`${LOG}.cut-3`)).equals(garbage)).toBe(true)
    expect(context.messages.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      nextOffset: 3,
      bytes: garbage.length,
    })
  })

  it('D02: of an old batch that was good once is cut, since its offset is not due', async () => {
    const context = await killed(values, (dead) =>
      dead.tamper(LOG, (bytes) => Buffer.concat([bytes, bytes.subarray(0, sizeOf('first'))])),
    )
    expect(await context.values()).toEqual(values)
    expect(context.log.logEndOffset).toBe(3)
  })

  it('D05: with a length of nonsense costs no memory and no time', async () => {
    for (const length of [0, 1, 48, 2 ** 31 - 1, -1, -(2 ** 31)]) {
      const context = await killed(values, (dead) =>
        dead.tamper(LOG, (bytes) => {
          bytes.writeInt32BE(length, sizeOf('first') + sizeOf('second') + 8)
          return bytes
        }),
      )
      expect(await context.values()).toEqual(['first', 'second'])
    }
  })

  it('LG-13: is cut by recovery, which gives back indexes and producers as well', async () => {
    const values = Array.from({ length: 40 }, (_, i) => `value ${i}`)
    const context = await killed(values, (dead) => {
      dead.tamper(LOG, (bytes) => bytes.subarray(0, bytes.length - 3))
      for (const index of ['.index', '.timeindex'])
        if (dead.memory.exists(dead.path(logFile(0, index)))) dead.memory.unlink(dead.path(logFile(0, index)))
    })
    expect(await context.values()).toEqual(values.slice(0, 39))
    expect(await context.values(30)).toEqual(values.slice(30, 39))
    await context.close()
    expect(context.memory.stat(context.path(logFile(0, '.index')))!.sizeBytes).toBeGreaterThan(80)
  })
})

describe('Damage', () => {
  const values = Array.from({ length: 10 }, (_, i) => `value ${i}`)
  const size = sizeOf('value 0')

  it('D03: between good batches stays in the file; reads of it fail, what comes after it is served', async () => {
    const context = await killed(values, (dead) =>
      dead.tamper(LOG, (bytes) => {
        bytes[4 * size + 70]! ^= 1
        return bytes
      }),
    )
    expect(context.log.logEndOffset).toBe(10)
    await expect(context.log.read(4, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await context.values(5)).toEqual(values.slice(5))
    expect(await context.values(0, 4)).toEqual(values.slice(0, 4))
    expect(context.said('segment is damaged')).toBe(true)
    expect(context.memory.stat(context.path(LOG))?.sizeBytes).toBe(10 * size)
    context.append('next')
    await context.settle()
    expect(await context.values(5)).toEqual([...values.slice(5), 'next'])
  })

  it('D03: of a header and of several batches is a hole with exactly their offsets', async () => {
    const context = await killed(values, (dead) =>
      dead.tamper(LOG, (bytes) => bytes.fill(0xff, 3 * size, 5 * size + 9)),
    )
    for (const offset of [3, 4, 5]) {
      await expect(context.log.read(offset, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
    }
    expect(await context.values(6)).toEqual(values.slice(6))
  })

  it('D03: is found by a read when a clean stop let nobody look before', async () => {
    const context = await LogContext.open({ config: { indexIntervalBytes: 100 }, tailCacheBytes: 0 })
    for (const value of values) context.append(value)
    await context.settle()
    await context.close()
    for (const spoiltByte of [8, 16, 17, 25, 70]) {
      const memory = context.memory.kill()
      tamper(memory, context.path(LOG), (bytes) => {
        bytes[4 * size + spoiltByte]! ^= 0x40
        return bytes
      })
      const again = await LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
      expect(again.directory.wasClean).toBe(true)
      expect(await again.values(0, 4)).toEqual(values.slice(0, 4))
      await expect(again.log.read(4, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
      await expect(again.log.read(4, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
      expect(await again.values(5)).toEqual(values.slice(5))
      await again.close()
    }
  })

  it('D04: of any bit of a batch that the checksum covers never comes out of a read as good', async () => {
    for (let byte = 8; byte < size; byte++) {
      if (byte >= 12 && byte < 16) continue
      const context = await killed(values, (dead) =>
        dead.tamper(LOG, (bytes) => {
          bytes[4 * size + byte]! ^= 1 << (byte % 8)
          return bytes
        }),
      )
      await expect(context.log.read(4, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
      expect(await context.values(5)).toEqual(values.slice(5))
      await context.close()
    }
  })

  it('D04: of any bit of a base offset, which no checksum covers, is told by the offsets around it', async () => {
    for (let bit = 0; bit < 64; bit++) {
      const flip = (bytes: Buffer) => {
        bytes[4 * size + (bit >> 3)]! ^= 1 << (bit & 7)
        return bytes
      }
      const recovered = await killed(values, (dead) => dead.tamper(LOG, flip))
      const clean = await LogContext.open({ config: { indexIntervalBytes: 100 }, tailCacheBytes: 0 })
      for (const value of values) clean.append(value)
      await clean.settle()
      await clean.close()
      clean.tamper(LOG, flip)
      const reopened = await LogContext.open({
        config: clean.config,
        memory: clean.memory,
        clock: clean.clock,
        tailCacheBytes: 0,
      })
      for (const context of [recovered, reopened]) {
        expect(await context.values(0, 4)).toEqual(values.slice(0, 4))
        await expect(context.log.read(4, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
        expect(await context.values(5)).toEqual(values.slice(5))
        await context.close()
      }
    }
  })

  it('D04: that makes a batch seem shorter does not let a read pass over its records', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    context.append('a', 'b', 'c', 'd')
    context.append('e')
    await context.settle()
    await context.close()
    // lastOffsetDelta 3 becomes 1: a walk by headers would find offset 2 in nobody's batch, and go on at 4.
    context.tamper(LOG, (bytes) => {
      bytes[26] = 1
      return bytes
    })
    const again = await LogContext.open({ memory: context.memory, clock: context.clock, tailCacheBytes: 0 })
    await expect(again.log.read(2, 1000, 5, true)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await again.values(4)).toEqual(['e'])
  })

  it('at the end of a segment that others follow is not cut', async () => {
    const context = await killed(
      values,
      (dead) => dead.tamper(logFile(2), (bytes) => bytes.subarray(0, bytes.length - 4)),
      {
        segmentBytes: 2 * size,
      },
    )
    expect(context.log.logEndOffset).toBe(10)
    expect(await context.values(0, 3)).toEqual(values.slice(0, 3))
    await expect(context.log.read(3, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await context.values(4)).toEqual(values.slice(4))
  })

  it('below the recovery point is not cut, even at the very end', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    for (const value of values) context.append(value)
    await context.settle()
    await context.directory.writeCheckpoints()
    const memory = context.memory.kill()
    tamper(memory, context.path(LOG), (bytes) => {
      bytes[9 * size + 65]! ^= 1
      return bytes
    })
    const again = await LogContext.open({ memory, clock: context.clock, tailCacheBytes: 0 })
    expect(again.log.logEndOffset).toBe(10)
    await expect(again.log.read(9, 1000, 10, true)).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(again.append('next')).toMatchObject({ baseOffset: 10 })
    await again.settle()
    expect(await again.values(10)).toEqual(['next'])
  })

  it('D07: that is a whole missing segment is reported, and readers go on behind it', async () => {
    const context = await killed(values, (dead) => dead.memory.unlink(dead.path(logFile(4))), {
      segmentBytes: 2 * size,
    })
    expect(context.messages.find(({ level }) => level === 'error')?.fields).toMatchObject({
      fromOffset: 4,
      toOffset: 6,
    })
    expect(await context.values()).toEqual(values.filter((_, i) => i !== 4 && i !== 5))
  })
})

describe('Indexes', () => {
  const values = Array.from({ length: 30 }, (_, i) => `value ${i}`)
  const spoilers: Record<string, (bytes: Buffer) => Buffer> = {
    missing: (bytes) => bytes,
    empty: () => Buffer.alloc(0),
    truncated: (bytes) => bytes.subarray(0, bytes.length - 5),
    random: (bytes) => bytes.map((_, i) => (i * 31) % 251) as Buffer,
    'out of order': (bytes) => Buffer.concat([bytes.subarray(16, 48), bytes.subarray(0, 16), bytes.subarray(48)]),
    'beyond the log': (bytes) => Buffer.concat([bytes, Buffer.alloc(24, 0x7f)]),
  }
  for (const [what, spoil] of Object.entries(spoilers)) {
    it(`D06: that are ${what} are built anew, and reads by offset and time are as before`, async () => {
      const context = await LogContext.open({
        config: { indexIntervalBytes: 100, segmentBytes: 1500 },
        tailCacheBytes: 0,
      })
      for (const [i, value] of values.entries())
        context.appendBatch({ records: [{ value: Buffer.from(value), timestamp: 1000 + i }] })
      await context.settle()
      await context.close()
      for (const suffix of ['.index', '.timeindex']) {
        const memory = context.memory.kill()
        const path = context.path(logFile(0, suffix))
        if (what === 'missing') memory.unlink(path)
        else tamper(memory, path, spoil)
        const again = await LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
        expect(await again.values()).toEqual(values)
        expect(await again.values(11)).toEqual(values.slice(11))
        expect(await again.log.offsetForTimestamp(1007, 30)).toMatchObject({ offset: 7 })
        expect(await again.log.maxTimestamp(30)).toMatchObject({ offset: 29 })
        await again.close()
      }
    })
  }

  it('of Kafka, with room set aside at their end, are taken as they are', async () => {
    const context = await LogContext.open({ config: { indexIntervalBytes: 100 }, tailCacheBytes: 0 })
    for (const value of values) context.append(value)
    await context.settle()
    await context.close()
    for (const suffix of ['.index', '.timeindex']) {
      tamper(context.memory, context.path(logFile(0, suffix)), (bytes) => Buffer.concat([bytes, Buffer.alloc(1200)]))
    }
    const again = await LogContext.open({ config: context.config, memory: context.memory, clock: context.clock })
    expect(again.messages.filter(({ level }) => level !== 'info')).toEqual([])
    expect(await again.values(20)).toEqual(values.slice(20))
  })
})

describe('Small files', () => {
  it('D09: a recovery point or log start beyond the log is not believed', async () => {
    const context = await LogContext.open()
    context.append('a')
    await context.settle()
    for (const name of ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint']) {
      const memory = context.memory.kill()
      const path = `/data/${name}`
      memory.open(path, 'replace').writeSync([Buffer.from('0\n1\nevents 0 900000\n')], 0)
      const again = await LogContext.open({ memory, clock: context.clock })
      expect([again.log.logStartOffset, again.log.logEndOffset]).toEqual([0, 1])
      expect(await again.values()).toEqual(['a'])
      expect(again.messages.some(({ level }) => level === 'error')).toBe(true)
    }
  })

  it('D09: checkpoints that are garbage are ignored, and reported', async () => {
    const context = await LogContext.open()
    context.append('a')
    await context.settle()
    await context.close()
    for (const path of [
      '/data/recovery-point-offset-checkpoint',
      '/data/log-start-offset-checkpoint',
      context.path('leader-epoch-checkpoint'),
    ]) {
      tamper(context.memory, path, () => Buffer.from('0\n7\ngarbage'))
    }
    const again = await LogContext.open({ memory: context.memory, clock: context.clock })
    expect(again.messages.filter(({ level }) => level === 'warn')).toHaveLength(3)
    expect(await again.values()).toEqual(['a'])
  })

  it('PR-25: a damaged snapshot of the producers gives way to the log itself', async () => {
    const context = await LogContext.open()
    const send = (to: LogContext, sequence: number) =>
      to.appendBatch({
        records: [{ value: Buffer.from('x'), timestamp: context.clock.wallTime() }],
        producerId: 1,
        producerEpoch: 0,
        baseSequence: sequence,
      })
    for (const sequence of [0, 1, 2]) send(context, sequence)
    await context.settle()
    await context.close()
    tamper(context.memory, context.path(logFile(3, '.snapshot')), (bytes) => bytes.fill(7, 12, 20))
    const again = await LogContext.open({ memory: context.memory, clock: context.clock })
    expect(send(again, 2)).toMatchObject({ kind: 'duplicate', baseOffset: 2 })
    // From the log all of the last five are known, not only the newest as from a snapshot.
    expect(send(again, 0)).toMatchObject({ kind: 'duplicate', baseOffset: 0 })
  })

  it('leftovers of removed segments and of unfinished writes do not disturb, foreign files are left alone', async () => {
    const context = await killed(['a', 'b'], (dead) => {
      for (const name of [
        `${logFile(7)}.deleted`,
        `${logFile(7)}.cleaned`,
        'leader-epoch-checkpoint.tmp',
        'notes.txt',
        logFile(9, '.index'),
      ]) {
        dead.memory.open(dead.path(name), 'create').writeSync([Buffer.from('?')], 0)
      }
      dead.memory.mkdir(dead.path(logFile(12)))
    })
    expect(await context.values()).toEqual(['a', 'b'])
    expect(context.log.logEndOffset).toBe(2)
    expect(context.files()).not.toContain(`${logFile(7)}.deleted`)
    expect(context.files()).not.toContain(logFile(9, '.index'))
    expect(context.files()).toContain('notes.txt')
    expect(context.files()).toContain(logFile(12))
  })
})

describe('Being killed again', () => {
  it('C38: during recovery, at every step, changes nothing', async () => {
    const first = await LogContext.open({ config: { segmentBytes: 300 } })
    const values = Array.from({ length: 12 }, (_, i) => `value ${i}`)
    for (const value of values) first.append(value)
    await first.settle()
    let memory = first.memory.kill()
    tamper(
      memory,
      first.path(
        first
          .files()
          .filter((name) => name.endsWith('.log'))
          .at(-1)!,
      ),
      (bytes) => Buffer.concat([bytes, Buffer.from('torn')]),
    )
    for (let round = 0; round < 20; round++) {
      const again = await LogContext.open({ config: first.config, memory, clock: first.clock })
      expect(await again.values()).toEqual(values)
      memory = round % 2 === 0 ? memory.kill() : memory.crash()
    }
  })

  it('C08 to C11: an empty last segment of a roll that did not get further is legal', async () => {
    const context = await killed(['a', 'b'], (dead) => {
      dead.memory.open(dead.path(logFile(2)), 'create')
    })
    expect(await context.values()).toEqual(['a', 'b'])
    expect(context.append('c')).toMatchObject({ baseOffset: 2 })
    await context.settle()
    expect(await (await context.restart()).values()).toEqual(['a', 'b', 'c'])
  })

  it('C08 to C11: an empty segment behind a torn one goes with the torn tail', async () => {
    const context = await killed(['a', 'b'], (dead) => {
      dead.tamper(LOG, (bytes) => bytes.subarray(0, bytes.length - 1))
      dead.memory.open(dead.path(logFile(2)), 'create')
    })
    expect(await context.values()).toEqual(['a'])
    expect(context.append('c')).toMatchObject({ baseOffset: 1 })
    expect(context.files()).not.toContain(logFile(2))
  })
})
