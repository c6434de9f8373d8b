import { describe, expect, it } from 'vitest'
import { offsetCommit, offsetDelete, offsetFetch } from '../../../broker/handlers/group-offsets.ts'
import { errorCode } from '../../../protocol/errors.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { GroupHandlers } from '../../support/group-handlers.ts'

const unknownTopic = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

interface CommitOptions {
  readonly version?: number
  readonly topic?: string
  readonly topicId?: string
  readonly partitions?: readonly number[]
  readonly offset?: bigint
  readonly leaderEpoch?: number
  readonly metadata?: string | null
  readonly groupId?: string
  readonly generation?: number
}

/** From outside of the group unless a generation is given. */
async function commit(handlers: GroupHandlers, options: CommitOptions = {}) {
  const { topics } = await handlers.call(offsetCommit, options.version ?? 8, {
    groupId: options.groupId ?? 'g',
    generationIdOrMemberEpoch: options.generation ?? -1,
    topics: [
      {
        name: options.topic ?? (options.topicId === undefined ? 't' : ''),
        topicId: options.topicId ?? ZERO_UUID,
        partitions: (options.partitions ?? [0]).map((partitionIndex) => ({
          partitionIndex,
          committedOffset: options.offset ?? 5n,
          committedLeaderEpoch: options.leaderEpoch ?? -1,
          committedMetadata: options.metadata ?? null,
        })),
      },
    ],
  })
  return topics[0]!.partitions.map((partition) => partition.errorCode)
}

const fetchOld = async (
  handlers: GroupHandlers,
  version: number,
  topics: { name: string; partitionIndexes: number[] }[] | null,
) => handlers.call(offsetFetch, version, { groupId: 'g', topics })

describe('OffsetCommit on the wire', () => {
  it('OC-6: an unknown topic or partition fails only itself with 3', async () => {
    const handlers = await GroupHandlers.open()
    expect(await commit(handlers, { partitions: [0, 2, 1, -1] })).toEqual([0, unknownTopic, 0, unknownTopic])
    expect(await commit(handlers, { topic: 'missing', partitions: [0] })).toEqual([unknownTopic])
    const { topics } = await fetchOld(handlers, 5, null)
    expect(topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }])
  })

  it('OC-3: an unknown group with a generation: 22 on every partition, from v9 on 69', async () => {
    const handlers = await GroupHandlers.open()
    const both = { generation: 3, partitions: [0, 1] }
    expect(await commit(handlers, { ...both, version: 8 })).toEqual([22, 22])
    expect(await commit(handlers, { ...both, version: 9 })).toEqual([69, 69])
  })

  it('v10 names topics by their ids; an unknown one is refused with 100', async () => {
    const handlers = await GroupHandlers.open()
    const { id } = handlers.image.topicByName('t')!
    expect(await commit(handlers, { version: 10, topicId: id })).toEqual([0])
    expect(await commit(handlers, { version: 10, topicId: `${'A'.repeat(21)}w` })).toEqual([
      errorCode('UNKNOWN_TOPIC_ID'),
    ])
    const groups = [
      { groupId: 'g', memberId: null, memberEpoch: -1, topics: [{ name: '', topicId: id, partitionIndexes: [0] }] },
    ]
    const fetched = await handlers.call(offsetFetch, 10, { groups })
    expect(fetched.groups).toMatchObject([
      { topics: [{ topicId: id, partitions: [{ committedOffset: 5n, errorCode: 0 }] }] },
    ])
  })

  it('OC-8: kafkajs commits -1 and -2 after out-of-range; any int64 comes back', async () => {
    const handlers = await GroupHandlers.open()
    for (const offset of [-1n, -2n, 2n ** 63n - 1n]) {
      expect(await commit(handlers, { version: 5, offset })).toEqual([0])
      const { topics } = await fetchOld(handlers, 4, [{ name: 't', partitionIndexes: [0] }])
      expect(topics[0]?.partitions[0]?.committedOffset).toBe(offset)
    }
  })

  it('OC-9: metadata and leader epoch come back from OffsetFetch', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers, { leaderEpoch: 9, metadata: 'note' })
    expect((await fetchOld(handlers, 7, null)).topics[0]?.partitions).toMatchObject([
      { committedLeaderEpoch: 9, metadata: 'note' },
    ])
    await commit(handlers, { metadata: null })
    expect((await fetchOld(handlers, 7, null)).topics[0]?.partitions).toMatchObject([
      { committedLeaderEpoch: -1, metadata: '' },
    ])
  })

  it('OC-10: is answered when it is durable, and then survives', async () => {
    const handlers = await GroupHandlers.open()
    const partition = handlers.coordinator.partitionFor('g')
    const log = handlers.logs.get(partition)!
    log.durableAtOnce = false
    let acknowledged = false
    const answer = commit(handlers).then(() => {
      acknowledged = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(acknowledged).toBe(false)
    log.settle()
    await answer
    handlers.coordinator.unload(partition)
    await handlers.coordinator.load(partition)
    expect((await fetchOld(handlers, 5, null)).topics[0]?.partitions[0]?.committedOffset).toBe(5n)
  })

  it('OC-11: v2-4 carry a retention', async () => {
    const handlers = await GroupHandlers.open({ 'offsets.retention.check.interval.ms': '1000' })
    const request = {
      groupId: 'g',
      retentionTimeMs: 5_000,
      topics: [
        {
          name: 't',
          topicId: ZERO_UUID,
          partitions: [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null }],
        },
      ],
    }
    await handlers.call(offsetCommit, 4, request)
    handlers.clock.advance(4_000)
    expect((await fetchOld(handlers, 5, null)).topics).toHaveLength(1)
    handlers.clock.advance(2_000)
    expect((await fetchOld(handlers, 5, null)).topics).toEqual([])
  })

  it('needs READ on the group (30 everywhere) and on each topic (29)', async () => {
    const handlers = await GroupHandlers.open()
    handlers.allows = (_operation, resource) => resource !== 'group'
    expect(await commit(handlers, { partitions: [0, 1] })).toEqual([30, 30])
    handlers.allows = (operation, resource, name) => !(operation === 'READ' && resource === 'topic' && name === 't')
    expect(await commit(handlers)).toEqual([29])
  })

  it('a group without a name may have offsets, as in Kafka', async () => {
    const handlers = await GroupHandlers.open()
    expect(await commit(handlers, { groupId: '' })).toEqual([0])
    const fetched = await handlers.call(offsetFetch, 5, { groupId: '', topics: null })
    expect(fetched.topics[0]?.partitions[0]?.committedOffset).toBe(5n)
  })
})

