import { describe, expect, it } from 'vitest'
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from '../../../protocol/apis/list-offsets.ts'
import { errorName } from '../../../protocol/errors.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { temporaryFolder } from '../../support/broker-process.ts'
import { embeddedBroker, type TestBroker } from '../../support/embedded-broker.ts'

interface Question {
  readonly version?: number
  readonly isolationLevel?: number
  readonly currentLeaderEpoch?: number
  readonly partition?: number
  readonly topic?: string
}

const ask = async (test: TestBroker, timestamp: number, question: Question = {}) => {
  const { version = 8, isolationLevel = 0, currentLeaderEpoch = -1, partition = 0, topic = 't' } = question
  const { topics } = await test.client.call(ListOffsets, version, {
    replicaId: -1,
    isolationLevel,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch, timestamp }] }],
  })
  const { errorCode, offset, timestamp: found, leaderEpoch } = topics[0]!.partitions[0]!
  return { error: errorName(errorCode), offset, timestamp: found, leaderEpoch }
}

const deleteTo = async (test: TestBroker, offset: number, topic = 't') => {
  const { topics } = await test.client.call(DeleteRecords, 2, {
    timeoutMs: 1000,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
  })
  const { lowWatermark, errorCode } = topics[0]!.partitions[0]!
  return { lowWatermark, error: errorName(errorCode) }
}

/** Two batches of three records: times 100, 300, 200 and 400, 500, 500. */
const timed = async () => {
  const test = await embeddedBroker()
  await test.createTopic('t')
  const batchOf = (...times: number[]) =>
    buildBatch({ records: times.map((timestamp) => ({ timestamp, value: Buffer.from('v') })) })
  await test.produce('t', batchOf(100, 300, 200))
  await test.produce('t', batchOf(400, 500, 500))
  return test
}

describe('ListOffsets', () => {
  it('LO-1: -1 gives the high watermark, committed the last stable offset', async () => {
    const test = await timed()
    for (const isolationLevel of [0, 1]) {
      expect(await ask(test, -1, { isolationLevel })).toEqual({
        error: 'NONE',
        offset: 6,
        timestamp: -1,
        leaderEpoch: 0,
      })
    }
  })

  it('LO-1: what acks=1 has acknowledged is counted, though its sync has not ended yet', async () => {
    const test = await embeddedBroker({ dataDir: temporaryFolder(), config: { 'log.flush.policy': 'commit' } })
    await test.createTopic('t')
    for (let count = 1; count <= 20; count++) {
      await test.produce('t', ['v'], { acks: 1 })
      expect(await ask(test, -1)).toMatchObject({ error: 'NONE', offset: count })
    }
  })

  it('LO-2: -2 gives the log start, after DeleteRecords too', async () => {
    const test = await timed()
    expect(await ask(test, -2)).toMatchObject({ offset: 0, timestamp: -1 })
    await deleteTo(test, 4)
    expect(await ask(test, -2)).toMatchObject({ offset: 4, timestamp: -1 })
  })

  it('LO-3: -3 gives the first record with the largest timestamp, -1/-1 in an empty log', async () => {
    const test = await timed()
    expect(await ask(test, -3)).toMatchObject({ error: 'NONE', offset: 4, timestamp: 500 })
    await test.createTopic('empty')
    expect(await ask(test, -3, { topic: 'empty' })).toEqual({
      error: 'NONE',
      offset: -1,
      timestamp: -1,
      leaderEpoch: -1,
    })
  })

  it('LO-4: -4 is the earliest local offset, -5 and -6 are -1 without tiers', async () => {
    const test = await timed()
    await deleteTo(test, 2)
    expect(await ask(test, -4, { version: 8 })).toMatchObject({ error: 'NONE', offset: 2 })
    expect(await ask(test, -5, { version: 9 })).toMatchObject({ error: 'NONE', offset: -1 })
    expect(await ask(test, -6, { version: 11 })).toMatchObject({ error: 'NONE', offset: -1 })
  })

  it.each([
    [-3, 6],
    [-4, 7],
    [-5, 8],
    [-6, 10],
    [-7, 11],
  ])('LO-5: the timestamp %i is UNSUPPORTED_VERSION in version %i', async (timestamp, version) => {
    expect(await ask(await timed(), timestamp, { version })).toMatchObject({ error: 'UNSUPPORTED_VERSION' })
  })

  it('LO-6: a time gives the first record at or after it, with its own time', async () => {
    const test = await timed()
    expect(await ask(test, 0)).toMatchObject({ offset: 0, timestamp: 100 })
    expect(await ask(test, 150)).toMatchObject({ offset: 1, timestamp: 300 })
    expect(await ask(test, 301)).toMatchObject({ offset: 3, timestamp: 400 })
    expect(await ask(test, 500)).toMatchObject({ offset: 4, timestamp: 500 })
    expect(await ask(test, 501)).toEqual({ error: 'NONE', offset: -1, timestamp: -1, leaderEpoch: -1 })
  })

  it('LO-6: a record below the log start is never found', async () => {
    const test = await timed()
    await deleteTo(test, 2)
    expect(await ask(test, 0)).toMatchObject({ offset: 2, timestamp: 200 })
  })

  it('LO-9: a partition that is named twice is INVALID_REQUEST', async () => {
    const test = await timed()
    const partition = { partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }
    const { topics } = await test.client.call(ListOffsets, 8, {
      replicaId: -1,
      topics: [{ name: 't', partitions: [partition, partition] }],
    })
    expect(topics[0]!.partitions.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'INVALID_REQUEST',
      'INVALID_REQUEST',
    ])
  })

  it('LO-10: leader epochs are checked and told', async () => {
    const test = await timed()
    expect(await ask(test, -1, { currentLeaderEpoch: 3 })).toMatchObject({ error: 'UNKNOWN_LEADER_EPOCH' })
    expect(await ask(test, 100, { currentLeaderEpoch: 0 })).toMatchObject({ error: 'NONE', leaderEpoch: 0 })
    expect(await ask(test, 100, { version: 3 })).toMatchObject({ error: 'NONE', leaderEpoch: -1 })
  })

  it('LO-12: the end is never below what acks=all was told', async () => {
    const test = await embeddedBroker({ config: { 'log.flush.policy': 'commit' } })
    await test.createTopic('t')
    for (let i = 0; i < 20; i++) {
      const { baseOffset } = await test.produce('t', ['x'])
      expect((await ask(test, -1)).offset).toBeGreaterThan(baseOffset)
    }
  })

  it('answers 3 for an unknown partition', async () => {
    expect(await ask(await timed(), -1, { partition: 5 })).toMatchObject({
      error: 'UNKNOWN_TOPIC_OR_PARTITION',
      offset: -1,
    })
  })
})

