import { OffsetCommit, OffsetDelete, OffsetFetch } from '../../../protocol/apis/group-offsets.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aCommit, aTopic } from '../given.ts'
import { stableGroup, subscription } from '../members.ts'
import { each, type Loose, script, theme } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'
const topicGiven = { given: [aTopic('t', { partitions: 2 })] }

type Commit = Loose<TypeOf<typeof OffsetCommit.request>>
type Part = {
  partitionIndex?: number
  committedOffset?: bigint
  committedLeaderEpoch?: number
  committedMetadata?: string | null
}

const of = ($: Stage, version: number, label: string, ...parts: Part[]) => ({
  ...(version >= 10 ? { topicId: $.id(label) } : { name: $.topic(label) }),
  partitions: parts.map((one) => ({ partitionIndex: 0, committedOffset: 5n, committedMetadata: 'm', ...one })),
})
const commit = ($: Stage, topics: Commit['topics'], rest: Commit = {}): Commit => ({
  groupId: $.group('g'),
  generationIdOrMemberEpoch: -1,
  memberId: '',
  topics: topics ?? [],
  ...rest,
})

const committing = [
  each(OffsetCommit, 'from outside', ($, version) => commit($, [of($, version, 't', {})]), topicGiven),
  each(
    OffsetCommit,
    'two partitions',
    ($, version) => commit($, [of($, version, 't', {}, { partitionIndex: 1, committedOffset: 7n })]),
    topicGiven,
  ),
  ...[0n, -1n, -2n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n].map((committedOffset) =>
    each(
      OffsetCommit,
      `offset ${committedOffset}`,
      ($, version) => commit($, [of($, version, 't', { committedOffset })]),
      topicGiven,
    ),
  ),
  ...[null, '', 'x'.repeat(4096), 'x'.repeat(4097), 'ä'.repeat(4096)].map((committedMetadata) =>
    each(
      OffsetCommit,
      `metadata ${committedMetadata === null ? 'null' : `of ${committedMetadata.length} ${committedMetadata[0] ?? ''}`}`,
      ($, version) => commit($, [of($, version, 't', { committedMetadata }, { partitionIndex: 1 })]),
      topicGiven,
    ),
  ),
  ...[0, 3, -2].map((committedLeaderEpoch) =>
    each(
      OffsetCommit,
      `leader epoch ${committedLeaderEpoch}`,
      ($, version) => commit($, [of($, version, 't', { committedLeaderEpoch })]),
      { ...topicGiven, versions: [6, 10] },
    ),
  ),
  ...[0, 1000, -1, -2, 604_800_000, Number.MAX_SAFE_INTEGER].map((retentionTimeMs) =>
    each(
      OffsetCommit,
      `retention ${retentionTimeMs}`,
      ($, version) => commit($, [of($, version, 't', {})], { retentionTimeMs }),
      { ...topicGiven, versions: [2, 4] },
    ),
  ),
  each(OffsetCommit, 'an unknown topic', ($, version) =>
    commit($, [
      {
        ...(version >= 10 ? { topicId: NO_SUCH_ID } : { name: $.topic('unknown') }),
        partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }],
      },
    ]),
  ),
  each(
    OffsetCommit,
    'a known and an unknown topic',
    ($, version) =>
      commit($, [
        {
          ...(version >= 10 ? { topicId: NO_SUCH_ID } : { name: $.topic('unknown') }),
          partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }],
        },
        of($, version, 't', {}),
      ]),
    topicGiven,
  ),
  ...[2, -1].map((partitionIndex) =>
    each(
      OffsetCommit,
      `partition ${partitionIndex} of two`,
      ($, version) => commit($, [of($, version, 't', { partitionIndex })]),
      topicGiven,
    ),
  ),
  each(
    OffsetCommit,
    'a partition twice',
    ($, version) => commit($, [of($, version, 't', { committedOffset: 1n }, { committedOffset: 2n })]),
    topicGiven,
  ),
  each(OffsetCommit, 'no topics', ($) => commit($, [])),
  each(OffsetCommit, 'no partitions', ($, version) => commit($, [of($, version, 't')]), topicGiven),
  each(
    OffsetCommit,
    'no topic id',
    ($) => commit($, [{ partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }] }]),
    { versions: [10, 10] },
  ),
  each(
    OffsetCommit,
    'an empty group id',
    ($, version) => commit($, [of($, version, 't', {})], { groupId: '' }),
    topicGiven,
  ),
  each(
    OffsetCommit,
    'a generation of an unknown group',
    ($, version) => commit($, [of($, version, 't', {})], { generationIdOrMemberEpoch: 1, memberId: 'm' }),
    topicGiven,
  ),
  each(
    OffsetCommit,
    'generation 0 without a member',
    ($, version) => commit($, [of($, version, 't', {})], { generationIdOrMemberEpoch: 0 }),
    topicGiven,
  ),
  each(
    OffsetCommit,
    'a member without a generation',
    ($, version) => commit($, [of($, version, 't', {})], { memberId: 'm' }),
    topicGiven,
  ),
  each(
    OffsetCommit,
    'an instance of an unknown group',
    ($, version) => commit($, [of($, version, 't', {})], { groupInstanceId: 'i' }),
    { ...topicGiven, versions: [7, 10] },
  ),
  ...(
    [
      ['of the member', {}],
      ['of another generation', { generationIdOrMemberEpoch: 9 }],
      ['of generation -1', { generationIdOrMemberEpoch: -1 }],
      ['of an unknown member', { memberId: 'nobody' }],
      ['of nobody', { memberId: '', generationIdOrMemberEpoch: -1 }],
      ['with an unknown instance', { groupInstanceId: 'i' }],
    ] as [string, Commit][]
  ).map(([what, rest]) =>
    script(
      `OffsetCommit: in a stable group, ${what}`,
      async ($, version) => {
        await aTopic('t')($)
        const [a] = await stableGroup($, 'g', ['a'])
        await $.ask(
          OffsetCommit,
          version,
          commit($, [of($, version, 't', {})], {
            generationIdOrMemberEpoch: a!.generation,
            memberId: a!.memberId,
            ...rest,
          }),
        )
      },
      { versions: 'groupInstanceId' in rest ? [7, 8, 9, 10] : [2, 5, 7, 8, 9, 10] },
    ),
  ),
  script('OffsetCommit: while the group rebalances, and before the assignment', async ($) => {
    await aTopic('t')($)
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    const mine = () =>
      $.ask(
        OffsetCommit,
        7,
        commit($, [of($, 7, 't', {})], { generationIdOrMemberEpoch: a!.generation, memberId: a!.memberId }),
      )
    const again = await b!.beginJoin({ metadata: 'new' })
    await mine()
    const other = await a!.beginJoin()
    await Promise.all([again.joined, other.joined])
    await mine()
  }),
  script('OffsetCommit: to an empty group, with its last generation', async ($) => {
    await aTopic('t')($)
    const [a] = await stableGroup($, 'g', ['a'])
    await a!.leave()
    await $.ask(
      OffsetCommit,
      7,
      commit($, [of($, 7, 't', {})], { generationIdOrMemberEpoch: a!.generation, memberId: a!.memberId }),
    )
    await $.ask(OffsetCommit, 7, commit($, [of($, 7, 't', {})]), { note: 'from outside' })
  }),
]

