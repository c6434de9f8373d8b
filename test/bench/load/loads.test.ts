import { describe, expect, it, onTestFinished } from 'vitest'
import { createTopic, deleteTopic, endOffsets } from '../../../bench/load/admin.ts'
import { batchOf, produceRequest, recordsPerBatch } from '../../../bench/load/batches.ts'
import { Connection } from '../../../bench/load/connection.ts'
import type { ConsumeJob, EndToEndJob, ProduceJob, Topic } from '../../../bench/load/jobs.ts'
import { prepare } from '../../../bench/load/prepare.ts'
import { startBroker } from '../../../broker/index.ts'

/** Tiny runs against a broker in this process: the figures mean nothing here, the counts must be exact. */
async function site(partitions: number) {
  const broker = await startBroker()
  onTestFinished(() => broker.stop())
  const [{ host, port } = { host: '', port: 0 }] = broker.listeners
  const address = { host, port }
  return { address, topic: await createTopic(address, 'load', partitions) }
}

const produceJob = (broker: ProduceJob['broker'], topic: Topic, given: Partial<ProduceJob> = {}): ProduceJob => ({
  kind: 'produce',
  broker,
  topic,
  acks: -1,
  recordBytes: 100,
  batchBytes: 1_000,
  partitionsPerRequest: 1,
  connections: 2,
  window: 3,
  stop: { kind: 'count', count: 50 },
  ...given,
})

const consumeJob = (broker: ConsumeJob['broker'], topic: Topic, given: Partial<ConsumeJob> = {}): ConsumeJob => ({
  kind: 'consume',
  broker,
  topic,
  recordBytes: 100,
  connections: 2,
  assignment: 'every',
  maxBytes: 10_000,
  partitionMaxBytes: 3_000,
  maxWaitMs: 500,
  atEnd: 'wait',
  checkCrc: true,
  stop: { kind: 'count', count: 1 },
  ...given,
})

describe('the produce load', () => {
  it.each([0, 1, -1] as const)('acks=%d: counts exactly what the broker then has', async (acks) => {
    const { address, topic } = await site(3)
    const load = await prepare(produceJob(address, topic, { acks }))
    const { total, measured, latenciesUs } = await load.run()
    const records = 50 * recordsPerBatch(100, 1_000)
    expect(total).toMatchObject({ requests: 50, records, payloadBytes: records * 100 })
    expect(measured).toEqual(total)
    expect(latenciesUs.request?.count).toBe(50)
    const ends = await endOffsets(address, topic)
    expect(ends.reduce((sum, end) => sum + end, 0)).toBe(records)
  })

  it('spreads requests over partitions, several in a request', async () => {
    const { address, topic } = await site(4)
    const job = produceJob(address, topic, {
      partitionsPerRequest: 2,
      connections: 1,
      stop: { kind: 'count', count: 40 },
    })
    const { total } = await (await prepare(job)).run()
    const inBatch = recordsPerBatch(100, 1_000)
    expect(total.records).toBe(80 * inBatch)
    expect(await endOffsets(address, topic)).toEqual(new Array(4).fill(20 * inBatch))
  })

  it('stops by the clock, and counts what was under way then, too', async () => {
    const { address, topic } = await site(1)
    const job = produceJob(address, topic, { stop: { kind: 'time', warmupMs: 20, measureMs: 50 } })
    const phases: string[] = []
    const { total, measured } = await (await prepare(job)).run((phase) => phases.push(phase))
    expect(phases).toEqual(['measuring', 'measured'])
    expect(measured.records).toBeLessThanOrEqual(total.records)
    expect(await endOffsets(address, topic)).toEqual([total.records])
  })

  it('fails when the broker refuses a batch', async () => {
    const { address, topic } = await site(1)
    const job = produceJob(address, { ...topic, partitions: 2 })
    await expect((await prepare(job)).run()).rejects.toThrow('load-1 refused a batch: UNKNOWN_TOPIC_OR_PARTITION')
  })
})

