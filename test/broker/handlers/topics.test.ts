import { beforeEach, describe, expect, it } from 'vitest'
import { createPartitions, createTopics, deleteTopics } from '../../../broker/handlers/topics.ts'
import { errorCode, errorMessage } from '../../../protocol/errors.ts'
import type { RequestOf } from '../../../protocol/schema/api.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { AdminHandlers } from '../../support/admin-handlers.ts'

type CreatableTopic = RequestOf<(typeof createTopics)['api']>['topics'][number]

const creatable = (name: string, more: Partial<CreatableTopic> = {}): CreatableTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
})
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAABQ'

let admin: AdminHandlers
beforeEach(async () => {
  admin = await AdminHandlers.open()
})

const create = async (topics: CreatableTopic[], version = 7, validateOnly = false) =>
  (await admin.call(createTopics, version, { topics, validateOnly })).topics
const refusalOf = async (topic: CreatableTopic): Promise<[number, string | null]> => {
  const [result] = await create([topic], 7, true)
  return [result!.errorCode, result!.errorMessage]
}
const names = () => [...admin.cluster.image.topics()].map(({ name }) => name)

describe('CreateTopics', () => {
  it('AD-8: makes the logs before anybody can see the topic', async () => {
    admin.logs.before = () => expect(names()).toEqual([])
    const [topic] = await create([creatable('a', { numPartitions: 3 })])
    expect(admin.logs.calls).toEqual([`create a 0-3 ${topic?.topicId}`])
    expect(names()).toEqual(['a'])
    expect(admin.cluster.image.topicByName('a')?.partitions).toEqual(
      Array.from({ length: 3 }, () => ({ leader: 1, leaderEpoch: 0, replicas: [1] })),
    )
  })

  it('AD-1: refuses a topic that exists, one that stands twice in the request, and a bad name', async () => {
    await create([creatable('a')])
    const results = await create([creatable('a'), creatable('x'), creatable('x'), creatable('b c'), creatable('ok')])
    expect(results.map(({ name, errorCode, errorMessage }) => [name, errorCode, errorMessage])).toEqual([
      ['a', 36, "Topic 'a' already exists."],
      ['x', 42, 'Duplicate topic name.'],
      [
        'b c',
        17,
        "Topic name is invalid: 'b c' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
      ],
      ['ok', 0, null],
    ])
    expect(names()).toEqual(['a', 'ok'])
  })

  it.each([
    ['', 'Topic name is invalid: the empty string is not allowed'],
    ['.', "Topic name is invalid: '.' is not allowed"],
    ['..', "Topic name is invalid: '..' is not allowed"],
    [
      'x'.repeat(250),
      `Topic name is invalid: the length of '${'x'.repeat(250)}' is longer than the max allowed length 249`,
    ],
  ])('MD-6: refuses the name %j', async (name, message) => {
    expect(await refusalOf(creatable(name))).toEqual([17, message])
  })

  it('MD-6: takes a name of 249 characters', async () => {
    expect(await refusalOf(creatable('x'.repeat(249)))).toEqual([0, null])
  })

  it('AD-2: refuses a name that differs from another only by dots and underscores', async () => {
    await create([creatable('a.b')])
    expect(await refusalOf(creatable('a_b'))).toEqual([17, "Topic 'a_b' collides with existing topic: a.b"])
    const [first, second] = await create([creatable('q.r'), creatable('q_r')])
    expect([first?.errorCode, second?.errorCode]).toEqual([0, 17])
  })

  it.each([
    [0, 1, 37, 'Number of partitions was set to an invalid non-positive value.'],
    [-2, 1, 37, 'Number of partitions was set to an invalid non-positive value.'],
    [1, 0, 38, 'Replication factor must be larger than 0, or -1 to use the default value.'],
    [1, -2, 38, 'Replication factor must be larger than 0, or -1 to use the default value.'],
    [
      1,
      3,
      38,
      'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.',
    ],
    [10_001, 1, 44, 'Excessively large number of partitions per request.'],
  ])('AD-3: refuses %d partitions with %d replicas', async (numPartitions, replicationFactor, code, message) => {
    expect(await refusalOf(creatable('a', { numPartitions, replicationFactor }))).toEqual([code, message])
  })

  it('AD-3: takes the defaults for -1, and no more replicas than there are brokers', async () => {
    admin = await AdminHandlers.open({ 'num.partitions': '4', 'default.replication.factor': '3' })
    const [topic] = await create([creatable('a', { numPartitions: -1, replicationFactor: -1 })])
    expect(topic).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 1 })
  })

  it('bounds the partitions of one request, not only those of one topic', async () => {
    const topics = [creatable('a', { numPartitions: 9_999 }), creatable('b', { numPartitions: 2 }), creatable('c')]
    const results = await create(topics, 7, true)
    expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 44, 0])
  })

  const assigned = (...lists: [number, number[]][]) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: lists.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
  })

  it('AD-4: takes a manual assignment of partitions in any order', async () => {
    const [topic] = await create([creatable('a', assigned([1, [1]], [0, [1]]))])
    expect(topic).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 1 })
  })

  it.each([
    ['partitions besides', { numPartitions: 1 }, 42, 'but numPartitions was not set to -1.'],
    ['replicas besides', { replicationFactor: 1 }, 42, 'but replication factor was not set to -1.'],
    ['a gap', assigned([0, [1]], [2, [1]]), 39, 'partitions should be a consecutive 0-based integer sequence'],
    [
      'a partition twice',
      assigned([0, [1]], [0, [1]]),
      39,
      'Found multiple manual partition assignments for partition 0',
    ],
    ['no replicas', assigned([0, []]), 39, 'The manual partition assignment includes an empty replica list.'],
    [
      'a broker twice',
      assigned([0, [1, 1]]),
      39,
      'The manual partition assignment includes the broker 1 more than once.',
    ],
  ])('AD-4: refuses a manual assignment with %s', async (_what, more, code, message) => {
    const [refused, text] = await refusalOf(creatable('a', { ...assigned([0, [1]]), ...more }))
    expect(refused).toBe(code)
    expect(text).toContain(message)
  })

  it('FS-8: refuses a manual assignment to a broker that does not exist', async () => {
    expect(await refusalOf(creatable('a', assigned([0, [7]])))).toEqual([
      errorCode('INVALID_REPLICA_ASSIGNMENT'),
      'The manual partition assignment includes broker 7, but no such broker is registered.',
    ])
  })

  it.each([
    ['foo', '1', 'Unknown topic config name: foo'],
    ['retention.ms', 'abc', 'Invalid value abc for configuration retention.ms: Not a number of type LONG'],
    ['retention.ms', '-5', 'Invalid value -5 for configuration retention.ms: Value must be at least -1'],
    ['retention.ms', null, 'Null value not supported for topic configs: retention.ms'],
    [
      'cleanup.policy',
      'foo',
      'Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete',
    ],
    ['segment.bytes', '1', 'Invalid value 1 for configuration segment.bytes: Value must be at least 1048576'],
    [
      'segment.bytes',
      '99999999999',
      'Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT',
    ],
    [
      'min.cleanable.dirty.ratio',
      '2',
      'Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1',
    ],
    [
      'preallocate',
      'maybe',
      'Invalid value maybe for configuration preallocate: Expected value to be either true or false',
    ],
    [
      'compression.type',
      'zip',
      'Invalid value zip for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer',
    ],
    [
      'compression.gzip.level',
      '0',
      'Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1',
    ],
    [
      'follower.replication.throttled.replicas',
      'a',
      "Invalid value [a] for configuration follower.replication.throttled.replicas: follower.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
    ],
  ])('AD-5, FS-7: refuses the config %s=%s in Kafka’s words', async (name, value, message) => {
    expect(await refusalOf(creatable('a', { configs: [{ name, value }] }))).toEqual([40, message])
  })

  it.each([
    ['cleanup.policy', ''],
    ['cleanup.policy', 'compact, delete'],
    ['cleanup.policy', 'compact,compact'],
    ['retention.ms', ' +5 '],
    ['preallocate', 'TRUE'],
    ['internal.segment.bytes', '100'],
    ['leader.replication.throttled.replicas', '*'],
  ])('AD-5: takes the config %s=%j, as Kafka does', async (name, value) => {
    expect(await refusalOf(creatable('a', { configs: [{ name, value }] }))).toEqual([0, null])
  })

  it('AD-5: refuses configs that contradict each other', async () => {
    const configs = [
      { name: 'min.compaction.lag.ms', value: '10' },
      { name: 'max.compaction.lag.ms', value: '5' },
    ]
    expect(await refusalOf(creatable('a', { configs }))).toEqual([
      40,
      'conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)',
    ])
  })

  it('AD-6: validate_only checks everything and makes nothing', async () => {
    const results = await create([creatable('a'), creatable('b', { numPartitions: 0 })], 7, true)
    expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 37])
    expect(names()).toEqual([])
    expect(admin.logs.calls).toEqual([])
  })

  it('AD-7: v5+ tells what was made with all its configs, v7+ the topic id', async () => {
    const configs = [{ name: 'retention.ms', value: ' 77 ' }]
    const [v4] = await create([creatable('a4', { configs })], 4)
    expect(v4).toMatchObject({ topicId: ZERO_UUID, numPartitions: -1, configs: [] })
    const [v6] = await create([creatable('a6', { configs })], 6)
    expect(v6).toMatchObject({ topicId: ZERO_UUID, numPartitions: 1, replicationFactor: 1 })
    const [v7] = await create([creatable('a7', { configs })], 7)
    expect(v7?.topicId).toBe(admin.cluster.image.topicByName('a7')?.id)
    expect(v7?.configs).toHaveLength(34) // the 33 of Kafka and flush.policy
    expect(v7?.configs).toContainEqual({
      name: 'retention.ms',
      value: '77',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    })
    expect(v7?.configs).toContainEqual({
      name: 'segment.ms',
      value: '604800000',
      readOnly: false,
      configSource: 5,
      isSensitive: false,
    })
  })

  it('AD-7: leaves the configs out for who may not see them', async () => {
    admin.allows = (operation) => operation !== 'DESCRIBE_CONFIGS'
    const [topic] = await create([creatable('a')])
    expect(topic).toMatchObject({ errorCode: 0, configs: null, topicConfigErrorCode: 29, numPartitions: -1 })
  })

  it('needs CREATE on the cluster or on the topic', async () => {
    admin.allows = (operation, resource, name) => operation !== 'CREATE' || (resource === 'topic' && name === 'mine')
    const results = await create([creatable('mine'), creatable('other')])
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['mine', 0],
      ['other', 29],
    ])
  })

  it('makes a topic of the broker’s own compacted, whoever asks', async () => {
    await create([creatable('__consumer_offsets')])
    expect(admin.cluster.image.topicByName('__consumer_offsets')).toMatchObject({ internal: true })
    expect(admin.cluster.image.topicByName('__consumer_offsets')?.configs.get('cleanup.policy')).toBe('compact')
    expect(await refusalOf(creatable('__cluster_metadata'))).toEqual([
      42,
      'Creation of internal topic __cluster_metadata is prohibited.',
    ])
  })
})

