/**
 * What compaction does to those who produce meanwhile:
 *
 *   npx tsx bench/compaction-latency.ts [policy=os] [keys=1500000] [copies=2] [requests=250] [limit=bytes per second]
 *
 * A built broker in a process of its own gets a large compacted topic. Produce requests to another topic leave by the clock
 * (open loop, acks=all), and each counts from when it was due: first with nothing else to do, then while the large topic
 * is compacted, then again with nothing. On a busy machine the first and the last line tell what the middle one is worth.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IncrementalAlterConfigs } from '../protocol/apis/configs.ts'
import { Produce } from '../protocol/apis/produce.ts'
import { CreateTopics } from '../protocol/apis/topics.ts'
import { buildBatch } from '../protocol/records/batch-builder.ts'
import { ZERO_UUID } from '../protocol/wire/reader.ts'
import { BrokerChild } from '../test/support/broker-child.ts'
import { RawClient } from '../test/support/raw-client.ts'

const RECORDS_PER_BATCH = 4000
const RATIO = 'min.cleanable.dirty.ratio'

const given = new Map(process.argv.slice(2).map((arg) => arg.split('=', 2) as [string, string]))
const numberOf = (name: string, fallback: number) => Number(given.get(name) ?? fallback)
const keys = numberOf('keys', 1_500_000)
const folder = mkdtempSync(join(tmpdir(), 'odradek-compaction-'))
const limit = given.get('limit')
const broker = await BrokerChild.start(folder, {
  set: [
    'log.cleaner.backoff.ms=100',
    `log.flush.policy=${given.get('policy') ?? 'os'}`,
    ...(limit === undefined ? [] : [`log.cleaner.io.max.bytes.per.second=${limit}`]),
  ],
})
try {
  const client = await RawClient.to(broker.bootstrap)
  await createTopic(client, 'large', { 'cleanup.policy': 'compact', [RATIO]: '1', 'segment.bytes': String(64 << 20) })
  await createTopic(client, 'live', {})
  await fill(client, keys * numberOf('copies', 2))
  await measure(2, () => false)
  console.log(`quiet        ${await measure(8, () => false)}`)
  await allowCompaction(client)
  console.log(`compacting   ${await measure(300, isCompacted)}`)
  console.log(`quiet again  ${await measure(8, () => false)}`)
  client.destroy()
} finally {
  await broker.end('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}

/** Sends by the clock until the time is up or `isOver` says so. @returns the latencies, in words */
async function measure(seconds: number, isOver: () => boolean): Promise<string> {
  const client = await RawClient.to(broker.bootstrap)
  const everyMs = 1000 / numberOf('requests', 250)
  const value = Buffer.alloc(100)
  const records = buildBatch({ records: Array.from({ length: 10 }, () => ({ value, timestamp: Date.now() })) })
  const latencies: number[] = []
  const answers: Promise<void>[] = []
  const startedAt = performance.now()
  for (let sent = 0; performance.now() - startedAt < seconds * 1000 && !isOver(); sent++) {
    const due = startedAt + sent * everyMs
    const early = due - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(early)))
    const answer = produce(client, 'live', Buffer.from(records), -1)
    answers.push(answer.then(() => void latencies.push(performance.now() - due)))
  }
  await Promise.all(answers)
  client.destroy()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1).padStart(6)
  const tookS = ((performance.now() - startedAt) / 1000).toFixed(1)
  return `p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  p99.9 ${at(0.999)} ms  (${latencies.length} requests in ${tookS} s)`
}

function isCompacted(): boolean {
  const checkpoint = join(folder, 'cleaner-offset-checkpoint')
  return existsSync(checkpoint) && /^large 0 [1-9]/m.test(readFileSync(checkpoint, 'utf8'))
}

async function fill(client: RawClient, records: number): Promise<void> {
  const value = Buffer.alloc(100)
  for (let from = 0; from < records; from += RECORDS_PER_BATCH) {
    const batch = Array.from({ length: RECORDS_PER_BATCH }, (_, i) => {
      const key = Buffer.from(`user-${((from + i) * 7919) % keys}`)
      return { key, value, timestamp: Date.now() }
    })
    await produce(client, 'large', buildBatch({ records: batch }), 1)
  }
}

function produce(client: RawClient, name: string, records: Buffer, acks: number) {
  return client.call(Produce, 9, {
    transactionalId: null,
    acks,
    timeoutMs: 10_000,
    topicData: [{ name, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
  })
}

async function createTopic(client: RawClient, name: string, configs: Readonly<Record<string, string>>): Promise<void> {
  const settings = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: settings }
  await client.call(CreateTopics, 7, { topics: [topic], timeoutMs: 10_000 })
}

async function allowCompaction(client: RawClient): Promise<void> {
  const configs = [{ name: RATIO, configOperation: 0, value: '0' }]
  const resources = [{ resourceType: 2, resourceName: 'large', configs }]
  await client.call(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
}
