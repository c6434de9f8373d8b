import { describe, expect, it } from 'vitest'
import type { ConnectionInfo } from '../../../broker/handlers/handler.ts'
import { metadata } from '../../../broker/handlers/metadata.ts'
import { startBroker } from '../../../broker/index.ts'
import { allowAll, anonymous } from '../../../broker/security/requirements.ts'
import type { Services } from '../../../broker/services.ts'
import { DescribeTopicPartitions, Metadata } from '../../../protocol/apis/metadata.ts'
import { DeleteTopics } from '../../../protocol/apis/topics.ts'
import { errorName } from '../../../protocol/errors.ts'
import { filled } from '../../../protocol/schema/message.ts'
import { temporaryFolder } from '../../support/broker-process.ts'
import { embeddedBroker, NO_TOPIC, type TestBroker } from '../../support/embedded-broker.ts'
import { RawClient } from '../../support/raw-client.ts'

interface Options {
  readonly version?: number
  readonly allowAutoTopicCreation?: boolean
  readonly includeTopicAuthorizedOperations?: boolean
  readonly includeClusterAuthorizedOperations?: boolean
}

const UNKNOWN_ID = 'AAAAAAAAQACAAAAAAAAAAQ'
const named = (...names: string[]) => names.map((name) => ({ name, topicId: NO_TOPIC }))
const ask = async (
  test: TestBroker,
  topics: { name: string | null; topicId: string }[] | null,
  options: Options = {},
) => {
  const { version = 12, allowAutoTopicCreation = false, ...rest } = options
  const answer = await test.client.call(Metadata, version, {
    topics,
    allowAutoTopicCreation: version < 4 ? true : allowAutoTopicCreation,
    ...rest,
  })
  return { ...answer, found: answer.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]) }
}

