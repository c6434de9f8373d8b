import { describe, expect, it } from 'vitest'
import { Fetch } from '../../../protocol/apis/fetch.ts'
import { DeleteRecords } from '../../../protocol/apis/list-offsets.ts'
import { DeleteTopics } from '../../../protocol/apis/topics.ts'
import { errorName } from '../../../protocol/errors.ts'
import { temporaryFolder } from '../../support/broker-process.ts'
import {
  type AskedPartition,
  embeddedBroker,
  type FetchOptions,
  fetched,
  fetchRequest,
  NO_TOPIC,
  type TestBroker,
} from '../../support/embedded-broker.ts'
import type { RawClient } from '../../support/raw-client.ts'

const fetchAll = async (
  test: TestBroker,
  asked: readonly AskedPartition[],
  options: FetchOptions = {},
  client: RawClient = test.client,
) => {
  const version = options.version ?? 11
  const response = await client.call(Fetch, version, fetchRequest(asked, version, options))
  return {
    error: errorName(response.errorCode),
    sessionId: response.sessionId,
    nodeEndpoints: response.nodeEndpoints,
    partitions: response.responses.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ name: `${topic}-${partition.partitionIndex}`, ...fetched(partition) })),
    ),
  }
}
const names = ({ partitions }: Awaited<ReturnType<typeof fetchAll>>) => partitions.map(({ name }) => name)

describe('Fetch: when it is answered', () => {
  it('FE-1: at once when min_bytes are there, or when max_wait_ms is 0', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    await test.produce('t', ['a'])
    expect((await test.fetch('t', 0, { maxWaitMs: 60_000 })).values).toEqual(['a'])
    expect((await test.fetch('t', 1, { maxWaitMs: 0 })).values).toEqual([])
  })

  it('FE-1: after max_wait_ms with what is there', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    await test.produce('t', ['a'])
    expect((await test.fetch('t', 0, { maxWaitMs: 20, minBytes: 1_000_000 })).values).toEqual(['a'])
  })

  it('FE-1, FE-34: at once when a partition has an error, or none is asked for', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const asked = [
      { topic: 't', fetchOffset: 0 },
      { topic: 'missing', fetchOffset: 0 },
    ]
    const errors = (await fetchAll(test, asked, { maxWaitMs: 60_000 })).partitions.map(({ error }) => error)
    expect(errors).toEqual(['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
    expect((await fetchAll(test, [], { maxWaitMs: 60_000 })).partitions).toEqual([])
  })

  it('FE-1: waits for min_bytes over all partitions', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 2)
    const consumer = await test.connect()
    const asked = [
      { topic: 't', fetchOffset: 0 },
      { topic: 't', partition: 1, fetchOffset: 0 },
    ]
    const waiting = fetchAll(test, asked, { maxWaitMs: 60_000, minBytes: 250 }, consumer)
    const value = 'x'.repeat(100)
    await test.produce('t', [value], { partition: 0 })
    await test.produce('t', [value], { partition: 1 })
    expect((await waiting).partitions.map(({ values }) => values)).toEqual([[value], [value]])
  })

  it('FE-8: at the end of the log it waits without an error', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    await test.produce('t', ['a'])
    expect(await test.fetch('t', 1, { maxWaitMs: 10 })).toMatchObject({ error: 'NONE', values: [], highWatermark: 1 })
  })

  it('N10: a fetch that waits on a topic that is deleted is answered', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const consumer = await test.connect()
    const waiting = test.fetch('t', 0, { client: consumer, maxWaitMs: 60_000 })
    await test.client.call(DeleteTopics, 3, { topicNames: ['t'], timeoutMs: 5000 })
    expect(await waiting).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })
})

