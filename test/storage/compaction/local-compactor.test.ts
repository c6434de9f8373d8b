import { describe, expect, it } from 'vitest'
import { LocalCompactor } from '../../../storage/compaction/local-compactor.ts'
import { isStorageError } from '../../../storage/index.ts'
import { compactedContext, put, roll, roomyLimits } from '../../support/compaction-context.ts'

/** A log worth a round of many slices. */
async function longLog() {
  const context = await compactedContext({ config: { segmentBytes: 100_000 } })
  for (let i = 0; i < 200; i++) put(context, `key ${i % 20}=${'v'.repeat(300)}`)
  await roll(context)
  const { cleaning } = context.log
  const now = context.clock.wallTime()
  const limits = { ...roomyLimits, ioBufferBytes: 8192 }
  const begin = (compactor: LocalCompactor, more: Partial<typeof limits> = {}) =>
    cleaning.clean(cleaning.dirtyRange(now), compactor, { ...limits, ...more }, now)
  return { context, begin }
}

describe('Compaction on the main thread', () => {
  it('is done in slices between which others have their turn', async () => {
    const { context, begin } = await longLog()
    let turns = 0
    const compactor = new LocalCompactor(context.fileSystem, context.clock, () => {
      turns++
      return new Promise((resolve) => setImmediate(resolve))
    })
    const report = await begin(compactor)
    // Twice the whole log in pieces of four kilobytes.
    expect(turns).toBeGreaterThan(report!.bytesRead / 4096 - 5)
    expect(report!.recordsKept).toBe(20)
    await context.close()
  })

  it('keeps to its budget of bytes a second', async () => {
    const { context, begin } = await longLog()
    const compactor = new LocalCompactor(context.fileSystem, context.clock, () => Promise.resolve())
    let isDone = false
    const cleaning = begin(compactor, { maxBytesPerSecond: 10_000 }).then((report) => {
      isDone = true
      return report
    })
    const startedAt = context.clock.now()
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve))
      context.clock.advance(50)
    }
    const { bytesRead, bytesWritten } = (await cleaning)!
    const seconds = (context.clock.now() - startedAt) / 1000
    expect((bytesRead + bytesWritten) / seconds).toBeLessThan(10_500)
    await context.close()
  })

  it('ends between two slices when it is told to', async () => {
    const { context } = await longLog()
    let slices = 0
    const compactor = new LocalCompactor(context.fileSystem, context.clock, async () => {
      if (++slices === 3) void compactor.end()
    })
    const now = context.clock.wallTime()
    const range = context.log.cleaning.dirtyRange(now)
    expect(
      await context.log.cleaning.clean(range, compactor, { ...roomyLimits, ioBufferBytes: 8192 }, now),
    ).toBeUndefined()
    expect(slices).toBe(3)
    await expect(async () => compactor.rewrite({ from: 0, to: 1 })).rejects.toSatisfy(
      (error: Error) => !isStorageError(error, 'CORRUPT'),
    )
    await context.close()
  })
})
