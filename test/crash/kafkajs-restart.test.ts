import { describe, expect, it, onTestFinished } from 'vitest'
import { BrokerProcess, temporaryFolder } from '../support/broker-process.ts'
import { freePort } from '../support/free-port.ts'
import { consume, Inbox, kafkaClient, range } from '../support/kafkajs.ts'

const retry = { initialRetryTime: 50, retries: 30, maxRetryTime: 500 }

describe('a broker that stops and comes back, seen by kafkajs', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'KJ-6, LG-13, OC-10: after %s producers and consumers go on',
    async (signal) => {
      const folder = temporaryFolder()
      const port = await freePort()
      let broker = await BrokerProcess.start(folder, { port })
      const { bootstrap } = broker
      const kafka = kafkaClient(bootstrap)
      const producer = kafka.producer({ retry, idempotent: true, maxInFlightRequests: 1 })
      onTestFinished(() => producer.disconnect())
      await producer.connect()
      const inbox = new Inbox()
      const consumer = kafka.consumer({
        groupId: 'survivors',
        retry,
        heartbeatInterval: 200,
        // It may come back under another id, and then waits for its old self to be given up.
        sessionTimeout: 6_000,
        maxWaitTimeInMs: 100,
      })
      onTestFinished(() => consumer.disconnect())
      await consumer.connect()
      await consumer.subscribe({ topic: 'survivor', fromBeginning: true })
      await consumer.run({ autoCommitInterval: 50, eachMessage: inbox.eachMessage })

      const acknowledged: string[] = []
      const send = async (i: number) => {
        await producer.send({ topic: 'survivor', acks: -1, messages: [{ value: String(i) }] })
        acknowledged.push(String(i))
      }
      for (const i of range(100)) await send(i)
      await inbox.count(50)
      const admin = kafka.admin({ retry })
      onTestFinished(() => admin.disconnect())
      await admin.connect()
      const committed = async () => {
        const [group] = await admin.fetchOffsets({ groupId: 'survivors', topics: ['survivor'] })
        return Number(group?.partitions[0]?.offset)
      }
      while ((await committed()) < 1) await inbox.count(1)
      const before = await committed()
      const ended = broker.end(signal)
      const during = send(100)
      expect(await ended).toBe(signal === 'SIGTERM' ? 0 : null)
      broker = await BrokerProcess.start(folder, { port })
      expect(await committed()).toBeGreaterThanOrEqual(before)
      await during
      for (const i of range(100, 101)) await send(i)

      await inbox.until((messages) => new Set(messages.map(({ value }) => value)).size === 201)
      const audit = await consume(kafkaClient(broker.bootstrap), 'audit', 'survivor', { maxWaitTimeInMs: 100 })
      await audit.inbox.count(201)
      expect(audit.inbox.values).toEqual(acknowledged)
      expect(audit.inbox.messages.map(({ offset }) => offset)).toEqual(range(201))
      // While there is somebody to say it to.
      for (const client of [consumer, admin, producer]) await client.disconnect()
    },
    60_000,
  )

  it('LG-15: offsets go on where they were, and the topic keeps its id', async () => {
    const folder = temporaryFolder()
    let broker = await BrokerProcess.start(folder)
    const before = kafkaClient(broker.bootstrap)
    const produce = async (bootstrap: string) => {
      const producer = kafkaClient(bootstrap).producer({ retry })
      await producer.connect()
      const [answer] = await producer.send({ topic: 'kept', messages: [{ value: 'x' }] })
      await producer.disconnect()
      return answer?.baseOffset
    }
    expect(await produce(broker.bootstrap)).toBe('0')
    const admin = before.admin()
    await admin.connect()
    const { clusterId } = await admin.describeCluster()
    await admin.disconnect()
    await broker.end('SIGKILL')
    broker = await BrokerProcess.start(folder)
    expect(await produce(broker.bootstrap)).toBe('1')
    const again = kafkaClient(broker.bootstrap).admin()
    onTestFinished(() => again.disconnect())
    await again.connect()
    expect((await again.describeCluster()).clusterId).toBe(clusterId)
  }, 60_000)

  it('LG-15: nor are offsets given anew when all records were deleted before the crash', async () => {
    const folder = temporaryFolder()
    let broker = await BrokerProcess.start(folder)
    const produce = async () => {
      const producer = kafkaClient(broker.bootstrap).producer({ retry })
      await producer.connect()
      const [answer] = await producer.send({ topic: 'emptied', acks: -1, messages: [{ value: 'x' }, { value: 'y' }] })
      await producer.disconnect()
      return answer?.baseOffset
    }
    const bounds = async (deleteAll: boolean) => {
      const admin = kafkaClient(broker.bootstrap).admin({ retry })
      await admin.connect()
      let [offsets] = await admin.fetchTopicOffsets('emptied')
      if (deleteAll) {
        await admin.deleteTopicRecords({ topic: 'emptied', partitions: [{ partition: 0, offset: '-1' }] })
        ;[offsets] = await admin.fetchTopicOffsets('emptied')
      }
      await admin.disconnect()
      return [offsets?.low, offsets?.high]
    }
    expect(await produce()).toBe('0')
    expect(await bounds(true)).toEqual(['2', '2'])
    await broker.end('SIGKILL')
    broker = await BrokerProcess.start(folder)
    expect(await bounds(false)).toEqual(['2', '2'])
    expect(await produce()).toBe('2')
    await broker.end('SIGKILL')
    broker = await BrokerProcess.start(folder)
    expect(await bounds(false)).toEqual(['2', '4'])
  }, 60_000)
})
