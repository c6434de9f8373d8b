/** Questions about the offsets of partitions, and cutting partitions at the front. */
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from '../../../protocol/apis/list-offsets.ts'
import { aTopic, records, T0 } from '../given.ts'
import { each, type Given, script, theme } from '../scenario.ts'

const given: { given: readonly Given[] } = {
  given: [
    aTopic('t', { partitions: 2 }),
    records('t', ['a', 'b', 'c']),
    records('t', ['late'], { baseTimestamp: T0 + 100_000 }),
    records('t', ['d', 'e'], { baseTimestamp: T0 + 50_000, compression: 'gzip' }),
  ],
}
const list = (
  topic: string,
  ...partitions: { partitionIndex?: number; timestamp?: number; currentLeaderEpoch?: number }[]
) => ({
  replicaId: -1,
  topics: [{ name: topic, partitions: partitions.map((one) => ({ partitionIndex: 0, timestamp: -1, ...one })) }],
})

const times: readonly (readonly [string, number])[] = [
  ['latest', -1],
  ['earliest', -2],
  ['of the largest timestamp', -3],
  ['earliest local', -4],
  ['latest tiered', -5],
  ['earliest pending upload', -6],
  ['an unknown special -7', -7],
  ['an unknown special -100', -100],
  ['before all', 0],
  ['of the first', T0],
  ['between two', T0 + 500],
  ['of the second', T0 + 1000],
  ['after the third', T0 + 2001],
  ['within a compressed batch', T0 + 50_500],
  ['of the late one', T0 + 100_000],
  ['after all', T0 + 100_001],
  ['the largest number', Number.MAX_SAFE_INTEGER],
]

const listing = [
  ...times.map(([what, timestamp]) => each(ListOffsets, what, ($) => list($.topic('t'), { timestamp }), given)),
  ...[-1, -2, -3, -4, -5, 0].map((timestamp) =>
    each(
      ListOffsets,
      `${timestamp} of an empty partition`,
      ($) => list($.topic('t'), { partitionIndex: 1, timestamp }),
      given,
    ),
  ),
  each(ListOffsets, 'read committed', ($) => ({ ...list($.topic('t'), {}), isolationLevel: 1 }), given),
  each(
    ListOffsets,
    'read committed, by time',
    ($) => ({ ...list($.topic('t'), { timestamp: T0 }), isolationLevel: 1 }),
    given,
  ),
  each(ListOffsets, 'an isolation level of 2', ($) => ({ ...list($.topic('t'), {}), isolationLevel: 2 }), given),
  each(ListOffsets, 'no topics', () => ({ replicaId: -1, topics: [] })),
  each(ListOffsets, 'no partitions', ($) => list($.topic('t')), given),
  each(ListOffsets, 'an unknown topic', ($) => list($.topic('unknown'), {})),
  each(ListOffsets, 'an illegal name', () => list('not good', {})),
  each(ListOffsets, 'an empty name', () => list('', {})),
  ...[2, -1].map((partitionIndex) =>
    each(ListOffsets, `partition ${partitionIndex} of two`, ($) => list($.topic('t'), { partitionIndex }), given),
  ),
  each(ListOffsets, 'a known and an unknown partition', ($) => list($.topic('t'), {}, { partitionIndex: 7 }), given),
  each(ListOffsets, 'a partition twice', ($) => list($.topic('t'), {}, { timestamp: -2 }), given),
  each(ListOffsets, 'a partition twice and another', ($) => list($.topic('t'), {}, {}, { partitionIndex: 1 }), given),
  ...[0, 1, -1, -2].map((currentLeaderEpoch) =>
    each(ListOffsets, `leader epoch ${currentLeaderEpoch}`, ($) => list($.topic('t'), { currentLeaderEpoch }), {
      ...given,
      versions: [4, 11],
    }),
  ),
  ...[-2, 1, 9].map((replicaId) =>
    each(ListOffsets, `as replica ${replicaId}`, ($) => ({ ...list($.topic('t'), {}), replicaId }), given),
  ),
  each(
    ListOffsets,
    'as a debugging replica, earliest',
    ($) => ({ ...list($.topic('t'), { timestamp: -2 }), replicaId: -2 }),
    given,
  ),
  each(ListOffsets, 'a timeout of 0', ($) => ({ ...list($.topic('t'), { timestamp: T0 }), timeoutMs: 0 }), {
    ...given,
    versions: [10, 11],
  }),
]

const cut = (topic: string, ...partitions: { partitionIndex?: number; offset: number }[]) => ({
  topics: [{ name: topic, partitions: partitions.map((one) => ({ partitionIndex: 0, ...one })) }],
  timeoutMs: 5000,
})

