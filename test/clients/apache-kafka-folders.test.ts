import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CompressionTypes, type Kafka } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../broker/index.ts'
import { systemRandom } from '../../broker/runtime/random.ts'
import { systemClock } from '../../broker/runtime/system-clock.ts'
import { DescribeProducers } from '../../protocol/apis/producers.ts'
import * as batch from '../../protocol/records/batch.ts'
import { readRecords } from '../../protocol/records/record.ts'
import {
  defaultLogConfig,
  type Log,
  LogDirectory,
  lockHolder,
  NodeFileSystem,
  readMetaProperties,
  TailCache,
} from '../../storage/index.ts'
import { type Finding, verify } from '../../storage/inspect/index.ts'
import { kafkaTools } from '../support/apache-kafka.ts'
import { ApacheKafkaNode } from '../support/apache-kafka-broker.ts'
import { renameTopicIds, replaceLogs, topicIdIn } from '../support/apache-kafka-swap.ts'
import { temporaryFolder } from '../support/broker-process.ts'
import { Inbox, kafkaClient, range } from '../support/kafkajs.ts'
import { batchesOf } from '../support/log-context.ts'
import { RawClient } from '../support/raw-client.ts'

const why = kafkaTools === undefined ? ' (skipped: needs Java 17 and Maven)' : ''
/** An hour ago: producers that are older than a day are forgotten, by either broker. */
const T0 = Date.now() - 3_600_000
const fileSystem = new NodeFileSystem()

/** A broker that has just started may not lead yet, or still load its groups. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === 100 || !(error instanceof Error && 'retriable' in error && error.retriable === true)) throw error
      await sleep(100)
    }
  }
}

/** Sixty batches of ten records to each of two partitions, two compressions, a second from batch to batch. */
async function fill(kafka: Kafka, topic: string): Promise<void> {
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  for (const i of range(60)) {
    const compression = i % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP
    const messages = range(10).map((n) => ({
      partition: i % 2,
      key: n === 3 ? null : `k${n}`,
      value: n === 4 ? null : `${i}-${n}`.padEnd(5000, 'x'),
      headers: { h: `${i}` },
      timestamp: String(T0 + i * 1000 + n),
    }))
    await producer.send({ topic, compression, messages })
  }
  await producer.disconnect()
}

