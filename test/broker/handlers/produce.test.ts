import { beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionInfo } from '../../../broker/handlers/handler.ts'
import { produce } from '../../../broker/handlers/produce.ts'
import { Timers } from '../../../broker/runtime/timers.ts'
import { allowAll, anonymous } from '../../../broker/security/requirements.ts'
import type { Services } from '../../../broker/services.ts'
import { Metadata } from '../../../protocol/apis/metadata.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import { InitProducerId } from '../../../protocol/apis/producers.ts'
import { errorName } from '../../../protocol/errors.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { compress } from '../../../protocol/records/compression.ts'
import { embeddedBroker, NO_TOPIC, type TestBroker, values } from '../../support/embedded-broker.ts'
import { partitionOnDisk } from '../../support/partition-on-disk.ts'

/** A batch of one producer: `count` records from `sequence` on. */
const from = (producerId: number, sequence: number, count = 1, producerEpoch = 0) =>
  values(
    Array.from({ length: count }, (_, i) => `${sequence + i}`),
    { producerId, producerEpoch, baseSequence: sequence },
  )

describe('Produce: what a request gets back', () => {
  it('PR-1: acks other than -1, 0, 1 is INVALID_REQUIRED_ACKS for each partition', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    expect(await test.produce('t', ['x'], { acks: 2 })).toMatchObject({
      error: 'INVALID_REQUIRED_ACKS',
      baseOffset: -1,
    })
  })

  it('PR-2: acks=0 gets no response bytes; the next request is answered', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    test.client.send(Produce, 9, {
      acks: 0,
      timeoutMs: 1000,
      topicData: [{ name: 't', topicId: NO_TOPIC, partitionData: [{ index: 0, records: values(['silent']) }] }],
    })
    expect(await test.produce('t', ['loud'])).toMatchObject({ error: 'NONE', baseOffset: 1 })
    expect((await test.fetch('t', 0)).values).toEqual(['silent', 'loud'])
  })

  it('PR-2: acks=0 that fails closes the connection', async () => {
    const test = await embeddedBroker()
    const client = await test.connect()
    client.send(Produce, 9, {
      acks: 0,
      timeoutMs: 1000,
      topicData: [{ name: 'nowhere', topicId: NO_TOPIC, partitionData: [{ index: 0, records: values(['x']) }] }],
    })
    await client.closed
    expect(client.unread).toBe(0)
  })

  it('PR-5: one bad partition does not stop the others', async () => {
    const test = await embeddedBroker()
    await test.createTopic('good')
    const partition = (index: number) => ({ index, records: values(['x']) })
    const { responses } = await test.client.call(Produce, 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        { name: 'missing', topicId: NO_TOPIC, partitionData: [partition(0)] },
        { name: 'good', topicId: NO_TOPIC, partitionData: [partition(7), partition(0)] },
      ],
    })
    const errors = responses.map(({ partitionResponses }) =>
      partitionResponses.map(({ errorCode }) => errorName(errorCode)),
    )
    expect(errors).toEqual([['UNKNOWN_TOPIC_OR_PARTITION'], ['UNKNOWN_TOPIC_OR_PARTITION', 'NONE']])
  })

  it('PR-6, PR-35: base offsets follow each other, the log start is told', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    expect(await test.produce('t', ['a', 'b', 'c'])).toMatchObject({ baseOffset: 0, logStartOffset: 0 })
    expect(await test.produce('t', ['d'])).toMatchObject({ baseOffset: 3, logStartOffset: 0 })
    expect(await test.produce('t', ['e'], { version: 3 })).toMatchObject({ baseOffset: 4, logStartOffset: -1 })
  })

  it('names topics by id from version 13 on; an unknown id is 100', async () => {
    const test = await embeddedBroker()
    const id = await test.createTopic('t')
    expect(await test.produce(id, ['x'], { version: 13 })).toMatchObject({ error: 'NONE', baseOffset: 0 })
    expect(await test.produce('AAAAAAAAQACAAAAAAAAAAQ', ['x'], { version: 13 })).toMatchObject({
      error: 'UNKNOWN_TOPIC_ID',
    })
  })

  it('PR-30: clients may not produce to internal topics', async () => {
    const test = await embeddedBroker()
    const topics = [{ name: '__consumer_offsets', topicId: NO_TOPIC }]
    await test.client.call(Metadata, 12, { topics, allowAutoTopicCreation: true })
    expect(await test.produce('__consumer_offsets', ['x'])).toMatchObject({ error: 'INVALID_TOPIC_EXCEPTION' })
  })

  it('PR-31: min.insync.replicas above the replicas of a partition asks for all of them (KIP-966), which are there', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 1, { 'min.insync.replicas': '2' })
    expect(await test.produce('t', ['x'])).toMatchObject({ error: 'NONE', baseOffset: 0 })
    expect(await test.produce('t', ['x'], { acks: 1 })).toMatchObject({ error: 'NONE', baseOffset: 1 })
  })

  it('PR-34: an append wakes a waiting fetch at once', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const consumer = await test.connect()
    const waiting = test.fetch('t', 0, { client: consumer, maxWaitMs: 60_000 })
    await test.produce('t', ['wake'])
    expect((await waiting).values).toEqual(['wake'])
  })
})

