import { describe, expect, it } from 'vitest'
import * as batch from '../../protocol/records/batch.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import type { LogConfig } from '../../storage/index.ts'
import { LogContext, logFile, tamper } from '../support/log-context.ts'

const LOG = logFile(0)
const CHECKPOINT = '/data/recovery-point-offset-checkpoint'
const PAGE = 4096
/** Not zero anywhere, of sizes that put the boundaries of pages and sectors everywhere in a batch. */
const values = Array.from({ length: 12 }, (_, i) => `${i} `.padEnd(900 + 131 * i, 'x'))

/** A log of these values, killed, with a part of its file changed and no recovery point to go by. */
async function killed(change: (bytes: Buffer) => void, config: Partial<LogConfig> = {}) {
  const context = await LogContext.open({ config, tailCacheBytes: 0 })
  for (const value of values) context.append(value)
  await context.settle()
  const memory = context.memory.kill()
  if (memory.exists(CHECKPOINT)) memory.unlink(CHECKPOINT)
  tamper(memory, context.path(LOG), (bytes) => {
    change(bytes)
    return bytes
  })
  return LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
}

/** Positions at which batches begin, and the end of the last. */
async function positions(): Promise<number[]> {
  const found = [0]
  await killed((bytes) => {
    for (let at = batch.batchSize(bytes); at <= bytes.length; at += batch.batchSize(bytes, at)) {
      found.push(at)
      if (at === bytes.length) break
    }
  })
  return found
}

describe('A power cut that took a part of what was not synced', () => {
  it('C04, FE-35: leaves no gap: the log ends before it, and what lay behind it is kept beside the segment', async () => {
    const starts = await positions()
    for (const size of [512, PAGE, 2 * PAGE]) {
      for (let at = 0; at + size <= starts.at(-1)!; at += size) {
        const context = await killed((bytes) => bytes.fill(0, at, at + size))
        const kept = starts.findLastIndex((start) => start <= at)
        expect([size, at, await context.values()]).toEqual([size, at, values.slice(0, kept)])
        expect(context.log.logEndOffset).toBe(kept)
        const aside = context.memory.readFile(context.path(`${LOG}.cut-${kept}`))
        expect(aside.length).toBe(starts.at(-1)! - starts[kept]!)
        expect(context.append('again')).toMatchObject({ baseOffset: kept })
        await context.close()
      }
    }
  })

  it('takes a page with the old end of the file in it: the log ends there, wherever in the page that is', async () => {
    const starts = await positions()
    for (const [index, start] of starts.slice(1, -1).entries()) {
      const end = (Math.floor(start / 512) + 1) * 512
      const context = await killed((bytes) => bytes.fill(0, start, end))
      expect(await context.values()).toEqual(values.slice(0, index + 1))
      await context.close()
    }
  })

  it('PR-21, KIP-98: lets a producer send again what is missing, and what came after it', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    const send = (to: LogContext, sequence: number) =>
      to.appendBatch({
        records: [{ value: Buffer.from(values[sequence]!), timestamp: 1_700_000_000_000 }],
        producerId: 7,
        producerEpoch: 0,
        baseSequence: sequence,
      })
    for (const sequence of [0, 1, 2, 3, 4, 5]) send(context, sequence)
    await context.settle()
    const memory = context.memory.kill()
    if (memory.exists(CHECKPOINT)) memory.unlink(CHECKPOINT)
    tamper(memory, context.path(LOG), (bytes) => bytes.fill(0, 1024, 1536))
    const again = await LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
    expect(again.log.logEndOffset).toBe(1)
    for (const sequence of [1, 2, 3, 4, 5]) expect(send(again, sequence)).toMatchObject({ kind: 'appended' })
  })
})

describe('Damage of the disk is not taken for that', () => {
  it('D03: below the recovery point, where all was synced', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    for (const value of values) context.append(value)
    await context.settle()
    await context.directory.writeCheckpoints()
    const memory = context.memory.kill()
    tamper(memory, context.path(LOG), (bytes) => bytes.fill(0, PAGE, 2 * PAGE))
    const again = await LogContext.open({ config: context.config, memory, clock: context.clock, tailCacheBytes: 0 })
    expect(again.log.logEndOffset).toBe(values.length)
    expect(again.said('segment is damaged')).toBe(true)
  })

  it('D03: in a segment behind which another one has good batches, since a roll comes after a sync', async () => {
    const context = await killed((bytes) => bytes.fill(0, 512, 1024), { segmentBytes: 5_000 })
    expect(context.log.segmentCount).toBeGreaterThan(1)
    expect(context.log.logEndOffset).toBe(values.length)
    expect(context.said('segment is damaged')).toBe(true)
  })

  it('D03: of any single bit, and of zeros that are no whole sector', async () => {
    const starts = await positions()
    for (const spoil of [
      (bytes: Buffer) => {
        bytes[starts[3]! + 300]! ^= 1
      },
      (bytes: Buffer) => bytes.fill(0, 1025, 1535),
      (bytes: Buffer) => bytes.fill(0xff, 1024, 1536),
    ]) {
      const context = await killed(spoil)
      expect(context.log.logEndOffset).toBe(values.length)
      expect(context.said('segment is damaged')).toBe(true)
      await context.close()
    }
  })

  it('nor are zeros that were written', async () => {
    const context = await killed((bytes) => {
      const start = batch.BATCH_HEADER_BYTES
      bytes.fill(0, start + 200, start + 800)
      batch.setCrc(bytes, 0, crc32c(bytes, batch.ATTRIBUTES_AT, batch.batchSize(bytes)))
    })
    expect(context.log.logEndOffset).toBe(values.length)
    expect(context.said('cut the torn tail')).toBe(false)
  })
})
