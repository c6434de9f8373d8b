import { describe, expect, it } from 'vitest'
import type { MemoryFileSystem } from '../../storage/index.ts'
import { LogContext, logFile, nextTurn, tamper } from '../support/log-context.ts'

const config = { indexIntervalBytes: 150, segmentBytes: 500, retentionMs: 500, fileDeleteDelayMs: 0 }
const COUNT = 24
/** Timestamps of clients: mostly rising, now and then going back, with two that are the same. */
const timestampOf = (i: number) => 1_700_000_000_000 + i * 100 - (i % 5 === 3 ? 450 : 0) + (i % 7 === 6 ? 100 : 0)

/** A folder with three segments after a clean stop, on a disk that can be copied. */
async function closedLog(): Promise<LogContext> {
  const context = await LogContext.open({ config, tailCacheBytes: 0 })
  for (let i = 0; i < COUNT; i++) {
    context.appendBatch({
      records: [{ value: Buffer.from(`value ${i}`), timestamp: timestampOf(i) }],
      producerId: 7,
      producerEpoch: 0,
      baseSequence: i,
    })
    context.endTurn()
    await context.log.flush()
  }
  await context.settle()
  expect(context.log.segmentCount).toBe(4)
  await context.close()
  return context
}

const reopen = (closed: LogContext, memory: MemoryFileSystem) =>
  LogContext.open({ config, memory, clock: closed.clock, tailCacheBytes: 0 })

/** Everything that readers, searches and retention get to know of a log. */
async function answersOf(context: LogContext) {
  const { log } = context
  const byOffset: string[][] = []
  for (let offset = 0; offset < COUNT; offset++) byOffset.push(await context.values(offset))
  const byTime: unknown[] = []
  for (let i = -6; i < COUNT + 3; i++)
    byTime.push(await log.offsetForTimestamp(1_700_000_000_000 + i * 100 - 50, COUNT))
  const newest = await log.maxTimestamp(COUNT)
  // A moment at which the first segment has just become too old, and no other.
  const deleted = log.applyRetention(timestampOf(5) + 501, log.durableOffset)
  await nextTurn()
  return { byOffset, byTime, newest, deleted, start: log.logStartOffset, end: log.logEndOffset }
}

describe('D06: any bit of an index that is flipped', () => {
  it.each(['.index', '.timeindex'] as const)(
    '%s: changes no answer, and what is wrong is found',
    async (suffix) => {
      const closed = await closedLog()
      const expected = await answersOf(await reopen(closed, closed.memory.kill()))
      expect(expected.deleted).toBe(1)
      let flips = 0
      let noticed = 0
      for (const name of closed.files().filter((file) => file.endsWith(suffix))) {
        const bytes = closed.memory.readFile(closed.path(name)).length
        for (let bit = 0; bit < bytes * 8; bit++) {
          const memory = closed.memory.kill()
          tamper(memory, closed.path(name), (content) => {
            content[bit >> 3]! ^= 1 << (bit & 7)
            return content
          })
          const again = await reopen(closed, memory)
          expect(await answersOf(again), `bit ${bit} of ${name}`).toEqual(expected)
          flips++
          if (again.directory.damage.of('index') > 0) noticed++
          for (const { message, fields } of again.messages.filter(({ level }) => level === 'warn')) {
            expect(message).toMatch(/index .* rebuilt/)
            expect(JSON.stringify(fields) + ('err' in fields ? String(fields.err) : '')).toContain(name.slice(0, 20))
          }
        }
      }
      expect(flips).toBeGreaterThan(400)
      // Those that make an entry more careful than it need be are harmless, and found by a scrub only.
      expect(noticed / flips).toBeGreaterThan(0.5)
    },
    120_000,
  )
})

describe('Any bit of a small file that is flipped', () => {
  it('PR-25: a snapshot of producers is refused, and the log itself tells who sent what', async () => {
    const closed = await closedLog()
    const name = logFile(COUNT, '.snapshot')
    const bytes = closed.memory.readFile(closed.path(name)).length
    for (let bit = 0; bit < bytes * 8; bit++) {
      const memory = closed.memory.kill()
      tamper(memory, closed.path(name), (content) => {
        content[bit >> 3]! ^= 1 << (bit & 7)
        return content
      })
      const again = await reopen(closed, memory)
      expect(again.directory.damage.of('snapshot'), `bit ${bit}`).toBe(1)
      expect(again.log.producer(7)).toMatchObject({ producerEpoch: 0, batches: { length: 5 } })
      await again.close()
    }
  }, 60_000)

  it('D09: a checkpoint is refused, and no record appears or disappears', async () => {
    const closed = await closedLog()
    const files = [
      '/data/recovery-point-offset-checkpoint',
      '/data/log-start-offset-checkpoint',
      closed.path('leader-epoch-checkpoint'),
    ]
    for (const path of files) {
      const bytes = closed.memory.readFile(path).length
      for (let bit = 0; bit < bytes * 8; bit++) {
        const memory = closed.memory.kill()
        tamper(memory, path, (content) => {
          content[bit >> 3]! ^= 1 << (bit & 7)
          return content
        })
        const again = await reopen(closed, memory)
        expect(again.directory.damage.of('checkpoint'), `bit ${bit} of ${path}`).toBe(1)
        expect([again.log.logStartOffset, again.log.logEndOffset]).toEqual([0, COUNT])
        await again.close()
      }
    }
  }, 60_000)
})