describe('Produce: when the disk is slow, or the partition elsewhere', () => {
  const ask = (services: Partial<Services>, version: number, timeoutMs = 1000) => {
    const request = {
      transactionalId: null,
      acks: -1,
      timeoutMs,
      topicData: [
        {
          name: 'events',
          topicId: NO_TOPIC,
          partitionData: [{ index: 0, records: values(['x'], { baseTimestamp: 1 }) }],
        },
      ],
    }
    const connection = { principal: anonymous, listener: 'PLAINTEXT' } as ConnectionInfo
    const context = { apiVersion: version, clientId: '', correlationId: 1, requestBytes: 0, connection }
    return produce.handle(request, context, { authorizer: allowAll, ...services } as Services)
  }

  it('PR-32: acks=all that is not durable in time is REQUEST_TIMED_OUT, and the data is in the log', async () => {
    const { under, clock, disk } = await partitionOnDisk({ flushPolicy: 'commit' })
    disk.hold('datasync')
    const partitions = { findByName: () => under } as unknown as Services['partitions']
    const cluster = { image: { brokers: new Map() } } as unknown as Services['cluster']
    const answer = ask({ partitions, cluster, clock, timers: new Timers(clock) }, 9, 500)
    clock.advance(499)
    let isThere = false
    void Promise.resolve(answer).then(() => {
      isThere = true
    })
    await Promise.resolve()
    expect(isThere).toBe(false)
    clock.advance(1)
    const [topic] = (await answer)!.responses
    expect(errorName(topic!.partitionResponses[0]!.errorCode)).toBe('REQUEST_TIMED_OUT')
    expect(under.log.logEndOffset).toBe(1)
  })

  it('PR-33: the wrong node says so; from version 10 on also who leads and where that is', async () => {
    const partitions = { findByName: () => 'NOT_LEADER_OR_FOLLOWER' } as unknown as Services['partitions']
    const leader = {
      id: 2,
      session: 1n,
      rack: null,
      listeners: [{ name: 'PLAINTEXT', host: 'two.example', port: 9092 }],
    }
    const topic = { partitions: [{ leader: 2, leaderEpoch: 7, replicas: [2] }] }
    const image = { brokers: new Map([[2, leader]]), topicById: () => undefined, topicByName: () => topic }
    const cluster = { image } as unknown as Services['cluster']
    const told = await ask({ partitions, cluster }, 10)
    const partition = told!.responses[0]!.partitionResponses[0]!
    expect(errorName(partition.errorCode)).toBe('NOT_LEADER_OR_FOLLOWER')
    expect(partition.currentLeader).toEqual({ leaderId: 2, leaderEpoch: 7 })
    expect(told!.nodeEndpoints).toEqual([{ nodeId: 2, host: 'two.example', port: 9092, rack: null }])
    expect((await ask({ partitions, cluster }, 9))!.nodeEndpoints).toEqual([])
  })
})

