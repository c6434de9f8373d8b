import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { LocalCompactor } from '../../../storage/compaction/local-compactor.ts'
import { LogCleaner } from '../../../storage/compaction/log-cleaner.ts'
import { defaultLogConfig, type Log, type LogConfig, MemoryFileSystem } from '../../../storage/index.ts'
import type { StorageLogger } from '../../../storage/storage-logger.ts'
import {
  compactedConfig,
  compactedContext,
  put,
  recordOf,
  roll,
  roomyLimits,
} from '../../support/compaction-context.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { logFile } from '../../support/log-context.ts'

/** A directory with the log `events-0` and others, and a cleaner for all of them. */
async function setUp(config: Partial<LogConfig> = {}) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const context = await compactedContext({ clock, memory, fileSystem: disk, config, tailCacheBytes: 0 })
  const logs: Log[] = [context.log]
  const said: string[] = []
  const note = (level: string) => (_fields: object, message: string) => said.push(`${level} ${message}`)
  const logger: StorageLogger = { info: note('info'), warn: note('warn'), error: note('error') }
  const cleaner = new LogCleaner({
    logs: () => logs,
    compactor: () => new LocalCompactor(disk, clock, () => Promise.resolve()),
    limits: () => roomyLimits,
    clock,
    logger,
  })
  /** Another log, `dirty` batches of which were never compacted, and `clean` batches of which were. */
  const add = async (topic: string, clean: number, dirty: number, changes: Partial<LogConfig> = {}) => {
    const all = { ...defaultLogConfig, ...compactedConfig, ...config, segmentBytes: 1, ...changes }
    const spec = { topic, partition: 0, topicId: Buffer.from(topic.padEnd(16)).toString('base64url') }
    const [log] = await context.directory.createLogs([spec], { ...all, compacts: true })
    const append = async (count: number) => {
      for (let i = 0; i < count; i++)
        log!.append(buildBatch({ records: [recordOf(`${topic}${i}=1`, clock.wallTime())] }), 0, 'client')
      clock.endTurn()
      await log!.flush()
    }
    await append(clean + 1)
    logs.splice(0, logs.length, log!)
    if (clean > 0) await cleaner.cleanNext()
    await append(dirty)
    log!.reconfigure(all)
    return log!
  }
  return { context, clock, disk, cleaner, logs, said, add }
}

describe('Which log is compacted next', () => {
  it('the one with the largest dirty share of those that are due', async () => {
    const { cleaner, logs, add } = await setUp()
    const little = await add('little', 6, 2)
    const much = await add('much', 2, 6)
    const half = await add('half', 4, 4)
    logs.splice(0, logs.length, little, much, half)
    const order: number[] = []
    for (;;) {
      const before = [little, much, half].map((log) => log.cleaning.dirtyRange(0).dirtyBytes)
      if ((await cleaner.cleanNext()) === undefined) break
      order.push([little, much, half].findIndex((log, i) => log.cleaning.dirtyRange(0).dirtyBytes < before[i]!))
    }
    expect(order).toEqual([1, 2, 0])
  })

  it('none that is not dirty enough, and none without cleanup.policy=compact', async () => {
    const { cleaner, logs, add } = await setUp()
    const half = await add('half', 4, 4, { minCleanableDirtyRatio: 0.6 })
    const plain = await add('plain', 0, 4, { compacts: false })
    logs.splice(0, logs.length, half, plain)
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(cleaner.state().maxDirtyRatio).toBeCloseTo(0.5, 1)
    half.reconfigure({ ...half.config, minCleanableDirtyRatio: 0.3 })
    expect(await cleaner.cleanNext()).toBeDefined()
  })

  it('LG-6: one that has waited beyond its max.compaction.lag.ms before its ratio is reached', async () => {
    const { cleaner, logs, add, clock } = await setUp()
    const late = await add('late', 6, 2, { minCleanableDirtyRatio: 0.9, maxCompactionLagMs: 1000 })
    logs.splice(0, logs.length, late)
    expect(await cleaner.cleanNext()).toBeUndefined()
    clock.advance(1500)
    expect(await cleaner.cleanNext()).toBeDefined()
    expect(cleaner.state().maxDelaySeconds).toBeCloseTo(0.5)
  })

  it('LG-6: none of its segments that have a record younger than min.compaction.lag.ms', async () => {
    const { cleaner, logs, add, clock } = await setUp()
    const young = await add('young', 0, 4, { minCompactionLagMs: 1000 })
    logs.splice(0, logs.length, young)
    expect(await cleaner.cleanNext()).toBeUndefined()
    clock.advance(1000)
    expect(await cleaner.cleanNext()).toMatchObject({ endOffset: 4 })
  })
})

