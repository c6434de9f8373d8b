import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { defaultLogConfig, LogDirectory, MemoryFileSystem, TailCache } from '../../storage/index.ts'
import { silentStorageLogger } from '../../storage/storage-logger.ts'
import { FakeClock } from '../support/fake-clock.ts'

describe('smoke', () => {
  it('appends and reads', async () => {
    const clock = new FakeClock()
    const fileSystem = new MemoryFileSystem({ tracksCrashes: true })
    let n = 0
    const open = () =>
      LogDirectory.open({
        path: '/data',
        fileSystem,
        clock,
        clusterId: 'c',
        nodeId: 1,
        tailCache: new TailCache(1e6),
        maxOpenFiles: 10,
        random: { integer: () => 0, uuid: () => `AAAAAAAAAAAAAAAAAAAA${String(n++).padStart(2, 'A')}` },
        logger: silentStorageLogger,
      })
    const dir = await open()
    const [log] = await dir.createLogs(
      [{ topic: 't', partition: 0, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      defaultLogConfig,
    )
    const b = (v: string) => buildBatch({ records: [{ value: Buffer.from(v), timestamp: 5 }] })
    expect(log!.append(b('x'), 0, 'client')).toEqual({ kind: 'appended', baseOffset: 0, lastOffset: 0 })
    expect(log!.append(b('y'), 0, 'client')).toEqual({ kind: 'appended', baseOffset: 1, lastOffset: 1 })
    clock.endTurn()
    expect(log!.writtenOffset).toBe(2)
    await log!.flush()
    expect(log!.durableOffset).toBe(2)
    expect((await log!.read(0, 1e6, 2, true)).chunks.length).toBe(2)
    expect(await log!.offsetForTimestamp(5, 2)).toEqual({ offset: 0, timestamp: 5, leaderEpoch: 0 })
    await dir.close()
    const again = await open()
    expect(again.wasClean).toBe(true)
    const log2 = await again.openLog('t-0', defaultLogConfig)
    expect(log2.logEndOffset).toBe(2)
    expect((await log2.read(1, 1e6, 2, true)).sizeBytes).toBeGreaterThan(60)
    await again.close()
  })
})