/** What a client can learn of the topic's partitions. */
async function learn(kafka: Kafka, bootstrap: string, topic: string, records: number) {
  const admin = kafka.admin()
  await admin.connect()
  const ends = await patiently(() => admin.fetchTopicOffsets(topic))
  const byTime = []
  for (const at of [T0 - 1, T0 + 5, T0 + 30_500, T0 + 59_009, T0 + 59_010])
    byTime.push(await patiently(() => admin.fetchTopicOffsetsByTimestamp(topic, at)))
  await admin.disconnect()
  const inbox = new Inbox()
  const consumer = kafka.consumer({ groupId: `reader-${Math.random()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: inbox.eachMessage })
  await inbox.count(records)
  await consumer.disconnect()
  const messages = inbox.messages
    .map(({ partition, offset, key, value, message }) => {
      return [partition, offset, key, value, Number(message.timestamp), String(message.headers?.h)] as const
    })
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
  return {
    ends: byPartition(ends),
    byTime: byTime.map(byPartition),
    messages,
    producers: await producersOf(bootstrap, topic),
  }
}

const byPartition = <T extends { partition: number }>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => a.partition - b.partition)

async function producersOf(bootstrap: string, topic: string) {
  await using client = await RawClient.to(bootstrap)
  const asked = { topics: [{ name: topic, partitionIndexes: [0, 1] }] }
  const { topics } = await client.call(DescribeProducers, 0, asked)
  return byPartition(topics[0]!.partitions.map((one) => ({ ...one, partition: one.partitionIndex })))
}

async function errorsIn(path: string): Promise<Finding[]> {
  const findings: Finding[] = []
  await verify({ fileSystem, path, tell: (finding) => findings.push(finding), holderOf: lockHolder })
  return findings.filter(({ level }) => level === 'error')
}

async function node(properties: Readonly<Record<string, string>> = {}): Promise<ApacheKafkaNode> {
  const small = {
    'offsets.topic.num.partitions': '2',
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
  }
  const kafka = await ApacheKafkaNode.format({ properties: { ...small, ...properties } })
  onTestFinished(async () => {
    await kafka.end('SIGKILL')
    await kafka.remove()
  })
  return kafka
}

describe.skipIf(kafkaTools === undefined)(`The same bytes as Apache Kafka 4.3.1${why}`, () => {
  it('D10: a folder that we wrote is served by it, and served by us again when it has written more', async () => {
    const dataDir = temporaryFolder()
    const ours = {
      'offsets.topic.num.partitions': '2',
      'log.index.interval.bytes': '1000',
      'log.flush.policy': 'commit',
    }
    const broker = await startBroker({ dataDir, config: ours })
    onTestFinished(() => broker.stop())
    const client = kafkaClient(broker.bootstrap)
    const admin = client.admin()
    await admin.connect()
    const configEntries = [{ name: 'segment.bytes', value: String(1024 * 1024) }]
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2, configEntries }] })
    await fill(client, 'orders')
    // (Without knowing the topic, this client finds no broker to ask.)
    await admin.fetchTopicOffsets('orders')
    await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '3' }] })
    await admin.setOffsets({ groupId: 'g', topic: 'orders', partitions: [{ partition: 1, offset: '7' }] })
    await admin.disconnect()
    const before = await learn(client, broker.bootstrap, 'orders', 597)
    expect(before.ends).toMatchObject([
      { low: '3', high: '300' },
      { low: '0', high: '300' },
    ])
    const topics = broker.status().topics.map(({ name }) => name)
    expect(topics.sort()).toEqual(['__consumer_offsets', 'orders'])
    await broker.stop()

    // Its metadata has to know the topics: they are made there, and get the ids that are in our folders.
    const kafka = await node()
    const empty = kafkaClient(await kafka.start()).admin()
    await empty.connect()
    await patiently(() => empty.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] }))
    await patiently(() => empty.fetchOffsets({ groupId: 'g' }))
    await empty.disconnect()
    await kafka.end('SIGTERM')
    renameTopicIds(kafka.data, new Map(topics.map((topic) => [topic, topicIdIn(dataDir, topic)])))
    replaceLogs(dataDir, kafka.data, topics)

    const bootstrap = await kafka.start()
    const theirClient = kafkaClient(bootstrap)
    expect(await learn(theirClient, bootstrap, 'orders', 597)).toEqual(before)
    const theirAdmin = theirClient.admin()
    await theirAdmin.connect()
    const [committed] = await patiently(() => theirAdmin.fetchOffsets({ groupId: 'g', topics: ['orders'] }))
    expect(byPartition(committed?.partitions ?? []).map(({ offset }) => offset)).toEqual(['-1', '7'])
    await theirAdmin.disconnect()
    // Not idempotent: it counts producer ids from 0, which has written to these logs already, as it knows from them.
    const producer = theirClient.producer()
    await producer.connect()
    await producer.send({
      topic: 'orders',
      messages: [{ partition: 0, value: 'by Kafka', headers: { h: '1' }, timestamp: String(T0 + 70_000) }],
    })
    await producer.disconnect()
    const after = await learn(theirClient, bootstrap, 'orders', 598)
    expect(after.messages).toContainEqual([0, 300, null, 'by Kafka', T0 + 70_000, '1'])
    await kafka.end('SIGTERM')
    expect(await errorsIn(kafka.data)).toEqual([])

    replaceLogs(kafka.data, dataDir, topics)
    expect(await errorsIn(dataDir)).toEqual([])
    const again = await startBroker({ dataDir, config: ours })
    onTestFinished(() => again.stop())
    expect(await learn(kafkaClient(again.bootstrap), again.bootstrap, 'orders', 598)).toEqual(after)
  }, 300_000)

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'D10: a folder that it wrote, and left at %s, is read by us',
    async (signal) => {
      const kafka = await node({ 'log.segment.bytes': String(1024 * 1024), 'log.index.interval.bytes': '1000' })
      const bootstrap = await kafka.start()
      const client = kafkaClient(bootstrap)
      const admin = client.admin()
      await admin.connect()
      await patiently(() => admin.createTopics({ topics: [{ topic: 'theirs', numPartitions: 2 }] }))
      await admin.disconnect()
      await patiently(() => fill(client, 'theirs'))
      const transactional = client.producer({ transactionalId: 'tx', idempotent: true, maxInFlightRequests: 1 })
      await patiently(() => transactional.connect())
      for (const outcome of ['abort', 'commit'] as const) {
        const transaction = await patiently(() => transactional.transaction())
        const message = { partition: 0, value: outcome, headers: { h: 'tx' }, timestamp: String(T0 + 80_000) }
        await transaction.send({ topic: 'theirs', messages: [message] })
        await transaction[outcome]()
      }
      await transactional.disconnect()
      const theirs = await learn(client, bootstrap, 'theirs', 601)
      // Its folder can be looked at while it runs; the lock is the operating system's.
      expect(lockHolder(join(kafka.data, '.lock'))).toBeGreaterThan(0)
      expect(await errorsIn(kafka.data)).toEqual([])
      await kafka.end(signal)

      const path = `${temporaryFolder()}/data`
      cpSync(kafka.data, path, { recursive: true })
      if (signal === 'SIGTERM') expect(await errorsIn(path)).toEqual([])
      const { clusterId = '', nodeId = 0 } = readMetaProperties(fileSystem, path) ?? {}
      const lines: string[] = []
      const say = (_fields: object, message: string) => void lines.push(message)
      const directory = await LogDirectory.open({
        path,
        fileSystem,
        clock: systemClock,
        random: systemRandom,
        clusterId,
        nodeId,
        tailCache: new TailCache(0),
        maxOpenFiles: 16,
        logger: { info: () => {}, warn: say, error: say },
      })
      onTestFinished(() => directory.close())
      expect(directory.wasClean).toBe(signal === 'SIGTERM')
      for (const { folder } of directory.folders()) {
        if (!folder.startsWith('theirs-')) continue
        const partition = Number(folder.slice(7))
        const log = await directory.openLog(folder, { ...defaultLogConfig, segmentBytes: 1024 * 1024 })
        expect(log.topicId).toBe(topicIdIn(path, 'theirs'))
        expect([log.logStartOffset, log.logEndOffset].map(String)).toEqual([
          theirs.ends[partition]!.low,
          theirs.ends[partition]!.high,
        ])
        const committed = (await everythingIn(log)).filter(([, , value]) => value !== 'abort')
        expect(committed).toEqual(theirs.messages.filter(([index]) => index === partition).map(([, ...rest]) => rest))
        for (const [i, at] of [T0 - 1, T0 + 5, T0 + 30_500, T0 + 59_009, T0 + 59_010].entries()) {
          const found = await log.offsetForTimestamp(at, log.logEndOffset)
          // A search that finds nothing is answered with the end by this client.
          expect(String(found?.offset ?? log.logEndOffset)).toBe(theirs.byTime[i]![partition]!.offset)
        }
        expect(producersIn(log)).toEqual(theirs.producers[partition]!.activeProducers.map(comparable).sort(byId))
      }
      expect(lines.filter((line) => !line.includes('folder'))).toEqual([])
    },
    300_000,
  )
})

/** All records of clients, with what `learn` tells of them. */
async function everythingIn(log: Log) {
  const found: (readonly [number, string | null, string | null, number, string])[] = []
  for (let next = log.logStartOffset; next < log.logEndOffset; ) {
    for (const whole of batchesOf(await log.read(next, 1_000_000, log.logEndOffset, true))) {
      next = batch.nextOffset(whole)
      if (batch.isControl(whole)) continue
      for (const { offset, timestamp, key, value, headers } of readRecords(whole))
        found.push([offset, key?.toString() ?? null, value?.toString() ?? null, timestamp, String(headers[0]?.value)])
    }
  }
  return found
}

type Producer = Awaited<ReturnType<typeof producersOf>>[number]['activeProducers'][number]
const byId = (a: { producerId: number }, b: { producerId: number }) => a.producerId - b.producerId

const comparable = ({
  producerId,
  producerEpoch,
  lastSequence,
  currentTxnStartOffset,
  coordinatorEpoch,
}: Producer) => ({
  producerId,
  producerEpoch,
  lastSequence,
  currentTxnStartOffset,
  coordinatorEpoch,
})

const producersIn = (log: Log) =>
  [...log.producers()]
    .map(({ producerId, producerEpoch, batches, currentTxnFirstOffset, coordinatorEpoch }) => ({
      producerId,
      producerEpoch,
      lastSequence: batches.at(-1)?.lastSequence ?? -1,
      currentTxnStartOffset: currentTxnFirstOffset,
      coordinatorEpoch,
    }))
    .sort(byId)