describe('Metadata', () => {
  it('MD-1: version 0 with an empty list means all; later null means all and empty none', async () => {
    const test = await embeddedBroker()
    await test.createTopic('a')
    expect((await ask(test, [], { version: 0 })).found).toEqual([['a', 'NONE']])
    expect((await ask(test, null, { version: 1 })).found).toEqual([['a', 'NONE']])
    expect((await ask(test, [], { version: 1 })).found).toEqual([])
  })

  it('MD-2: asking for all makes nothing', async () => {
    const test = await embeddedBroker()
    expect((await ask(test, null, { allowAutoTopicCreation: true })).found).toEqual([])
  })

  it('MD-3: versions 0 to 3 make what is missing', async () => {
    const test = await embeddedBroker()
    expect((await ask(test, named('made'), { version: 3 })).found).toEqual([['made', 'NONE']])
  })

  it('MD-4, MD-5: a missing topic is made with the defaults, and answered with its leader', async () => {
    const test = await embeddedBroker({ config: { 'num.partitions': '3' } })
    const { topics } = await ask(test, named('made'), { allowAutoTopicCreation: true })
    expect(topics[0]).toMatchObject({ name: 'made', errorCode: 0, isInternal: false })
    expect(topics[0]!.partitions.map(({ leaderId, errorCode }) => [leaderId, errorCode])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ])
    expect(await test.produce('made', ['x'], { partition: 2 })).toMatchObject({ error: 'NONE' })
  })

  it('MD-5: many clients that ask for one missing topic at a time get the same one', async () => {
    const test = await embeddedBroker()
    const clients = await Promise.all(Array.from({ length: 10 }, () => test.connect()))
    const answers = await Promise.all(
      clients.map((client) => client.call(Metadata, 12, { topics: named('one'), allowAutoTopicCreation: true })),
    )
    expect(new Set(answers.map(({ topics }) => topics[0]!.topicId)).size).toBe(1)
  })

  it.each(['', '.', '..', 'a/b', '../x', 'a\0b', 'ü', 'x'.repeat(250)])(
    'MD-6, H15: the name %j is 17 and makes nothing',
    async (name) => {
      const test = await embeddedBroker()
      expect((await ask(test, named(name), { allowAutoTopicCreation: true })).found).toEqual([
        [name, 'INVALID_TOPIC_EXCEPTION'],
      ])
      expect((await ask(test, null)).found).toEqual([])
    },
  )

  it('MD-7: an unknown topic is 3, others are answered; the broker may forbid creation, too', async () => {
    const test = await embeddedBroker({ config: { 'auto.create.topics.enable': 'false' } })
    await test.createTopic('a')
    const { found } = await ask(test, named('missing', 'a'), { allowAutoTopicCreation: true })
    expect(found).toEqual([
      ['missing', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['a', 'NONE'],
    ])
  })

  it('MD-8, MD-17: every partition lists leader, epoch, replicas and ISR, ids without gaps', async () => {
    const test = await embeddedBroker()
    await test.createTopic('a', 3)
    const { topics } = await ask(test, named('a'))
    expect(topics[0]!.partitions).toEqual(
      [0, 1, 2].map((partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId: 1,
        leaderEpoch: 0,
        replicaNodes: [1],
        isrNodes: [1],
        offlineReplicas: [],
      })),
    )
  })

  it('MD-9: each listener is told its own advertised address', async () => {
    const broker = await startBroker({
      config: {
        listeners: 'INTERNAL://127.0.0.1:0,EXTERNAL://127.0.0.1:0',
        'advertised.listeners': 'INTERNAL://inside.example:19092,EXTERNAL://outside.example:29092',
        'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT',
      },
    })
    try {
      const told: [string, string, number][] = []
      for (const { name, port } of broker.listeners) {
        await using client = await RawClient.connect(port)
        const { brokers } = await client.call(Metadata, 12, { topics: [] })
        for (const { host, port } of brokers) told.push([name, host, port])
      }
      expect(told).toEqual([
        ['INTERNAL', 'inside.example', 19092],
        ['EXTERNAL', 'outside.example', 29092],
      ])
    } finally {
      await broker.stop()
    }
  })

  it('MD-11, MD-20: the controller is in the broker list, at the port that was bound', async () => {
    const test = await embeddedBroker()
    const { brokers, controllerId } = await ask(test, [])
    const [listener] = test.broker.listeners
    expect(listener?.port).toBeGreaterThan(0)
    expect(brokers).toEqual([{ nodeId: controllerId, host: '127.0.0.1', port: listener?.port, rack: null }])
  })

  it('MD-12, MD-13: cluster id and topic ids are stable over restarts; a topic that is made again has a new one', async () => {
    const dataDir = temporaryFolder()
    const first = await embeddedBroker({ dataDir })
    const id = await first.createTopic('a')
    const before = await ask(first, named('a'), { version: 10 })
    await first.broker.stop()
    const second = await embeddedBroker({ dataDir })
    const after = await ask(second, named('a'), { version: 10 })
    expect([after.clusterId, after.topics[0]!.topicId]).toEqual([before.clusterId, id])
    expect(id).not.toBe(NO_TOPIC)
    await second.client.call(DeleteTopics, 3, { topicNames: ['a'], timeoutMs: 1000 })
    expect(await second.createTopic('a')).not.toBe(id)
  })

  it('MD-14: by id: unknown is 100 with a null name; if any id is given only ids count', async () => {
    const test = await embeddedBroker()
    const id = await test.createTopic('a')
    const asked = [
      { name: null, topicId: id },
      { name: null, topicId: UNKNOWN_ID },
    ]
    expect((await ask(test, asked)).found).toEqual([
      ['a', 'NONE'],
      [null, 'UNKNOWN_TOPIC_ID'],
    ])
  })

  it('MD-14: a null name or an id below version 12 is INVALID_REQUEST', async () => {
    const test = await embeddedBroker()
    const id = await test.createTopic('a')
    for (const topic of [
      { name: null, topicId: NO_TOPIC },
      { name: 'a', topicId: id },
    ]) {
      expect((await ask(test, [topic], { version: 11 })).found).toMatchObject([[expect.anything(), 'INVALID_REQUEST']])
    }
  })

  it('MD-15: __consumer_offsets is internal', async () => {
    const test = await embeddedBroker()
    const { topics } = await ask(test, named('__consumer_offsets'), { allowAutoTopicCreation: true })
    expect(topics).toMatchObject([{ name: '__consumer_offsets', isInternal: true, errorCode: 0 }])
  })

  it('MD-16: authorized operations are INT_MIN unless asked for', async () => {
    const test = await embeddedBroker()
    await test.createTopic('a')
    const quiet = await ask(test, named('a'), { version: 8 })
    expect([quiet.clusterAuthorizedOperations, quiet.topics[0]!.topicAuthorizedOperations]).toEqual([
      -(2 ** 31),
      -(2 ** 31),
    ])
    const told = await ask(test, named('a'), {
      version: 8,
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    })
    expect(told.topics[0]!.topicAuthorizedOperations).toBe(0b1101_1111_1000)
    expect(told.clusterAuthorizedOperations).toBeGreaterThan(0)
  })

  it('MD-19: a deleted topic is 3, again and again', async () => {
    const test = await embeddedBroker()
    await test.createTopic('a')
    await test.client.call(DeleteTopics, 3, { topicNames: ['a'], timeoutMs: 1000 })
    for (let i = 0; i < 3; i++)
      expect((await ask(test, named('a'))).found).toEqual([['a', 'UNKNOWN_TOPIC_OR_PARTITION']])
  })
})

