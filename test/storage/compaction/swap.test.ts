import { describe, expect, it } from 'vitest'
import { MemoryFileSystem } from '../../../storage/index.ts'
import { clean, compactedContext, listing, put, roll } from '../../support/compaction-context.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import type { LogContext } from '../../support/log-context.ts'

const newest = ['12 k0=12', '13 k1=13', '14 k2=14', '15 k3']

/** A log of several segments on a disk whose calls can be made to fail, ready for a round. */
async function ready() {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const config = { flushPolicy: 'commit', segmentBytes: 600, fileDeleteDelayMs: 0 } as const
  const context = await compactedContext({ clock, memory, fileSystem: disk, tailCacheBytes: 0, config })
  for (let i = 0; i < 15; i++) put(context, `k${i % 4}=${i}`)
  put(context, 'k3')
  await roll(context)
  return { context, disk, memory }
}

/** The disks that a stop at this moment may leave: of the process; of the power, with the names of files old or new. */
const outcomes: readonly [string, (memory: MemoryFileSystem) => MemoryFileSystem][] = [
  ['a kill', (memory) => memory.kill()],
  ['a power cut', (memory) => memory.crash()],
  ['a power cut that keeps names', (memory) => memory.crash({ namesSurvive: () => true })],
  ['a power cut that keeps bytes', (memory) => memory.crash({ pageSurvives: () => true })],
]

/** Each key has its newest record, older ones are those that were sent, and compaction can be done again. */
async function isSound(context: LogContext, where: string): Promise<void> {
  const found = await listing(context)
  expect(found.slice(-4), where).toEqual(newest)
  for (const line of found.slice(0, -4)) expect(line, where).toMatch(/^(\d+) k\d=\1$/)
  expect(
    context.files().filter((name) => /\.(?:cleaned|swap|deleted)$/.test(name)),
    where,
  ).toEqual([])
  await roll(context)
  await clean(context)
  expect(await listing(context), where).toEqual(newest)
  await context.close()
}

describe('A stop at each step of a round', () => {
  it('C15 to C19: leaves the old segments or the new ones, and never half of both', { timeout: 60_000 }, async () => {
    const whole = await ready()
    const before = whole.disk.calls.length
    await clean(whole.context)
    const steps = whole.disk.calls.length - before
    expect(steps).toBeGreaterThan(60)
    await whole.context.close()

    for (let step = 1; step <= steps; step++) {
      const { context, disk, memory } = await ready()
      // From here on nothing reaches the disk any more, as if the process had ended.
      disk.fail({ nth: step, times: Number.POSITIVE_INFINITY, errno: 'EIO' })
      await clean(context).catch(() => undefined)
      const last = disk.calls[before + step - 1]
      for (const [name, outcome] of outcomes) {
        const where = `${name} before call ${step}, ${last?.operation} of ${last?.path}`
        const { config } = context
        await isSound(await compactedContext({ memory: outcome(memory), clock: context.clock, config }), where)
      }
    }
  })

  it('I01 to I06: one call that fails costs the round at most, and what was there before is there', async () => {
    for (const errno of ['EIO', 'ENOSPC', 'EMFILE']) {
      for (let step = 1; ; step++) {
        const { context, disk, memory } = await ready()
        const before = disk.calls.length
        disk.fail({ nth: step, errno })
        await clean(context).catch(() => undefined)
        disk.heal()
        const where = `${errno} of call ${step}, ${disk.calls[before + step - 1]?.operation}`
        expect((await listing(context)).slice(-4), where).toEqual(newest)
        await isSound(
          await compactedContext({ memory: memory.kill(), clock: context.clock, config: context.config }),
          where,
        )
        if (disk.calls.length - before < step) break
      }
    }
  }, 60_000)
})
