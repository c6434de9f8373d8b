/** Log directories, leaders, reassignments. */
import {
  AlterPartitionReassignments,
  DescribeLogDirs,
  ElectLeaders,
  ListPartitionReassignments,
} from '../../../protocol/apis/cluster-admin.ts'
import { aTopic, records } from '../given.ts'
import { each, script, theme } from '../scenario.ts'

const timeoutMs = 5000
const given = { given: [aTopic('t', { partitions: 2 }), aTopic('u'), records('t', ['a', 'b'])] }

const logDirs = [
  each(DescribeLogDirs, 'a partition', ($) => ({ topics: [{ topic: $.topic('t'), partitions: [0] }] }), given),
  each(DescribeLogDirs, 'two partitions', ($) => ({ topics: [{ topic: $.topic('t'), partitions: [0, 1] }] }), given),
  each(
    DescribeLogDirs,
    'two topics',
    ($) => ({
      topics: [
        { topic: $.topic('t'), partitions: [1] },
        { topic: $.topic('u'), partitions: [0] },
      ],
    }),
    given,
  ),
  each(DescribeLogDirs, 'everything', () => ({ topics: null }), { ...given, mine: true }),
  each(DescribeLogDirs, 'no topics', () => ({ topics: [] }), given),
  each(DescribeLogDirs, 'no partitions', ($) => ({ topics: [{ topic: $.topic('t'), partitions: [] }] }), given),
  each(DescribeLogDirs, 'an unknown topic', ($) => ({ topics: [{ topic: $.topic('unknown'), partitions: [0] }] })),
  each(DescribeLogDirs, 'an unknown partition', ($) => ({ topics: [{ topic: $.topic('t'), partitions: [5] }] }), given),
  each(
    DescribeLogDirs,
    'a negative partition',
    ($) => ({ topics: [{ topic: $.topic('t'), partitions: [-1] }] }),
    given,
  ),
  each(DescribeLogDirs, 'a partition twice', ($) => ({ topics: [{ topic: $.topic('t'), partitions: [0, 0] }] }), given),
  each(
    DescribeLogDirs,
    'a topic twice',
    ($) => ({
      topics: [
        { topic: $.topic('t'), partitions: [0] },
        { topic: $.topic('t'), partitions: [1] },
      ],
    }),
    given,
  ),
  each(DescribeLogDirs, 'an illegal name', () => ({ topics: [{ topic: 'not good', partitions: [0] }] })),
]

const elections = [
  ...[0, 1].flatMap((electionType) => [
    each(
      ElectLeaders,
      `type ${electionType}, a partition`,
      ($) => ({
        electionType,
        timeoutMs,
        topicPartitions: [{ topic: $.topic('t'), partitions: [0] }],
      }),
      given,
    ),
    each(ElectLeaders, `type ${electionType}, an unknown topic`, ($) => ({
      electionType,
      timeoutMs,
      topicPartitions: [{ topic: $.topic('unknown'), partitions: [0] }],
    })),
    each(
      ElectLeaders,
      `type ${electionType}, an unknown partition`,
      ($) => ({
        electionType,
        timeoutMs,
        topicPartitions: [{ topic: $.topic('t'), partitions: [0, 9] }],
      }),
      given,
    ),
    each(ElectLeaders, `type ${electionType}, all`, () => ({ electionType, timeoutMs, topicPartitions: null }), {
      given: given.given,
      mine: true,
      alone: true,
    }),
    each(ElectLeaders, `type ${electionType}, none`, () => ({ electionType, timeoutMs, topicPartitions: [] })),
  ]),
  ...[2, -1].map((electionType) =>
    each(
      ElectLeaders,
      `the unknown type ${electionType}`,
      ($) => ({
        electionType,
        timeoutMs,
        topicPartitions: [{ topic: $.topic('t'), partitions: [0] }],
      }),
      { given: given.given, versions: [1, 2] },
    ),
  ),
  each(
    ElectLeaders,
    'a partition twice',
    ($) => ({ timeoutMs, topicPartitions: [{ topic: $.topic('t'), partitions: [0, 0] }] }),
    given,
  ),
  each(
    ElectLeaders,
    'a negative partition',
    ($) => ({ timeoutMs, topicPartitions: [{ topic: $.topic('t'), partitions: [-1] }] }),
    given,
  ),
  each(
    ElectLeaders,
    'a timeout of 0',
    ($) => ({ timeoutMs: 0, topicPartitions: [{ topic: $.topic('t'), partitions: [0] }] }),
    given,
  ),
  each(ElectLeaders, 'an illegal name', () => ({
    timeoutMs,
    topicPartitions: [{ topic: 'not good', partitions: [0] }],
  })),
]

