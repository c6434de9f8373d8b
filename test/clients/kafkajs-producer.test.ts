import { CompressionTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'

describe('kafkajs producer', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  const producer = async (options: Parameters<ReturnType<typeof kafkaClient>['producer']>[0] = {}) => {
    const made = kafkaClient(broker.bootstrap).producer(options)
    onTestFinished(() => made.disconnect())
    await made.connect()
    return made
  }
  const readAll = async (topic: string, count: number) => {
    const { inbox } = await consume(kafkaClient(broker.bootstrap), `reader-of-${topic}`, topic)
    return inbox.count(count)
  }

  it('KJ-2, FS-2: the first send to a topic that does not exist succeeds', async () => {
    const sender = kafkaClient(broker.bootstrap).producer({ retry: { retries: 0 } })
    onTestFinished(() => sender.disconnect())
    await sender.connect()
    const [metadata] = await sender.send({ topic: 'fresh', messages: [{ value: 'first' }] })
    expect(metadata).toMatchObject({ topicName: 'fresh', partition: 0, errorCode: 0, baseOffset: '0' })
  })

  it('PR-6: gives consecutive offsets, whatever acks is asked for', async () => {
    const sender = await producer()
    const send = (acks: number, value: string) => sender.send({ topic: 'acks', acks, messages: [{ value }, { value }] })
    const [first] = await send(-1, 'all')
    const [second] = await send(1, 'one')
    await send(0, 'none')
    const [last] = await send(-1, 'all again')
    expect([first, second, last].map((answer) => answer?.baseOffset)).toEqual(['0', '2', '6'])
    expect((await readAll('acks', 8)).map(({ value }) => value)).toEqual([
      'all',
      'all',
      'one',
      'one',
      'none',
      'none',
      'all again',
      'all again',
    ])
  })

  it('LG-12: carries keys, null values and headers byte for byte', async () => {
    const sender = await producer()
    await sender.send({
      topic: 'content',
      messages: [
        {
          key: 'k',
          value: 'v',
          headers: { one: 'a', many: ['b', 'c'], bytes: Buffer.from([0, 255]) },
          timestamp: '1600000000000',
        },
        { key: null, value: null },
        { key: '', value: '' },
      ],
    })
    const [first, second, third] = await readAll('content', 3)
    expect(first).toMatchObject({ key: 'k', value: 'v', message: { timestamp: '1600000000000' } })
    expect(first?.message.headers?.one?.toString()).toBe('a')
    expect([first?.message.headers?.many].flat().map(String)).toEqual(['b', 'c'])
    expect(first?.message.headers?.bytes).toEqual(Buffer.from([0, 255]))
    expect(second).toMatchObject({ key: null, value: null })
    expect(third).toMatchObject({ key: '', value: '' })
  })

  it('KJ-10: GZIP goes both ways, and messages of 1 MB', async () => {
    const sender = await producer()
    const big = 'x'.repeat(1_000_000)
    await sender.send({ topic: 'big', messages: [{ value: big }] })
    await sender.send({
      topic: 'big',
      compression: CompressionTypes.GZIP,
      messages: range(100).map((i) => ({ value: `${i}${big}` })),
    })
    const messages = await readAll('big', 101)
    expect(messages[0]?.value?.length).toBe(1_000_000)
    expect(messages[100]?.value).toBe(`99${big}`)
  })

  it('PR-13: refuses a batch above max.message.bytes with MESSAGE_TOO_LARGE', async () => {
    const sender = await producer()
    await expect(
      sender.send({ topic: 'too-big', messages: [{ value: Buffer.alloc(1_100_000) }] }),
    ).rejects.toMatchObject({
      type: 'MESSAGE_TOO_LARGE',
    })
  })

  it('KJ-9: an idempotent producer with concurrent sends keeps order and writes each once', async () => {
    const sender = await producer({ idempotent: true, maxInFlightRequests: 5 })
    await Promise.all(
      range(50).map((i) => sender.send({ topic: 'idempotent', messages: [{ key: 'k', value: String(i) }] })),
    )
    const values = (await readAll('idempotent', 50)).map(({ value }) => Number(value))
    expect([...values].sort((a, b) => a - b)).toEqual(range(50))
  })

  it('PR-36: a producer goes on when its topic is deleted and made again', async () => {
    const admin = kafkaClient(broker.bootstrap).admin()
    onTestFinished(() => admin.disconnect())
    await admin.connect()
    const sender = await producer()
    await sender.send({ topic: 'again', messages: [{ value: 'old' }] })
    await admin.deleteTopics({ topics: ['again'] })
    await admin.createTopics({ topics: [{ topic: 'again', numPartitions: 2 }] })
    const answers = await sender.sendBatch({
      topicMessages: [{ topic: 'again', messages: [{ partition: 0, value: 'new' }] }],
    })
    expect(answers[0]).toMatchObject({ baseOffset: '0', errorCode: 0 })
  })

  it('sends to many topics and partitions in one batch', async () => {
    const admin = kafkaClient(broker.bootstrap).admin()
    onTestFinished(() => admin.disconnect())
    await admin.connect()
    await admin.createTopics({
      topics: [
        { topic: 'left', numPartitions: 3 },
        { topic: 'right', numPartitions: 3 },
      ],
    })
    const sender = await producer()
    const answers = await sender.sendBatch({
      topicMessages: ['left', 'right'].map((topic) => ({
        topic,
        messages: range(9).map((i) => ({ value: String(i), partition: i % 3 })),
      })),
    })
    expect(answers).toHaveLength(6)
    expect(answers.every(({ errorCode }) => errorCode === 0)).toBe(true)
  })
})
