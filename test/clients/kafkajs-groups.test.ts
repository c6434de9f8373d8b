import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { consume, Inbox, joined, kafkaClient, range } from '../support/kafkajs.ts'

describe('kafkajs consumer groups', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  const kafka = () => kafkaClient(broker.bootstrap)
  const topicOf = async (topic: string, numPartitions: number) => {
    const admin = kafka().admin()
    onTestFinished(() => admin.disconnect())
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
    return admin
  }
  const sender = async () => {
    const producer = kafka().producer()
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    return (topic: string, from: number, count: number) =>
      producer.send({ topic, messages: range(count, from).map((i) => ({ key: `key-${i}`, value: String(i) })) })
  }
  const numbers = (inbox: Inbox) => inbox.values.map(Number).sort((a, b) => a - b)

  it('KJ-3: subscribe to a topic that does not exist makes it', async () => {
    const { inbox } = await consume(kafka(), 'first-comers', 'made-by-subscribe')
    const send = await sender()
    await send('made-by-subscribe', 0, 3)
    await inbox.count(3)
    expect(numbers(inbox)).toEqual(range(3))
  })

  it('members of one group share the partitions, several groups each get everything', async () => {
    await topicOf('shared', 6)
    const send = await sender()
    await send('shared', 0, 300)
    const together = new Inbox()
    const members = await Promise.all(range(3).map(() => consume(kafka(), 'workers', 'shared', { inbox: together })))
    const audit = await consume(kafka(), 'audit', 'shared')
    await together.until((messages) => new Set(messages.map(({ value }) => value)).size === 300)
    await audit.inbox.count(300)
    expect(numbers(audit.inbox)).toEqual(range(300))
    expect(members).toHaveLength(3)
  })

  it('members join and leave while consuming: nothing is lost, nothing is skipped', async () => {
    await topicOf('moving', 4)
    const send = await sender()
    const together = new Inbox()
    const first = await consume(kafka(), 'movers', 'moving', { inbox: together })
    await send('moving', 0, 100)
    await together.count(100)
    const second = await consume(kafka(), 'movers', 'moving', { inbox: together })
    await send('moving', 100, 100)
    await together.until((messages) => new Set(messages.map(({ value }) => value)).size === 200)
    await first.consumer.disconnect()
    await send('moving', 200, 100)
    await together.until((messages) => new Set(messages.map(({ value }) => value)).size === 300)
    expect(second.inbox).toBe(together)
    expect([...new Set(numbers(together))]).toEqual(range(300))
  })

  it('KJ-8: a consumer that comes back goes on from its last commit', async () => {
    await topicOf('resumed', 1)
    const send = await sender()
    await send('resumed', 0, 10)
    const first = await consume(kafka(), 'resumers', 'resumed')
    await first.inbox.count(10)
    await first.consumer.disconnect()
    await send('resumed', 10, 5)
    const second = await consume(kafka(), 'resumers', 'resumed')
    await second.inbox.count(5)
    expect(numbers(second.inbox)).toEqual(range(5, 10))
  })

  it('KJ-5: fromBeginning false starts at the end, true at the start', async () => {
    await topicOf('ends', 1)
    const send = await sender()
    await send('ends', 0, 5)
    const late = kafka().consumer({ groupId: 'late' })
    onTestFinished(() => late.disconnect())
    const inbox = new Inbox()
    await late.connect()
    await late.subscribe({ topic: 'ends', fromBeginning: false })
    const ready = new Promise<void>((resolve) => late.on(late.events.FETCH, () => resolve()))
    await late.run({ eachMessage: inbox.eachMessage })
    await ready
    await send('ends', 5, 5)
    await inbox.count(5)
    expect(numbers(inbox)).toEqual(range(5, 5))
  })

  it('replays with seek, from any offset', async () => {
    await topicOf('replayed', 1)
    const send = await sender()
    await send('replayed', 0, 20)
    const { consumer, inbox } = await consume(kafka(), 'replayers', 'replayed')
    await inbox.count(20)
    consumer.seek({ topic: 'replayed', partition: 0, offset: '12' })
    await inbox.count(28)
    expect(inbox.messages.slice(20).map(({ offset }) => offset)).toEqual(range(8, 12))
  })

  it('replays from a timestamp through the admin client', async () => {
    const admin = await topicOf('timed', 1)
    const producer = kafka().producer()
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    const start = Date.now() - 100_000
    for (const i of range(10)) {
      await producer.send({ topic: 'timed', messages: [{ value: String(i), timestamp: String(start + i * 1000) }] })
    }
    const offsets = await admin.fetchTopicOffsetsByTimestamp('timed', start + 6500)
    expect(offsets).toEqual([{ partition: 0, offset: '7' }])
    await admin.setOffsets({ groupId: 'timers', topic: 'timed', partitions: offsets })
    const { inbox } = await consume(kafka(), 'timers', 'timed')
    await inbox.count(3)
    expect(numbers(inbox)).toEqual([7, 8, 9])
  })

  it('pauses and resumes a topic', async () => {
    await topicOf('paused', 1)
    const send = await sender()
    const { consumer, inbox } = await consume(kafka(), 'pausers', 'paused')
    await send('paused', 0, 1)
    await inbox.count(1)
    consumer.pause([{ topic: 'paused' }])
    await send('paused', 1, 5)
    const other = await consume(kafka(), 'not-paused', 'paused')
    await other.inbox.count(6)
    expect(inbox.messages.length).toBe(1)
    consumer.resume([{ topic: 'paused' }])
    await inbox.count(6)
    expect(numbers(inbox)).toEqual(range(6))
  })

  it('a slow consumer delays nobody', async () => {
    await topicOf('slowed', 1)
    const send = await sender()
    const slow = kafka().consumer({ groupId: 'slow' })
    onTestFinished(() => slow.disconnect())
    await slow.connect()
    await slow.subscribe({ topic: 'slowed', fromBeginning: true })
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const reached = new Promise<void>((resolve) => {
      slow.run({
        eachMessage: async () => {
          resolve()
          await held
        },
      })
    })
    await send('slowed', 0, 50)
    await reached
    const quick = await consume(kafka(), 'quick', 'slowed')
    await quick.inbox.count(50)
    release()
    expect(numbers(quick.inbox)).toEqual(range(50))
  })

  it('LV-1: a member that leaves gives its partitions to the rest at once', async () => {
    await topicOf('handover', 2)
    const first = await consume(kafka(), 'handovers', 'handover')
    const rejoined = joined(first.consumer)
    const second = await consume(kafka(), 'handovers', 'handover')
    expect((await rejoined).handover).toHaveLength(1)
    const alone = joined(first.consumer)
    await second.consumer.disconnect()
    expect((await alone).handover).toHaveLength(2)
  })

  it('keeps metadata of commits and shows groups to the admin client', async () => {
    const admin = await topicOf('listed', 2)
    const { consumer, inbox } = await consume(kafka(), 'listed-group', 'listed')
    const send = await sender()
    await send('listed', 0, 10)
    await inbox.count(10)
    await consumer.commitOffsets([{ topic: 'listed', partition: 0, offset: '3', metadata: 'noted' }])
    const [fetched] = await admin.fetchOffsets({ groupId: 'listed-group', topics: ['listed'] })
    expect(fetched?.partitions.find(({ partition }) => partition === 0)).toMatchObject({
      offset: '3',
      metadata: 'noted',
    })
    expect((await admin.listGroups()).groups).toContainEqual({ groupId: 'listed-group', protocolType: 'consumer' })
    const { groups } = await admin.describeGroups(['listed-group'])
    expect(groups[0]).toMatchObject({
      state: 'Stable',
      protocol: 'RoundRobinAssigner',
      members: [{ clientId: 'test' }],
    })
    await consumer.disconnect()
    await admin.deleteGroups(['listed-group'])
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain('listed-group')
  })
})
