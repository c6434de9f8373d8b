import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { LocalCompactor } from '../../storage/compaction/local-compactor.ts'
import { LogCleaner } from '../../storage/compaction/log-cleaner.ts'
import { DiskSpace, defaultReserve } from '../../storage/disk-space.ts'
import { LogDirectory, MemoryFileSystem, TailCache } from '../../storage/index.ts'
import { compactedContext, roomyLimits } from '../support/compaction-context.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'
import { LogContext, nextTurn } from '../support/log-context.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3

describe('The reserve of a volume', () => {
  it.each([
    ['2 % of a large one', 20 * 1024 * GiB, 0.02 * 20 * 1024 * GiB],
    ['256 MiB of a middling one', 10 * GiB, 256 * MiB],
    ['5 % of a small one', 1 * GiB, 0.05 * GiB],
    ['5 % of a tiny one', 8 * MiB, 0.4 * MiB],
  ])('is %s', (_what, total, reserve) => {
    expect(defaultReserve(total)).toBe(Math.floor(reserve))
  })
})

describe('Room on a disk', () => {
  function disk(usableBytes: number, reserveBytes: number) {
    const clock = new FakeClock()
    const device = { totalBytes: 1000 * MiB, usableBytes }
    const lines: string[] = []
    const say = (_fields: object, message: string) => void lines.push(message)
    let reserve = reserveBytes
    let looks = 0
    const space = new DiskSpace({
      path: '/data',
      clock,
      logger: { info: say, warn: say, error: say },
      measure: () => {
        looks++
        return device
      },
      reserveBytes: () => reserve,
    })
    return { space, device, clock, lines, looks: () => looks, setReserve: (bytes: number) => (reserve = bytes) }
  }

  it('is asked for more and more often as the reserve comes near, and hardly ever before', () => {
    const { space, device, looks } = disk(500 * MiB, 100 * MiB)
    while (space.admits(MiB)) device.usableBytes -= MiB
    expect(device.usableBytes).toBe(100 * MiB)
    expect(looks()).toBeLessThan(12)
  })

  it('is refused at the reserve, given again a quarter of it above, and each is said once', () => {
    const { space, device, clock, lines } = disk(101 * MiB, 100 * MiB)
    expect(space.admits(1000)).toBe(true)
    device.usableBytes = 100 * MiB
    for (let i = 0; i < 20; i++) space.admits(MiB)
    expect(space.isFull).toBe(true)
    device.usableBytes = 120 * MiB
    clock.advance(1000)
    expect(space.admits(1000)).toBe(false)
    device.usableBytes = 126 * MiB
    clock.advance(1000)
    expect(space.admits(1000)).toBe(true)
    expect(lines.map((line) => line.split(':')[0])).toEqual(['disk full', 'there is room on the disk again'])
  })

  it('is not asked for by each of many who try again', () => {
    const { space, clock, looks } = disk(10 * MiB, 100 * MiB)
    for (let i = 0; i < 10_000; i++) expect(space.admits(100)).toBe(false)
    expect(looks()).toBe(1)
    clock.advance(100)
    space.admits(100)
    expect(looks()).toBe(2)
  })

  it('follows a reserve that is changed, and needs none', () => {
    const { space, lines, setReserve } = disk(50 * MiB, 100 * MiB)
    space.check()
    expect(space.isFull).toBe(true)
    setReserve(0)
    space.check()
    expect(space.isFull).toBe(false)
    expect(space.admits(60 * MiB)).toBe(true)
    setReserve(-1)
    space.check()
    expect(space.reserveBytes).toBe(50 * MiB)
    expect(lines).toHaveLength(3)
  })
})

