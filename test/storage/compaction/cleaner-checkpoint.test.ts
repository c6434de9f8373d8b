import { describe, expect, it } from 'vitest'
import { MemoryFileSystem } from '../../../storage/index.ts'
import { clean, compactedContext, put, roll } from '../../support/compaction-context.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { FOLDER, LogContext, TOPIC_ID, tamper } from '../../support/log-context.ts'

const PATH = '/data/cleaner-offset-checkpoint'

async function cleanedOnce(): Promise<LogContext> {
  const context = await compactedContext()
  put(context, 'a=1')
  put(context, 'a=2')
  await roll(context)
  await clean(context)
  return context
}

const dirtyFrom = (context: LogContext) => context.log.cleaning.dirtyRange(0).firstDirtyOffset

describe('cleaner-offset-checkpoint', () => {
  it('is Kafka\u2019s: version, count, topic, partition and the first offset that was never compared', async () => {
    const context = await cleanedOnce()
    expect(context.memory.readFile(PATH).toString().trim()).toBe('0\n1\nevents 0 2')
    await context.close()
  })

  it('is read at the start, by us whoever wrote it', async () => {
    const context = await cleanedOnce()
    const again = await context.restart()
    expect(dirtyFrom(again)).toBe(2)
    await again.close()
    tamper(again.memory, PATH, () => Buffer.from('0\n2\nevents 0 1\nothers 3 17\n'))
    const later = await again.restart()
    expect(dirtyFrom(later)).toBe(1)
    await later.close()
  })

  it('that is damaged costs a round over the whole log, and no more', async () => {
    const context = await cleanedOnce()
    await context.close()
    tamper(context.memory, PATH, () => Buffer.from('0\n2\nevents 0 1\n'))
    const again = await context.restart()
    expect(again.said('checkpoint of compaction is unreadable')).toBe(true)
    expect(dirtyFrom(again)).toBe(0)
    await again.close()
  })

  it('forgets a deleted log, so that another of its name begins at its start', async () => {
    const context = await cleanedOnce()
    await context.directory.deleteLogs([context.log])
    expect(context.memory.exists(PATH)).toBe(true)
    const spec = { topic: 'events', partition: 0, topicId: TOPIC_ID }
    const [log] = await context.directory.createLogs([spec], context.config)
    expect(log!.cleaning.dirtyRange(0).firstDirtyOffset).toBe(0)
    await context.directory.close()
    expect(context.memory.readFile(PATH).toString().trim()).toBe('0\n0')
  })

  it('forgets a folder that is not there any more', async () => {
    const context = await cleanedOnce()
    await context.close()
    await context.memory.removeFolder(`/data/${FOLDER}`)
    const again = await LogContext.open({ memory: context.memory, clock: context.clock })
    expect(dirtyFrom(again)).toBe(0)
    await again.close()
  })

  it('goes back when the log is cut', async () => {
    const context = await compactedContext()
    put(context, 'a=1')
    put(context, 'b=1')
    await roll(context)
    await clean(context)
    context.log.truncateTo(1)
    expect(dirtyFrom(context)).toBe(1)
    await context.close()
    expect(context.memory.readFile(PATH).toString().trim()).toBe('0\n1\nevents 0 1')
  })

  it('that cannot be written for lack of space is reported; a failing disk ends the session of the directory', async () => {
    for (const [errno, isOffline] of [
      ['ENOSPC', false],
      ['EIO', true],
    ] as const) {
      const clock = new FakeClock()
      const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
      const disk = new FaultyFileSystem(memory)
      const context = await compactedContext({ clock, memory, fileSystem: disk })
      put(context, 'a=1')
      await roll(context)
      disk.fail({ operation: 'write', path: 'cleaner-offset-checkpoint', errno })
      await clean(context)
      expect(context.directory.offline !== undefined).toBe(isOffline)
      expect(context.said('could not note how far logs are compacted')).toBe(!isOffline)
      await context.close()
    }
  })
})