describe('Fetch: what is in the answer', () => {
  const filled = async (count: number) => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    for (let i = 0; i < count; i++) await test.produce('t', [`a${i}`, `b${i}`, `c${i}`])
    return test
  }

  it('FE-2: the first partition with data gives a whole batch even beyond the limits; later ones obey what is left', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 3)
    for (const partition of [1, 2]) await test.produce('t', ['x'.repeat(1000)], { partition })
    const asked = [0, 1, 2].map((partition) => ({ topic: 't', partition, fetchOffset: 0, partitionMaxBytes: 10 }))
    expect((await fetchAll(test, asked, { maxBytes: 10 })).partitions.map(({ batches }) => batches)).toEqual([
      [],
      [0],
      [],
    ])
  })

  it('FE-4: partitions are filled in the order of the request', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 2)
    for (const partition of [0, 1]) await test.produce('t', ['x'.repeat(1000)], { partition })
    const asked = [1, 0].map((partition) => ({ topic: 't', partition, fetchOffset: 0 }))
    const { partitions } = await fetchAll(test, asked, { maxBytes: 100 })
    expect(partitions.map(({ name, values }) => [name, values.length])).toEqual([
      ['t-1', 1],
      ['t-0', 0],
    ])
  })

  it('FE-5: an offset inside a batch returns the whole batch', async () => {
    const test = await filled(2)
    expect(await test.fetch('t', 4)).toMatchObject({ batches: [3], offsets: [3, 4, 5] })
  })

  it('FE-7: offsets below the start and beyond the end are OFFSET_OUT_OF_RANGE with no records', async () => {
    const test = await filled(2)
    await test.client.call(DeleteRecords, 2, {
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 3 }] }],
    })
    for (const offset of [2, 7, -1]) {
      expect(await test.fetch('t', offset, { maxWaitMs: 60_000 })).toMatchObject({
        error: 'OFFSET_OUT_OF_RANGE',
        values: [],
      })
    }
  })

  it('FE-10: watermarks are right on every reply, empty ones too', async () => {
    const test = await filled(2)
    for (const offset of [0, 6]) {
      expect(await test.fetch('t', offset)).toMatchObject({ highWatermark: 6, lastStableOffset: 6, logStartOffset: 0 })
    }
  })

  it('FE-9: nothing at or above the high watermark is shown before it is durable', async () => {
    const test = await embeddedBroker({ config: { 'log.flush.policy': 'commit' } })
    await test.createTopic('t')
    const { baseOffset } = await test.produce('t', ['a'], { acks: -1 })
    expect(await test.fetch('t', baseOffset)).toMatchObject({ highWatermark: 1, values: ['a'] })
    await test.produce('t', ['b'], { acks: 1 })
    expect((await test.fetch('t', 1, { maxWaitMs: 60_000 })).values).toEqual(['b'])
  })

  it('FE-11, FE-14: aborted transactions are null uncommitted, a list (yet empty) committed', async () => {
    const test = await filled(1)
    expect((await test.fetch('t', 0, { isolationLevel: 0 })).abortedTransactions).toBeNull()
    expect((await test.fetch('t', 0, { isolationLevel: 1 })).abortedTransactions).toEqual([])
  })

  it('FE-15, FE-16: records are empty or whole batches', async () => {
    const test = await filled(3)
    expect((await test.fetch('t', 9)).bytes).toHaveLength(0)
    const one = (await test.fetch('t', 0, { partitionMaxBytes: 1 })).bytes.length
    for (const partitionMaxBytes of [one + 1, 2 * one - 1]) {
      expect((await test.fetch('t', 0, { partitionMaxBytes })).bytes).toHaveLength(one)
    }
    expect((await test.fetch('t', 0, { partitionMaxBytes: 2 * one })).bytes).toHaveLength(2 * one)
  })

  it('FE-31: a topic whose batches are zstd cannot be read below version 10', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 1, { 'compression.type': 'zstd' })
    await test.produce('t', ['a'])
    expect(await test.fetch('t', 0, { version: 9 })).toMatchObject({
      error: 'UNSUPPORTED_COMPRESSION_TYPE',
      values: [],
    })
    expect(await test.fetch('t', 0, { version: 10 })).toMatchObject({ error: 'NONE', values: ['a'] })
  })

  it('FE-30: there is no preferred read replica, whatever the rack', async () => {
    const test = await filled(1)
    expect((await test.fetch('t', 0, { rackId: 'r1' })).preferredReadReplica).toBe(-1)
  })

  it('H23: a partition that is named twice is answered once', async () => {
    const test = await filled(1)
    const partition = fetchRequest([{ topic: 't', fetchOffset: 0 }], 11).topics[0]!.partitions[0]!
    const request = {
      ...fetchRequest([], 11),
      topics: [{ topic: 't', topicId: NO_TOPIC, partitions: [partition, partition] }],
    }
    const { responses } = await test.client.call(Fetch, 11, request)
    expect(responses[0]?.partitions).toHaveLength(1)
  })

  it('H23: who claims to be a replica reads nothing', async () => {
    const test = await filled(1)
    expect(await test.fetch('t', 0, { replicaId: 1 })).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER', values: [] })
  })
})