describe('OffsetFetch on the wire', () => {
  it('OF-1: nothing committed: offset -1, epoch -1, metadata "", error 0', async () => {
    const handlers = await GroupHandlers.open()
    const { topics, errorCode: code } = await fetchOld(handlers, 7, [{ name: 't', partitionIndexes: [0, 7] }])
    const nothing = { committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode: 0 }
    expect(code).toBe(0)
    expect(topics[0]?.partitions).toEqual([
      { partitionIndex: 0, ...nothing },
      { partitionIndex: 7, ...nothing },
    ])
  })

  it('OF-2: of an unknown group no error, an empty group id neither', async () => {
    const handlers = await GroupHandlers.open()
    expect(await handlers.call(offsetFetch, 5, { groupId: '', topics: null })).toMatchObject({
      errorCode: 0,
      topics: [],
    })
    expect(await fetchOld(handlers, 2, null)).toMatchObject({ errorCode: 0, topics: [] })
  })

  it('OF-3: v2+ null topics: all of the group; v1 has no such form', async () => {
    const handlers = await GroupHandlers.open()
    handlers.addTopic('u', 1)
    await commit(handlers, { partitions: [1] })
    await commit(handlers, { topic: 'u' })
    expect((await fetchOld(handlers, 2, null)).topics).toMatchObject([
      { name: 't', partitions: [{ partitionIndex: 1 }] },
      { name: 'u', partitions: [{ partitionIndex: 0 }] },
    ])
    expect((await fetchOld(handlers, 1, [])).topics).toEqual([])
  })

  it('OF-5: v8+ takes several groups, with an error per group', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    handlers.allows = (_operation, _resource, name) => name !== 'secret'
    const group = { memberId: null, memberEpoch: -1, topics: null }
    const groups = ['g', 'secret', 'other'].map((groupId) => ({ ...group, groupId }))
    const fetched = await handlers.call(offsetFetch, 8, { groups })
    expect(fetched.groups).toMatchObject([
      { groupId: 'g', errorCode: 0, topics: [{ name: 't', partitions: [{ committedOffset: 5n }] }] },
      { groupId: 'secret', errorCode: 30, topics: [] },
      { groupId: 'other', errorCode: 0, topics: [] },
    ])
  })

  it('OF-5: v2+ has an error for the group, v1 says it at each partition', async () => {
    const handlers = await GroupHandlers.open()
    handlers.coordinator.unload(handlers.coordinator.partitionFor('g'))
    const topics = [{ name: 't', partitionIndexes: [0, 1] }]
    expect(await fetchOld(handlers, 2, topics)).toMatchObject({ errorCode: 16, topics: [] })
    expect((await fetchOld(handlers, 1, topics)).topics[0]?.partitions).toMatchObject([
      { errorCode: 16 },
      { errorCode: 16 },
    ])
  })

  it('OF-6: member id and epoch (v9+) mean nothing to a classic group', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    const groups = [{ groupId: 'g', memberId: 'whoever', memberEpoch: 4, topics: null }]
    const fetched = await handlers.call(offsetFetch, 9, { groups })
    expect(fetched.groups).toMatchObject([{ errorCode: 0, topics: [{ partitions: [{ committedOffset: 5n }] }] }])
  })

  it('leaves out of "all" the topics that may not be described, and refuses the named ones with 29', async () => {
    const handlers = await GroupHandlers.open()
    handlers.addTopic('u', 1)
    await commit(handlers)
    await commit(handlers, { topic: 'u' })
    handlers.allows = (_operation, resource, name) => !(resource === 'topic' && name === 't')
    expect((await fetchOld(handlers, 5, null)).topics).toMatchObject([{ name: 'u' }])
    const named = [
      { name: 't', partitionIndexes: [0] },
      { name: 'u', partitionIndexes: [0] },
    ]
    expect((await fetchOld(handlers, 5, named)).topics).toMatchObject([
      { name: 't', partitions: [{ committedOffset: -1n, errorCode: 29 }] },
      { name: 'u', partitions: [{ committedOffset: 5n, errorCode: 0 }] },
    ])
  })

  it('v10 refuses an unknown id with 100 and leaves out of "all" what has no id', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    const unknown = [{ name: '', topicId: `${'A'.repeat(21)}w`, partitionIndexes: [0] }]
    const group = { groupId: 'g', memberId: null, memberEpoch: -1 }
    const refused = await handlers.call(offsetFetch, 10, { groups: [{ ...group, topics: unknown }] })
    expect(refused.groups[0]?.topics[0]?.partitions).toMatchObject([{ errorCode: 100, committedOffset: -1n }])
    handlers.image = handlers.image.withTopics(3n, [], ['t'])
    const all = await handlers.call(offsetFetch, 10, { groups: [{ ...group, topics: null }] })
    expect(all.groups[0]?.topics).toEqual([])
  })

  it('FS-6: a topic that was made again under its name does not inherit the commits of the old one', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    const again = { ...handlers.image.topicByName('t')!, id: 'AAAAAAAAAAAAAAAAAAAAAw' }
    handlers.image = handlers.image.withTopics(3n, [again])
    expect((await fetchOld(handlers, 5, null)).topics).toEqual([])
    const { topics } = await fetchOld(handlers, 5, [{ name: 't', partitionIndexes: [0] }])
    expect(topics[0]?.partitions).toMatchObject([{ committedOffset: -1n, errorCode: 0 }])
    await commit(handlers, { offset: 9n })
    expect((await fetchOld(handlers, 5, null)).topics[0]?.partitions).toMatchObject([{ committedOffset: 9n }])
  })

  it('while the coordinator has lost its log: 16, which old consumers know, instead of 15', async () => {
    const handlers = await GroupHandlers.open()
    handlers.coordinator.close()
    expect(await fetchOld(handlers, 5, null)).toMatchObject({ errorCode: 16 })
  })
})

