/** Making, growing and deleting topics. */
import { CreatePartitions, CreateTopics, DeleteTopics } from '../../../protocol/apis/topics.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aTopic, pairs, records } from '../given.ts'
import { each, type Loose, script, theme } from '../scenario.ts'

const timeoutMs = 10_000
const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'

type NewTopic = Loose<TypeOf<typeof CreateTopics.request>['topics'][number]>
const one = (topic: NewTopic) => ({ topics: [{ numPartitions: 1, replicationFactor: 1, ...topic }], timeoutMs })
const withConfig = (name: string, configs: Record<string, string | null>) => one({ name, configs: pairs(configs) })

const creating = [
  each(CreateTopics, 'one partition', ($) => one({ name: $.topic('t') })),
  each(CreateTopics, 'several topics in one request', ($) => ({
    topics: ['a', 'b', 'c'].map((label, at) => ({ name: $.topic(label), numPartitions: at + 1, replicationFactor: 1 })),
    timeoutMs,
  })),
  each(CreateTopics, 'partitions and replicas by default', ($) =>
    one({ name: $.topic('t'), numPartitions: -1, replicationFactor: -1 }),
  ),
  each(CreateTopics, 'no topics at all', () => ({ topics: [], timeoutMs })),
  each(CreateTopics, 'a name that exists', ($) => one({ name: $.topic('t') }), { given: [aTopic('t')] }),
  each(
    CreateTopics,
    'a name that exists, validate only',
    ($) => ({ ...one({ name: $.topic('t') }), validateOnly: true }),
    {
      given: [aTopic('t')],
    },
  ),
  each(CreateTopics, 'the same name twice in the request', ($) => ({
    topics: [1, 2].map((numPartitions) => ({ name: $.topic('t'), numPartitions, replicationFactor: 1 })),
    timeoutMs,
  })),
  each(CreateTopics, 'the same name three times, and another', ($) => ({
    topics: ['t', 't', 't', 'u'].map((label) => ({ name: $.topic(label), numPartitions: 1, replicationFactor: 1 })),
    timeoutMs,
  })),
  each(CreateTopics, 'validate only', ($) => ({
    ...one({ name: $.topic('t'), numPartitions: 3 }),
    validateOnly: true,
  })),
  each(CreateTopics, 'validate only, with a config', ($) => ({
    ...withConfig($.topic('t'), { 'retention.ms': '1000' }),
    validateOnly: true,
  })),
  ...['', '.', '..', 'a/b', 'a b', 'ä', 'a:b', 'a\u0000b', '*', 'x'.repeat(250), 'x'.repeat(32_000)].map((name) =>
    each(CreateTopics, `the illegal name ${JSON.stringify(name.slice(0, 8))} of ${name.length}`, () => one({ name })),
  ),
  each(CreateTopics, 'a name of 249 characters', ($) => one({ name: $.topic('x'.repeat(249 - $.suffix.length)) })),
  each(CreateTopics, 'a name of 250 characters', ($) => one({ name: $.topic('x'.repeat(250 - $.suffix.length)) })),
  each(CreateTopics, 'a good and a bad one in one request', ($) => ({
    topics: [
      { name: $.topic('good'), numPartitions: 1, replicationFactor: 1 },
      { name: 'not good', numPartitions: 1, replicationFactor: 1 },
    ],
    timeoutMs,
  })),
  each(CreateTopics, 'names that differ by . and _ only', ($) => one({ name: $.topic('a_b') }), {
    given: [aTopic('a.b')],
  }),
  each(CreateTopics, 'names that differ by . and _ only, in one request', ($) => ({
    topics: ['c.d', 'c_d'].map((label) => ({ name: $.topic(label), numPartitions: 1, replicationFactor: 1 })),
    timeoutMs,
  })),
  each(CreateTopics, 'the name of the internal topic', () => one({ name: '__consumer_offsets' })),
  ...[0, -2, -100].map((numPartitions) =>
    each(CreateTopics, `${numPartitions} partitions`, ($) => one({ name: $.topic('t'), numPartitions })),
  ),
  each(CreateTopics, 'more partitions than anybody could mean', ($) =>
    one({ name: $.topic('t'), numPartitions: 10_001 }),
  ),
  ...[0, -2, 2, 3, 32_767].map((replicationFactor) =>
    each(CreateTopics, `${replicationFactor} replicas`, ($) => one({ name: $.topic('t'), replicationFactor })),
  ),
  each(CreateTopics, '0 partitions and 0 replicas', ($) =>
    one({ name: $.topic('t'), numPartitions: 0, replicationFactor: 0 }),
  ),
]