const move = (name: string, ...partitions: [number, number[] | null][]) => ({
  timeoutMs,
  topics: [{ name, partitions: partitions.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas })) }],
})

const moves = [
  ...(
    [
      ['to where it is', [1]],
      ['to nobody', []],
      ['to a broker that is not there', [9]],
      ['to this and one that is not there', [1, 9]],
      ['to this one twice', [1, 1]],
      ['to a negative broker', [-1]],
      ['cancelled', null],
    ] as [string, number[] | null][]
  ).map(([what, replicas]) =>
    each(AlterPartitionReassignments, `a partition, ${what}`, ($) => move($.topic('t'), [0, replicas]), given),
  ),
  each(AlterPartitionReassignments, 'an unknown topic', ($) => move($.topic('unknown'), [0, [1]])),
  each(AlterPartitionReassignments, 'an unknown topic, cancelled', ($) => move($.topic('unknown'), [0, null])),
  each(AlterPartitionReassignments, 'an unknown partition', ($) => move($.topic('t'), [0, [1]], [9, [1]]), given),
  each(AlterPartitionReassignments, 'a negative partition', ($) => move($.topic('t'), [-1, [1]]), given),
  each(AlterPartitionReassignments, 'a partition twice', ($) => move($.topic('t'), [0, [1]], [0, [1]]), given),
  each(AlterPartitionReassignments, 'no topics', () => ({ timeoutMs, topics: [] })),
  each(AlterPartitionReassignments, 'no partitions', ($) => move($.topic('t')), given),
  each(AlterPartitionReassignments, 'an illegal name', () => move('not good', [0, [1]])),
  each(
    AlterPartitionReassignments,
    'a timeout of 0',
    ($) => ({ ...move($.topic('t'), [0, [1]]), timeoutMs: 0 }),
    given,
  ),
  each(
    AlterPartitionReassignments,
    'another replication factor that is not allowed',
    ($) => ({
      ...move($.topic('t'), [0, [1, 9]]),
      allowReplicationFactorChange: false,
    }),
    { ...given, versions: [1, 1] },
  ),
  each(
    AlterPartitionReassignments,
    'the same replication factor',
    ($) => ({
      ...move($.topic('t'), [0, [1]]),
      allowReplicationFactorChange: false,
    }),
    { ...given, versions: [1, 1] },
  ),
]

const list = (name: string, ...partitionIndexes: number[]) => ({ timeoutMs, topics: [{ name, partitionIndexes }] })

const underWay = [
  each(ListPartitionReassignments, 'all', () => ({ timeoutMs, topics: null })),
  each(ListPartitionReassignments, 'none', () => ({ timeoutMs, topics: [] })),
  each(ListPartitionReassignments, 'of a partition', ($) => list($.topic('t'), 0), given),
  each(ListPartitionReassignments, 'of partitions', ($) => list($.topic('t'), 0, 1), given),
  each(ListPartitionReassignments, 'of no partition', ($) => list($.topic('t')), given),
  each(ListPartitionReassignments, 'of an unknown partition', ($) => list($.topic('t'), 9), given),
  each(ListPartitionReassignments, 'of a negative partition', ($) => list($.topic('t'), -1), given),
  each(ListPartitionReassignments, 'of a partition twice', ($) => list($.topic('t'), 0, 0), given),
  each(ListPartitionReassignments, 'of an unknown topic', ($) => list($.topic('unknown'), 0)),
  each(ListPartitionReassignments, 'of an illegal name', () => list('not good', 0)),
  each(ListPartitionReassignments, 'with a timeout of 0', () => ({ timeoutMs: 0, topics: null })),
  script('ListPartitionReassignments: after one that ended at once', async ($) => {
    for (const prepare of given.given) await prepare($)
    await $.ask(AlterPartitionReassignments, 1, move($.topic('t'), [0, [1]]))
    await $.ask(ListPartitionReassignments, 0, list($.topic('t'), 0, 1))
  }),
]

export const clusterAdmin = theme('cluster administration', [...logDirs, ...elections, ...moves, ...underWay])