const deleting = [
  ...[0, 1, 3, 6, -1, 7, 1000, -2].map((offset) =>
    each(DeleteRecords, `before ${offset} of 6`, ($) => cut($.topic('t'), { offset }), given),
  ),
  each(DeleteRecords, 'of an empty partition', ($) => cut($.topic('t'), { partitionIndex: 1, offset: -1 }), given),
  each(DeleteRecords, 'of an unknown topic', ($) => cut($.topic('unknown'), { offset: 0 })),
  each(DeleteRecords, 'of an illegal name', () => cut('not good', { offset: 0 })),
  ...[2, -1].map((partitionIndex) =>
    each(
      DeleteRecords,
      `of partition ${partitionIndex} of two`,
      ($) => cut($.topic('t'), { partitionIndex, offset: 0 }),
      given,
    ),
  ),
  each(
    DeleteRecords,
    'of a good and a bad partition',
    ($) => cut($.topic('t'), { offset: 2 }, { partitionIndex: 9, offset: 1 }),
    given,
  ),
  each(DeleteRecords, 'of a partition twice', ($) => cut($.topic('t'), { offset: 2 }, { offset: 3 }), given),
  each(DeleteRecords, 'of no topics', () => ({ topics: [], timeoutMs: 5000 })),
  each(DeleteRecords, 'of no partitions', ($) => cut($.topic('t')), given),
  each(DeleteRecords, 'with a timeout of 0', ($) => ({ ...cut($.topic('t'), { offset: 2 }), timeoutMs: 0 }), given),
  each(DeleteRecords, 'of a compacted topic', ($) => cut($.topic('t'), { offset: 1 }), {
    given: [aTopic('t', { configs: { 'cleanup.policy': 'compact' } }), records('t', ['k=a', 'k=b'])],
  }),
  each(DeleteRecords, 'of a topic that is compacted and deleted', ($) => cut($.topic('t'), { offset: 1 }), {
    given: [aTopic('t', { configs: { 'cleanup.policy': 'compact,delete' } }), records('t', ['k=a', 'k=b'])],
  }),
  each(DeleteRecords, 'of the internal topic', () => cut('__consumer_offsets', { offset: 0 })),
  script('DeleteRecords: never back', async ($) => {
    for (const prepare of given.given) await prepare($)
    await $.ask(DeleteRecords, 2, cut($.topic('t'), { offset: 4 }))
    await $.ask(DeleteRecords, 2, cut($.topic('t'), { offset: 2 }), { note: 'back' })
    await $.ask(DeleteRecords, 2, cut($.topic('t'), { offset: -1 }), { note: 'all' })
    await $.ask(ListOffsets, 7, list($.topic('t'), { timestamp: -2 }))
    await $.ask(ListOffsets, 7, list($.topic('t'), { timestamp: T0 }), { note: 'by time' })
    await $.ask(ListOffsets, 7, list($.topic('t'), { timestamp: -3 }), { note: 'of the largest timestamp' })
  }),
]

const epochOf = (
  topic: string,
  ...partitions: { partition?: number; currentLeaderEpoch?: number; leaderEpoch: number }[]
) => ({
  topics: [{ topic, partitions: partitions.map((one) => ({ partition: 0, currentLeaderEpoch: -1, ...one })) }],
})

const epochs = [
  ...[0, 1, 5, -1, -2].map((leaderEpoch) =>
    each(
      OffsetForLeaderEpoch,
      `where epoch ${leaderEpoch} ended`,
      ($) => epochOf($.topic('t'), { leaderEpoch }),
      given,
    ),
  ),
  ...[0, -1].map((leaderEpoch) =>
    each(
      OffsetForLeaderEpoch,
      `where epoch ${leaderEpoch} ended in an empty partition`,
      ($) => epochOf($.topic('t'), { partition: 1, leaderEpoch }),
      given,
    ),
  ),
  ...[0, 1, -2].map((currentLeaderEpoch) =>
    each(
      OffsetForLeaderEpoch,
      `with the current epoch ${currentLeaderEpoch}`,
      ($) => epochOf($.topic('t'), { currentLeaderEpoch, leaderEpoch: 0 }),
      given,
    ),
  ),
  each(OffsetForLeaderEpoch, 'of an unknown topic', ($) => epochOf($.topic('unknown'), { leaderEpoch: 0 })),
  each(OffsetForLeaderEpoch, 'of an illegal name', () => epochOf('not good', { leaderEpoch: 0 })),
  ...[2, -1].map((partition) =>
    each(
      OffsetForLeaderEpoch,
      `of partition ${partition} of two`,
      ($) => epochOf($.topic('t'), { partition, leaderEpoch: 0 }),
      given,
    ),
  ),
  each(
    OffsetForLeaderEpoch,
    'of a partition twice',
    ($) => epochOf($.topic('t'), { leaderEpoch: 0 }, { leaderEpoch: 1 }),
    given,
  ),
  each(
    OffsetForLeaderEpoch,
    'of a known and an unknown partition',
    ($) => epochOf($.topic('t'), { leaderEpoch: 0 }, { partition: 5, leaderEpoch: 0 }),
    given,
  ),
  each(OffsetForLeaderEpoch, 'of no topics', () => ({ topics: [] })),
  each(OffsetForLeaderEpoch, 'of no partitions', ($) => epochOf($.topic('t')), given),
  each(OffsetForLeaderEpoch, 'as a replica', ($) => ({ ...epochOf($.topic('t'), { leaderEpoch: 0 }), replicaId: 1 }), {
    ...given,
    versions: [3, 4],
  }),
]

export const offsets = theme('offsets', [...listing, ...deleting, ...epochs])