describe('the consume load', () => {
  it('every connection reads everything, in many answers, up to the end', async () => {
    const { address, topic } = await site(3)
    const { total: sent } = await (await prepare(produceJob(address, topic))).run()
    const job = consumeJob(address, topic, { stop: { kind: 'count', count: sent.records } })
    const { total } = await (await prepare(job)).run()
    expect(total).toMatchObject({
      records: 2 * sent.records,
      payloadBytes: 2 * sent.payloadBytes,
      batchBytes: 2 * sent.batchBytes,
    })
    expect(total.requests).toBeGreaterThan(2)
  })

  it('connections that share the partitions read everything once', async () => {
    const { address, topic } = await site(2)
    const produce = produceJob(address, topic, { connections: 1, stop: { kind: 'count', count: 40 } })
    const { total: sent } = await (await prepare(produce)).run()
    const stop = { kind: 'count' as const, count: sent.records / 2 }
    const { total } = await (await prepare(consumeJob(address, topic, { assignment: 'share', stop }))).run()
    expect(total.records).toBe(sent.records)
  })

  it('reads again from the beginning when it is to', async () => {
    const { address, topic } = await site(1)
    const { total: sent } = await (await prepare(produceJob(address, topic))).run()
    const stop = { kind: 'count' as const, count: 3 * sent.records }
    const { total } = await (await prepare(consumeJob(address, topic, { connections: 1, atEnd: 'again', stop }))).run()
    expect(total.records).toBe(3 * sent.records)
  })

  it('takes answers that are larger than its buffer', async () => {
    const { address, topic } = await site(1)
    const big = {
      recordBytes: 400_000,
      batchBytes: 900_000,
      connections: 1,
      stop: { kind: 'count' as const, count: 3 },
    }
    const { total: sent } = await (await prepare(produceJob(address, topic, big))).run()
    const limits = { maxBytes: 50_000_000, partitionMaxBytes: 50_000_000, recordBytes: 400_000 }
    const stop = { kind: 'count' as const, count: sent.records }
    const { total } = await (await prepare(consumeJob(address, topic, { ...limits, connections: 1, stop }))).run()
    expect(total).toMatchObject({ requests: 1, records: 6, payloadBytes: 2_400_000 })
  })
})

describe('the end-to-end load', () => {
  const job = (broker: EndToEndJob['broker'], topic: Topic, given: Partial<EndToEndJob> = {}): EndToEndJob => ({
    kind: 'endToEnd',
    broker,
    topic,
    acks: -1,
    recordBytes: 100,
    recordsPerBatch: 2,
    batchesPerSecond: 500,
    consumers: 3,
    warmupMs: 20,
    measureMs: 100,
    ...given,
  })

  it('sends by the clock, and times every batch at every consumer', async () => {
    const { address, topic } = await site(2)
    const { total, latenciesUs } = await (await prepare(job(address, topic))).run()
    // 500 batches a second over 120 ms, 100 ms of them measured.
    const batches = 60
    expect(await endOffsets(address, topic)).toEqual([batches, batches])
    expect(total.records).toBe(3 * 2 * batches)
    expect(latenciesUs).toMatchObject({ endToEnd: { count: 3 * 50 }, request: { count: 50 }, late: { count: 50 } })
  })

  it('wants room for the time in its records', async () => {
    const { address, topic } = await site(1)
    await expect(prepare(job(address, topic, { recordBytes: 7 }))).rejects.toThrow('have no room for a time')
  })
})

describe('topics of a bench', () => {
  it('are made and deleted by their ids', async () => {
    const { address, topic } = await site(2)
    await deleteTopic(address, topic)
    await expect(endOffsets(address, topic)).rejects.toThrow('UNKNOWN_TOPIC_OR_PARTITION')
  })
})

describe('a connection', () => {
  it('tells who waits that the broker is gone', async () => {
    const { address, topic } = await site(1)
    const connection = await Connection.open(address)
    const lost = new Promise<Error>((resolve) => connection.listen({ onFrame: () => {}, onLost: resolve }))
    const { bytes } = produceRequest(topic, -1, 1, [0], batchOf(1, 10), 10)
    // A key that no API has.
    bytes.writeInt16BE(9_999, 4)
    connection.send(bytes)
    expect((await lost).message).toBe('the broker closed the connection')
  })

  it('fails to open where nobody listens', async () => {
    await expect(Connection.open({ host: '127.0.0.1', port: 1 })).rejects.toThrow('ECONNREFUSED')
  })
})