describe('Fetch: leader epochs', () => {
  it('FE-27: an older epoch is fenced, a newer one unknown, -1 is not checked', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    await test.produce('t', ['a'])
    const error = async (currentLeaderEpoch: number) => (await test.fetch('t', 0, { currentLeaderEpoch })).error
    expect([await error(-1), await error(0), await error(1)]).toEqual(['NONE', 'NONE', 'UNKNOWN_LEADER_EPOCH'])
  })

  it('FE-27, FE-29: after a restart the old epoch is fenced, and the answer says who leads and where', async () => {
    const dataDir = temporaryFolder()
    const first = await embeddedBroker({ dataDir })
    const id = await first.createTopic('t')
    await first.produce('t', ['a'])
    await first.broker.stop()
    const second = await embeddedBroker({ dataDir })
    const asked = [{ topic: id, fetchOffset: 0, currentLeaderEpoch: 0 }]
    const answer = await fetchAll(second, asked, { version: 16 })
    const [listener] = second.broker.listeners
    expect(answer.partitions[0]).toMatchObject({
      error: 'FENCED_LEADER_EPOCH',
      currentLeader: { leaderId: 1, leaderEpoch: 1 },
    })
    expect(answer.nodeEndpoints).toMatchObject([{ nodeId: 1, host: '127.0.0.1', port: listener?.advertisedPort }])
  })

  it('FE-28: a last fetched epoch that ended before the offset gets diverging_epoch and no records', async () => {
    const dataDir = temporaryFolder()
    const first = await embeddedBroker({ dataDir })
    const id = await first.createTopic('t')
    await first.produce('t', ['a', 'b'])
    await first.broker.stop()
    const test = await embeddedBroker({ dataDir })
    await test.produce('t', ['c', 'd'])
    const fetch = (offset: number, lastFetchedEpoch: number) =>
      test.fetch(id, offset, { version: 13, lastFetchedEpoch, maxWaitMs: 60_000 })
    expect(await fetch(2, 0)).toMatchObject({ divergingEpoch: { epoch: -1, endOffset: -1 }, values: ['c', 'd'] })
    expect(await fetch(3, 0)).toMatchObject({ error: 'NONE', divergingEpoch: { epoch: 0, endOffset: 2 }, values: [] })
    expect(await fetch(3, 7)).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE', values: [] })
  })
})

describe('Fetch: topics by name and by id', () => {
  it('FE-32: an unknown topic or partition is 3 in that partition only', async () => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const asked = [
      { topic: 'missing', fetchOffset: 0 },
      { topic: 't', fetchOffset: 0 },
      { topic: 't', partition: 9, fetchOffset: 0 },
    ]
    expect((await fetchAll(test, asked)).partitions.map(({ error }) => error)).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
  })

  it('FE-26: from version 13 on topics are named by id; an unknown one is 100', async () => {
    const test = await embeddedBroker()
    const id = await test.createTopic('t')
    await test.produce('t', ['a'])
    for (const version of [13, 18]) expect((await test.fetch(id, 0, { version })).values).toEqual(['a'])
    expect(await test.fetch(NO_TOPIC, 0, { version: 13 })).toMatchObject({ error: 'UNKNOWN_TOPIC_ID' })
    expect(await test.fetch('AAAAAAAAQACAAAAAAAAAAQ', 0, { version: 13 })).toMatchObject({ error: 'UNKNOWN_TOPIC_ID' })
  })

  it('FE-26: the id of a topic that was deleted and made again is unknown', async () => {
    const test = await embeddedBroker()
    const old = await test.createTopic('t')
    await test.client.call(DeleteTopics, 3, { topicNames: ['t'], timeoutMs: 5000 })
    const fresh = await test.createTopic('t')
    expect(fresh).not.toBe(old)
    expect(await test.fetch(old, 0, { version: 13 })).toMatchObject({ error: 'UNKNOWN_TOPIC_ID' })
    expect(await test.fetch(fresh, 0, { version: 13 })).toMatchObject({ error: 'NONE', highWatermark: 0 })
  })
})

