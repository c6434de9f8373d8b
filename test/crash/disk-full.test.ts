import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../broker/index.ts'
import { TestBroker } from '../support/embedded-broker.ts'
import { kafkaClient, range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'
import { canMount, smallDisk, whyNotMounted } from '../support/small-disk.ts'

const MiB = 1024 ** 2
const text = (i: number) => `${i}-`.padEnd(20_000, 'x')

/** A broker on a path, with what an operator would read, and a client. */
async function brokerOn(dataDir: string, config: Readonly<Record<string, string>> = {}) {
  const lines: string[] = []
  const say = (_fields: object, message: string) => void lines.push(message)
  const logger = { debug: say, info: say, warn: say, error: say }
  const settings = { 'log.flush.policy': 'commit', 'log.segment.delete.delay.ms': '0', ...config }
  const broker = await startBroker({ dataDir, logger, config: settings })
  onTestFinished(() => broker.stop())
  const client = await RawClient.to(broker.bootstrap)
  onTestFinished(() => client.destroy())
  return {
    broker,
    test: new TestBroker(broker, client),
    said: (part: string) => lines.filter((line) => line.includes(part)),
  }
}

/** Produces until it is refused. @returns the values that were acknowledged */
async function fill(test: TestBroker, topic: string, from = 0): Promise<string[]> {
  const values: string[] = []
  for (let i = from; ; i++) {
    const answer = await test.produce(topic, [text(i)])
    if (answer.error !== 'NONE') {
      expect(answer.error).toBe('KAFKA_STORAGE_ERROR')
      return values
    }
    expect(answer.baseOffset).toBe(i)
    values.push(text(i))
  }
}

async function readAll(test: TestBroker, topic: string): Promise<(string | undefined)[]> {
  const values: (string | undefined)[] = []
  for (;;) {
    const { error, values: more, highWatermark } = await test.fetch(topic, values.length)
    expect(error).toBe('NONE')
    values.push(...more)
    if (values.length >= highWatermark) return values
  }
}

describe.skipIf(!canMount)(`A disk that is full${whyNotMounted}`, () => {
  it('I03: refuses produce before it is; reads, commits and deletions go on, and produce comes back by itself', async () => {
    const { path } = smallDisk(16 * MiB)
    const dataDir = join(path, 'data')
    const { broker, test, said } = await brokerOn(dataDir)
    await test.createTopic('full')
    await test.createTopic('ballast')
    for (const i of range(100)) await test.produce('ballast', [text(i)])
    const acknowledged = await fill(test, 'full')
    expect(acknowledged.length).toBeGreaterThan(400)

    // Nothing ever met the end of the disk, and it was said once what is the matter.
    const reserve = 0.05 * 16 * MiB
    const free = () => statfsSync(path).bavail * statfsSync(path).bsize
    expect(free()).toBeGreaterThan(reserve / 2)
    expect(said('disk full')).toHaveLength(1)
    expect(broker.readiness()).toMatchObject({ ready: false, checks: { space: false, disks: true } })
    expect(broker.metrics.gauges.get('odradek_log_directory_full')?.()).toEqual([[{ directory: dataDir }, 1]])

    expect(await readAll(test, 'full')).toEqual(acknowledged)
    const kafka = kafkaClient(broker.bootstrap)
    const admin = kafka.admin()
    onTestFinished(() => admin.disconnect())
    await admin.connect()
    await admin.setOffsets({ groupId: 'g', topic: 'full', partitions: [{ partition: 0, offset: '7' }] })
    const offsets = await admin.fetchOffsets({ groupId: 'g', topics: ['full'] })
    expect(offsets[0]?.partitions[0]?.offset).toBe('7')
    await admin.deleteTopicRecords({ topic: 'full', partitions: [{ partition: 0, offset: '3' }] })
    expect((await test.fetch('full', 2)).error).toBe('OFFSET_OUT_OF_RANGE')

    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 20, retries: 100, maxRetryTime: 100 },
    })
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    const waiting = producer.send({ topic: 'full', acks: -1, messages: [{ value: 'after' }] })
    await admin.deleteTopics({ topics: ['ballast'] })
    expect((await waiting)[0]?.baseOffset).toBe(String(acknowledged.length))
    expect(said('there is room on the disk again')).toHaveLength(1)
    expect(broker.readiness().ready).toBe(true)

    await broker.stop()
    const again = await brokerOn(dataDir)
    expect((await again.test.fetch('full', acknowledged.length)).values).toEqual(['after'])
    expect((await again.test.fetch('full', 3)).values[0]).toBe(text(3))
  }, 60_000)

  it('I03, I04: without a reserve is met by the write itself: what was acknowledged stays, nothing else is seen', async () => {
    const { path } = smallDisk(8 * MiB)
    const config = { 'odradek.disk.reserve.bytes': '0', 'log.flush.offset.checkpoint.interval.ms': '50' }
    const { broker, test } = await brokerOn(join(path, 'data'), config)
    await test.createTopic('full')
    await test.createTopic('ballast')
    for (const i of range(100)) await test.produce('ballast', [text(i)])
    const first = await fill(test, 'full')
    expect(await readAll(test, 'full')).toEqual(first)
    for (const _again of range(20)) expect((await test.produce('full', [text(0)])).error).toBe('KAFKA_STORAGE_ERROR')
    const admin = kafkaClient(broker.bootstrap).admin()
    onTestFinished(() => admin.disconnect())
    await admin.connect()
    await admin.deleteTopics({ topics: ['ballast'] })
    const answers = async () => (await test.produce('full', [text(first.length)])).error
    await expect.poll(answers, { interval: 20, timeout: 10_000 }).toBe('NONE')
    const second = await fill(test, 'full', first.length + 1)
    const all = [...first, text(first.length), ...second]
    expect(await readAll(test, 'full')).toEqual(all)
    await broker.stop()
    const again = await brokerOn(join(path, 'data'), config)
    expect(await readAll(again.test, 'full')).toEqual(all)
  }, 60_000)
})