describe('OffsetDelete on the wire', () => {
  const remove = (handlers: GroupHandlers, names: readonly string[], groupId = 'g') =>
    handlers.call(offsetDelete, 0, {
      groupId,
      topics: names.map((name) => ({ name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 5 }] })),
    })

  it('OD-1: an unknown group: 69', async () => {
    const handlers = await GroupHandlers.open()
    expect(await remove(handlers, ['t'])).toMatchObject({ errorCode: 69, topics: [] })
    expect(await remove(handlers, ['missing'])).toMatchObject({ errorCode: 69, topics: [] })
  })

  it('deletes, and fails unknown topics and partitions by themselves with 3', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    expect((await remove(handlers, ['t', 'missing'])).topics).toEqual([
      {
        name: 't',
        partitions: [
          { partitionIndex: 0, errorCode: 0 },
          { partitionIndex: 5, errorCode: 3 },
        ],
      },
      {
        name: 'missing',
        partitions: [
          { partitionIndex: 0, errorCode: 3 },
          { partitionIndex: 5, errorCode: 3 },
        ],
      },
    ])
    expect((await fetchOld(handlers, 5, null)).topics).toEqual([])
  })

  it('needs DELETE on the group (30) and READ on each topic (29)', async () => {
    const handlers = await GroupHandlers.open()
    await commit(handlers)
    handlers.allows = (operation) => operation !== 'DELETE'
    expect((await remove(handlers, ['t'])).errorCode).toBe(30)
    handlers.allows = (operation) => operation !== 'READ'
    expect((await remove(handlers, ['t'])).topics[0]?.partitions).toMatchObject([{ errorCode: 29 }, { errorCode: 29 }])
  })

  it('H16: an empty group id is refused', async () => {
    const handlers = await GroupHandlers.open()
    expect(await remove(handlers, ['t'], '')).toMatchObject({ errorCode: errorCode('INVALID_GROUP_ID') })
  })
})
