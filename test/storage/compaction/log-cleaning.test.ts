import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { LocalCompactor } from '../../../storage/compaction/local-compactor.ts'
import { isStorageError, MemoryFileSystem, type StorageError } from '../../../storage/index.ts'
import { batches, clean, compactedContext, listing, put, roll, roomyLimits } from '../../support/compaction-context.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { batchesOf, type LogContext, logFile } from '../../support/log-context.ts'

/** A log on a disk that can be slow or fail, without a cache in memory, with three sealed segments. */
async function contextOnDisk(config: object = {}) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const context = await compactedContext({ clock, memory, fileSystem: disk, tailCacheBytes: 0, config })
  for (let i = 0; i < 12; i++) put(context, `k${i % 4}=${i}`)
  await roll(context)
  return { context, disk, memory, clock }
}

const newest = ['8 k0=8', '9 k1=9', '10 k2=10', '11 k3=11']

/** Begins a round without waiting for its end. */
function begin(context: LogContext) {
  const now = context.clock.wallTime()
  const compactor = new LocalCompactor(context.fileSystem, context.clock, () => Promise.resolve())
  return context.log.cleaning.clean(context.log.cleaning.dirtyRange(now), compactor, roomyLimits, now)
}

const turns = async (count = 50) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('Readers while segments are replaced', () => {
  it('FE-6: an offset in a gap left by compaction gives the next batch, in this segment or in a later one', async () => {
    const { context } = await contextOnDisk()
    await clean(context)
    for (let from = 0; from <= 8; from++) {
      const slice = await context.log.read(from, 1, context.log.durableOffset, true)
      expect(batch.baseOffset(batchesOf(slice)[0]!)).toBe(8)
    }
    await context.close()
  })

  it('a read that waits for the old file ends, though another has its place by then', async () => {
    const { context, disk } = await contextOnDisk()
    const hold = disk.hold('read', logFile(0))
    const reading = context.log.read(0, 1 << 20, context.log.durableOffset, true) as Promise<{ sizeBytes: number }>
    await turns(2)
    expect(hold.waiting).toBe(1)
    await clean(context)
    hold.release()
    const slice = await reading
    expect(slice.sizeBytes).toBeGreaterThan(0)
    expect(await listing(context)).toEqual(newest)
    await context.close()
  })

  it('a read of many steps begins anew on the new files, and misses nothing', async () => {
    const { context, disk } = await contextOnDisk({ segmentBytes: 4000 })
    for (let i = 0; i < 30; i++) put(context, `x${i % 9}=${'v'.repeat(200)}`)
    await roll(context)
    const hold = disk.hold('read')
    const reading = batches(context)
    await turns(2)
    const cleaning = begin(context)
    await turns()
    hold.release()
    await cleaning
    const read = await reading
    const offsets = read.map((whole) => batch.baseOffset(whole))
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
    expect(batch.nextOffset(read.at(-1)!)).toBe(context.log.durableOffset)
    await context.close()
  })

  it('a look-up by time that was under way is done again', async () => {
    const { context, disk, clock } = await contextOnDisk()
    const hold = disk.hold('read', logFile(0))
    const looking = context.log.offsetForTimestamp(clock.wallTime(), context.log.durableOffset)
    await turns(2)
    await clean(context)
    hold.release()
    expect(await looking).toMatchObject({ offset: expect.any(Number), timestamp: clock.wallTime() })
    expect(await context.log.maxTimestamp(context.log.durableOffset)).toMatchObject({ timestamp: clock.wallTime() })
    await context.close()
  })

  it('what is in the cache of the tail is dropped as far as it was compacted', async () => {
    const context = await compactedContext()
    for (let i = 0; i < 12; i++) put(context, `k${i % 4}=${i}`)
    await roll(context)
    const before = context.tailCache.heldBytes
    await clean(context)
    expect(context.tailCache.heldBytes).toBeLessThan(before)
    expect(await listing(context)).toEqual(newest)
    await context.close()
  })
})

