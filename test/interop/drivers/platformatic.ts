/** @platformatic/kafka: flexible versions and topic ids everywhere. */
import {
  Admin,
  type CompressionAlgorithmValue,
  ConfigResourceTypes,
  Consumer,
  compressionsAlgorithms,
  type Message,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  type MessageToProduce as Outgoing,
  ProduceAcks,
  Producer,
} from '@platformatic/kafka'
import { big, bootstrap, equal, lacks, named, range, run, until } from './cases.ts'

type Sent = Outgoing<Buffer, Buffer, Buffer, Buffer>
type Received = Message<Buffer, Buffer, Buffer, Buffer>

const base = { clientId: 'interop', bootstrapBrokers: [bootstrap] }
const admin = new Admin(base)

async function create(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}) {
  const topic = named(name)
  const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
  return topic
}

const numbers = (topic: string, from: number, end: number, partitions = 1): Sent[] =>
  range(from, end).map((i) => ({ topic, partition: i % partitions, value: Buffer.from(`${i}`) }))

async function produce(
  messages: Sent[],
  options: { acks?: number; compression?: CompressionAlgorithmValue; idempotent?: boolean } = {},
) {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, ...options })
  const answer = await producer.send({ messages, acks: ProduceAcks.ALL, ...options })
  await producer.close()
  return answer
}

/** A member of a group that keeps what it reads. */
async function join(group: string, topic: string) {
  const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...base, groupId: named(group) })
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.COMMITTED,
    fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    autocommit: false,
    sessionTimeout: 10_000,
    heartbeatInterval: 300,
    maxWaitTime: 300,
  })
  const received: Received[] = []
  stream.on('data', (message: Received) => received.push(message))
  return {
    received,
    values: () => received.map(({ value }) => Number(value)),
    partitions: () => (consumer.assignments ?? []).reduce((sum, { partitions }) => sum + partitions.length, 0),
    async leave() {
      await stream.close()
      await consumer.close()
    },
  }
}

let readers = 0
async function read(topic: string, count: number): Promise<Received[]> {
  const member = await join(`reader-${readers++}`, topic)
  await until(() => member.received.length >= count, true, 'all read')
  await member.leave()
  return member.received
}

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  if (!compressionsAlgorithms[compression].available) {
    lacks(`codecs/${compression}`, 'this version of Node.js has no such codec')
    continue
  }
  await run(`codecs/${compression}`, async () => {
    const topic = await create(`codec-${compression}`)
    await produce(numbers(topic, 0, 50), { compression })
    const found = await read(topic, 50)
    equal(
      found.map(({ value }) => Number(value)),
      range(0, 50),
    )
  })
}

for (const [name, acks] of Object.entries({ '0': 0, '1': 1, all: -1 })) {
  await run(`acks/${name}`, async () => {
    const topic = await create(`acks-${name}`)
    await produce(numbers(topic, 0, 50), { acks })
    equal((await read(topic, 50)).length, 50)
  })
}

await run('beginning/all-partitions', async () => {
  const topic = await create('beginning', 3)
  await produce(numbers(topic, 0, 300, 3))
  const found = await read(topic, 300)
  for (const p of range(0, 3)) {
    const values = found.filter(({ partition }) => partition === p).map(({ value }) => Number(value))
    const wanted = range(0, 100).map((i) => i * 3 + p)
    equal(values, wanted, `partition ${p}`)
  }
})

await run('group/two-members-one-leaves', async () => {
  const topic = await create('group', 4)
  const [one, two] = await Promise.all([join('group', topic), join('group', topic)])
  await until(() => [one.partitions(), two.partitions()], [2, 2], 'partitions of the two')
  await produce(numbers(topic, 0, 40, 4))
  const seen = () => new Set([...one.values(), ...two.values()]).size
  await until(seen, 40, 'values seen by both')
  await one.leave()
  await until(two.partitions, 4, 'partitions of the one that stays')
  await produce(numbers(topic, 40, 80, 4))
  await until(seen, 80, 'values seen after one left')
  await two.leave()
})

await run('commit/resume', async () => {
  const topic = await create('commit')
  await produce(numbers(topic, 0, 20))
  const first = await join('commit', topic)
  await until(() => first.received.length, 20, 'read')
  await first.received[9]?.commit()
  await first.leave()
  const second = await join('commit', topic)
  await until(second.values, range(10, 20), 'read after the commit')
  await second.leave()
})

await run('time/list-offsets', async () => {
  const topic = await create('time')
  const start = 1_700_000_000_000
  const sent = numbers(topic, 0, 10).map((message, i) => ({ ...message, timestamp: BigInt(start + i * 1000) }))
  await produce(sent)
  const at = async (timestamp: bigint) => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }]
    return (await admin.listOffsets({ topics }))[0]?.partitions[0]?.offset
  }
  equal(await at(BigInt(start + 4500)), 5n, 'offset by time')
  equal(await at(BigInt(start + 3_600_000)), -1n, 'offset after the last')
  equal([await at(-2n), await at(-1n), await at(-3n)], [0n, 10n, 9n], 'start, end, largest timestamp')
})

await run('headers/several', async () => {
  const topic = await create('headers')
  const headers = new Map(
    [
      ['a', '1'],
      ['empty', ''],
    ].map(([key, value]) => [Buffer.from(key!), Buffer.from(value!)]),
  )
  await produce([{ topic, value: Buffer.from('x'), headers }])
  const [found] = await read(topic, 1)
  const pairs = [...(found?.headers ?? [])].map(([key, value]) => [`${key}`, `${value}`])
  equal(pairs, [
    ['a', '1'],
    ['empty', ''],
  ])
})

