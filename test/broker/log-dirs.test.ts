import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { OffsetCommit } from '../../protocol/apis/group-offsets.ts'
import { errorName } from '../../protocol/errors.ts'
import { BrokerProcess, temporaryFolder } from '../support/broker-process.ts'
import { NO_TOPIC, TestBroker } from '../support/embedded-broker.ts'
import { range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'
import { canMount, smallDisk, whyNotMounted } from '../support/small-disk.ts'

const settings = { 'log.flush.policy': 'commit', 'offsets.topic.num.partitions': '4' }

/** A broker over these directories, and what an operator would have read. */
async function brokerOver(directories: readonly string[], config: Readonly<Record<string, string>> = {}) {
  const lines: { fields: object; message: string }[] = []
  const say = (fields: object, message: string) => void lines.push({ fields, message })
  const logger = { debug: say, info: say, warn: say, error: say }
  const broker = await startBroker({ logger, config: { ...settings, 'log.dirs': directories.join(','), ...config } })
  onTestFinished(() => broker.stop())
  const client = await RawClient.to(broker.bootstrap)
  onTestFinished(() => client.destroy())
  const said = (part: string) => lines.filter(({ message }) => message.includes(part)).map(({ fields }) => fields)
  return { broker, test: new TestBroker(broker, client), said }
}

const folders = (count: number): string[] => {
  const root = temporaryFolder()
  return range(count).map((i) => join(root, `disk${i}`))
}

/** Partitions of a topic that lie in a directory. */
const partitionsIn = (directory: string, topic: string): number[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith(`${topic}-`))
    .map((name) => Number(name.slice(topic.length + 1)))
    .sort()

const offline = (broker: Broker) => expect.poll(() => broker.readiness().checks.disks, { timeout: 5000 }).toBe(false)

describe('Several log directories', () => {
  it('each get as many partitions as the others', async () => {
    const directories = folders(3)
    const { test } = await brokerOver(directories)
    await test.createTopic('first', 4)
    await test.createTopic('second', 5)
    const counts = directories.map(
      (directory) => partitionsIn(directory, 'first').length + partitionsIn(directory, 'second').length,
    )
    expect(counts).toEqual([3, 3, 3])
  })

  it('I09: when one is taken away, its partitions refuse records and all others go on', async () => {
    const directories = folders(3)
    const [, second = ''] = directories
    const { broker, test, said } = await brokerOver(directories)
    await test.createTopic('spread', 6)
    for (const partition of range(6)) await test.produce('spread', ['before'], { partition })
    const lost = partitionsIn(second, 'spread')
    expect(lost).toHaveLength(2)
    renameSync(second, `${second}.taken`)
    await offline(broker)
    expect(said('log directory is offline')).toHaveLength(1)
    for (const partition of range(6)) {
      const { error } = await test.produce('spread', ['after'], { partition })
      expect(error).toBe(lost.includes(partition) ? 'KAFKA_STORAGE_ERROR' : 'NONE')
      // What was durable may still be had from memory; never anything else.
      const { values, error: readError } = await test.fetch('spread', 0, { partition })
      if (lost.includes(partition)) expect([['before'], []]).toContainEqual(values)
      else expect({ values, readError }).toEqual({ values: ['before', 'after'], readError: 'NONE' })
    }
    await test.createTopic('later', 4)
    for (const partition of range(4)) {
      expect((await test.produce('later', ['here'], { partition })).error).toBe('NONE')
    }
    expect(existsSync(second)).toBe(false)
    expect(broker.metrics.gauges.get('odradek_log_directories_offline')?.()).toBe(1)
  })

  it('I09: groups whose offsets lie elsewhere go on to commit, the others are told to come back', async () => {
    const directories = folders(2)
    const [, second = ''] = directories
    const { broker, test } = await brokerOver(directories)
    await test.createTopic('t')
    const commit = async (group: number) => {
      const partition = { partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: '' }
      const { topics } = await test.client.call(OffsetCommit, 2, {
        groupId: `g${group}`,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [{ name: 't', topicId: NO_TOPIC, partitions: [partition] }],
      })
      return errorName(topics[0]!.partitions[0]!.errorCode)
    }
    const find = () => test.client.call(FindCoordinator, 3, { key: 'g0', keyType: 0 })
    await expect.poll(async () => (await find()).errorCode, { timeout: 5000 }).toBe(0)
    for (const group of range(8)) expect(await commit(group)).toBe('NONE')
    expect(partitionsIn(second, '__consumer_offsets')).toHaveLength(3)
    rmSync(join(second, '.lock'))
    await offline(broker)
    const outcomes = new Set<string>()
    for (const group of range(8)) outcomes.add(await commit(group))
    expect([...outcomes].sort()).toEqual(['COORDINATOR_NOT_AVAILABLE', 'NONE'])
  })

  it('when the last one is gone, the broker ends, with one line that says why', async () => {
    const directories = folders(2)
    const broker = await BrokerProcess.start(directories.join(','))
    for (const directory of directories) rmSync(join(directory, '.lock'))
    expect(await broker.exit).toEqual({ code: 1, signal: null })
    expect(broker.stderr).toMatch(/^odradek: gave up: .*disk[01] was removed or unmounted/m)
  })
})

describe('A log directory that is missing at the start', () => {
  it('leaves its partitions refused, not empty; they are back when it is', async () => {
    const directories = folders(2)
    const [first = '', second = ''] = directories
    const before = await brokerOver(directories)
    await before.test.createTopic('spread', 4)
    for (const partition of range(4)) await before.test.produce('spread', ['kept'], { partition })
    const [here, missing] = [partitionsIn(first, 'spread'), partitionsIn(second, 'spread')]
    await before.broker.stop()

    // As if the volume were not mounted: the folder is there, and empty.
    renameSync(second, `${second}.unmounted`)
    for (const _start of range(2)) {
      const { broker, test, said } = await brokerOver(directories)
      for (const partition of here) expect((await test.fetch('spread', 0, { partition })).values).toEqual(['kept'])
      for (const partition of missing) {
        expect((await test.fetch('spread', 0, { partition })).error).toBe('KAFKA_STORAGE_ERROR')
        expect((await test.produce('spread', ['x'], { partition })).error).toBe('KAFKA_STORAGE_ERROR')
      }
      expect(said('partition is refused').length).toBeGreaterThanOrEqual(missing.length)
      await test.createTopic(`new${_start}`, 2)
      await broker.stop()
    }
    expect(partitionsIn(second, 'spread')).toEqual([])

    const made = join(second, 'new0-0')
    rmSync(second, { recursive: true })
    renameSync(`${second}.unmounted`, second)
    const { test, said } = await brokerOver(directories)
    for (const partition of range(4)) expect((await test.fetch('spread', 0, { partition })).values).toEqual(['kept'])
    expect(existsSync(made)).toBe(false)
    expect(
      said('partition is refused').every((fields) => 'folder' in fields && String(fields.folder).startsWith('new')),
    ).toBe(true)
  })

  it('stops the start if it is the first, which has the metadata', async () => {
    const directories = folders(2)
    const [first = '', second = ''] = directories
    await (await brokerOver(directories)).broker.stop()
    renameSync(first, `${first}.unmounted`)
    await expect(brokerOver(directories)).rejects.toThrow(`${first} has no metadata, but ${second} belongs to cluster`)
    await expect(brokerOver([second, `${first}.unmounted`])).rejects.toThrow(`${second} has no metadata`)
    rmSync(first, { recursive: true, force: true })
    renameSync(`${first}.unmounted`, first)
    expect((await brokerOver(directories)).broker.state).toBe('running')
  })
})

describe.skipIf(!canMount)(`A log directory on a disk that is read-only${whyNotMounted}`, () => {
  it('I05: is left out, and the others are served', async () => {
    const disk = smallDisk(16 * 1024 ** 2)
    const directories = [...folders(1), join(disk.path, 'data')]
    const before = await brokerOver(directories)
    await before.test.createTopic('spread', 2)
    const [lost = -1] = partitionsIn(directories[1]!, 'spread')
    await before.broker.stop()
    disk.remount('ro')
    const { broker, test, said } = await brokerOver(directories)
    expect(said('log directory cannot be used')).toMatchObject([{ error: { code: 'NOT_WRITABLE' } }])
    for (const partition of range(2)) {
      const { error } = await test.produce('spread', ['x'], { partition })
      expect(error).toBe(partition === lost ? 'KAFKA_STORAGE_ERROR' : 'NONE')
    }
    expect(broker.readiness()).toMatchObject({ ready: false, checks: { disks: false } })
    await broker.stop()
    disk.remount('rw')
    const again = await brokerOver(directories)
    expect((await again.test.produce('spread', ['x'], { partition: lost })).error).toBe('NONE')
  })
})

describe('A folder that does not say whose it is', () => {
  it('is neither served nor replaced: its partition is refused until somebody mends it', async () => {
    const directories = folders(1)
    const [directory = ''] = directories
    const before = await brokerOver(directories)
    const id = await before.test.createTopic('damaged', 2)
    for (const partition of range(2)) await before.test.produce('damaged', ['kept'], { partition })
    await before.broker.stop()
    const file = join(directory, 'damaged-1', 'partition.metadata')
    const good = readFileSync(file)
    const flipped = id.startsWith('B') ? `A${id.slice(1)}` : `B${id.slice(1)}`
    for (const content of [`version: 0\ntopic_id: ${flipped}`, 'garbage']) {
      writeFileSync(file, content)
      const { broker, test, said } = await brokerOver(directories)
      expect((await test.fetch('damaged', 0)).values).toEqual(['kept'])
      expect((await test.fetch('damaged', 0, { partition: 1 })).error).toBe('KAFKA_STORAGE_ERROR')
      expect(said('partition is refused')).toMatchObject([{ folder: 'damaged-1' }])
      await broker.stop()
    }
    writeFileSync(file, good)
    const { test } = await brokerOver(directories)
    expect((await test.fetch('damaged', 0, { partition: 1 })).values).toEqual(['kept'])
  })

  it('of one partition under two directories is refused, since nobody can tell which is right', async () => {
    const directories = folders(2)
    const before = await brokerOver(directories)
    await before.test.createTopic('twice', 2)
    await before.broker.stop()
    const [[first = '', second = '']] = [directories]
    const [there = -1] = partitionsIn(second, 'twice')
    const copy = join(first, `twice-${there}`)
    cpSync(join(second, `twice-${there}`), copy, { recursive: true })
    const { test, said } = await brokerOver(directories)
    expect((await test.produce('twice', ['x'], { partition: there })).error).toBe('KAFKA_STORAGE_ERROR')
    expect(said('partition is refused')).toMatchObject([{ folder: `twice-${there}` }])
  })
})
