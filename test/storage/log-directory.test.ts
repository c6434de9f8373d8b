import { describe, expect, it } from 'vitest'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import {
  defaultLogConfig,
  LogDirectory,
  type LogDirectoryOptions,
  MemoryFileSystem,
  TailCache,
} from '../../storage/index.ts'
import { silentStorageLogger } from '../../storage/storage-logger.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'
import { FOLDER, LogContext, logFile, nextTurn, TOPIC_ID, visible } from '../support/log-context.ts'

const clock = new FakeClock()
const options = (changes: Partial<LogDirectoryOptions> = {}): LogDirectoryOptions => ({
  path: '/data',
  fileSystem: new MemoryFileSystem({ tracksCrashes: true, clock }),
  clock,
  random: { integer: () => 0, uuid: () => 'dddddddddddddddddddddw' },
  clusterId: 'cluster',
  nodeId: 1,
  tailCache: new TailCache(1 << 20),
  maxOpenFiles: 64,
  logger: silentStorageLogger,
  ...changes,
})
const specs = (count: number, topicId = TOPIC_ID) =>
  Array.from({ length: count }, (_, partition) => ({ topic: 'events', partition, topicId }))
const text = (fileSystem: MemoryFileSystem, path: string) => visible(fileSystem.readFile(path))

describe('Opening a log directory', () => {
  it('makes a new one its own', async () => {
    const fileSystem = new MemoryFileSystem()
    const directory = await LogDirectory.open(options({ fileSystem }))
    expect(directory.clusterIdFound).toBeUndefined()
    expect(directory.wasClean).toBe(false)
    expect(text(fileSystem, '/data/meta.properties')).toBe(
      'version=1\ncluster.id=cluster\nnode.id=1\ndirectory.id=dddddddddddddddddddddw\n',
    )
    expect(directory.directoryId).toBe('dddddddddddddddddddddw')
  })

  it('knows whose it is at the next start, and refuses another cluster and another node', async () => {
    const fileSystem = new MemoryFileSystem()
    await (await LogDirectory.open(options({ fileSystem }))).close()
    const again = await LogDirectory.open(options({ fileSystem, random: { integer: () => 0, uuid: () => 'another' } }))
    expect([again.clusterIdFound, again.directoryId]).toEqual(['cluster', 'dddddddddddddddddddddw'])
    await again.close()
    const wrong = { code: 'WRONG_CLUSTER', message: expect.stringContaining('belongs to cluster cluster, not other') }
    await expect(LogDirectory.open(options({ fileSystem, clusterId: 'other' }))).rejects.toMatchObject(wrong)
    await expect(LogDirectory.open(options({ fileSystem, nodeId: 2 }))).rejects.toMatchObject({ code: 'WRONG_CLUSTER' })
    // Neither attempt has kept the lock.
    await (await LogDirectory.open(options({ fileSystem }))).close()
  })

  it('C39: refuses a folder that is in use', async () => {
    const fileSystem = new MemoryFileSystem()
    const first = await LogDirectory.open(options({ fileSystem }))
    await expect(LogDirectory.open(options({ fileSystem }))).rejects.toMatchObject({ code: 'LOCKED' })
    await first.close()
    await (await LogDirectory.open(options({ fileSystem }))).close()
  })

  it('says that a folder cannot be written', async () => {
    const fileSystem = new FaultyFileSystem(new MemoryFileSystem())
    fileSystem.fail({ operation: 'lock', errno: 'EACCES' })
    await expect(LogDirectory.open(options({ fileSystem }))).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
  })

  it('C20 to C22: uses the mark of a clean stop up, on the disk, before it writes anything else', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    await (await LogDirectory.open(options({ fileSystem: memory }))).close()
    expect(text(memory, '/data/.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":-1}')
    const disk = new FaultyFileSystem(memory.kill())
    const directory = await LogDirectory.open(options({ fileSystem: disk }))
    expect(directory.wasClean).toBe(true)
    const calls = disk.calls.map(({ operation, path }) => `${operation} ${path}`)
    const mark = calls.indexOf('unlink /data/.kafka_cleanshutdown')
    expect(calls[mark + 1]).toBe('syncFolder /data')
    expect(calls.slice(0, mark).some((call) => call.startsWith('write'))).toBe(false)
    expect(disk.exists('/data/.kafka_cleanshutdown')).toBe(false)
  })

  it('lists the folders of partitions, removes leftovers of deleted ones, and leaves the rest alone', async () => {
    const fileSystem = new MemoryFileSystem()
    for (const folder of ['my-topic-12', 'events-0', 'events-0.abc-delete', 'events-1.abc-stray', 'odd', 'x-01']) {
      fileSystem.mkdir(`/data/${folder}`)
    }
    fileSystem
      .open('/data/events-0/partition.metadata', 'create')
      .writeSync([Buffer.from(`version: 0\ntopic_id: ${TOPIC_ID}`)], 0)
    const directory = await LogDirectory.open(options({ fileSystem }))
    expect(directory.folders()).toEqual([
      { folder: 'events-0', topic: 'events', partition: 0, topicId: TOPIC_ID },
      { folder: 'my-topic-12', topic: 'my-topic', partition: 12, topicId: undefined },
    ])
    await nextTurn()
    expect(fileSystem.readdir('/data').map(({ name }) => name)).not.toContain('events-0.abc-delete')
    expect(fileSystem.exists('/data/events-1.abc-stray')).toBe(true)
  })
})

