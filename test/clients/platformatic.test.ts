import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  type Message,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { range } from '../support/kafkajs.ts'

describe('@platformatic/kafka: flexible versions and topic ids (PF-1, PF-2)', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  const base = () => ({ clientId: 'platformatic', bootstrapBrokers: [broker.bootstrap] })
  const admin = () => {
    const made = new Admin(base())
    onTestFinished(() => made.close())
    return made
  }
  const producer = (options: { idempotent?: boolean } = {}) => {
    const made = new Producer({ ...base(), serializers: stringSerializers, autocreateTopics: true, ...options })
    onTestFinished(() => made.close())
    return made
  }
  const send = (to: ReturnType<typeof producer>, topic: string, values: readonly number[]) =>
    to.send({ messages: values.map((i) => ({ topic, key: `k${i}`, value: String(i), headers: { n: String(i) } })) })
  const consume = async (groupId: string, topic: string) => {
    const consumer = new Consumer({ ...base(), groupId, deserializers: stringDeserializers })
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      autocommit: true,
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
      maxWaitTime: 500,
    })
    const close = async () => {
      await stream.close()
      await consumer.close()
    }
    onTestFinished(close)
    return { consumer, stream, close }
  }
  const take = async (stream: AsyncIterable<Message<string, string, string, string>>, count: number) => {
    const taken: Message<string, string, string, string>[] = []
    for await (const message of stream) {
      taken.push(message)
      await message.commit()
      if (taken.length === count) break
    }
    return taken
  }

  it('produces, and consumes in a group', async () => {
    await admin().createTopics({ topics: ['pf-basic'], partitions: 3, replicas: 1 })
    await send(producer(), 'pf-basic', range(30))
    const { stream } = await consume('pf-basic-group', 'pf-basic')
    const messages = await take(stream, 30)
    expect(messages.map(({ value }) => Number(value)).sort((a, b) => a - b)).toEqual(range(30))
    expect(messages.every(({ key, value, headers }) => key === `k${value}` && headers.get('n') === value)).toBe(true)
  })

  it('MD-5: produces to a topic that does not exist yet', async () => {
    const answer = await send(producer(), 'pf-fresh', [1, 2])
    expect(answer.offsets).toMatchObject([{ topic: 'pf-fresh', partition: 0, offset: 0n }])
  })

  it('idempotent producer: InitProducerId, sequences', async () => {
    const idempotent = producer({ idempotent: true })
    await send(idempotent, 'pf-idempotent', range(5))
    await send(idempotent, 'pf-idempotent', range(5, 5))
    const { stream } = await consume('pf-idempotent-group', 'pf-idempotent')
    expect((await take(stream, 10)).map(({ value }) => Number(value))).toEqual(range(10))
  })

  it('goes on from its commits', async () => {
    const made = producer()
    await send(made, 'pf-resumed', range(10))
    const first = await consume('pf-resumed-group', 'pf-resumed')
    await take(first.stream, 10)
    await first.close()
    await send(made, 'pf-resumed', range(5, 10))
    const second = await consume('pf-resumed-group', 'pf-resumed')
    const messages = await take(second.stream, 5)
    expect(messages.map(({ value }) => Number(value)).sort((a, b) => a - b)).toEqual(range(5, 10))
  })

  it('administers topics, configs, groups and offsets', async () => {
    const administrator = admin()
    const [topic] = await administrator.createTopics({ topics: ['pf-admin'], partitions: 2, replicas: 1 })
    expect(topic).toMatchObject({ name: 'pf-admin', partitions: 2, replicas: 1 })
    expect(await administrator.listTopics()).toContain('pf-admin')
    await administrator.createPartitions({
      topics: [{ name: 'pf-admin', count: 4, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
    })
    const metadata = await administrator.metadata({ topics: ['pf-admin'] })
    expect(metadata.topics.get('pf-admin')?.partitionsCount).toBe(4)

    await administrator.incrementalAlterConfigs({
      resources: [
        {
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName: 'pf-admin',
          configs: [{ name: 'retention.ms', configOperation: 0, value: '12345' }],
        },
      ],
    })
    const [described] = await administrator.describeConfigs({
      resources: [
        { resourceType: ConfigResourceTypes.TOPIC, resourceName: 'pf-admin', configurationKeys: ['retention.ms'] },
      ],
    })
    expect(described?.configs).toMatchObject([{ name: 'retention.ms', value: '12345' }])

    await send(producer(), 'pf-admin', range(8))
    const { stream, close } = await consume('pf-admin-group', 'pf-admin')
    await take(stream, 8)
    expect((await administrator.listGroups()).get('pf-admin-group')).toMatchObject({ state: 'STABLE' })
    expect(
      (await administrator.describeGroups({ groups: ['pf-admin-group'] })).get('pf-admin-group')?.members.size,
    ).toBe(1)
    await close()
    const [offsets] = await administrator.listConsumerGroupOffsets({ groups: ['pf-admin-group'] })
    const total = offsets?.topics[0]?.partitions.reduce((sum, { committedOffset }) => sum + committedOffset, 0n)
    expect(total).toBe(8n)
    await administrator.deleteRecords({
      topics: [{ name: 'pf-admin', partitions: [{ partition: 0, offset: 1n }] }],
    })
    await administrator.deleteGroups({ groups: ['pf-admin-group'] })
    await administrator.deleteTopics({ topics: ['pf-admin'] })
    expect(await administrator.listTopics()).not.toContain('pf-admin')
  })
})
