import { describe, expect, it } from 'vitest'
import { MemoryFileSystem } from '../../storage/index.ts'
import { readProducerSnapshot } from '../../storage/producer-snapshot.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'
import { LogContext, logFile, nextTurn, visible } from '../support/log-context.ts'

/** A log on a disk that fails when told to. */
async function faulty(config: Parameters<typeof LogContext.open>[0] = {}) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const context = await LogContext.open({ ...config, memory, fileSystem: disk, clock })
  disk.calls.length = 0
  return { context, disk }
}

const writes = (disk: FaultyFileSystem, name: string) =>
  disk.calls.filter(({ operation, path }) => operation === 'write' && path.endsWith(name)).length
const bases = (context: LogContext) => context.files().filter((name) => name.endsWith('.log'))

describe('A turn of the event loop', () => {
  it('becomes one gathered write a segment', async () => {
    const { context, disk } = await faulty()
    for (let i = 0; i < 50; i++) context.append(`value ${i}`)
    expect(writes(disk, '.log')).toBe(0)
    context.endTurn()
    expect(writes(disk, '.log')).toBe(1)
    expect(context.log.writtenOffset).toBe(50)
  })

  it('goes on with what a short write left', async () => {
    const { context, disk } = await faulty()
    disk.fail({ operation: 'write', path: '.log', shortBytes: 100, times: 3 })
    for (let i = 0; i < 9; i++) context.append(`value ${i}`)
    await context.settle()
    expect(writes(disk, '.log')).toBe(4)
    expect(await context.values()).toEqual(Array.from({ length: 9 }, (_, i) => `value ${i}`))
    expect(await (await context.afterKill()).values()).toHaveLength(9)
  })
})

describe('LG-14: a new segment begins', () => {
  it('by size, before the batch that would make it too large', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 200 } })
    for (const text of ['a', 'b', 'c', 'd', 'e']) context.append(text)
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(2), logFile(4)])
    expect(await context.values()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('by the time between the first record and the newest', async () => {
    const context = await LogContext.open({ config: { segmentMs: 1000 } })
    context.appendAt(5000)
    context.appendAt(6000)
    context.appendAt(6001)
    context.appendAt(100)
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(2)])
  })

  it('by the time on the clock if records have none', async () => {
    const context = await LogContext.open({ config: { segmentMs: 1000 } })
    context.appendAt(-1)
    context.clock.advance(1000)
    context.appendAt(-1)
    context.clock.advance(1)
    context.appendAt(-1)
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(2)])
  })

  it('earlier by a random part of segment.jitter.ms', async () => {
    const context = await LogContext.open({ config: { segmentMs: 1000, segmentJitterMs: 100 } })
    context.appendAt(5000)
    context.appendAt(5993)
    context.appendAt(5994)
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(2)])
  })

  it('when an index is full', async () => {
    const context = await LogContext.open({ config: { segmentIndexBytes: 36, indexIntervalBytes: 0 } })
    for (let i = 0; i < 7; i++) context.appendAt(1000 + i)
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(3), logFile(6)])
  })

  it('when an offset would be more than 2^31-1 above its base', async () => {
    const context = await LogContext.open()
    context.append('a')
    context.appendBatch({ records: [{ value: Buffer.from('b') }], lastOffsetDelta: 2 ** 31 - 2 })
    context.append('c')
    await context.settle()
    expect(bases(context)).toEqual([logFile(0), logFile(2 ** 31)])
  })

  it('never with nothing in the old one', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 10 } })
    context.append('larger than a segment')
    await context.settle()
    expect(bases(context)).toEqual([logFile(0)])
  })

  it('with the state of the producers before it, and its indexes on the disk', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 200 } })
    for (let sequence = 0; sequence < 3; sequence++) {
      context.appendBatch({
        records: [{ value: Buffer.from('x'), timestamp: 5 }],
        producerId: 1,
        producerEpoch: 0,
        baseSequence: sequence,
      })
    }
    await context.settle()
    await nextTurn()
    const [entry] = readProducerSnapshot(context.memory, context.path(logFile(2, '.snapshot')))
    // All three were appended in one turn; the snapshot is of the moment between the second and the third.
    expect(entry?.batches.at(-1)).toMatchObject({ lastSequence: 1, lastOffset: 1 })
    const after = context.memory.crash()
    expect(after.readFile(context.path(logFile(0, '.timeindex'))).length).toBe(12)
  })

  it('under commit only after the old one and the new name are on the disk; offsets are given meanwhile', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100, flushPolicy: 'commit' } })
    const slow = disk.hold('datasync', logFile(0))
    context.append('a')
    context.append('b')
    context.endTurn()
    expect([context.log.writtenOffset, context.log.logEndOffset]).toEqual([1, 2])
    context.append('c')
    context.endTurn()
    await nextTurn()
    expect(bases(context)).toEqual([logFile(0)])
    slow.release()
    await context.settle()
    expect(context.log.durableOffset).toBe(3)
    const order = disk.calls.map(({ operation, path }) => `${operation} ${path.split('/').at(-1)}`)
    const first = (call: string) => order.indexOf(call)
    expect(first(`datasync ${logFile(0)}`)).toBeLessThan(first(`open ${logFile(1)}`))
    expect(first('syncFolder events-0')).toBeLessThan(first(`write ${logFile(1)}`))
  })

  it('under os at once, and syncs the old one behind', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100, flushPolicy: 'os' } })
    const slow = disk.hold('datasync')
    for (const text of ['a', 'b', 'c']) context.append(text)
    context.endTurn()
    expect(context.log.durableOffset).toBe(3)
    slow.release()
    await context.settle()
    expect(context.log.recoveryPoint).toBe(3)
  })

  it('and its recovery point is in the checkpoint soon after', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 100 } })
    for (const text of ['a', 'b']) context.append(text)
    await context.settle()
    await nextTurn()
    expect(visible(context.memory.readFile('/data/recovery-point-offset-checkpoint'))).toBe('0\n1\nevents 0 1\n')
  })
})