describe('Creating logs', () => {
  it('C25 to C28: has them on the disk when it returns, as Kafka lays them out', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const directory = await LogDirectory.open(options({ fileSystem: memory }))
    const logs = await directory.createLogs(specs(3), defaultLogConfig)
    expect(logs.map(({ folder, topicId }) => [folder, topicId])).toEqual(
      [0, 1, 2].map((i) => [`events-${i}`, TOPIC_ID]),
    )
    expect(directory.logCount).toBe(3)
    const after = memory.crash()
    expect(after.readdir('/data/events-1').map(({ name }) => name)).toEqual([
      logFile(0, '.index'),
      logFile(0),
      logFile(0, '.timeindex'),
      'partition.metadata',
    ])
    expect(text(after, '/data/events-1/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`)
  })

  it('syncs the directory once, however many there are', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const directory = await LogDirectory.open(options({ fileSystem: disk }))
    disk.calls.length = 0
    await directory.createLogs(specs(100), defaultLogConfig)
    expect(disk.calls.filter(({ operation, path }) => operation === 'syncFolder' && path === '/data')).toHaveLength(1)
  })

  it('leaves nothing behind when the disk is full', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const directory = await LogDirectory.open(options({ fileSystem: disk }))
    disk.fail({ operation: 'open', path: 'events-7', errno: 'ENOSPC' })
    await expect(directory.createLogs(specs(10), defaultLogConfig)).rejects.toMatchObject({ code: 'NO_SPACE' })
    expect(disk.readdir('/data').filter(({ kind }) => kind === 'folder')).toEqual([])
    expect(directory.logCount).toBe(0)
    expect(await directory.createLogs(specs(10), defaultLogConfig)).toHaveLength(10)
  })

  it('N10: sets a folder aside that has the name but is not this topic, so that its data never come back under a new id', async () => {
    const fileSystem = new MemoryFileSystem()
    fileSystem.mkdir('/data/events-0')
    fileSystem.open(`/data/events-0/${logFile(0)}`, 'create').writeSync([Buffer.from('old')], 0)
    const directory = await LogDirectory.open(options({ fileSystem }))
    const [log] = await directory.createLogs(specs(1), defaultLogConfig)
    expect(log!.logEndOffset).toBe(0)
    const stray = fileSystem.readdir('/data').find(({ name }) => name.endsWith('-stray'))
    expect(text(fileSystem, `/data/${stray!.name}/${logFile(0)}`)).toBe('old')
  })
})