describe('A log directory whose disk runs full', () => {
  const reserveBytes = 200_000

  async function directory(capacityBytes = 1_000_000) {
    const clock = new FakeClock()
    const memory = new MemoryFileSystem({ clock, capacityBytes })
    const disk = new FaultyFileSystem(memory)
    const context = await LogContext.open({ clock, memory, fileSystem: disk, reserveBytes: () => reserveBytes })
    const batch = () => buildBatch({ records: [{ value: Buffer.alloc(5000, 'x') }] })
    const fill = async () => {
      while (context.log.append(batch(), 0, 'client').kind === 'appended') await context.settle()
    }
    return { context, memory, disk, clock, batch, fill }
  }

  it('I03: refuses clients before it is full, and still has room for commits and checkpoints', async () => {
    const { context, memory, fill, batch } = await directory()
    await fill()
    expect(context.directory.isFull).toBe(true)
    expect(context.losses).toEqual([])
    expect(memory.statfs('/data').usableBytes).toBeGreaterThan(reserveBytes - 20_000)
    expect(context.messages.filter(({ message }) => message.startsWith('disk full'))).toHaveLength(1)
    const refused = context.log.append(batch(), 0, 'client')
    expect(refused).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
    const end = context.log.logEndOffset
    expect(context.log.append(batch(), 0, 'coordinator')).toMatchObject({ kind: 'appended', baseOffset: end })
    await context.settle()
    expect(context.log.durableOffset).toBe(end + 1)
    await context.directory.writeCheckpoints()
    expect(context.said('could not note how far the logs are')).toBe(false)
    expect(await context.values(end)).toHaveLength(1)
  })

  it('I03: takes records again by itself when retention has made room', async () => {
    const { context, fill, clock, batch } = await directory()
    await fill()
    const before = context.log.logEndOffset
    context.log.reconfigure({ ...context.config, retentionBytes: 0 })
    // The first round begins a new segment, the second one lets the old one go.
    for (const _round of [1, 2]) {
      context.log.applyRetention(clock.wallTime(), context.log.durableOffset)
      await context.settle()
      await nextTurn()
    }
    expect(context.log.logStartOffset).toBe(before)
    expect(context.log.append(batch(), 0, 'client').kind).toBe('refused')
    clock.advance(context.config.fileDeleteDelayMs + 1)
    await nextTurn()
    expect(context.log.append(batch(), 0, 'client')).toMatchObject({ kind: 'appended', baseOffset: before })
    expect(context.directory.isFull).toBe(false)
  })

  it('is seen to be full before anything is appended, by whoever looks', async () => {
    const { context } = await directory(100_000)
    expect(context.directory.isFull).toBe(false)
    context.directory.check()
    expect(context.directory).toMatchObject({ isFull: true, reserveBytes })
  })

  it('I09: that was removed or unmounted ends its session, though its open files could be written on', async () => {
    const { context, memory } = await directory()
    context.append('kept')
    await context.settle()
    memory.unlink('/data/.lock')
    context.directory.check()
    expect(context.directory.offline).toMatchObject({ code: 'NOT_FOUND' })
    expect(context.directory.offline?.message).toContain('/data was removed or unmounted')
    expect(context.append('refused').kind).toBe('refused')
    expect(await context.values()).toEqual(['kept'])
  })

  it('that cannot even be measured ends its session', async () => {
    const { context, disk } = await directory()
    disk.fail({ operation: 'statfs', errno: 'EIO' })
    context.directory.check()
    expect(context.directory.offline).toMatchObject({ code: 'IO', errno: 'EIO' })
  })
})

describe('Compaction on a disk that is nearly full', () => {
  it('I03: waits rather than take the room that commits need, and is made up for later', async () => {
    const clock = new FakeClock()
    const memory = new MemoryFileSystem({ clock, capacityBytes: 1_000_000 })
    const config = { segmentBytes: 10_000_000 }
    const context = await compactedContext({ clock, memory, config, reserveBytes: () => 200_000, tailCacheBytes: 0 })
    const logs = [context.log]
    const cleaner = new LogCleaner({
      logs: () => logs,
      compactor: () => new LocalCompactor(memory, clock, () => Promise.resolve()),
      limits: () => roomyLimits,
      clock,
      logger: { info() {}, warn() {}, error() {} },
    })
    const record = { key: Buffer.from('one key'), value: Buffer.alloc(50_000, 'x'), timestamp: 0 }
    while (context.appendBatch({ records: [record] }).kind === 'appended') await context.settle()
    // A commit, say: it still finds room, and begins a new segment.
    context.log.reconfigure({ ...context.config, segmentBytes: 1 })
    context.appendBatch({ records: [{ key: Buffer.from('k'), value: null, timestamp: 0 }] }, 0, 'coordinator')
    await context.settle()
    const { usableBytes } = memory.statfs('/data')
    expect(usableBytes).toBeLessThan(200_000)
    expect(await cleaner.cleanNext()).toBeUndefined()
    expect(cleaner.totals).toMatchObject({ rounds: 0, failures: 1 })
    expect(memory.statfs('/data').usableBytes).toBe(usableBytes)
    memory.capacityBytes = 3_000_000
    clock.advance(60_000)
    expect(await cleaner.cleanNext()).toBeDefined()
    expect(cleaner.totals.rounds).toBe(1)
  })
})

describe('A log directory without a reserve', () => {
  it('I03: is filled to its last byte, and is not called full', async () => {
    const clock = new FakeClock()
    const fileSystem = new MemoryFileSystem({ clock, capacityBytes: 50_000 })
    const directory = await LogDirectory.open({
      path: '/data',
      fileSystem,
      clock,
      random: { integer: () => 0, uuid: () => 'uUiDAAAAAAAAAAAAAAAAAA' },
      clusterId: 'cluster',
      nodeId: 1,
      tailCache: new TailCache(0),
      maxOpenFiles: 10,
      logger: { info() {}, warn() {}, error() {} },
    })
    directory.check()
    fileSystem.capacityBytes = 0
    directory.check()
    expect(directory).toMatchObject({ isFull: false, reserveBytes: 0, offline: undefined })
  })
})