describe('OffsetForLeaderEpoch', () => {
  const endOf = async (
    test: TestBroker,
    leaderEpoch: number,
    more: { topic?: string; currentLeaderEpoch?: number } = {},
  ) => {
    const { topic = 't', currentLeaderEpoch = -1 } = more
    const { topics } = await test.client.call(OffsetForLeaderEpoch, 4, {
      replicaId: -2,
      topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
    })
    const { errorCode, leaderEpoch: epoch, endOffset } = topics[0]!.partitions[0]!
    return [errorName(errorCode), epoch, endOffset]
  }

  it('LE-1: gives where epochs ended, over restarts that skip some', async () => {
    const dataDir = temporaryFolder()
    for (const [start, values] of [
      [0, ['a']],
      [1, []],
      [2, ['b', 'c']],
    ] as const) {
      const test = await embeddedBroker({ dataDir })
      if (start === 0) await test.createTopic('t')
      if (values.length > 0) await test.produce('t', values)
      await test.broker.stop()
    }
    const test = await embeddedBroker({ dataDir })
    expect(await endOf(test, 0)).toEqual(['NONE', 0, 1])
    expect(await endOf(test, 1)).toEqual(['NONE', 0, 1])
    expect(await endOf(test, 2)).toEqual(['NONE', 2, 3])
    expect(await endOf(test, 3)).toEqual(['NONE', 3, 3])
    expect(await endOf(test, 9)).toEqual(['NONE', -1, -1])
    expect(await endOf(test, 0, { topic: 'missing' })).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', -1, -1])
    expect(await endOf(test, 0, { currentLeaderEpoch: 1 })).toEqual(['FENCED_LEADER_EPOCH', -1, -1])
  })
})

describe('DeleteRecords', () => {
  it('AD-12: moves the log start for Fetch and ListOffsets at once, and never back', async () => {
    const test = await timed()
    expect(await deleteTo(test, 4)).toEqual({ lowWatermark: 4, error: 'NONE' })
    expect(await test.fetch('t', 3)).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE' })
    expect(await test.fetch('t', 4)).toMatchObject({ error: 'NONE', logStartOffset: 4, offsets: [3, 4, 5] })
    expect(await deleteTo(test, 2)).toEqual({ lowWatermark: 4, error: 'NONE' })
    expect(await deleteTo(test, -1)).toEqual({ lowWatermark: 6, error: 'NONE' })
  })

  it('AD-12: beyond the high watermark or negative is OFFSET_OUT_OF_RANGE', async () => {
    const test = await timed()
    for (const offset of [7, -2])
      expect(await deleteTo(test, offset)).toEqual({ lowWatermark: -1, error: 'OFFSET_OUT_OF_RANGE' })
  })

  it('AD-12: what acks=1 has acknowledged can be deleted, though its sync has not ended yet', async () => {
    const test = await embeddedBroker({ dataDir: temporaryFolder(), config: { 'log.flush.policy': 'commit' } })
    await test.createTopic('t')
    for (let count = 1; count <= 20; count++) {
      await test.produce('t', ['v'], { acks: 1 })
      const offset = count % 2 === 0 ? -1 : count
      expect(await deleteTo(test, offset)).toEqual({ lowWatermark: count, error: 'NONE' })
    }
  })

  it('AD-12: a topic without the delete policy is POLICY_VIOLATION', async () => {
    const test = await embeddedBroker()
    await test.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    expect(await deleteTo(test, 0, 'compacted')).toMatchObject({ error: 'POLICY_VIOLATION' })
  })

  it('LG-15, AD-12: the start and the end survive a restart', async () => {
    const dataDir = temporaryFolder()
    const first = await embeddedBroker({ dataDir })
    await first.createTopic('t')
    await first.produce('t', ['a', 'b', 'c'])
    await deleteTo(first, -1)
    await first.broker.stop()
    const second = await embeddedBroker({ dataDir })
    expect(await ask(second, -2)).toMatchObject({ offset: 3 })
    expect(await second.produce('t', ['d'])).toMatchObject({ baseOffset: 3 })
  })
})
