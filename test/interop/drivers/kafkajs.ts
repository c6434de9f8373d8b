/** kafkajs 2.2.4, unmodified, with its own defaults. */
import kafkajs, { type Admin, type Consumer, type KafkaMessage, type Message, type ProducerConfig } from 'kafkajs'
import { big, bootstrap, equal, lacks, named, range, run, until } from './cases.ts'

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const kafka = new Kafka({ clientId: 'interop', brokers: [bootstrap], logLevel: logLevel.ERROR })
const admin: Admin = kafka.admin()
await admin.connect()

const numbers = (from: number, end: number, partitions = 1): Message[] =>
  range(from, end).map((i) => ({ value: `${i}`, partition: i % partitions }))

async function create(name: string, numPartitions = 1, configs: Readonly<Record<string, string>> = {}) {
  const topic = named(name)
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  equal(await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] }), true, 'created')
  return topic
}

async function produce(topic: string, messages: Message[], options: object = {}, config: ProducerConfig = {}) {
  const producer = kafka.producer(config)
  await producer.connect()
  const answers = await producer.send({ topic, messages, ...options })
  await producer.disconnect()
  return answers
}

type Received = KafkaMessage & { readonly partition: number }

/** A running member of a group, which keeps what it reads and knows its partitions. */
class Member {
  readonly received: Received[] = []
  readonly #consumer: Consumer
  partitions = 0

  private constructor(consumer: Consumer) {
    this.#consumer = consumer
  }

  static async join(group: string, topic: string, autoCommit = true): Promise<Member> {
    const consumer = kafka.consumer({
      groupId: named(group),
      sessionTimeout: 10_000,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 300,
    })
    const member = new Member(consumer)
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      member.partitions = (payload.memberAssignment[topic] ?? []).length
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit,
      eachMessage: async ({ partition, message }) => {
        member.received.push({ ...message, partition })
      },
    })
    return member
  }

  get values(): number[] {
    return this.received.map(({ value }) => Number(value))
  }

  commit(topic: string, partition: number, offset: number): Promise<void> {
    return this.#consumer.commitOffsets([{ topic, partition, offset: `${offset}` }])
  }

  leave(): Promise<void> {
    return this.#consumer.disconnect()
  }
}

let readers = 0
async function read(topic: string, count: number): Promise<Received[]> {
  const member = await Member.join(`reader-${readers++}`, topic)
  await until(() => member.received.length >= count, true, 'all read')
  await member.leave()
  return member.received
}

for (const [name, compression] of Object.entries({ none: CompressionTypes.None, gzip: CompressionTypes.GZIP })) {
  await run(`codecs/${name}`, async () => {
    const topic = await create(`codec-${name}`)
    await produce(topic, numbers(0, 50), { compression })
    const found = await read(topic, 50)
    equal(
      found.map(({ value }) => Number(value)),
      range(0, 50),
    )
  })
}
for (const name of ['snappy', 'lz4', 'zstd']) lacks(`codecs/${name}`, 'a plugin brings it')

for (const [name, acks] of Object.entries({ '0': 0, '1': 1, all: -1 })) {
  await run(`acks/${name}`, async () => {
    const topic = await create(`acks-${name}`)
    await produce(topic, numbers(0, 50), { acks })
    equal((await read(topic, 50)).length, 50)
  })
}

await run('beginning/all-partitions', async () => {
  const topic = await create('beginning', 3)
  await produce(topic, numbers(0, 300, 3))
  const found = await read(topic, 300)
  for (const p of range(0, 3)) {
    const values = found.filter(({ partition }) => partition === p).map(({ value }) => Number(value))
    equal(
      values,
      range(0, 100).map((i) => i * 3 + p),
      `partition ${p}`,
    )
  }
})

await run('group/two-members-one-leaves', async () => {
  const topic = await create('group', 4)
  const [one, two] = await Promise.all([Member.join('group', topic), Member.join('group', topic)])
  await until(() => [one.partitions, two.partitions], [2, 2], 'partitions of the two')
  await produce(topic, numbers(0, 40, 4))
  const seen = () => new Set([...one.values, ...two.values]).size
  await until(seen, 40, 'values seen by both')
  await one.leave()
  await until(() => two.partitions, 4, 'partitions of the one that stays')
  await produce(topic, numbers(40, 80, 4))
  await until(seen, 80, 'values seen after one left')
  await two.leave()
})

await run('commit/resume', async () => {
  const topic = await create('commit')
  await produce(topic, numbers(0, 20))
  const first = await Member.join('commit', topic, false)
  await until(() => first.values.length, 20, 'read')
  await first.commit(topic, 0, 10)
  await first.leave()
  const second = await Member.join('commit', topic, false)
  await until(() => second.values, range(10, 20), 'read after the commit')
  await second.leave()
})