describe('Fetch: incremental sessions on the wire', () => {
  const withSession = async () => {
    const test = await embeddedBroker()
    await test.createTopic('t', 3)
    const asked = [0, 1, 2].map((partition) => ({ topic: 't', partition, fetchOffset: 0 }))
    const first = await fetchAll(test, asked, { sessionEpoch: 0 })
    const next = (sessionEpoch: number, changed: readonly AskedPartition[] = [], options: FetchOptions = {}) =>
      fetchAll(test, changed, { sessionId: first.sessionId, sessionEpoch, ...options })
    return { test, first, next }
  }

  it('FE-19, FE-21: the first answer lists all, later ones only what has data or moved', async () => {
    const { test, first, next } = await withSession()
    expect(first.sessionId).toBeGreaterThan(0)
    expect(names(first)).toEqual(['t-0', 't-1', 't-2'])
    expect(names(await next(1))).toEqual([])
    await test.produce('t', ['a'], { partition: 1 })
    const news = await next(2)
    expect(news.partitions.map(({ name, values }) => [name, values])).toEqual([['t-1', ['a']]])
    expect(names(await next(3, [{ topic: 't', partition: 1, fetchOffset: 1 }]))).toEqual([])
  })

  it('FE-21: an error is told each time', async () => {
    const { next } = await withSession()
    const beyond = { topic: 't', partition: 0, fetchOffset: 99 }
    expect((await next(1, [beyond])).partitions).toMatchObject([{ name: 't-0', error: 'OFFSET_OUT_OF_RANGE' }])
    expect((await next(2)).partitions).toMatchObject([{ name: 't-0', error: 'OFFSET_OUT_OF_RANGE' }])
    expect(names(await next(3, [{ topic: 't', partition: 0, fetchOffset: 0 }]))).toEqual(['t-0'])
    expect(names(await next(4))).toEqual([])
  })

  it('FE-20: unknown session 70, wrong epoch 71, both without partitions', async () => {
    const { test, first } = await withSession()
    const other = await fetchAll(test, [], { sessionId: first.sessionId + 1, sessionEpoch: 1 })
    expect(other).toMatchObject({ error: 'FETCH_SESSION_ID_NOT_FOUND', partitions: [] })
    const wrong = await fetchAll(test, [], { sessionId: first.sessionId, sessionEpoch: 9 })
    expect(wrong).toMatchObject({ error: 'INVALID_FETCH_SESSION_EPOCH', partitions: [] })
  })

  it('FE-24: a served partition goes to the end of the order', async () => {
    const { test, next } = await withSession()
    for (const partition of [0, 1]) await test.produce('t', ['x'.repeat(100)], { partition })
    expect(names(await next(1, [], { maxBytes: 1 }))).toContain('t-0')
    const { partitions } = await next(2, [], { maxBytes: 1 })
    expect(partitions.filter(({ values }) => values.length > 0).map(({ name }) => name)).toEqual(['t-1'])
  })

  it('PR-34: a fetch that waits in a session is woken too', async () => {
    const { test, first } = await withSession()
    const consumer = await test.connect()
    const waiting = fetchAll(test, [], { sessionId: first.sessionId, sessionEpoch: 1, maxWaitMs: 60_000 }, consumer)
    await test.produce('t', ['late'], { partition: 2 })
    expect((await waiting).partitions).toMatchObject([{ name: 't-2', values: ['late'] }])
  })
})
