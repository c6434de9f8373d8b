import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { type Logger, silentLogger } from '../../broker/runtime/logger.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { OffsetCommit } from '../../protocol/apis/group-offsets.ts'
import { BrokerProcess, temporaryFolder } from '../support/broker-process.ts'
import { NO_TOPIC } from '../support/embedded-broker.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'

/** Small segments, and a cleaner that does not wait. */
const quick = { 'log.cleaner.backoff.ms': '5', 'log.cleaner.min.cleanable.ratio': '0' }

/** What the broker says of its rounds, and a way to wait for one. */
class Rounds {
  readonly reports: { folder: string; endOffset: number; recordsKept: number }[] = []
  #waiters: (() => void)[] = []

  readonly logger: Logger = {
    ...silentLogger,
    info: (fields, message) => {
      if (message !== 'compacted a log') return
      this.reports.push(fields as Rounds['reports'][number])
      for (const wake of this.#waiters.splice(0)) wake()
    },
    error: (fields, message) => {
      throw new Error(`${message}: ${JSON.stringify(fields)}`)
    },
  }

  /** Settles when the log in this folder is clean up to this offset. */
  async upTo(folder: string, endOffset: number): Promise<void> {
    while (!this.reports.some((report) => report.folder === folder && report.endOffset >= endOffset))
      await new Promise<void>((wake) => this.#waiters.push(wake))
  }
}

async function start(dataDir: string, rounds: Rounds, config: Record<string, string> = {}): Promise<Broker> {
  const broker = await startBroker({ dataDir, config: { ...quick, ...config }, logger: rounds.logger })
  onTestFinished(() => broker.stop())
  return broker
}

/** Produces `count` messages over `keys` keys, some of each in a batch. */
async function fill(bootstrap: string, topic: string, count: number, keys: number): Promise<void> {
  const kafka = kafkaClient(bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  const segments = { name: 'internal.segment.bytes', value: '2000' }
  await admin.createTopics({
    topics: [{ topic, configEntries: [{ name: 'cleanup.policy', value: 'compact' }, segments] }],
  })
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  for (let at = 0; at < count; at += 7) {
    const messages = range(Math.min(7, count - at)).map((i) => ({ key: `k${(at + i) % keys}`, value: `v${at + i}` }))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}

const commit = (offset: number) => ({
  committedOffset: BigInt(offset),
  committedLeaderEpoch: -1,
  committedMetadata: 'm'.repeat(50),
})

/** A commit without a membership, as tools send it. */
const nobody = (groupId: string) => ({
  groupId,
  generationIdOrMemberEpoch: -1,
  memberId: '',
  groupInstanceId: null,
  retentionTimeMs: -1,
})

describe('Compaction in the background', () => {
  it('LG-5: goes on in a thread of its own while clients read and write, and a new reader gets what is left', async () => {
    const rounds = new Rounds()
    const broker = await start(temporaryFolder(), rounds)
    await fill(broker.bootstrap, 'states', 700, 10)
    await rounds.upTo('states-0', 500)
    const { inbox } = await consume(kafkaClient(broker.bootstrap), 'readers', 'states')
    await inbox.until((messages) => messages.at(-1)?.offset === 699)
    const newest = new Map(inbox.messages.map(({ key, value }) => [key, value]))
    expect(newest).toEqual(new Map(range(10).map((i) => [`k${i}`, `v${690 + i}`])))
    expect(inbox.messages.length).toBeLessThan(300)
    expect(broker.metrics.gauges.get('odradek_compaction_rounds_total')?.()).toBeGreaterThan(0)
    expect(broker.metrics.gauges.get('kafka_log_logcleanermanager_uncleanable_partitions_count')?.()).toBe(0)
  }, 60_000)

  it('FE-17, FE-18: kafkajs gets from any offset to the end of a log full of gaps', async () => {
    const rounds = new Rounds()
    const broker = await start(temporaryFolder(), rounds)
    await fill(broker.bootstrap, 'states', 300, 5)
    await rounds.upTo('states-0', 200)
    const kafka = kafkaClient(broker.bootstrap)
    for (const from of [0, 3, 100, 199]) {
      const { consumer, inbox } = await consume(kafka, `from-${from}`, 'states', { maxWaitTimeInMs: 50 })
      consumer.seek({ topic: 'states', partition: 0, offset: String(from) })
      await inbox.until((messages) => messages.at(-1)?.offset === 299)
      await consumer.disconnect()
    }
  }, 60_000)

  it('goes on after a restart where it was', async () => {
    const folder = temporaryFolder()
    const rounds = new Rounds()
    const broker = await start(folder, rounds)
    await fill(broker.bootstrap, 'states', 300, 5)
    await rounds.upTo('states-0', 200)
    await broker.stop()
    const cleanedTo = Math.max(...rounds.reports.map(({ endOffset }) => endOffset))

    const later = new Rounds()
    const again = await start(folder, later)
    await fill(again.bootstrap, 'others', 100, 5)
    await later.upTo('others-0', 50)
    expect(later.reports.filter((report) => report.folder === 'states-0' && report.endOffset <= cleanedTo)).toEqual([])
  }, 60_000)

  it('keeps __consumer_offsets small, so that a start reads little, and loses no commit', async () => {
    const folder = temporaryFolder()
    const rounds = new Rounds()
    const config = { 'offsets.topic.segment.bytes': '4000' }
    const broker = await start(folder, rounds, config)
    const admin = kafkaClient(broker.bootstrap).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'read', numPartitions: 3 }] })
    await admin.disconnect()
    const client = await RawClient.to(broker.bootstrap)
    onTestFinished(() => client.destroy())
    await client.call(FindCoordinator, 3, { key: 'group-0', keyType: 0, coordinatorKeys: [] })
    for (const offset of range(400)) {
      const partitions = range(3).map((partitionIndex) => ({ partitionIndex, ...commit(offset) }))
      const { topics } = await client.call(OffsetCommit, 8, {
        ...nobody(`group-${offset % 4}`),
        topics: [{ name: 'read', topicId: NO_TOPIC, partitions }],
      })
      expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0])
    }
    await rounds.upTo('__consumer_offsets-0', 1000)
    await broker.stop()
    const logBytes = readdirSync(join(folder, '__consumer_offsets-0'))
      .filter((name) => name.endsWith('.log'))
      .reduce((sum, name) => sum + statSync(join(folder, '__consumer_offsets-0', name)).size, 0)
    expect(logBytes).toBeLessThan(40_000)

    const again = await start(folder, new Rounds(), config)
    const reader = kafkaClient(again.bootstrap).admin()
    onTestFinished(() => reader.disconnect())
    await reader.connect()
    for (const group of range(4)) {
      const [{ partitions } = { partitions: [] }] = await reader.fetchOffsets({ groupId: `group-${group}` })
      expect(partitions.map(({ offset }) => offset)).toEqual(range(3).map(() => String(396 + group)))
    }
  }, 60_000)

  it('with log.cleaner.enable=false never happens', async () => {
    const rounds = new Rounds()
    const broker = await start(temporaryFolder(), rounds, { 'log.cleaner.enable': 'false' })
    await fill(broker.bootstrap, 'states', 100, 2)
    await broker.stop()
    expect(rounds.reports).toEqual([])
  }, 60_000)
})

/** Settles when the directory's checkpoint of compaction says so. */
async function noted(folder: string, what: RegExp): Promise<void> {
  const path = join(folder, 'cleaner-offset-checkpoint')
  const isThere = () => existsSync(path) && what.test(readFileSync(path, 'utf8'))
  const changes = watch(folder)
  if (isThere()) return
  for await (const _ of changes) if (isThere()) return
}

describe('Compaction in the bundle', () => {
  it('finds its thread beside the command', async () => {
    const folder = temporaryFolder()
    const set = Object.entries(quick).map(([key, value]) => `${key}=${value}`)
    const broker = await BrokerProcess.start(folder, { set })
    await fill(broker.bootstrap, 'states', 300, 5)
    await noted(folder, /^states 0 [1-9]/m)
    const { inbox } = await consume(kafkaClient(broker.bootstrap), 'readers', 'states')
    await inbox.until((messages) => messages.at(-1)?.offset === 299)
    expect(inbox.messages.slice(-5).map(({ value }) => value)).toEqual(range(5).map((i) => `v${295 + i}`))
  }, 60_000)
})