await run('time/offsets', async () => {
  const topic = await create('time')
  const base = 1_700_000_000_000
  await produce(
    topic,
    range(0, 10).map((i) => ({ value: `${i}`, timestamp: `${base + i * 1000}` })),
  )
  equal((await admin.fetchTopicOffsetsByTimestamp(topic, base + 4500))[0]?.offset, '5', 'offset by time')
  // kafkajs asks for the end where there is no later record.
  equal((await admin.fetchTopicOffsetsByTimestamp(topic, base + 3_600_000))[0]?.offset, '10', 'offset after the last')
  equal((await admin.fetchTopicOffsets(topic))[0], { partition: 0, offset: '10', high: '10', low: '0' }, 'ends')
})

await run('headers/repeated', async () => {
  const topic = await create('headers')
  await produce(topic, [{ value: 'x', headers: { a: ['1', '2'], empty: '' } }])
  const [found] = await read(topic, 1)
  const text = (value: unknown) => (Array.isArray(value) ? value.map(String) : String(value))
  equal(
    Object.entries(found?.headers ?? {}).map(([key, value]) => [key, text(value)]),
    [
      ['a', ['1', '2']],
      ['empty', ''],
    ],
  )
})

await run('nulls/key-and-value', async () => {
  const topic = await create('nulls')
  await produce(topic, [
    { key: null, value: 'v' },
    { key: 'k', value: null },
    { key: '', value: '' },
  ])
  const found = (await read(topic, 3)).map(({ key, value }) => [key?.toString() ?? null, value?.toString() ?? null])
  equal(found, [
    [null, 'v'],
    ['k', null],
    ['', ''],
  ])
})

await run('large/1MB', async () => {
  const topic = await create('large')
  for (const _ of range(0, 3)) await produce(topic, [{ value: big() }])
  equal(
    (await read(topic, 3)).map(({ value }) => value?.equals(big())),
    [true, true, true],
  )
})

await run('idempotence/producer', async () => {
  const topic = await create('idempotence')
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const answers = []
  for (const i of range(0, 50)) answers.push(await producer.send({ topic, messages: numbers(i * 10, i * 10 + 10) }))
  await producer.disconnect()
  equal(
    answers.map(([answer]) => Number(answer?.baseOffset)),
    range(0, 50).map((i) => i * 10),
    'offsets',
  )
  equal(
    (await read(topic, 500)).map(({ value }) => Number(value)),
    range(0, 500),
  )
})

const partitionsOf = async (topic: string) =>
  (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length

await run('topics/create', async () => {
  const topic = await create('admin', 2, { 'retention.ms': '60000' })
  equal((await admin.listTopics()).includes(topic), true, 'listed')
  equal(await partitionsOf(topic), 2, 'partitions')
  equal(await admin.createTopics({ topics: [{ topic }] }), false, 'created again')
})

await run('topics/grow', async () => {
  const topic = await create('grow')
  await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
  await until(() => partitionsOf(topic), 4, 'partitions')
})

await run('topics/delete', async () => {
  const topic = await create('gone')
  await admin.deleteTopics({ topics: [topic] })
  await until(async () => (await admin.listTopics()).includes(topic), false, 'listed')
})

async function config(topic: string, key: string): Promise<string | undefined> {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [key] }]
  return (await admin.describeConfigs({ includeSynonyms: true, resources })).resources[0]?.configEntries[0]?.configValue
}

await run('configs/describe', async () => {
  const topic = await create('configs', 1, { 'retention.ms': '60000' })
  await until(() => config(topic, 'retention.ms'), '60000', 'retention.ms')
  const { brokers } = await admin.describeCluster()
  const resources = [{ type: ConfigResourceTypes.BROKER, name: `${brokers[0]?.nodeId}` }]
  const described = await admin.describeConfigs({ includeSynonyms: false, resources })
  equal((described.resources[0]?.configEntries.length ?? 0) > 50, true, 'many configs of the broker')
})

await run('configs/alter-all', async () => {
  const topic = await create('alter')
  const configEntries = [{ name: 'retention.ms', value: '70000' }]
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
  await admin.alterConfigs({ validateOnly: false, resources })
  await until(() => config(topic, 'retention.ms'), '70000', 'retention.ms')
})

await run('delete-records/before', async () => {
  const topic = await create('delete-records')
  await produce(topic, numbers(0, 50))
  await admin.fetchTopicOffsets(topic) // or kafkajs knows no leader, with any broker
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '20' }] })
  equal((await read(topic, 30))[0]?.offset, '20', 'first offset')
})

await run('groups/administration', async () => {
  const [topic, groupId] = [await create('groups'), named('groups')]
  await produce(topic, numbers(0, 50))
  const member = await Member.join('groups', topic)
  await until(() => member.received.length, 50, 'read')
  const { groups } = await admin.describeGroups([groupId])
  equal([groups[0]?.state, groups[0]?.members.length], ['Stable', 1], 'group')
  await member.leave()
  const committed = async () =>
    (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions.map(({ offset }) => offset)
  equal(await committed(), ['50'], 'committed')
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] })
  equal(await committed(), ['7'], 'set')
  await admin.deleteGroups([groupId])
  equal(
    (await admin.listGroups()).groups.some((group) => group.groupId === groupId),
    false,
    'listed',
  )
})

await admin.disconnect()