const committed = {
  given: [aTopic('t', { partitions: 2 }), aTopic('u'), aCommit('g', 't', 5n, 'm'), aCommit('g', 'u', 6n)],
}

/** What is asked, in the form of the version: one group, or several from version 8 on. */
const fetchOf = ($: Stage, version: number, topics: readonly (readonly [string, number[]])[] | null, group = 'g') => {
  const named =
    topics?.map(([label, partitionIndexes]) => ({
      ...(version >= 10 ? { topicId: $.id(label) } : { name: $.topic(label) }),
      partitionIndexes,
    })) ?? null
  const groupId = group === '' ? '' : $.group(group)
  return version >= 8 ? { groups: [{ groupId, topics: named }] } : { groupId, topics: named as never }
}

const fetching = [
  each(OffsetFetch, 'a partition', ($, version) => fetchOf($, version, [['t', [0]]]), committed),
  each(
    OffsetFetch,
    'two topics',
    ($, version) =>
      fetchOf($, version, [
        ['t', [0, 1]],
        ['u', [0]],
      ]),
    committed,
  ),
  each(OffsetFetch, 'all', ($, version) => fetchOf($, version, null), { ...committed, versions: [2, 10] }),
  each(OffsetFetch, 'all of an unknown group', ($, version) => fetchOf($, version, null, 'unknown'), {
    ...committed,
    versions: [2, 10],
  }),
  each(
    OffsetFetch,
    'a partition of an unknown group',
    ($, version) => fetchOf($, version, [['t', [0]]], 'unknown'),
    committed,
  ),
  each(OffsetFetch, 'an empty group id', ($, version) => fetchOf($, version, [['t', [0]]], ''), committed),
  each(OffsetFetch, 'no topics', ($, version) => fetchOf($, version, []), committed),
  each(OffsetFetch, 'no partitions', ($, version) => fetchOf($, version, [['t', []]]), committed),
  each(OffsetFetch, 'a partition that is not there', ($, version) => fetchOf($, version, [['t', [7, -1]]]), committed),
  each(OffsetFetch, 'a partition twice', ($, version) => fetchOf($, version, [['t', [0, 0]]]), committed),
  each(
    OffsetFetch,
    'a topic twice',
    ($, version) =>
      fetchOf($, version, [
        ['t', [0]],
        ['t', [1]],
      ]),
    committed,
  ),
  each(
    OffsetFetch,
    'an unknown topic',
    ($, version) =>
      version >= 8
        ? {
            groups: [
              {
                groupId: $.group('g'),
                topics: [
                  {
                    ...(version >= 10 ? { topicId: NO_SUCH_ID } : { name: $.topic('unknown') }),
                    partitionIndexes: [0],
                  },
                ],
              },
            ],
          }
        : { groupId: $.group('g'), topics: [{ name: $.topic('unknown'), partitionIndexes: [0] }] },
    committed,
  ),
  each(OffsetFetch, 'stable offsets', ($, version) => ({ ...fetchOf($, version, [['t', [0]]]), requireStable: true }), {
    ...committed,
    versions: [7, 10],
  }),
  each(
    OffsetFetch,
    'two groups',
    ($) => ({ groups: ['g', 'unknown'].map((label) => ({ groupId: $.group(label), topics: null })) }),
    { ...committed, versions: [8, 10] },
  ),
  each(
    OffsetFetch,
    'a group twice',
    ($) => ({ groups: ['g', 'g'].map((label) => ({ groupId: $.group(label), topics: null })) }),
    { ...committed, versions: [8, 10] },
  ),
  each(OffsetFetch, 'no groups', () => ({ groups: [] }), { versions: [8, 10] }),
  ...(
    [
      ['m', 1],
      ['', -1],
      [null, 3],
      ['m', -1],
    ] as const
  ).map(([memberId, memberEpoch]) =>
    each(
      OffsetFetch,
      `as member ${JSON.stringify(memberId)} of epoch ${memberEpoch}`,
      ($) => ({
        groups: [{ groupId: $.group('g'), memberId, memberEpoch, topics: null }],
      }),
      { ...committed, versions: [9, 10] },
    ),
  ),
]