const assigning = [
  ['to this broker', [[0, [1]]]],
  [
    'two partitions to this broker',
    [
      [0, [1]],
      [1, [1]],
    ],
  ],
  [
    'in another order',
    [
      [1, [1]],
      [0, [1]],
    ],
  ],
  ['to a broker that is not there', [[0, [9]]]],
  ['to this broker and one that is not there', [[0, [1, 9]]]],
  ['to this broker twice', [[0, [1, 1]]]],
  ['to nobody', [[0, []]]],
  ['to a negative broker', [[0, [-1]]]],
  [
    'with a gap',
    [
      [0, [1]],
      [2, [1]],
    ],
  ],
  ['that begins at 1', [[1, [1]]]],
  ['with a negative partition', [[-1, [1]]]],
  [
    'with a partition twice',
    [
      [0, [1]],
      [0, [1]],
    ],
  ],
  [
    'of different lengths',
    [
      [0, [1]],
      [1, [1, 2]],
    ],
  ],
].map(([what, assignment]) => {
  const assignments = (assignment as [number, number[]][]).map(([partitionIndex, brokerIds]) => ({
    partitionIndex,
    brokerIds,
  }))
  return each(CreateTopics, `an assignment ${what}`, ($) =>
    one({ name: $.topic('t'), numPartitions: -1, replicationFactor: -1, assignments }),
  )
})

