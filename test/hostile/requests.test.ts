import { beforeAll, describe, expect, it } from 'vitest'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { DescribeGroups } from '../../protocol/apis/group-admin.ts'
import { JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/apis/group-membership.ts'
import { OffsetCommit, OffsetFetch } from '../../protocol/apis/group-offsets.ts'
import { ListOffsets } from '../../protocol/apis/list-offsets.ts'
import { CreatePartitions, CreateTopics } from '../../protocol/apis/topics.ts'
import { errorName } from '../../protocol/errors.ts'
import { fetchRequest } from '../support/embedded-broker.ts'
import type { RawClient } from '../support/raw-client.ts'
import { Attacked } from './support/attacked.ts'

const INT_MAX = 2 ** 31 - 1

let attacked: Attacked
beforeAll(async () => {
  attacked = await Attacked.start({ 'group.max.session.timeout.ms': '5000' })
  // The coordinator's topic is made by the first who asks for it.
  await attacked.test.client.call(FindCoordinator, 2, { key: 'first', keyType: 0 })
  return () => attacked.stop()
})

const commit = (client: RawClient, groupId: string, committedOffset: bigint, committedMetadata = '', version = 2) =>
  client.call(OffsetCommit, version, {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    retentionTimeMs: -1,
    topics: [
      {
        name: 't',
        topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
        partitions: [{ partitionIndex: 0, committedOffset, committedMetadata, committedLeaderEpoch: -1 }],
      },
    ],
  })

const joinOf = (groupId: string) => ({
  groupId,
  sessionTimeoutMs: 5_000,
  rebalanceTimeoutMs: 5_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('m') }],
})

describe('H23: Fetch', () => {
  it.each([
    ['negative sizes', { maxBytes: -1, partitionMaxBytes: -1, minBytes: -1 }],
    ['the largest sizes', { maxBytes: INT_MAX, partitionMaxBytes: INT_MAX, minBytes: 0 }],
    ['more to wait for than may ever be there, but no time', { minBytes: INT_MAX, maxWaitMs: 0 }],
    ['more to wait for than may be given', { minBytes: INT_MAX, maxBytes: 10, maxWaitMs: 600_000 }],
    ['a negative time to wait', { minBytes: INT_MAX, maxWaitMs: -INT_MAX }],
  ])('with %s gives what there is', async (_what, asked) => {
    await attacked.survives(async () => {
      const { error, values } = await attacked.test.fetch('t', 0, asked)
      expect([error, values]).toEqual(['NONE', ['a', 'b', 'c']])
    })
  })

  it('that would wait for 24 days ends with its connection', async () => {
    await attacked.survives(async () => {
      const client = await attacked.connect()
      client.send(Fetch, 11, fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { maxWaitMs: INT_MAX }))
      client.socket.end()
      await client.closed
    })
  })

  it.each([-1, -2, 4, Number.MAX_SAFE_INTEGER])('from offset %d is told that it is out of range', async (offset) => {
    await attacked.survives(async () => {
      expect((await attacked.test.fetch('t', offset)).error).toBe('OFFSET_OUT_OF_RANGE')
    })
  })

  it('of a session that there is none of, or of an epoch that is not next, is told so', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const unknown = await client.call(Fetch, 11, fetchRequest([], 11, { sessionId: INT_MAX, sessionEpoch: 1 }))
      const opened = await client.call(
        Fetch,
        11,
        fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { sessionEpoch: 0 }),
      )
      const { sessionId } = opened
      const wrong = await client.call(Fetch, 11, fetchRequest([], 11, { sessionId, sessionEpoch: 7 }))
      expect([unknown, wrong].map(({ errorCode }) => errorName(errorCode))).toEqual([
        'FETCH_SESSION_ID_NOT_FOUND',
        'INVALID_FETCH_SESSION_EPOCH',
      ])
    })
  })

  it('of 100,000 times the same partition reads it once', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const [topic] = fetchRequest([{ topic: 't', fetchOffset: 0 }], 11).topics
      const partitions = Array.from({ length: 100_000 }, () => topic!.partitions[0]!)
      const { responses } = await client.call(Fetch, 11, {
        ...fetchRequest([], 11),
        topics: [{ ...topic!, partitions }],
      })
      expect(responses[0]?.partitions).toHaveLength(1)
    })
  })

  it('CVE-2018-1288: as a replica reads nothing', async () => {
    await attacked.survives(async () => {
      const { error, values } = await attacked.test.fetch('t', 0, { replicaId: 7 })
      expect([error, values]).toEqual(['NOT_LEADER_OR_FOLLOWER', []])
    })
  })
})

