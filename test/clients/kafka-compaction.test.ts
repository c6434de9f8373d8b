import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../broker/index.ts'
import { seededRandom } from '../../broker/runtime/random.ts'
import { IncrementalAlterConfigs } from '../../protocol/apis/configs.ts'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { CreateTopics } from '../../protocol/apis/topics.ts'
import * as batch from '../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../protocol/records/compression.ts'
import { readRecords } from '../../protocol/records/record.ts'
import { kafkaTools } from '../support/apache-kafka.ts'
import { startApacheKafka } from '../support/apache-kafka-broker.ts'
import { fetchRequest, NO_TOPIC } from '../support/embedded-broker.ts'
import { range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'

const why = kafkaTools === undefined ? ' (skipped: needs Java 17 and Maven)' : ''
const cleaner = { 'log.cleaner.backoff.ms': '50' }
const TOPIC = 'states'
const DIRTY_RATIO = 'min.cleanable.dirty.ratio'
const NOW = Date.now() - 60_000

describe.skipIf(kafkaTools === undefined)(`Compaction by Apache Kafka and by us${why}`, () => {
  it('leaves the same batches of the same log: offsets, times, sequences, codecs, gaps and empty headers', async () => {
    for (const codec of batch.compressions) await prepareCodec(codec)
    const kafka = await startApacheKafka({ properties: cleaner })
    onTestFinished(() => kafka.stop())
    const odradek = await startBroker({ config: cleaner })
    onTestFinished(() => odradek.stop())
    const sent = workload()
    const newest = newestOffsets(sent)

    const [theirs, ours] = await Promise.all(
      [kafka.bootstrap, odradek.bootstrap].map(async (bootstrap) => {
        const client = await RawClient.to(bootstrap)
        onTestFinished(() => client.destroy())
        await create(client)
        for (const records of sent) await produce(client, records)
        await beginCompaction(client)
        return compacted(client, newest)
      }),
    )
    expect(ours!.map(describeBatch)).toEqual(theirs!.map(describeBatch))
    expect(ours!.length).toBeLessThan(sent.length / 2)
    // What was not touched, or not compressed, is the same to the byte, but for the leader epoch and what hangs on the time.
    const [a, b] = [theirs, ours].map((batches) => batches!.filter(isComparable).map((whole) => whole.subarray(16)))
    expect(a!.length).toBeGreaterThan(3)
    expect(b).toEqual(a)
  }, 240_000)
})

/**
 * Batches over few keys: values and tombstones, all codecs, plain and numbered producers. The last one is so large that it
 * begins a segment: it is all that is not compacted.
 */
function workload(): Buffer[] {
  const random = seededRandom(7)
  const sequences = new Map<number, number>()
  const last = buildBatch({ records: [{ key: Buffer.from('last'), value: Buffer.alloc(600), timestamp: NOW + 5000 }] })
  const batches = range(250).map((index) => {
    const records = range(1 + random.integer(6)).map(() => ({
      key: Buffer.from(`key ${random.integer(40)}`),
      value: random.integer(8) === 0 ? null : Buffer.from(`${index} `.padEnd(random.integer(80), 'v')),
      timestamp: NOW + random.integer(5000),
      headers: random.integer(3) === 0 ? [{ key: 'h', value: Buffer.from('1') }] : [],
    }))
    const compression = batch.compressions[random.integer(5)]!
    const producerId = random.integer(3) === 0 ? 4000 + random.integer(2) : -1
    const sequence = sequences.get(producerId) ?? 0
    if (producerId >= 0) sequences.set(producerId, sequence + records.length)
    const numbered = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: sequence }
    const built: BatchToWrite = { records, compression, ...numbered }
    return buildBatch(built)
  })
  return [...batches, last]
}

/** The offset of the last record of each key. */
function newestOffsets(sent: readonly Buffer[]): Set<number> {
  const newest = new Map<string, number>()
  let offset = 0
  for (const whole of sent) for (const { key } of readRecords(whole)) newest.set(String(key), offset++)
  return new Set(newest.values())
}

async function create(client: RawClient): Promise<void> {
  const configs = { 'cleanup.policy': 'compact', 'internal.segment.bytes': '700', [DIRTY_RATIO]: '1' }
  const topic = {
    name: TOPIC,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  }
  const { topics } = await client.call(CreateTopics, 7, { topics: [topic], timeoutMs: 10_000 })
  expect(topics[0]).toMatchObject({ errorCode: 0 })
}

/** Nothing was dirty enough so far: both do it in one round, since what is left of a batch hangs on where rounds ended. */
async function beginCompaction(client: RawClient): Promise<void> {
  const configs = [{ name: DIRTY_RATIO, configOperation: 0, value: '0' }]
  const { responses } = await client.call(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: 2, resourceName: TOPIC, configs }],
    validateOnly: false,
  })
  expect(responses[0]).toMatchObject({ errorCode: 0 })
}

async function produce(client: RawClient, records: Buffer): Promise<void> {
  for (;;) {
    const { responses } = await client.call(Produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: TOPIC, topicId: NO_TOPIC, partitionData: [{ index: 0, records: Buffer.from(records) }] }],
    })
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode === 0) return
    // A new topic of Kafka has no leader yet.
    expect([3, 5, 6]).toContain(errorCode)
    await sleep(100)
  }
}

/** The whole log, as soon as only the newest record of each key is left. */
async function compacted(client: RawClient, newest: ReadonlySet<number>): Promise<Buffer[]> {
  for (;;) {
    const batches = await readAll(client)
    if (batches.flatMap((whole) => [...readRecords(whole)]).every(({ offset }) => newest.has(offset))) return batches
    await sleep(200)
  }
}

async function readAll(client: RawClient): Promise<Buffer[]> {
  const batches: Buffer[] = []
  for (let next = 0; ; ) {
    const { responses } = await client.call(Fetch, 11, fetchRequest([{ topic: TOPIC, fetchOffset: next }], 11))
    const run = Buffer.concat(responses[0]!.partitions[0]!.records ?? [])
    if (run.length === 0) return batches
    for (let at = 0; at < run.length; at += batch.batchSize(run, at)) {
      batches.push(run.subarray(at, at + batch.batchSize(run, at)))
      next = batch.nextOffset(run, at)
    }
  }
}

function describeBatch(whole: Buffer) {
  return {
    baseOffset: batch.baseOffset(whole),
    lastOffset: batch.lastOffset(whole),
    attributes: batch.attributes(whole),
    maxTimestamp: batch.maxTimestamp(whole) - NOW,
    // A delete horizon is the time of the round.
    baseTimestamp: batch.hasDeleteHorizon(whole) ? 'horizon' : batch.baseTimestamp(whole) - NOW,
    producer: [batch.producerId(whole), batch.producerEpoch(whole), batch.baseSequence(whole)],
    records: [...readRecords(whole)].map(({ offset, timestamp, key, value, headers }) => ({
      offset,
      timestamp: timestamp - NOW,
      key: String(key),
      value: value === null ? null : String(value),
      headers: headers.map(({ key: name, value: text }) => `${name}=${text}`),
    })),
  }
}

function isComparable(whole: Buffer): boolean {
  return !batch.hasDeleteHorizon(whole) && batch.compression(whole) === 'none'
}