describe('DeleteTopics', () => {
  const del = async (version: number, request: Parameters<typeof admin.call<never, never>>[2] | object) =>
    (await admin.call(deleteTopics, version, request as never)).responses
  const idOf = (name: string) => admin.cluster.image.topicByName(name)!.id

  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) await admin.topic(name)
    admin.logs.calls.length = 0
  })

  it('AD-9: deletes by name in old versions', async () => {
    const [a, nope] = await del(1, { topicNames: ['a', 'nope'] })
    expect([a?.errorCode, nope?.errorCode]).toEqual([0, 3])
    expect(names()).toEqual(['b', 'c'])
  })

  it('AD-9: deletes by name or by id from v6 on, and tells both', async () => {
    const [idA, idB] = [idOf('a'), idOf('b')]
    const answers = await del(6, {
      topics: [
        { name: 'a', topicId: ZERO_UUID },
        { name: null, topicId: idB },
        { name: 'nope', topicId: ZERO_UUID },
        { name: null, topicId: UNKNOWN_ID },
      ],
    })
    expect(answers).toMatchObject([
      { name: 'a', topicId: idA, errorCode: 0, errorMessage: null },
      { name: 'b', topicId: idB, errorCode: 0 },
      { name: 'nope', errorCode: 3, errorMessage: 'This server does not host this topic-partition.' },
      { name: null, topicId: UNKNOWN_ID, errorCode: 100, errorMessage: 'This server does not host this topic ID.' },
    ])
    expect(admin.logs.calls).toEqual([`remove ${idA}`, `remove ${idB}`])
  })

  it('AD-9: says so when deletion is switched off, to old clients in words that they know', async () => {
    admin = await AdminHandlers.open({ 'delete.topic.enable': 'false' })
    await admin.topic('a')
    expect(await del(2, { topicNames: ['a'] })).toMatchObject([{ errorCode: 42 }])
    expect(await del(3, { topicNames: ['a'] })).toMatchObject([{ errorCode: 73 }])
    expect(names()).toEqual(['a'])
  })

  it('refuses what names a topic in two ways, twice, or not at all', async () => {
    const byName = (name: string) => ({ name, topicId: ZERO_UUID })
    const byId = (topicId: string) => ({ name: null, topicId })
    const messages = async (...topics: object[]) => (await del(6, { topics })).map(({ errorMessage }) => errorMessage)
    expect(await messages({ name: 'a', topicId: UNKNOWN_ID })).toEqual([
      'You may not specify both topic name and topic id.',
    ])
    expect(await messages(byId(ZERO_UUID))).toEqual(['Neither topic name nor id were specified.'])
    expect(await messages(byName('a'), byName('a'))).toEqual(['Duplicate topic name.'])
    expect(await messages(byId(idOf('a')), byId(idOf('a')))).toEqual(['Duplicate topic id.'])
    const twice = 'The provided topic name maps to an ID that was already supplied.'
    expect(await messages(byName('a'), byId(idOf('a')))).toEqual([twice, twice])
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  it('AD-10, MD-13: gives a topic that is made again a new id, and new logs', async () => {
    const before = idOf('a')
    await del(6, { topics: [{ name: 'a', topicId: ZERO_UUID }] })
    await create([creatable('a')])
    expect(idOf('a')).not.toBe(before)
    expect(admin.logs.calls).toEqual([`remove ${before}`, `create a 0-1 ${idOf('a')}`])
  })

  it('hides from who may not describe them whether topics exist', async () => {
    admin.allows = (operation) => operation !== 'DELETE' && operation !== 'DESCRIBE'
    const answers = await del(6, {
      topics: [
        { name: 'a', topicId: ZERO_UUID },
        { name: 'nope', topicId: ZERO_UUID },
        { name: null, topicId: idOf('b') },
      ],
    })
    expect(answers.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', 29],
      ['nope', 29],
      [null, 29],
    ])
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  it('keeps the topics of the broker’s own', async () => {
    await admin.topics.createInternal('__consumer_offsets')
    expect(await del(5, { topicNames: ['__consumer_offsets'] })).toMatchObject([{ errorCode: 17 }])
  })
})

describe('CreatePartitions', () => {
  const grow = async (...topics: [string, number, (number[][] | null)?][]) =>
    (
      await admin.call(createPartitions, 3, {
        topics: topics.map(([name, count, assignments = null]) => ({
          name,
          count,
          assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
        })),
      })
    ).results.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])

  beforeEach(async () => {
    await admin.topic('a', 3)
    admin.logs.calls.length = 0
  })

  it('AD-11: adds partitions and leaves the old ones as they are', async () => {
    const before = admin.cluster.image.topicByName('a')!
    expect(await grow(['a', 5])).toEqual([[0, null]])
    const after = admin.cluster.image.topicByName('a')!
    expect(after.id).toBe(before.id)
    expect(after.partitions).toHaveLength(5)
    expect(after.partitions.slice(0, 3)).toEqual(before.partitions)
    expect(admin.logs.calls).toEqual([`create a 3-5 ${before.id}`])
  })

  it('AD-11, FS-7: refuses the same number, fewer, and an unknown topic', async () => {
    expect(await grow(['a', 3], ['nope', 3])).toEqual([
      [37, 'Topic already has 3 partition(s).'],
      [3, null],
    ])
    expect(await grow(['a', 1])).toEqual([
      [37, 'The topic a currently has 3 partition(s); 1 would not be an increase.'],
    ])
  })

  it('FS-8: refuses assignments that do not fit', async () => {
    expect(await grow(['a', 5, [[1]]])).toEqual([
      [39, 'Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.'],
    ])
    expect(await grow(['a', 4, [[9]]])).toEqual([
      [39, 'The manual partition assignment includes broker 9, but no such broker is registered.'],
    ])
    expect(await grow(['a', 4, [[]]])).toEqual([
      [39, 'The manual partition assignment includes an empty replica list.'],
    ])
    expect(await grow(['a', 4, [[1]]])).toEqual([[0, null]])
  })

  it('refuses a topic that stands twice in the request', async () => {
    expect(await grow(['a', 4], ['a', 5])).toEqual([[42, 'Duplicate topic name.']])
  })

  it('bounds what one request may add', async () => {
    expect(await grow(['a', 20_000])).toEqual([[44, 'Excessively large number of partitions per request.']])
  })

  it('validates only, when asked to', async () => {
    const topics = [{ name: 'a', count: 4, assignments: null }]
    const { results } = await admin.call(createPartitions, 3, { topics, validateOnly: true })
    expect(results).toEqual([{ name: 'a', errorCode: 0, errorMessage: null }])
    expect(admin.cluster.image.topicByName('a')?.partitions).toHaveLength(3)
  })

  it('needs ALTER on the topic', async () => {
    admin.allows = () => false
    expect(await grow(['a', 4])).toEqual([[29, errorMessage('TOPIC_AUTHORIZATION_FAILED')]])
  })
})
