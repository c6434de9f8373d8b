import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { lockHolder, NodeFileSystem } from '../../storage/index.ts'
import { type Finding, verify } from '../../storage/inspect/index.ts'
import { temporaryFolder } from '../support/broker-process.ts'
import { TestBroker } from '../support/embedded-broker.ts'
import { kafkaClient, range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'

const run = promisify(execFile)
const config = { 'offsets.topic.num.partitions': '2', 'log.retention.check.interval.ms': '50' }
const PARTITIONS = 3
const text = (partition: number, i: number) => `${partition}/${i}`.padEnd(1000 + (i % 7) * 300, '.')

/** The script in the document, and `odradek` on its path. */
function backupScript(): (data: string, copy: string) => Promise<void> {
  const folder = temporaryFolder()
  const document = readFileSync(new URL('../../docs/backup.md', import.meta.url), 'utf8')
  const script = /```sh\n([\s\S]*?)```/.exec(document)?.[1] ?? ''
  expect(script).toContain('copy_folder')
  writeFileSync(join(folder, 'backup.sh'), script)
  chmodSync(join(folder, 'backup.sh'), 0o755)
  symlinkSync(fileURLToPath(new URL('../../bin/odradek', import.meta.url)), join(folder, 'odradek'))
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
  return async (data, copy) => {
    await run(join(folder, 'backup.sh'), [data, copy], { env })
  }
}

async function testBroker(dataDir: string): Promise<TestBroker> {
  const broker = await startBroker({ dataDir, config: { ...config, 'log.flush.policy': 'commit' } })
  onTestFinished(() => broker.stop())
  const client = await RawClient.to(broker.bootstrap)
  onTestFinished(() => client.destroy())
  return new TestBroker(broker, client)
}

/** All records of a partition, from the start of its log. */
async function everything(test: TestBroker, topic: string, partition: number) {
  const found: { offset: number; value: string | undefined }[] = []
  let next = -1
  for (;;) {
    const from = next < 0 ? (await test.fetch(topic, 0, { partition })).logStartOffset : next
    next = from < 0 ? startOf(test.broker, topic, partition) : from
    const { error, values, offsets, highWatermark } = await test.fetch(topic, next, { partition })
    expect(error).toBe('NONE')
    for (const [i, offset] of offsets.entries()) if (offset >= next) found.push({ offset, value: values[i] })
    next = (offsets.at(-1) ?? highWatermark - 1) + 1
    if (next >= highWatermark) return found
  }
}

const startOf = (broker: Broker, topic: string, partition: number): number =>
  broker.status().topics.find(({ name }) => name === topic)?.partitions[partition]?.logStartOffset ?? 0

describe('A backup of a running broker by the script in docs/backup.md', () => {
  it('has all that was acknowledged before, nothing that was never sent, and is a broker again', async () => {
    const [data, copy] = [join(temporaryFolder(), 'data'), join(temporaryFolder(), 'copy')]
    const live = await testBroker(data)
    const id = await live.createTopic('orders', PARTITIONS, { 'segment.bytes': '1048576' })
    await live.createTopic('rolling', 1, {
      'segment.bytes': '1048576',
      'retention.bytes': '1500000',
      'file.delete.delay.ms': '0',
    })
    const admin = kafkaClient(live.broker.bootstrap).admin()
    await admin.connect()
    onTestFinished(() => admin.disconnect())

    // Load on all of it until the copy is made: appends, rolls, retention, commits.
    const counts = range(PARTITIONS).map(() => 0)
    let rolling = 0
    let committed = 0
    let isOver = false
    const produce = async (partition: number) => {
      const client = await live.connect()
      while (!isOver) {
        const values = range(5).map((n) => text(partition, counts[partition]! + n))
        const { error, baseOffset } = await live.produce('orders', values, { partition, client })
        expect([error, baseOffset]).toEqual(['NONE', counts[partition]])
        counts[partition]! += 5
      }
    }
    const roll = async () => {
      const client = await live.connect()
      while (!isOver) {
        const { error } = await live.produce(
          'rolling',
          range(50).map((n) => text(9, rolling + n)),
          { client },
        )
        expect(error).toBe('NONE')
        rolling += 50
      }
    }
    const commit = async () => {
      while (!isOver) {
        const offset = counts[0]!
        await admin.setOffsets({
          groupId: 'g',
          topic: 'orders',
          partitions: [{ partition: 0, offset: String(offset) }],
        })
        committed = offset
      }
    }
    const load = [...range(PARTITIONS).map(produce), roll(), commit()]
    const busy = () => counts.every((count) => count > 1500) && rolling > 4000 && committed > 0
    await expect.poll(busy, { timeout: 60_000 }).toBe(true)
    const [countsBefore, committedBefore] = [[...counts], committed]
    await backupScript()(data, copy)
    isOver = true
    await Promise.all(load)
    expect(counts.some((count, i) => count > countsBefore[i]!)).toBe(true)
    await live.broker.stop()

    const restored = await testBroker(copy)
    const [topic] = restored.broker.status().topics.filter(({ name }) => name === 'orders')
    expect(topic).toMatchObject({ id, partitions: range(PARTITIONS).map((partition) => ({ partition, leader: 1 })) })
    const ends: number[] = []
    for (const partition of range(PARTITIONS)) {
      const found = await everything(restored, 'orders', partition)
      expect(found).toEqual(range(found.length).map((offset) => ({ offset, value: text(partition, offset) })))
      expect(found.length).toBeGreaterThanOrEqual(countsBefore[partition]!)
      ends.push(found.length)
    }
    const kept = await everything(restored, 'rolling', 0)
    expect(kept.length).toBeGreaterThan(100)
    expect(kept).toEqual(kept.map((_, i) => ({ offset: kept[0]!.offset + i, value: text(9, kept[0]!.offset + i) })))

    // No group has read what is not there, and everything goes on.
    const again = kafkaClient(restored.broker.bootstrap).admin()
    await again.connect()
    onTestFinished(() => again.disconnect())
    const [offsets] = await again.fetchOffsets({ groupId: 'g', topics: ['orders'] })
    const offset = Number(offsets?.partitions.find(({ partition }) => partition === 0)?.offset)
    expect(offset).toBeGreaterThanOrEqual(committedBefore)
    expect(offset).toBeLessThanOrEqual(ends[0]!)
    expect(await restored.produce('orders', ['next'])).toMatchObject({ error: 'NONE', baseOffset: ends[0] })
    await restored.broker.stop()
    const findings: Finding[] = []
    await verify({
      fileSystem: new NodeFileSystem(),
      path: copy,
      tell: (found) => findings.push(found),
      holderOf: lockHolder,
    })
    expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  }, 180_000)

  it('of one that is stopped is the same folder, and leaves deleted topics out', async () => {
    const [data, copy] = [join(temporaryFolder(), 'data'), join(temporaryFolder(), 'copy')]
    const live = await testBroker(data)
    await live.createTopic('kept')
    await live.produce('kept', ['one', 'two'])
    await live.broker.stop()
    mkdirSync(join(data, 'gone-0.0123456789abcdef-delete'))
    await backupScript()(data, copy)
    expect(readdirSync(copy)).not.toContain('gone-0.0123456789abcdef-delete')
    for (const name of readdirSync(join(data, 'kept-0')))
      expect(readFileSync(join(copy, 'kept-0', name)).equals(readFileSync(join(data, 'kept-0', name)))).toBe(true)
    const restored = await testBroker(copy)
    expect((await restored.fetch('kept', 0)).values).toEqual(['one', 'two'])
  })
})