describe('Produce: what is wrong with a batch', () => {
  let test: TestBroker
  const cases: [string, string, () => Buffer | null, object?][] = [
    ['PR-3: no batch', 'INVALID_RECORD', () => null],
    ['PR-3: an empty run', 'INVALID_RECORD', () => Buffer.alloc(0)],
    ['PR-3: two batches', 'INVALID_RECORD', () => Buffer.concat([values(['a']), values(['b'])])],
    ['PR-7: a bad CRC', 'CORRUPT_MESSAGE', () => flip(values(['a']), 62)],
    ['PR-9: a base offset other than 0', 'INVALID_RECORD', () => values(['a'], { baseOffset: 5 })],
    [
      'PR-10: a record count that is not the offset range',
      'INVALID_RECORD',
      () => values(['a'], { lastOffsetDelta: 3 }),
    ],
    ['PR-11: a control batch', 'INVALID_RECORD', () => values(['a'], { control: true })],
    [
      'PR-12: a producer without a sequence',
      'INVALID_RECORD',
      () => values(['a'], { producerId: 1, producerEpoch: 0, baseSequence: -1 }),
    ],
    [
      'PR-29: transactional records without a transactional id',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      () => values(['a'], { transactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
    ],
    ['PR-13: larger than max.message.bytes', 'MESSAGE_TOO_LARGE', () => values(['x'.repeat(2_000)])],
  ]
  beforeAll(async () => {
    const { startBroker } = await import('../../../broker/index.ts')
    const { RawClient } = await import('../../support/raw-client.ts')
    const { TestBroker } = await import('../../support/embedded-broker.ts')
    const broker = await startBroker()
    test = new TestBroker(broker, await RawClient.to(broker.bootstrap))
    await test.createTopic('t', 1, { 'max.message.bytes': '1000' })
    return async () => {
      test.client.destroy()
      await broker.stop()
    }
  })

  it.each(cases)('%s is %s, and appends nothing', async (_name, error, records) => {
    expect(await test.produce('t', records())).toMatchObject({ error, baseOffset: -1 })
    expect(await test.fetch('t', 0)).toMatchObject({ highWatermark: 0, values: [] })
  })

  it('PR-4: zstd needs Produce 7', async () => {
    const plain = values(['x'])
    batch.setAttributes(plain, 0, 4)
    const { sealBatch } = await import('../../../protocol/records/batch-builder.ts')
    expect(await test.produce('t', sealBatch(plain), { version: 6 })).toMatchObject({
      error: 'UNSUPPORTED_COMPRESSION_TYPE',
    })
  })

  it('PR-8: any leader epoch of the client is ignored and overwritten', async () => {
    const fresh = await embeddedBroker()
    await fresh.createTopic('t')
    await fresh.produce('t', values(['a'], { partitionLeaderEpoch: 4711 }))
    const { bytes } = await fresh.fetch('t', 0)
    expect(batch.partitionLeaderEpoch(bytes)).toBe(0)
    expect(batch.crc(bytes)).toBe(batch.crc(values(['a'], { baseTimestamp: batch.baseTimestamp(bytes) })))
  })

  it('PR-28: a transactional batch for a partition that no transaction has is INVALID_TXN_STATE', async () => {
    const records = values(['a'], { transactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 })
    const { responses } = await test.client.call(Produce, 9, {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', topicId: NO_TOPIC, partitionData: [{ index: 0, records }] }],
    })
    expect(errorName(responses[0]!.partitionResponses[0]!.errorCode)).toBe('INVALID_TXN_STATE')
  })

  it('PR-14: a batch larger than a segment is 18', async () => {
    const fresh = await embeddedBroker()
    await fresh.createTopic('t', 1, { 'segment.bytes': '1048576', 'max.message.bytes': '5000000' })
    expect(await fresh.produce('t', ['x'.repeat(2_000_000)])).toMatchObject({ error: 'RECORD_LIST_TOO_LARGE' })
  })

  it('PR-15: a compacted topic refuses records without a key, and names them', async () => {
    const fresh = await embeddedBroker()
    await fresh.createTopic('t', 1, { 'cleanup.policy': 'compact' })
    const records = buildBatch({
      baseTimestamp: Date.now(),
      records: [{ key: Buffer.from('k') }, { value: Buffer.from('v') }],
    })
    expect(await fresh.produce('t', records)).toMatchObject({
      error: 'INVALID_RECORD',
      recordErrors: [{ batchIndex: 1 }],
    })
    expect(await fresh.fetch('t', 0)).toMatchObject({ highWatermark: 0 })
  })

  it('PR-17: timestamps beyond the limits are 32, and the records are named', async () => {
    const fresh = await embeddedBroker()
    await fresh.createTopic('t', 1, {
      'message.timestamp.after.max.ms': '1000',
      'message.timestamp.before.max.ms': '1000',
    })
    const at = (timestamp: number) => buildBatch({ records: [{ timestamp: Date.now() }, { timestamp }] })
    for (const timestamp of [Date.now() + 60_000, Date.now() - 60_000]) {
      expect(await fresh.produce('t', at(timestamp))).toMatchObject({
        error: 'INVALID_TIMESTAMP',
        recordErrors: [{ batchIndex: 1 }],
      })
    }
    expect(await fresh.produce('t', at(Date.now()))).toMatchObject({ error: 'NONE' })
  })
})

describe('Produce: what a topic makes of a batch', () => {
  it('PR-16: CreateTime keeps timestamps and tells no append time', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    expect(await test.produce('t', values(['x'], { baseTimestamp: 1234 }))).toMatchObject({ logAppendTimeMs: -1 })
    const { bytes } = await test.fetch('t', 0)
    expect([batch.timestampType(bytes), batch.maxTimestamp(bytes)]).toEqual(['CreateTime', 1234])
  })

  it('PR-16: LogAppendTime stamps the batch and tells the time', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 1, { 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()
    const { logAppendTimeMs } = await test.produce('t', values(['x'], { baseTimestamp: 1234 }))
    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before)
    const { bytes, values: read } = await test.fetch('t', 0)
    expect([batch.timestampType(bytes), batch.maxTimestamp(bytes)]).toEqual(['LogAppendTime', logAppendTimeMs])
    expect(read).toEqual(['x'])
    const { isIntact } = await import('../../../protocol/records/validate.ts')
    expect(isIntact(bytes)).toBe(true)
  })

  it('PR-18, PR-19: compression.type gzip stores gzip; producer keeps the bytes as sent', async () => {
    const test = await embeddedBroker()
    await test.createTopic('zipped', 1, { 'compression.type': 'gzip' })
    await test.createTopic('kept')
    const sent = values(['a'.repeat(1000), 'b'], { compression: 'snappy' })
    await test.produce('zipped', Buffer.from(sent))
    await test.produce('kept', Buffer.from(sent))
    const zipped = await test.fetch('zipped', 0)
    expect(batch.compression(zipped.bytes)).toBe('gzip')
    expect(zipped.values).toEqual(['a'.repeat(1000), 'b'])
    const kept = await test.fetch('kept', 0)
    expect(kept.bytes.subarray(batch.ATTRIBUTES_AT)).toEqual(sent.subarray(batch.ATTRIBUTES_AT))
    expect(compress('none', sent)).toBe(sent)
  })
})