const forget = ($: Stage, label: string, ...partitions: number[]) => ({
  groupId: $.group('g'),
  topics: [{ name: $.topic(label), partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
})

const forgetting = [
  each(OffsetDelete, 'a partition', ($) => forget($, 't', 0), committed),
  each(OffsetDelete, 'a partition without a commit', ($) => forget($, 't', 1), committed),
  each(OffsetDelete, 'a partition that is not there', ($) => forget($, 't', 9), committed),
  each(OffsetDelete, 'a negative partition', ($) => forget($, 't', -1), committed),
  each(OffsetDelete, 'an unknown topic', ($) => forget($, 'unknown', 0), committed),
  each(OffsetDelete, 'an unknown group', ($) => ({ ...forget($, 't', 0), groupId: $.group('unknown') }), committed),
  each(OffsetDelete, 'an empty group id', ($) => ({ ...forget($, 't', 0), groupId: '' }), committed),
  each(OffsetDelete, 'a partition twice', ($) => forget($, 't', 0, 0), committed),
  each(OffsetDelete, 'no topics', ($) => ({ groupId: $.group('g'), topics: [] }), committed),
  each(OffsetDelete, 'no partitions', ($) => forget($, 't'), committed),
  script('OffsetDelete: of a topic that a member reads', async ($) => {
    await aTopic('t')($)
    await aTopic('u')($)
    const { JoinGroup, SyncGroup } = await import('../../../protocol/apis/group-membership.ts')
    const request = {
      groupId: $.group('g'),
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription([$.topic('t')], '') }],
    }
    const { memberId, generationId } = await $.quietly(JoinGroup, 3, request)
    await $.quietly(SyncGroup, 3, { groupId: $.group('g'), generationId, memberId, assignments: [] })
    for (const label of ['t', 'u']) {
      await $.quietly(
        OffsetCommit,
        7,
        commit($, [of($, 7, label, {})], { generationIdOrMemberEpoch: generationId, memberId }),
      )
      await $.ask(OffsetDelete, 0, forget($, label, 0), { note: label })
    }
  }),
  script('OffsetDelete: in a group with members that say nothing of topics', async ($) => {
    await aTopic('t')($)
    const [a] = await stableGroup($, 'g', ['a'], { protocolType: 'connect' })
    await $.quietly(
      OffsetCommit,
      7,
      commit($, [of($, 7, 't', {})], { generationIdOrMemberEpoch: a!.generation, memberId: a!.memberId }),
    )
    await $.ask(OffsetDelete, 0, forget($, 't', 0))
  }),
]

export const groupOffsets = theme('group offsets', [...committing, ...fetching, ...forgetting])