describe('Deleting logs', () => {
  it('renames the folder at once, on the disk, and removes it after file.delete.delay.ms', async () => {
    const context = await LogContext.open({ config: { fileDeleteDelayMs: 1000 } })
    context.append('a')
    await context.settle()
    await context.directory.deleteLogs([context.log])
    expect(context.directory.logCount).toBe(0)
    const folders = (memory: MemoryFileSystem) =>
      memory.readdir('/data').flatMap(({ name, kind }) => (kind === 'folder' ? [name] : []))
    expect(folders(context.memory.crash())).toEqual([expect.stringMatching(/^events-0\.[0-9a-f]{32}-delete$/)])
    context.clock.advance(1000)
    await nextTurn()
    expect(folders(context.memory)).toEqual([])
  })

  it('lets reads end that are under way, and refuses what comes later', async () => {
    const context = await LogContext.open({ tailCacheBytes: 0 })
    context.append('a')
    await context.settle()
    const { log } = context
    await context.directory.deleteLogs([log])
    expect(context.append('b')).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
    await expect(log.read(0, 100, 1, true)).rejects.toMatchObject({ code: 'CLOSED' })
    await log.flush()
    expect(context.directory.offline).toBeUndefined()
    await context.close()
  })

  it('does not take the failed sync of a log that is gone for a failing disk', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const disk = new FaultyFileSystem(memory)
    const context = await LogContext.open({ memory, fileSystem: disk })
    const slow = disk.hold('datasync')
    context.append('a')
    context.endTurn()
    await nextTurn()
    await context.directory.deleteLogs([context.log])
    disk.fail({ operation: 'datasync', errno: 'EBADF' })
    slow.release()
    await nextTurn()
    expect(context.directory.offline).toBeUndefined()
  })

  it('found by the fuzzer: forgets what was appended in the same turn, instead of failing to write it', async () => {
    const context = await LogContext.open()
    context.append('a')
    const deleted = context.directory.deleteLogs([context.log])
    context.endTurn()
    await deleted
    expect(context.directory.offline).toBeUndefined()
    expect(context.messages.filter(({ level }) => level === 'error')).toEqual([])
    await context.close()
  })

  it('found by the fuzzer: makes no segment for a log that was deleted while it waited to roll', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const disk = new FaultyFileSystem(memory)
    const context = await LogContext.open({ memory, fileSystem: disk, config: { segmentBytes: 100 } })
    const slow = disk.hold('datasync')
    context.append('a')
    context.endTurn()
    context.append('b'.repeat(100))
    context.endTurn()
    await nextTurn()
    await context.directory.deleteLogs([context.log])
    slow.release()
    await nextTurn()
    expect(context.directory.offline).toBeUndefined()
  })

  it('found by the fuzzer: is no trouble for checkpoints that are being written', async () => {
    const context = await LogContext.open({ config: { indexIntervalBytes: 1 } })
    context.append('a')
    context.append('b')
    await context.settle()
    const written = context.directory.writeCheckpoints()
    await Promise.resolve()
    await context.directory.deleteLogs([context.log])
    expect([await written, context.directory.offline]).toEqual([true, undefined])
    await context.close()
  })

  it('a topic that is made again begins at offset 0 with its new id', async () => {
    const context = await LogContext.open()
    context.append('a')
    await context.settle()
    await context.directory.deleteLogs([context.log])
    const [log] = await context.directory.createLogs(specs(1, 'nEwIdAAAAAAAAAAAAAAAAA'), context.config)
    expect([log!.logEndOffset, log!.topicId]).toEqual([0, 'nEwIdAAAAAAAAAAAAAAAAA'])
  })
})

describe('Checkpoints', () => {
  it('hold recovery points, log starts and high watermarks, as Kafka writes them', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 100 } })
    for (const value of ['a', 'b', 'c']) context.append(value)
    await context.settle()
    await context.log.deleteBefore(1)
    await context.directory.writeCheckpoints()
    expect(text(context.memory, '/data/recovery-point-offset-checkpoint')).toBe('0\n1\nevents 0 3\n')
    expect(text(context.memory, '/data/log-start-offset-checkpoint')).toBe('0\n1\nevents 0 1\n')
    expect(text(context.memory, '/data/replication-offset-checkpoint')).toBe('0\n1\nevents 0 3\n')
  })

  it('keep what they said of folders that this run has not opened', async () => {
    const fileSystem = new MemoryFileSystem({ tracksCrashes: true, clock })
    const first = await LogDirectory.open(options({ fileSystem }))
    const logs = await first.createLogs(specs(2), defaultLogConfig)
    for (const log of logs) log.append(buildBatch({ records: [{ value: Buffer.from('x') }] }), 0, 'client')
    await first.close()
    const second = await LogDirectory.open(options({ fileSystem }))
    await second.openLog('events-1', defaultLogConfig)
    await second.close()
    expect(text(fileSystem, '/data/recovery-point-offset-checkpoint').trim().split('\n')).toEqual([
      '0',
      '2',
      'events 0 1',
      'events 1 1',
    ])
  })

  it('C20 to C22: never name more than is on the disk, with the epochs that go with it', async () => {
    const context = await LogContext.open()
    context.appendBatch({ records: [{ value: Buffer.from('a') }] }, 4)
    context.endTurn()
    await context.directory.writeCheckpoints()
    const after = await context.afterPowerCut()
    const [, , line] = text(after.memory, '/data/recovery-point-offset-checkpoint').split('\n')
    expect(after.log.logEndOffset).toBeGreaterThanOrEqual(Number(line!.split(' ')[2]))
    if (after.log.logEndOffset > 0) expect(after.log.latestEpoch).toBe(4)
  })

  it('that cannot be written for lack of space are written later', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const disk = new FaultyFileSystem(memory)
    const context = await LogContext.open({ memory, fileSystem: disk })
    disk.fail({ operation: 'write', path: 'checkpoint', errno: 'ENOSPC' })
    await context.directory.writeCheckpoints()
    expect(context.directory.offline).toBeUndefined()
    await context.directory.writeCheckpoints()
    expect(text(memory, '/data/recovery-point-offset-checkpoint')).toBe('0\n1\nevents 0 0\n')
  })
})

