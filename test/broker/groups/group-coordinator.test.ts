import { describe, expect, it } from 'vitest'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { GroupHandlers } from '../../support/group-handlers.ts'

const join = (groupId: string) =>
  ({
    kind: 'join',
    groupId,
    memberId: '',
    instanceId: null,
    clientId: 'c',
    clientHost: '/::1',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    needsMemberId: false,
    canSkipAssignment: false,
  }) as const

const commit = (groupId: string, topic = 't') =>
  ({
    kind: 'commitOffsets',
    groupId,
    generation: -1,
    memberId: '',
    instanceId: null,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    offsets: [{ topic, topicId: ZERO_UUID, partition: 0, offset: 3n, leaderEpoch: -1, metadata: null }],
  }) as const

const all = (groupId: string) => ({ kind: 'fetchOffsets', groupId, partitions: null, requireStable: false }) as const

describe('the coordinator of the groups', () => {
  it('puts a group into the partition that Kafka would, and answers without a promise where it can', async () => {
    const { coordinator, logs } = await GroupHandlers.open()
    expect(coordinator.submit<'commitOffsets'>(commit('group'))).toMatchObject({ kind: 'offsetsCommitted' })
    expect(coordinator.partitionFor('group')).toBe(98629247 % 50)
    expect(logs.get(98629247 % 50)?.end).toBe(1)
  })

  it('found by the fuzzer: the longest retention that a commit can ask for lasts, and is written like others', async () => {
    const { coordinator, logs } = await GroupHandlers.open()
    const longest = { ...commit('group'), retentionTimeMs: Number.MAX_SAFE_INTEGER }
    expect(coordinator.submit<'commitOffsets'>(longest)).toEqual({ kind: 'offsetsCommitted', errors: ['NONE'] })
    expect(logs.get(98629247 % 50)?.end).toBe(1)
  })

  it('NET-14: at shutdown everyone who waits in JoinGroup is told to look for the coordinator again', async () => {
    const { coordinator } = await GroupHandlers.open()
    const waiting = coordinator.submit<'join'>(join('g'))
    coordinator.close()
    expect(await waiting).toEqual({ kind: 'refused', error: 'COORDINATOR_NOT_AVAILABLE' })
    expect(coordinator.submit<'fetchOffsets'>(all('g'))).toEqual({
      kind: 'refused',
      error: 'COORDINATOR_NOT_AVAILABLE',
    })
  })

  it('FC-5: who waits hears 16 when the partition moves to another node', async () => {
    const { coordinator } = await GroupHandlers.open()
    const waiting = coordinator.submit<'join'>(join('g'))
    coordinator.unload(coordinator.partitionFor('g'))
    expect(await waiting).toEqual({ kind: 'refused', error: 'NOT_COORDINATOR' })
  })

  it('OX-2: commits for deleted topics go from all shards, also from one that is being read just then', async () => {
    const { coordinator } = await GroupHandlers.open()
    const groups = ['a', 'b', 'c']
    for (const group of groups) {
      coordinator.submit<'commitOffsets'>(commit(group, 'gone'))
      coordinator.submit<'commitOffsets'>(commit(group, 'kept'))
    }
    const partition = coordinator.partitionFor('b')
    coordinator.unload(partition)
    const loading = coordinator.load(partition)
    coordinator.topicsDeleted(['gone'])
    await loading
    for (const group of groups) {
      expect(coordinator.submit<'fetchOffsets'>(all(group))).toMatchObject({ offsets: [{ topic: 'kept' }] })
    }
  })

  it('tells status pages of groups, members and offsets', async () => {
    const { coordinator, clock } = await GroupHandlers.open()
    void coordinator.submit<'join'>(join('joined'))
    clock.advance(0)
    coordinator.submit<'commitOffsets'>(commit('simple'))
    const groups = [...coordinator.groups()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
    expect(groups).toEqual([
      { groupId: 'joined', protocolType: 'consumer', state: 'CompletingRebalance', members: 1, offsets: [] },
      {
        groupId: 'simple',
        protocolType: '',
        state: 'Empty',
        members: 0,
        offsets: [{ topic: 't', partition: 0, offset: 3n }],
      },
    ])
    expect(coordinator.loaded).toBe(true)
    coordinator.close()
    expect([...coordinator.groups()]).toEqual([])
  })
})