const assigningToo = [
  each(CreateTopics, 'an assignment and a number of partitions', ($) =>
    one({ name: $.topic('t'), replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
  ),
  each(CreateTopics, 'an assignment and a number of replicas', ($) =>
    one({ name: $.topic('t'), numPartitions: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
  ),
]

const configuring = (
  [
    { 'retention.ms': '1000' },
    { 'cleanup.policy': 'compact' },
    { 'cleanup.policy': 'compact,delete', 'min.cleanable.dirty.ratio': '0.1' },
    { 'cleanup.policy': ' compact , delete ' },
    { 'cleanup.policy': '' },
    { 'cleanup.policy': 'none' },
    { 'cleanup.policy': 'compact,compact' },
    { 'no.such.key': 'x' },
    { '': 'x' },
    { 'retention.ms': null },
    { 'retention.ms': '' },
    { 'retention.ms': 'soon' },
    { 'retention.ms': '-2' },
    { 'retention.ms': ' 5 ' },
    { 'retention.ms': '1.5' },
    { 'retention.ms': '9223372036854775807' },
    { 'retention.ms': '9223372036854775808' },
    { 'segment.bytes': '1' },
    { 'segment.bytes': '1048576' },
    { 'segment.bytes': '2147483648' },
    { 'segment.ms': '0' },
    { 'max.message.bytes': '-1' },
    { 'max.message.bytes': '0' },
    { 'min.insync.replicas': '0' },
    { 'min.insync.replicas': '2' },
    { 'min.cleanable.dirty.ratio': '1.1' },
    { 'min.cleanable.dirty.ratio': 'NaN' },
    { 'compression.type': 'brotli' },
    { 'compression.type': 'GZIP' },
    { 'compression.gzip.level': '10' },
    { 'compression.lz4.level': '0' },
    { 'compression.zstd.level': '23' },
    { 'message.timestamp.type': 'never' },
    { 'message.timestamp.type': 'LogAppendTime' },
    { 'unclean.leader.election.enable': 'yes' },
    { 'unclean.leader.election.enable': 'TRUE' },
    { preallocate: 'true' },
    { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' },
    { 'remote.storage.enable': 'true' },
    { 'leader.replication.throttled.replicas': '0:1' },
    { 'leader.replication.throttled.replicas': 'x' },
    { 'file.delete.delay.ms': '-1' },
    { 'message.downconversion.enable': 'true' },
    { 'message.format.version': '3.0' },
    { 'flush.messages': '0' },
    { 'index.interval.bytes': '-1' },
    { 'local.retention.ms': '-2' },
    { 'internal.segment.bytes': '1000' },
  ] as Record<string, string | null>[]
).map((configs) =>
  each(CreateTopics, `with ${JSON.stringify(configs)}`, ($) => withConfig($.topic('t'), configs), { versions: [7, 7] }),
)

const configuringToo = [
  each(CreateTopics, 'the same config twice', ($) =>
    one({
      name: $.topic('t'),
      configs: [
        { name: 'retention.ms', value: '1000' },
        { name: 'retention.ms', value: '2000' },
      ],
    }),
  ),
  script('CreateTopics: a timeout of 0', async ($) => {
    await $.ask(CreateTopics, 7, { ...one({ name: $.topic('t') }), timeoutMs: 0 })
  }),
  script('CreateTopics: a negative timeout', async ($) => {
    await $.ask(CreateTopics, 7, { ...one({ name: $.topic('t') }), timeoutMs: -1 })
  }),
]

const deletingByName = [
  ['a topic', ['t']],
  ['an unknown one', ['unknown']],
  ['a known and an unknown one', ['t', 'unknown']],
  ['one twice', ['t', 't']],
  ['an unknown one twice', ['unknown', 'unknown']],
  ['none', []],
].map(([what, labels]) =>
  each(
    DeleteTopics,
    `${what as string}, by name`,
    ($, version) => {
      const names = (labels as string[]).map((label) => $.topic(label))
      return version < 6 ? { topicNames: names, timeoutMs } : { topics: names.map((name) => ({ name })), timeoutMs }
    },
    { given: [aTopic('t'), records('t', ['a', 'b'])] },
  ),
)

const deleting = [
  ...['', '.', 'not good', 'x'.repeat(250)].map((name) =>
    each(DeleteTopics, `the illegal name ${JSON.stringify(name.slice(0, 8))}`, (_, version) =>
      version < 6 ? { topicNames: [name], timeoutMs } : { topics: [{ name }], timeoutMs },
    ),
  ),
  each(DeleteTopics, 'by id', ($) => ({ topics: [{ topicId: $.id('t') }], timeoutMs }), {
    versions: [6, 6],
    given: [aTopic('t')],
  }),
  each(DeleteTopics, 'by an id that is not there', () => ({ topics: [{ topicId: NO_SUCH_ID }], timeoutMs }), {
    versions: [6, 6],
  }),
  each(
    DeleteTopics,
    'by id and name at once',
    ($) => ({ topics: [{ name: $.topic('t'), topicId: $.id('t') }], timeoutMs }),
    {
      versions: [6, 6],
      given: [aTopic('t')],
    },
  ),
  each(DeleteTopics, 'by neither id nor name', () => ({ topics: [{}], timeoutMs }), { versions: [6, 6] }),
  each(
    DeleteTopics,
    'one by name and by id in one request',
    ($) => ({ topics: [{ name: $.topic('t') }, { topicId: $.id('t') }], timeoutMs }),
    { versions: [6, 6], given: [aTopic('t')] },
  ),
  each(
    DeleteTopics,
    'one by id twice',
    ($) => ({ topics: [{ topicId: $.id('t') }, { topicId: $.id('t') }], timeoutMs }),
    { versions: [6, 6], given: [aTopic('t')] },
  ),
  script('DeleteTopics: and made again it is empty, with another id', async ($) => {
    await aTopic('t')($)
    await records('t', ['a'])($)
    const before = $.id('t')
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs })
    await aTopic('t', { partitions: 2 })($)
    $.note('another id', $.id('t') !== before)
  }),
  script('DeleteTopics: a timeout of 0', async ($) => {
    await aTopic('t')($)
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs: 0 })
  }),
]

type Growth = Loose<TypeOf<typeof CreatePartitions.request>['topics'][number]>
const grow = (growth: Growth) => ({ topics: [{ assignments: null, ...growth }], timeoutMs })
const twoPartitions = { given: [aTopic('t', { partitions: 2 })] }

const growing = [
  ...[3, 5, 2, 1, 0, -1].map((count) =>
    each(CreatePartitions, `from 2 to ${count}`, ($) => grow({ name: $.topic('t'), count }), twoPartitions),
  ),
  each(CreatePartitions, 'an unknown topic', ($) => grow({ name: $.topic('unknown'), count: 3 })),
  each(CreatePartitions, 'an illegal name', () => grow({ name: 'not good', count: 3 })),
  each(CreatePartitions, 'an empty name', () => grow({ name: '', count: 3 })),
  each(CreatePartitions, 'no topics', () => ({ topics: [], timeoutMs })),
  each(
    CreatePartitions,
    'one topic twice',
    ($) => ({
      topics: [3, 4].map((count) => ({ name: $.topic('t'), count, assignments: null })),
      timeoutMs,
    }),
    twoPartitions,
  ),
  each(
    CreatePartitions,
    'a good and a bad one',
    ($) => ({
      topics: [
        { name: $.topic('t'), count: 3, assignments: null },
        { name: $.topic('unknown'), count: 3, assignments: null },
      ],
      timeoutMs,
    }),
    twoPartitions,
  ),
  each(
    CreatePartitions,
    'validate only',
    ($) => ({ ...grow({ name: $.topic('t'), count: 4 }), validateOnly: true }),
    twoPartitions,
  ),
  each(
    CreatePartitions,
    'validate only, fewer',
    ($) => ({ ...grow({ name: $.topic('t'), count: 1 }), validateOnly: true }),
    twoPartitions,
  ),
  ...(
    [
      ['to this broker', [[1]]],
      ['to a broker that is not there', [[9]]],
      ['to this broker twice', [[1, 1]]],
      ['to nobody', [[]]],
      ['of more replicas', [[1, 2]]],
      ['for two when one is asked', [[1], [1]]],
      ['for none when one is asked', []],
    ] as [string, number[][]][]
  ).map(([what, brokers]) =>
    each(
      CreatePartitions,
      `an assignment ${what}`,
      ($) => grow({ name: $.topic('t'), count: 3, assignments: brokers.map((brokerIds) => ({ brokerIds })) }),
      twoPartitions,
    ),
  ),
  script('CreatePartitions: old records stay', async ($) => {
    await aTopic('t')($)
    await records('t', ['a', 'b'])($)
    await $.ask(CreatePartitions, 3, grow({ name: $.topic('t'), count: 3 }))
  }),
]

export const topics = theme('topics', [
  ...creating,
  ...assigning,
  ...assigningToo,
  ...configuring,
  ...configuringToo,
  ...deletingByName,
  ...deleting,
  ...growing,
])