describe('Produce: idempotent producers', () => {
  const producerOf = async (test: TestBroker) =>
    (await test.client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId

  it('PR-20: a repeat of one of the last five batches gets its first offset and appends nothing', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const id = await producerOf(test)
    for (let i = 0; i < 5; i++) await test.produce('t', from(id, i * 2, 2))
    for (let i = 0; i < 5; i++)
      expect(await test.produce('t', from(id, i * 2, 2))).toMatchObject({ error: 'NONE', baseOffset: i * 2 })
    expect(await test.fetch('t', 0)).toMatchObject({ highWatermark: 10 })
  })

  it('PR-21: a gap, or a repeat older than five batches, is OUT_OF_ORDER_SEQUENCE_NUMBER', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const id = await producerOf(test)
    for (let i = 0; i < 6; i++) await test.produce('t', from(id, i))
    expect(await test.produce('t', from(id, 8))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await test.produce('t', from(id, 0))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await test.produce('t', from(id, 6))).toMatchObject({ error: 'NONE', baseOffset: 6 })
  })

  it('PR-22, KJ-7: a higher epoch starts at 0, a lower one is INVALID_PRODUCER_EPOCH', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const id = await producerOf(test)
    await test.produce('t', from(id, 0, 1, 3))
    expect(await test.produce('t', from(id, 1, 1, 4))).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(await test.produce('t', from(id, 0, 1, 4))).toMatchObject({ error: 'NONE' })
    expect(await test.produce('t', from(id, 1, 1, 3))).toMatchObject({ error: 'INVALID_PRODUCER_EPOCH' })
  })

  it('PR-23: for a producer without state any first sequence is accepted', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    expect(await test.produce('t', from(999, 42))).toMatchObject({ error: 'NONE', baseOffset: 0 })
  })

  it('PR-24: sequences wrap from 2^31-1 to 0', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    expect(await test.produce('t', from(7, 2 ** 31 - 2, 2))).toMatchObject({ error: 'NONE' })
    expect(await test.produce('t', from(7, 0))).toMatchObject({ error: 'NONE', baseOffset: 2 })
  })

  it('PR-26: pipelined batches of one producer are appended in the order in which they came', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const ids = Array.from({ length: 20 }, (_, i) =>
      test.client.send(Produce, 9, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: 't', topicId: NO_TOPIC, partitionData: [{ index: 0, records: from(5, i) }] }],
      }),
    )
    for (const [i, id] of ids.entries()) {
      const { responses } = await test.client.response(Produce, 9, id)
      expect(responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: i })
    }
  })
})

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = bytes[at]! ^ 1
  return bytes
}