describe('H24: groups', () => {
  it.each([-1, 0, INT_MAX])('refuse a session of %d ms', async (sessionTimeoutMs) => {
    await attacked.survives(async () => {
      const { errorCode } = await attacked.test.client.call(JoinGroup, 5, { ...joinOf('g'), sessionTimeoutMs })
      expect(errorName(errorCode)).toBe('INVALID_SESSION_TIMEOUT')
    })
  })

  it('take no more protocols and metadata than a record of the coordinator may have', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const protocols = Array.from({ length: 100_000 }, (_, i) => ({ name: `p${i}`, metadata: Buffer.alloc(10) }))
      const joined = await client.call(JoinGroup, 3, { ...joinOf('many'), protocols })
      const large = [{ name: 'range', metadata: Buffer.alloc(50 * 1024 * 1024) }]
      const heavy = await client.call(JoinGroup, 3, { ...joinOf('heavy'), protocols: large })
      for (const { errorCode } of [joined, heavy]) expect(errorCode).not.toBe(0)
    })
  })

  it('take no assignment of 50 MiB', async () => {
    await using client = await attacked.connect()
    const { memberId, generationId } = await client.call(JoinGroup, 3, joinOf('assigned'))
    const assignments = [{ memberId, assignment: Buffer.alloc(50 * 1024 * 1024) }]
    const synced = await client.call(SyncGroup, 3, { groupId: 'assigned', memberId, generationId, assignments })
    expect(synced.errorCode).not.toBe(0)
    await client.call(LeaveGroup, 2, { groupId: 'assigned', memberId })
    await attacked.serves()
  })

  it('H16: with ids as long as a string may be are groups like others', async () => {
    const groupId = 'g'.repeat(32_767)
    const clientId = 'c'.repeat(32_767)
    await using client = await attacked.connect()
    const first = await client.call(JoinGroup, 4, joinOf(groupId), clientId)
    expect(errorName(first.errorCode)).toBe('MEMBER_ID_REQUIRED')
    const { memberId } = first
    const { errorCode, generationId } = await client.call(JoinGroup, 4, { ...joinOf(groupId), memberId }, clientId)
    expect(errorName(errorCode)).toBe('NONE')
    const assignments = [{ memberId, assignment: Buffer.from('a') }]
    const synced = await client.call(SyncGroup, 3, { groupId, memberId, generationId, assignments }, clientId)
    expect([errorName(synced.errorCode), synced.assignment.toString()]).toEqual(['NONE', 'a'])
    const { groups } = await client.call(DescribeGroups, 4, { groups: [groupId] })
    expect(groups[0]?.members[0]?.clientId).toBe(clientId)
    await client.call(LeaveGroup, 2, { groupId, memberId }, clientId)
    await attacked.serves()
  })

  it.each([
    ['longer than a string may be', 'g'.repeat(32_768)],
    ['of megabytes', 'g'.repeat(5_000_000)],
  ])('H16: with an id %s are none: the connection is closed', async (_what, groupId) => {
    await attacked.survives(async () => {
      const client = await attacked.connect()
      client.send(OffsetFetch, 6, { groupId, topics: null })
      await client.closed
    })
  })
})

describe('H25: CreateTopics', () => {
  const topic = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })

  it.each([
    ['2^31-1 partitions', { numPartitions: INT_MAX }, 'POLICY_VIOLATION'],
    ['-2 partitions', { numPartitions: -2 }, 'INVALID_PARTITIONS'],
    ['a replication factor of -2', { replicationFactor: -2 }, 'INVALID_REPLICATION_FACTOR'],
    ['three replicas', { replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    ['a config value of 1 MiB', { configs: [{ name: 'retention.ms', value: '9'.repeat(1 << 20) }] }, 'closed'],
    ['a config value of 32 KB', { configs: [{ name: 'retention.ms', value: '9'.repeat(32_000) }] }, 'INVALID_CONFIG'],
    ['a name of 32 KB', { name: 'n'.repeat(32_767) }, 'INVALID_TOPIC_EXCEPTION'],
  ])('with %s makes nothing', async (_what, asked, expected) => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      for (const version of [4, 7]) {
        if (version === 4 && expected === 'closed') continue
        const made = client.call(CreateTopics, version, { topics: [{ ...topic('bad'), ...asked }], timeoutMs: 1_000 })
        const errors = await made.then(
          ({ topics }) => topics.map(({ errorCode }) => errorName(errorCode)),
          () => ['closed'],
        )
        expect(errors, `version ${version}`).toEqual([expected])
      }
    })
  })

  it('of more partitions at a time than a request may make is refused as a whole', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const topics = Array.from({ length: 100 }, (_, i) => ({ ...topic(`many-${i}`), numPartitions: 101 }))
      const answer = await client.call(CreateTopics, 7, { topics, timeoutMs: 1_000, validateOnly: true })
      expect(new Set(answer.topics.map(({ errorCode }) => errorName(errorCode)))).toContain('POLICY_VIOLATION')
      const grown = await client.call(CreatePartitions, 3, {
        topics: [{ name: 't', count: INT_MAX, assignments: null }],
        timeoutMs: 1_000,
      })
      expect(grown.results[0]?.errorCode).not.toBe(0)
    })
  })
})

describe('H26: OffsetCommit', () => {
  it('with too much metadata is refused, with a negative offset is kept as it was sent', async () => {
    await using client = await attacked.connect()
    const long = await commit(client, 'h26', 1n, 'm'.repeat(4_097))
    const negative = await commit(client, 'h26', -5n)
    const errors = [long, negative].map(({ topics }) => errorName(topics[0]?.partitions[0]?.errorCode ?? -1))
    expect(errors).toEqual(['OFFSET_METADATA_TOO_LARGE', 'NONE'])
    const { topics } = await client.call(OffsetFetch, 5, { groupId: 'h26', topics: null })
    expect(topics[0]?.partitions[0]?.committedOffset).toBe(-5n)
    await attacked.serves()
  })

  it('with the longest retention there is does no harm', async () => {
    await using client = await attacked.connect()
    const { topics } = await client.call(OffsetCommit, 2, {
      groupId: 'for ever',
      generationIdOrMemberEpoch: -1,
      retentionTimeMs: Number.MAX_SAFE_INTEGER,
      topics: [
        {
          name: 't',
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '', committedLeaderEpoch: -1 }],
        },
      ],
    })
    expect(topics[0]?.partitions[0]?.errorCode).toBe(0)
    await attacked.serves()
  })
})

it('ListOffsets of any timestamp is answered', async () => {
  await attacked.survives(async () => {
    await using client = await attacked.connect()
    for (const timestamp of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, -2, -3, -6, -100, 0]) {
      const { topics } = await client.call(ListOffsets, 7, {
        replicaId: -1,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] }],
      })
      expect(topics).toHaveLength(1)
    }
  })
})
