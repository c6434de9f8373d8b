import { describe, expect, it } from 'vitest'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { fetchRequest, NO_TOPIC } from '../support/embedded-broker.ts'
import { RawClient } from '../support/raw-client.ts'
import { WatchedBroker } from './support/watched-broker.ts'

const MiB = 1024 * 1024
const PARTITIONS = 8
const batchOf = (bytes: number) =>
  buildBatch({ baseTimestamp: Date.now(), records: [{ value: Buffer.alloc(bytes, 'x') }] })

const produce = (client: RawClient, topic: string, index: number, records: Buffer) =>
  client.call(Produce, 9, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, topicId: NO_TOPIC, partitionData: [{ index, records }] }],
  })

/** All partitions from the beginning, as a consumer that has fallen far behind. */
const everything = (topic: string) =>
  fetchRequest(
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, fetchOffset: 0 })),
    11,
    { maxBytes: 50 * MiB },
  )

describe('500 consumers that fetch and never read', () => {
  it('cost bounded memory, are closed with a reason, and disturb nobody', async () => {
    await using broker = await WatchedBroker.start({
      'num.partitions': String(PARTITIONS),
      'odradek.outgoing.max.bytes': String(128 * MiB),
      'odradek.slow.reader.timeout.ms': '2000',
    })
    await using producer = await RawClient.connect(broker.port)
    for (const topic of ['old', 'new'])
      await producer.call(Metadata, 9, { topics: [{ name: topic, topicId: NO_TOPIC }] })
    for (let round = 0; round < 12; round++) {
      for (let index = 0; index < PARTITIONS; index++) await produce(producer, 'old', index, batchOf(900_000))
    }
    const before = await broker.look('collect')

    const hanging: RawClient[] = []
    for (let i = 0; i < 500; i++) {
      const client = await RawClient.connect(broker.port)
      client.stopReading()
      for (let j = 0; j < 3; j++) client.send(Fetch, 11, everything('old'))
      hanging.push(client)
    }

    // Meanwhile others work as if nothing were.
    await using consumer = await RawClient.connect(broker.port)
    let offset = 0
    let most = before
    let slowestMs = 0
    const until = Date.now() + 4_000
    while (Date.now() < until) {
      const began = performance.now()
      const { responses } = await produce(producer, 'new', 0, batchOf(1_000))
      expect(responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: offset })
      const fetched = await consumer.call(Fetch, 11, fetchRequest([{ topic: 'new', fetchOffset: offset }], 11))
      expect(
        fetched.responses[0]?.partitions[0]?.records?.reduce((sum, { length }) => sum + length, 0),
      ).toBeGreaterThan(1_000)
      slowestMs = Math.max(slowestMs, performance.now() - began)
      offset++
      const now = await broker.look()
      if (now.rssBytes > most.rssBytes) most = now
    }
    const after = await broker.look('collect')
    console.log(
      `500 readers that hang: memory ${mib(before.rssBytes)} before, ${mib(most.rssBytes)} at most, ${mib(after.rssBytes)} after; ` +
        `${offset} round trips of others, the slowest ${Math.round(slowestMs)} ms; longest turn ${Math.round(after.longestTurnMs)} ms; closed: ${JSON.stringify(after.closed)}`,
    )
    expect(after.closed.slow_reader).toBeGreaterThan(0)
    expect(after.errors).toEqual([])
    expect(after.heldBytes).toBeLessThanOrEqual(64 * MiB)
    // Nothing is held that is not counted: an answer that was sent is forgotten.
    expect(after.externalBytes - before.externalBytes).toBeLessThan(after.heldBytes + 64 * MiB)
    expect(most.rssBytes - before.rssBytes).toBeLessThan(400 * MiB)

    for (const client of hanging) client.destroy()
    while ((await broker.look()).heldBytes > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    // A whole Fetch of what is old is served again as large as ever.
    const whole = await consumer.call(Fetch, 11, everything('old'))
    const sizes = whole.responses[0]?.partitions.map(({ records }) =>
      records?.reduce((sum, { length }) => sum + length, 0),
    )
    expect(sizes?.reduce((sum = 0, size = 0) => sum + size, 0)).toBeGreaterThan(10 * MiB)
  }, 60_000)
})

const mib = (bytes: number) => `${Math.round(bytes / MiB)} MiB`