describe('Group commit', () => {
  it('has one sync for all that was written before it, and the next for all that came meanwhile', async () => {
    const { context, disk } = await faulty()
    const slow = disk.hold('datasync')
    context.append('a')
    context.endTurn()
    await nextTurn()
    for (const text of ['b', 'c', 'd']) {
      context.append(text)
      context.endTurn()
    }
    await nextTurn()
    expect(slow.waiting).toBe(1)
    expect(context.log.durableOffset).toBe(0)
    slow.release()
    await nextTurn()
    expect(context.log.durableOffset).toBe(4)
    expect(disk.calls.filter(({ operation }) => operation === 'datasync')).toHaveLength(2)
  })

  it('does not call durable what was written while a sync ran', async () => {
    const { context, disk } = await faulty()
    const slow = disk.hold('datasync')
    context.append('a')
    context.endTurn()
    await nextTurn()
    context.append('b')
    context.endTurn()
    const moves: number[] = []
    context.log.onAdvance = () => moves.push(context.log.durableOffset)
    slow.release()
    await nextTurn()
    expect(moves).toEqual([1, 2])
  })
})

describe('A full disk', () => {
  it('I03: loses what was not written, keeps what was, and takes appends again when there is space', async () => {
    const { context, disk } = await faulty()
    context.append('kept')
    await context.settle()
    disk.fail({ operation: 'write', path: '.log', errno: 'ENOSPC', times: 2 })
    context.append('lost')
    context.append('lost, too')
    context.endTurn()
    expect(context.losses).toMatchObject([{ fromOffset: 1, error: { code: 'NO_SPACE' } }])
    expect([context.log.logEndOffset, context.log.writtenOffset]).toEqual([1, 1])
    context.append('lost again')
    context.endTurn()
    expect(context.losses).toHaveLength(2)
    expect(context.append('kept, too')).toEqual({ kind: 'appended', baseOffset: 1, lastOffset: 1 })
    await context.settle()
    expect(await context.values()).toEqual(['kept', 'kept, too'])
    expect(context.directory.offline).toBeUndefined()
    expect(await (await context.afterKill()).values()).toEqual(['kept', 'kept, too'])
  })

  it('I02: keeps the whole batches of a write that was cut short, and cuts the file back to them', async () => {
    const { context, disk } = await faulty()
    context.append('first')
    context.append('second')
    context.append('third')
    // So does Linux: the last write that fits is a short one that reports success, and the next one fails.
    disk.fail({ operation: 'write', path: '.log', shortBytes: 2 * 75 + 5 })
    disk.fail({ operation: 'write', path: '.log', errno: 'ENOSPC' })
    context.endTurn()
    expect(context.log.writtenOffset).toBe(2)
    expect(context.losses).toMatchObject([{ fromOffset: 2 }])
    await context.settle()
    expect(context.memory.stat(context.path(logFile(0)))?.sizeBytes).toBe(context.log.sizeBytes)
    expect(await context.values()).toEqual(['first', 'second'])
  })

  it('takes back what producers had sent, so that their retries are neither duplicates nor gaps', async () => {
    const { context, disk } = await faulty()
    const send = (sequence: number) =>
      context.appendBatch({
        records: [{ value: Buffer.from(`${sequence}`), timestamp: 5 }],
        producerId: 3,
        producerEpoch: 0,
        baseSequence: sequence,
      })
    send(0)
    await context.settle()
    disk.fail({ operation: 'write', path: '.log', errno: 'ENOSPC' })
    for (let sequence = 1; sequence <= 6; sequence++) send(sequence)
    context.endTurn()
    expect(send(2)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(send(0)).toMatchObject({ kind: 'duplicate', baseOffset: 0 })
    expect(send(1)).toMatchObject({ kind: 'appended', baseOffset: 1 })
  })

  it('I04: waits with a new segment until there is space for it', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100 } })
    context.append('a')
    await context.settle()
    disk.fail({ operation: 'open', path: logFile(1), errno: 'ENOSPC' })
    context.append('b')
    await context.settle()
    expect(context.losses).toMatchObject([{ fromOffset: 1 }])
    context.append('b again')
    await context.settle()
    expect(await context.values()).toEqual(['a', 'b again'])
    expect(bases(context)).toEqual([logFile(0), logFile(1)])
  })

  it('I04: keeps indexes in memory until they can be written', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100, indexIntervalBytes: 0 } })
    disk.fail({ operation: 'write', path: 'index', errno: 'ENOSPC', times: 4 })
    for (const text of ['a', 'b', 'c']) context.append(text)
    await context.settle()
    expect(context.said('index files could not be written yet')).toBe(true)
    expect(context.directory.offline).toBeUndefined()
    expect(await context.values()).toEqual(['a', 'b', 'c'])
    // A segment without safe indexes must be looked at by recovery.
    disk.heal()
    context.append('d')
    await context.settle()
    expect(context.log.recoveryPoint).toBe(4)
  })

  it('I06: too few file descriptors are waited out like a full disk', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100 } })
    context.append('a')
    await context.settle()
    disk.fail({ operation: 'open', path: logFile(1), errno: 'EMFILE' })
    context.append('b')
    await context.settle()
    expect(context.losses).toMatchObject([{ fromOffset: 1, error: { code: 'TOO_MANY_FILES' } }])
    expect(context.directory.offline).toBeUndefined()
    context.append('b')
    await context.settle()
    expect(await context.values()).toEqual(['a', 'b'])
  })
})