describe('Closing', () => {
  it('leaves a directory that needs no recovery', async () => {
    const context = await LogContext.open()
    context.append('a')
    const again = await context.restart()
    expect(again.directory.wasClean).toBe(true)
    expect(await again.values()).toEqual(['a'])
    expect(again.messages).toEqual([])
  })

  it('is done on the disk, too: a power cut right after it loses nothing', async () => {
    const context = await LogContext.open({ config: { segmentBytes: 150, flushPolicy: 'os' } })
    for (const value of ['a', 'b', 'c', 'd', 'e']) context.append(value)
    await context.close()
    const again = await context.afterPowerCut()
    expect(again.directory.wasClean).toBe(true)
    expect(await again.values()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(again.log.logEndOffset).toBe(5)
  })

  it('does not call a stop clean after the disk has failed', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const disk = new FaultyFileSystem(memory)
    const context = await LogContext.open({ memory, fileSystem: disk })
    disk.fail({ operation: 'datasync', errno: 'EIO' })
    context.append('a')
    await context.close()
    expect(memory.exists('/data/.kafka_cleanshutdown')).toBe(false)
    const again = await LogContext.open({ memory: memory.kill(), clock: context.clock })
    expect(again.directory.wasClean).toBe(false)
  })

  it('leaves no timer behind', async () => {
    const context = await LogContext.open({
      config: { segmentBytes: 100, fileDeleteDelayMs: 60_000, flushMs: 1000, flushPolicy: 'os' },
    })
    for (const value of ['a', 'b', 'c']) context.append(value)
    await context.settle()
    await context.log.deleteBefore(2)
    const before = context.files()
    await context.close()
    const closed = context.files()
    context.clock.advance(120_000)
    await nextTurn()
    expect(context.files()).toEqual(closed)
    expect(before).not.toEqual([])
  })
})

describe('A directory that went offline', () => {
  it('takes all its logs with it, tells once, and keeps what was durable readable', async () => {
    const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
    const disk = new FaultyFileSystem(memory)
    const directory = await LogDirectory.open(options({ fileSystem: disk }))
    const logs = await directory.createLogs(specs(3), defaultLogConfig)
    const batchOf = (value: string) => buildBatch({ records: [{ value: Buffer.from(value) }] })
    for (const log of logs) log.append(batchOf('durable'), 0, 'client')
    clock.endTurn()
    for (const log of logs) await log.flush()
    const told: string[] = []
    directory.onOffline = (error) => told.push(error.code)
    const lost: string[] = []
    for (const log of logs) log.onLoss = (from) => lost.push(`${log.folder} from ${from}`)
    disk.fail({ operation: 'datasync', errno: 'EIO', times: Infinity })
    for (const log of logs) log.append(batchOf('lost'), 0, 'client')
    clock.endTurn()
    await nextTurn()
    expect(told).toEqual(['IO'])
    expect(lost).toEqual(['events-0 from 1', 'events-1 from 1', 'events-2 from 1'])
    for (const log of logs) {
      expect(log.append(batchOf('refused'), 0, 'client')).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
      expect((await log.read(0, 1000, 1, true)).sizeBytes).toBeGreaterThan(0)
      expect(log.applyRetention(clock.wallTime() + 1e12, 1)).toBe(0)
    }
    await expect(directory.createLogs(specs(1), defaultLogConfig)).rejects.toBe(directory.offline)
    await directory.close()
  })

  it('measures its device, and nothing once the folder is gone', async () => {
    const fileSystem = new FaultyFileSystem(new MemoryFileSystem({ capacityBytes: 1000 }))
    const directory = await LogDirectory.open(options({ fileSystem }))
    expect(directory.usage().totalBytes).toBe(1000)
    fileSystem.fail({ operation: 'statfs', errno: 'ENOENT' })
    expect(directory.usage()).toEqual({ totalBytes: 0, usableBytes: 0 })
  })

  it('knows its own logs', async () => {
    const context = await LogContext.open()
    const other = await LogContext.open()
    expect(context.directory.owns(context.log)).toBe(true)
    expect(context.directory.owns(other.log)).toBe(false)
    expect(context.log.folder).toBe(FOLDER)
  })
})