describe('A log without traffic', () => {
  it('LG-6, LG-14: closes its segment when that is idle for segment.ms, so that what is in it can be compacted', async () => {
    const { cleaner, context, clock } = await setUp({ segmentMs: 1000 })
    put(context, 'a=1')
    put(context, 'a=2')
    await context.settle()
    const retain = async () => {
      context.log.applyRetention(clock.wallTime(), context.log.durableOffset)
      await context.settle()
    }
    clock.advance(1000)
    await retain()
    expect(context.log.segmentCount).toBe(1)
    clock.advance(1)
    await retain()
    expect(context.log.segmentCount).toBe(2)
    expect(await cleaner.cleanNext()).toMatchObject({ recordsKept: 1 })
    // An empty one is not closed again.
    clock.advance(5000)
    await retain()
    expect(context.log.segmentCount).toBe(2)
    await context.close()
  })

  it('LG-14: and not while something is written, however old the timestamps of its records are', async () => {
    const { context, clock } = await setUp({ segmentMs: 1000 })
    for (let i = 0; i < 5; i++) {
      context.appendAt(5)
      await context.settle()
      clock.advance(900)
      context.log.applyRetention(clock.wallTime(), context.log.durableOffset)
    }
    await context.settle()
    expect(context.log.segmentCount).toBe(1)
    await context.close()
  })
})

describe('What is told of compaction', () => {
  it('sums over all rounds, and the figures of the last one', async () => {
    const { cleaner, context } = await setUp()
    for (let i = 0; i < 20; i++) put(context, `k${i % 2}=${i}`)
    await roll(context)
    await cleaner.cleanNext()
    const { totals } = cleaner
    expect(totals).toMatchObject({ rounds: 1, failures: 0, recordsRead: 20, recordsKept: 2 })
    expect(totals.bytesRead).toBeGreaterThan(totals.bytesWritten)
    expect(cleaner.state().recopyRatio).toBeCloseTo(totals.bytesWritten / totals.bytesRead)
    expect(cleaner.state()).toMatchObject({ maxDirtyRatio: 1, uncleanableLogs: 0, uncleanableBytes: 0 })
    await context.close()
  })

  it('a log that cannot be compacted is reported once, counted, and left alone', async () => {
    const { cleaner, context, said, disk } = await setUp()
    put(context, 'a=1')
    await roll(context)
    disk.fail({ operation: 'read', path: logFile(0), errno: 'EIO' })
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(said).toEqual(['error a log cannot be compacted; it is left alone until the next start'])
    expect(cleaner.state().uncleanableLogs).toBe(1)
    expect(cleaner.state().uncleanableBytes).toBeGreaterThan(0)
    expect(cleaner.totals.failures).toBe(1)
    await context.close()
  })

  it('a full disk is no fault of the log: others get their turn, and it is tried again in a minute', async () => {
    const { cleaner, context, said, disk, clock } = await setUp()
    put(context, 'a=1')
    await roll(context)
    disk.fail({ operation: 'write', path: '.cleaned', errno: 'ENOSPC' })
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(said).toEqual(['warn a log could not be compacted now; it is tried again in a minute'])
    clock.advance(60_000)
    expect(await cleaner.cleanNext()).toBeDefined()
    await context.close()
  })
})

describe('Several rounds at a time', () => {
  it('never over one log', async () => {
    const { cleaner, context, disk } = await setUp()
    put(context, 'a=1')
    await roll(context)
    const hold = disk.hold('datasync', '.cleaned')
    const first = cleaner.cleanNext()
    await new Promise((resolve) => setImmediate(resolve))
    expect(await cleaner.cleanNext()).toBeUndefined()
    hold.release()
    expect(await first).toBeDefined()
    await context.close()
  })

  it('end when the cleaner stops, and none begins after that', async () => {
    const { cleaner, context, disk } = await setUp()
    put(context, 'a=1')
    await roll(context)
    const hold = disk.hold('datasync', '.cleaned')
    const first = cleaner.cleanNext()
    await new Promise((resolve) => setImmediate(resolve))
    const stopped = cleaner.stop()
    hold.release()
    await stopped
    expect(await first).toBeUndefined()
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(context.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await context.close()
  })
})