await run('nulls/key-and-value', async () => {
  const topic = await create('nulls')
  await produce([{ topic, value: Buffer.from('v') }])
  await produce([{ topic, key: Buffer.from('k') } as Sent])
  const found = (await read(topic, 2)).map(({ key, value }) => [key?.toString() ?? null, value?.toString() ?? null])
  equal(found, [
    [null, 'v'],
    ['k', null],
  ])
})

await run('large/1MB', async () => {
  const topic = await create('large')
  for (const _ of range(0, 3)) await produce([{ topic, value: big() }])
  equal(
    (await read(topic, 3)).map(({ value }) => value?.equals(big())),
    [true, true, true],
  )
})

await run('idempotence/producer', async () => {
  const topic = await create('idempotence')
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, idempotent: true })
  const offsets: bigint[] = []
  for (const i of range(0, 50)) {
    const answer = await producer.send({ messages: numbers(topic, i * 10, i * 10 + 10), acks: ProduceAcks.ALL })
    offsets.push(answer.offsets?.[0]?.offset ?? -1n)
  }
  await producer.close()
  const wanted = range(0, 50).map((i) => BigInt(i * 10))
  equal(offsets, wanted, 'offsets')
  const values = (await read(topic, 500)).map(({ value }) => Number(value))
  equal(values, range(0, 500))
})

const partitionsOf = async (topic: string) =>
  (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)?.partitionsCount

await run('topics/create', async () => {
  const topic = await create('admin', 2, { 'retention.ms': '60000' })
  equal((await admin.listTopics()).includes(topic), true, 'listed')
  equal(await partitionsOf(topic), 2, 'partitions')
  const again = await create('admin').then(
    () => 'made twice',
    () => 'refused',
  )
  equal(again, 'refused')
})

await run('topics/grow', async () => {
  const topic = await create('grow')
  const { brokers } = await admin.metadata({ topics: [topic] })
  const brokerIds = [[...brokers.keys()][0]!]
  const assignments = range(0, 3).map(() => ({ brokerIds }))
  await admin.createPartitions({ topics: [{ name: topic, count: 4, assignments }] })
  await until(() => partitionsOf(topic), 4, 'partitions')
})

await run('topics/delete', async () => {
  const topic = await create('gone')
  await admin.deleteTopics({ topics: [topic] })
  await until(async () => (await admin.listTopics()).includes(topic), false, 'listed')
})

async function config(topic: string, key: string) {
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [key] }]
  return (await admin.describeConfigs({ resources }))[0]?.configs[0]?.value
}

await run('configs/describe', async () => {
  const topic = await create('configs', 1, { 'retention.ms': '60000' })
  await until(() => config(topic, 'retention.ms'), '60000', 'retention.ms')
})

const topicResource = (topic: string) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic })

await run('configs/alter-all', async () => {
  const topic = await create('alter', 1, { 'segment.bytes': '1048576' })
  const configs = [{ name: 'retention.ms', value: '70000' }]
  await admin.alterConfigs({ resources: [{ ...topicResource(topic), configs }] })
  await until(() => config(topic, 'retention.ms'), '70000', 'retention.ms')
  equal(await config(topic, 'segment.bytes'), '1073741824', 'segment.bytes')
})

await run('configs/incremental', async () => {
  const topic = await create('incremental', 1, { 'segment.bytes': '1048576' })
  const configs = [{ name: 'retention.ms', configOperation: 0 as const, value: '80000' }]
  await admin.incrementalAlterConfigs({ resources: [{ ...topicResource(topic), configs }] })
  await until(() => config(topic, 'retention.ms'), '80000', 'retention.ms')
  equal(await config(topic, 'segment.bytes'), '1048576', 'segment.bytes')
})

await run('delete-records/before', async () => {
  const topic = await create('delete-records')
  await produce(numbers(topic, 0, 50))
  const partitions = [{ partition: 0, offset: 20n }]
  const deleted = await admin.deleteRecords({ topics: [{ name: topic, partitions }] })
  equal(deleted[0]?.partitions[0]?.lowWatermark, 20n, 'low watermark')
  equal((await read(topic, 30))[0]?.offset, 20n, 'first offset')
})

await run('groups/administration', async () => {
  const [topic, groupId] = [await create('groups'), named('groups')]
  await produce(numbers(topic, 0, 50))
  const member = await join('groups', topic)
  await until(() => member.received.length, 50, 'read')
  await member.received[49]?.commit()
  equal((await admin.listGroups()).get(groupId)?.state, 'STABLE', 'state')
  equal((await admin.describeGroups({ groups: [groupId] })).get(groupId)?.members.size, 1, 'members')
  await member.leave()
  const committed = async () =>
    (await admin.listConsumerGroupOffsets({ groups: [groupId] }))[0]?.topics[0]?.partitions[0]?.committedOffset
  equal(await committed(), 50n, 'committed')
  const partitionOffsets = [{ partition: 0, offset: 7n }]
  await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] })
  equal(await committed(), 7n, 'altered')
  await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [0] }] })
  await admin.deleteGroups({ groups: [groupId] })
  equal((await admin.listGroups()).has(groupId), false, 'listed')
})

await admin.close()