describe('What goes on beside a round', () => {
  it('appends are taken, and are not part of it', async () => {
    const { context, disk } = await contextOnDisk()
    const hold = disk.hold('datasync')
    const cleaning = begin(context)
    await turns()
    for (let i = 0; i < 4; i++) expect(put(context, `k${i}=late`).kind).toBe('appended')
    context.endTurn()
    hold.release()
    await cleaning
    await context.settle()
    expect(await listing(context)).toEqual([...newest, '13 k0=late', '14 k1=late', '15 k2=late', '16 k3=late'])
    await context.close()
  })

  it('retention that takes a segment under its hands breaks it off, and nothing is left of it', async () => {
    const { context, disk } = await contextOnDisk()
    const hold = disk.hold('datasync', '.cleaned')
    const cleaning = begin(context)
    await turns()
    expect(hold.waiting).toBe(1)
    await context.log.deleteBefore(11)
    hold.release()
    expect(await cleaning).toBeUndefined()
    context.endTurn()
    expect(context.log.cleaning.problem).toBeUndefined()
    expect(context.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    expect(await listing(context)).toEqual(['11 k3=11'])
    expect(await clean(context)).toBeDefined()
    await context.close()
  })

  it('retention waits while a segment is halfway in its place', async () => {
    const { context, disk } = await contextOnDisk({ fileDeleteDelayMs: 0 })
    const hold = disk.hold('syncFolder', 'events-0')
    const cleaning = begin(context)
    await turns()
    hold.release()
    // The call that was held is past this by now, and the next is not there yet.
    await Promise.resolve()
    const slow = disk.hold('syncFolder', 'events-0')
    await turns()
    expect(context.log.cleaning.isSwapping).toBe(true)
    const deleted = context.log.deleteBefore(context.log.durableOffset)
    await turns()
    slow.release()
    await Promise.all([cleaning, deleted])
    await turns()
    const again = await context.restart()
    expect(await listing(again)).toEqual([])
    expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await again.close()
  })

  it('closing the log breaks it off, waits for what is halfway, and the next start finds a log that is whole', async () => {
    for (const path of ['.cleaned', 'events-0']) {
      const { context, disk } = await contextOnDisk()
      const hold = disk.hold(path === '.cleaned' ? 'datasync' : 'syncFolder', path)
      const cleaning = begin(context)
      await turns()
      expect(hold.waiting).toBeGreaterThan(0)
      const closing = context.close()
      await turns()
      hold.release()
      await Promise.all([cleaning, closing])
      const again = await context.restart()
      expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
      expect((await listing(again)).slice(-4)).toEqual(newest)
      await again.close()
    }
  })

  it('deleting the log breaks it off without a word', async () => {
    const { context, disk } = await contextOnDisk()
    const hold = disk.hold('datasync', '.cleaned')
    const cleaning = begin(context)
    await turns()
    await context.directory.deleteLogs([context.log])
    hold.release()
    expect(await cleaning).toBeUndefined()
    expect(context.messages.filter(({ level }) => level !== 'info')).toEqual([])
  })
})

describe('A log that cannot be compacted', () => {
  it('because a batch is damaged is left alone, and so are its bytes', async () => {
    const { context } = await contextOnDisk()
    const again = await context.restart()
    again.tamper(logFile(0), (bytes) => {
      bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1
      return bytes
    })
    const before = again.memory.readFile(again.path(logFile(0)))
    await expect(clean(again)).rejects.toSatisfy((error: StorageError) => isStorageError(error, 'CORRUPT'))
    expect(again.log.cleaning.problem).toBeDefined()
    expect(again.memory.readFile(again.path(logFile(0))).equals(before)).toBe(true)
    expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await again.close()
  })

  it('because bytes between its batches are quarantined is left alone, too', async () => {
    const { context } = await contextOnDisk()
    const again = await context.restart()
    again.tamper(logFile(0), (bytes) => {
      bytes.fill(0xff, 0, 40)
      return bytes
    })
    await expect(again.log.read(0, 1 << 20, again.log.durableOffset, true)).rejects.toBeDefined()
    await expect(clean(again)).rejects.toSatisfy((error: StorageError) => error.message.includes('cannot be compacted'))
    await again.close()
  })

  it('for lack of space is tried again later, and what was written of it is removed', async () => {
    const { context, disk } = await contextOnDisk()
    disk.fail({ operation: 'write', path: '.cleaned', errno: 'ENOSPC' })
    await expect(clean(context)).rejects.toSatisfy((error: StorageError) => isStorageError(error, 'NO_SPACE'))
    expect(context.log.cleaning.problem).toBeUndefined()
    expect(context.directory.offline).toBeUndefined()
    expect(context.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    expect(await clean(context)).toBeDefined()
    expect(await listing(context)).toEqual(newest)
    await context.close()
  })

  it('because the disk fails when its files are written or synced takes the directory offline (D6)', async () => {
    for (const operation of ['write', 'datasync'] as const) {
      const { context, disk } = await contextOnDisk()
      disk.fail({ operation, path: '.cleaned', errno: 'EIO' })
      await expect(clean(context)).rejects.toBeDefined()
      expect(context.directory.offline).toBeDefined()
      const again = await context.afterKill()
      expect((await listing(again)).slice(-4)).toEqual(newest)
      await again.close()
    }
  })
})

describe('A cleaned segment that cannot get its name', () => {
  it('for lack of descriptors is read under its provisional one, and gets it with the next round', async () => {
    const { context, disk } = await contextOnDisk()
    disk.fail({ operation: 'syncFolder', path: 'events-0', nth: 2, errno: 'EMFILE' })
    await clean(context)
    expect(context.files().filter((name) => name.endsWith('.log.swap'))).toHaveLength(1)
    expect((await listing(context)).slice(-4)).toEqual(newest)
    await roll(context)
    await clean(context)
    expect(context.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    expect(await listing(context)).toEqual(newest)
    await context.close()
  })

  it('gets it at the next start otherwise', async () => {
    const { context, disk } = await contextOnDisk()
    disk.fail({ operation: 'syncFolder', path: 'events-0', nth: 2, errno: 'EMFILE' })
    await clean(context)
    for (const again of [await context.afterKill(), await context.afterPowerCut()]) {
      expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
      expect((await listing(again)).slice(-4)).toEqual(newest)
      await again.close()
    }
  })
})