describe('Metadata: a leader that the client cannot reach', () => {
  it('MD-10: is LISTENER_NOT_FOUND from version 6 on, LEADER_NOT_AVAILABLE before', () => {
    const topic = {
      id: 'TH6mQyjOTLOrG4GTgMvsQA',
      name: 'a',
      internal: false,
      configs: new Map(),
      partitions: [{ leader: 2, leaderEpoch: 0, replicas: [2] }],
    }
    const inside = { id: 2, session: 1n, rack: null, listeners: [{ name: 'INSIDE', host: 'two.example', port: 9092 }] }
    const image = { topics: () => [topic], brokers: new Map([[2, inside]]), clusterId: 'c', controllerId: 2 }
    const cluster = { nodeId: 2, image } as unknown as Services['cluster']
    const services = { cluster, authorizer: allowAll, listeners: [] as never[] } as unknown as Services
    const request = { ...filled(Metadata.request, {}), topics: null, allowAutoTopicCreation: false }
    const told = (apiVersion: number) => {
      const connection = { principal: anonymous, listener: 'OUTSIDE' } as ConnectionInfo
      const context = { apiVersion, clientId: '', correlationId: 1, requestBytes: 0, connection }
      const answer = metadata.handle(request, context, services)
      if (answer === undefined || answer instanceof Promise) throw new Error('answered at once')
      const [partition] = answer.topics[0]!.partitions
      return [errorName(partition!.errorCode), partition!.leaderId, answer.brokers.length]
    }
    expect(told(6)).toEqual(['LISTENER_NOT_FOUND', -1, 0])
    expect(told(5)).toEqual(['LEADER_NOT_AVAILABLE', -1, 0])
  })
})

describe('DescribeTopicPartitions (KIP-966)', () => {
  const page = (
    test: TestBroker,
    names: string[],
    responsePartitionLimit: number,
    cursor: { topicName: string; partitionIndex: number } | null = null,
  ) =>
    test.client.call(DescribeTopicPartitions, 0, {
      topics: names.map((name) => ({ name })),
      responsePartitionLimit,
      cursor,
    })

  it('gives topics by name, page by page', async () => {
    const test = await embeddedBroker()
    await test.createTopic('a', 3)
    await test.createTopic('b', 2)
    const seen: string[] = []
    let cursor: { topicName: string; partitionIndex: number } | null = null
    do {
      const answer: Awaited<ReturnType<typeof page>> = await page(test, [], 2, cursor)
      for (const { name, partitions } of answer.topics)
        for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`)
      cursor = answer.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual(['a-0', 'a-1', 'a-2', 'b-0', 'b-1'])
  })

  it('names what is missing', async () => {
    const test = await embeddedBroker()
    const { topics } = await page(test, ['missing'], 10)
    expect(topics.map(({ errorCode }) => errorName(errorCode))).toEqual(['UNKNOWN_TOPIC_OR_PARTITION'])
  })
})
