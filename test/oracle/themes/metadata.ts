/** Where topics and brokers are; what may be asked for. */
import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { DescribeCluster, DescribeTopicPartitions, Metadata } from '../../../protocol/apis/metadata.ts'
import { aTopic } from '../given.ts'
import { each, script, theme } from '../scenario.ts'

const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const two = { given: [aTopic('t', { partitions: 3 }), aTopic('u')] }

const metadataCases = [
  each(Metadata, 'a topic', ($) => ({ topics: [{ name: $.topic('t') }] }), two),
  each(Metadata, 'two topics', ($) => ({ topics: [{ name: $.topic('t') }, { name: $.topic('u') }] }), two),
  each(Metadata, 'a topic twice', ($) => ({ topics: [{ name: $.topic('t') }, { name: $.topic('t') }] }), two),
  each(Metadata, 'no topics', () => ({ topics: [] }), { ...two, mine: true, versions: [0, 13] }),
  each(Metadata, 'all topics', () => ({ topics: null }), { ...two, mine: true }),
  each(Metadata, 'an unknown topic that is not to be made', ($) => ({
    topics: [{ name: $.topic('unknown') }],
    allowAutoTopicCreation: false,
  })),
  each(
    Metadata,
    'a known and an unknown topic that is not to be made',
    ($) => ({ topics: [{ name: $.topic('t') }, { name: $.topic('unknown') }], allowAutoTopicCreation: false }),
    two,
  ),
  each(Metadata, 'an unknown topic that is made', ($) => ({ topics: [{ name: $.topic('fresh') }] })),
  each(Metadata, 'an unknown topic that is made, asked for again', ($) => ({ topics: [{ name: $.topic('fresh') }] }), {
    andThen: async ($, version) => {
      await $.pause(300)
      await $.ask(Metadata, version, { topics: [{ name: $.topic('fresh') }] }, { note: 'again' })
    },
  }),
  ...['', '.', '..', 'a/b', 'a b', 'ä', 'x'.repeat(250)].flatMap((name) => [
    each(Metadata, `the illegal name ${JSON.stringify(name.slice(0, 8))}`, () => ({ topics: [{ name }] })),
    each(
      Metadata,
      `the illegal name ${JSON.stringify(name.slice(0, 8))}, not to be made`,
      () => ({
        topics: [{ name }],
        allowAutoTopicCreation: false,
      }),
      { versions: [4, 13] },
    ),
  ]),
  each(
    Metadata,
    'an illegal and a good name',
    ($) => ({ topics: [{ name: 'not good' }, { name: $.topic('t') }] }),
    two,
  ),
  each(Metadata, 'a name that collides with another', ($) => ({ topics: [{ name: $.topic('a_b') }] }), {
    given: [aTopic('a.b')],
  }),
  each(Metadata, 'by id', ($) => ({ topics: [{ topicId: $.id('t'), name: null }] }), { ...two, versions: [10, 13] }),
  each(Metadata, 'by id and name', ($) => ({ topics: [{ topicId: $.id('t'), name: $.topic('t') }] }), {
    ...two,
    versions: [10, 13],
  }),
  each(
    Metadata,
    'by the id of one and the name of another',
    ($) => ({ topics: [{ topicId: $.id('t'), name: $.topic('u') }] }),
    {
      ...two,
      versions: [10, 13],
    },
  ),
  each(Metadata, 'by an id that is not there', () => ({ topics: [{ topicId: NO_SUCH_ID, name: null }] }), {
    versions: [10, 13],
  }),
  each(
    Metadata,
    'by ids, one of which is not there',
    ($) => ({
      topics: [
        { topicId: NO_SUCH_ID, name: null },
        { topicId: $.id('t'), name: null },
      ],
    }),
    { ...two, versions: [12, 13] },
  ),
  each(
    Metadata,
    'one by id and one by name',
    ($) => ({
      topics: [{ topicId: $.id('t'), name: null }, { name: $.topic('u') }],
    }),
    { ...two, versions: [12, 13] },
  ),
  each(Metadata, 'by neither', () => ({ topics: [{ topicId: NO_ID, name: null }] }), { versions: [10, 13] }),
  each(
    Metadata,
    'by the same id twice',
    ($) => ({
      topics: [
        { topicId: $.id('t'), name: null },
        { topicId: $.id('t'), name: null },
      ],
    }),
    { ...two, versions: [12, 13] },
  ),
  each(Metadata, 'the internal topic', () => ({ topics: [{ name: '__consumer_offsets' }] })),
  each(
    Metadata,
    'the internal topic of transactions',
    () => ({
      topics: [{ name: '__transaction_state' }],
      allowAutoTopicCreation: false,
    }),
    { versions: [4, 13] },
  ),
  each(
    Metadata,
    'with the operations on topics',
    ($) => ({
      topics: [{ name: $.topic('t') }],
      includeTopicAuthorizedOperations: true,
    }),
    { ...two, versions: [8, 13] },
  ),
  each(
    Metadata,
    'with the operations on topics, of an unknown one',
    ($) => ({
      topics: [{ name: $.topic('unknown') }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
    }),
    { versions: [8, 13] },
  ),
  each(
    Metadata,
    'with the operations on the cluster',
    () => ({ topics: [], includeClusterAuthorizedOperations: true }),
    {
      versions: [8, 10],
    },
  ),
]

const clusterCases = [
  each(DescribeCluster, 'plain', () => ({})),
  each(DescribeCluster, 'with operations', () => ({ includeClusterAuthorizedOperations: true })),
  each(DescribeCluster, 'with fenced brokers', () => ({ includeFencedBrokers: true })),
  each(DescribeCluster, 'with fenced brokers and operations', () => ({
    includeFencedBrokers: true,
    includeClusterAuthorizedOperations: true,
  })),
  ...[0, 1, 2, 3, -1, 127].map((endpointType) =>
    each(DescribeCluster, `of endpoint type ${endpointType}`, () => ({ endpointType })),
  ),
  each(DescribeCluster, 'of controllers with operations', () => ({
    endpointType: 2,
    includeClusterAuthorizedOperations: true,
  })),
]

const three = { given: [aTopic('a', { partitions: 2 }), aTopic('b', { partitions: 3 }), aTopic('c')] }
const abc = ['a', 'b', 'c']

const pages = [
  each(DescribeTopicPartitions, 'a topic', ($) => ({ topics: [{ name: $.topic('a') }] }), three),
  each(
    DescribeTopicPartitions,
    'topics in another order',
    ($) => ({
      topics: ['c', 'a', 'b'].map((label) => ({ name: $.topic(label) })),
    }),
    three,
  ),
  each(
    DescribeTopicPartitions,
    'a topic twice',
    ($) => ({
      topics: ['a', 'a'].map((label) => ({ name: $.topic(label) })),
    }),
    three,
  ),
  each(DescribeTopicPartitions, 'all topics', () => ({ topics: [] }), { ...three, mine: true, alone: true }),
  each(DescribeTopicPartitions, 'an unknown topic', ($) => ({ topics: [{ name: $.topic('unknown') }] })),
  each(
    DescribeTopicPartitions,
    'an unknown and a known topic',
    ($) => ({
      topics: [{ name: $.topic('unknown') }, { name: $.topic('a') }],
    }),
    three,
  ),
  ...['', 'not good', '.'].map((name) =>
    each(DescribeTopicPartitions, `the illegal name ${JSON.stringify(name)}`, () => ({ topics: [{ name }] })),
  ),
  ...[1, 2, 3, 4, 5, 6, 0, -1, 2_000_000].map((responsePartitionLimit) =>
    each(
      DescribeTopicPartitions,
      `at most ${responsePartitionLimit} partitions`,
      ($) => ({
        topics: abc.map((label) => ({ name: $.topic(label) })),
        responsePartitionLimit,
      }),
      three,
    ),
  ),
  ...(
    [
      ['a', 0],
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['c', 0],
      ['d', 0],
      ['aa', 1],
      ['b', -1],
    ] as const
  ).map(([label, partitionIndex]) =>
    each(
      DescribeTopicPartitions,
      `on from ${label}-${partitionIndex}`,
      ($) => ({
        topics: abc.map((one) => ({ name: $.topic(one) })),
        responsePartitionLimit: 2,
        cursor: { topicName: `${label}${$.suffix}`, partitionIndex },
      }),
      three,
    ),
  ),
  each(
    DescribeTopicPartitions,
    'on from a topic that was not asked for',
    ($) => ({
      topics: [{ name: $.topic('a') }],
      cursor: { topicName: $.topic('b'), partitionIndex: 0 },
    }),
    three,
  ),
  each(
    DescribeTopicPartitions,
    'on from an illegal name',
    ($) => ({
      topics: [{ name: $.topic('a') }],
      cursor: { topicName: 'not good', partitionIndex: 0 },
    }),
    three,
  ),
  each(DescribeTopicPartitions, 'the internal topic', () => ({ topics: [{ name: '__consumer_offsets' }] })),
]

const software = (clientSoftwareName: string, clientSoftwareVersion = '1.0') =>
  each(
    ApiVersions,
    `software ${JSON.stringify(clientSoftwareName)} ${JSON.stringify(clientSoftwareVersion)}`,
    () => ({
      clientSoftwareName,
      clientSoftwareVersion,
    }),
    { versions: [3, 4] },
  )

const versionsCases = [
  each(ApiVersions, 'plain', () => ({ clientSoftwareName: 'oracle', clientSoftwareVersion: '1.0' })),
  software(''),
  software('oracle', ''),
  software('a-b.c'),
  software('-a'),
  software('a-'),
  software('a b'),
  software('a_b'),
  software('ä'),
  software('a', '1+2'),
  software('a', '-1'),
  software('1'),
  software('a'.repeat(1000)),
  ...[5, 6, 100, 32_767, -1].map((version) =>
    script(`ApiVersions: in the unknown version ${version}`, async ($) => {
      const header = Buffer.from([0, 18, 0, 0, 0, 0, 0, 9, 0, 1, 0x61])
      header.writeInt16BE(version, 2)
      await $.sendFrame(header, { note: 'ApiVersions' })
      await $.tryToAsk(ApiVersions, 0, {}, { note: 'on the same connection' })
    }),
  ),
]

export const metadata = theme('metadata', [...metadataCases, ...clusterCases, ...pages, ...versionsCases])