describe('A failing disk', () => {
  it('I01: a failed sync ends the session, is not tried again, and takes back all that was not durable', async () => {
    const { context, disk } = await faulty()
    context.append('durable')
    await context.settle()
    disk.fail({ operation: 'datasync', errno: 'EIO' })
    context.append('lost')
    context.endTurn()
    const syncs = disk.calls.filter(({ operation }) => operation === 'datasync').length
    await nextTurn()
    expect(context.directory.offline).toMatchObject({ code: 'IO' })
    expect(context.losses).toMatchObject([{ fromOffset: 1, error: { code: 'IO' } }])
    expect(context.append('refused')).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
    await context.settle()
    expect(disk.calls.filter(({ operation }) => operation === 'datasync')).toHaveLength(syncs)
    expect(await context.values()).toEqual(['durable'])
    expect(() => context.log.read(2, 100, 2, true)).toThrow('outside')
  })

  it('I02, I05: a write that fails for another reason than space ends the session', async () => {
    for (const errno of ['EIO', 'EROFS', 'EDQUOT', 'EFBIG']) {
      const { context, disk } = await faulty()
      context.append('durable')
      await context.settle()
      disk.fail({ operation: 'write', path: '.log', errno })
      context.append('lost')
      context.endTurn()
      expect(context.directory.offline).toMatchObject({ errno })
      expect(context.losses).toMatchObject([{ fromOffset: 1 }])
      expect(await context.values()).toEqual(['durable'])
    }
  })

  it('I02: a file that cannot be cut back ends the session', async () => {
    const { context, disk } = await faulty()
    disk.fail({ operation: 'write', path: '.log', errno: 'ENOSPC', shortBytes: 10 })
    disk.fail({ operation: 'truncate', path: '.log', errno: 'EIO' })
    context.append('lost')
    context.endTurn()
    expect(context.directory.offline).toMatchObject({ code: 'IO' })
    expect(await (await context.afterKill()).values()).toEqual([])
  })

  it('I01: a folder whose new name cannot be synced ends the session', async () => {
    const { context, disk } = await faulty({ config: { segmentBytes: 100 } })
    disk.fail({ operation: 'syncFolder', path: 'events-0', errno: 'EIO' })
    context.append('a')
    context.append('b')
    await context.settle()
    expect(context.directory.offline).toMatchObject({ code: 'IO' })
    expect(context.log.logEndOffset).toBe(1)
  })

  it('makes the next start write the doubtful tail anew, since the kernel may show what the disk does not have', async () => {
    const { context, disk } = await faulty()
    context.append('a')
    context.endTurn()
    disk.fail({ operation: 'datasync', errno: 'EIO' })
    context.append('b')
    context.endTurn()
    await nextTurn()
    await context.close()
    const after = new FaultyFileSystem(context.memory.kill())
    const again = await LogContext.open({ memory: context.memory, fileSystem: after, clock: context.clock })
    expect(after.calls.some(({ operation, path }) => operation === 'rename' && path.endsWith('.log.rewritten'))).toBe(
      true,
    )
    expect(again.directory.wasClean).toBe(false)
    await again.directory.writeCheckpoints()
    expect(after.exists('/data/odradek.sync-failed')).toBe(false)
  })
})
