/** Looking at groups, and deleting them. */
import { DeleteGroups, DescribeGroups, ListGroups } from '../../../protocol/apis/group-admin.ts'
import { type OffsetCommit, OffsetFetch } from '../../../protocol/apis/group-offsets.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aCommit, aTopic } from '../given.ts'
import { Member, stableGroup } from '../members.ts'
import { each, type Loose, script, theme } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const _NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'
const _topicGiven = { given: [aTopic('t', { partitions: 2 })] }

type Commit = Loose<TypeOf<typeof OffsetCommit.request>>
type Part = {
  partitionIndex?: number
  committedOffset?: bigint
  committedLeaderEpoch?: number
  committedMetadata?: string | null
}

const _of = ($: Stage, version: number, label: string, ...parts: Part[]) => ({
  ...(version >= 10 ? { topicId: $.id(label) } : { name: $.topic(label) }),
  partitions: parts.map((one) => ({ partitionIndex: 0, committedOffset: 5n, committedMetadata: 'm', ...one })),
})
const _commit = ($: Stage, topics: Commit['topics'], rest: Commit = {}): Commit => ({
  groupId: $.group('g'),
  generationIdOrMemberEpoch: -1,
  memberId: '',
  topics: topics ?? [],
  ...rest,
})

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

const describing = [
  each(DescribeGroups, 'an unknown group', ($) => ({ groups: [$.group('unknown')] })),
  each(DescribeGroups, 'a group of commits only', ($) => ({ groups: [$.group('g')] }), committed),
  each(DescribeGroups, 'an empty group id', () => ({ groups: [''] })),
  each(DescribeGroups, 'no groups', () => ({ groups: [] })),
  each(DescribeGroups, 'a group twice', ($) => ({ groups: [$.group('g'), $.group('g')] }), committed),
  each(
    DescribeGroups,
    'a known and an unknown group',
    ($) => ({ groups: [$.group('g'), $.group('unknown')] }),
    committed,
  ),
  each(DescribeGroups, 'operations', ($) => ({ groups: [$.group('g')], includeAuthorizedOperations: true }), {
    ...committed,
    versions: [3, 6],
  }),
  each(
    DescribeGroups,
    'operations on an unknown group',
    ($) => ({ groups: [$.group('unknown')], includeAuthorizedOperations: true }),
    { versions: [3, 6] },
  ),
  script(
    'DescribeGroups: a stable group',
    async ($, version) => {
      await stableGroup($, 'g', ['a', 'b'])
      await $.ask(DescribeGroups, version, { groups: [$.group('g')] })
    },
    { versions: [0, 1, 2, 3, 4, 5, 6] },
  ),
  script(
    'DescribeGroups: a stable group of static members',
    async ($, version) => {
      await stableGroup($, 'g', ['a'], { instanceId: 'i' })
      await $.ask(DescribeGroups, version, { groups: [$.group('g')] })
    },
    { versions: [0, 3, 4, 5, 6] },
  ),
  script('DescribeGroups: of every state', async ($) => {
    const describe = (note: string) => $.ask(DescribeGroups, 5, { groups: [$.group('g')] }, { note })
    const a = new Member($, 'g', 'a')
    await a.join()
    await describe('waits for the assignment')
    await a.sync([[a, 'A']])
    await describe('stable')
    const b = new Member($, 'g', 'b')
    const joining = await b.beginJoin()
    await describe('rebalances')
    const other = await a.beginJoin()
    await Promise.all([joining.joined, other.joined])
    await a.leave()
    await b.leave()
    await describe('empty')
  }),
]

const listing = [
  each(ListGroups, 'all', () => ({}), { ...committed, mine: true }),
  ...[['Empty'], ['empty'], ['Stable'], ['Stable', 'Empty'], ['Dead'], ['Nonsense'], ['']].map((statesFilter) =>
    each(ListGroups, `in the states ${JSON.stringify(statesFilter)}`, () => ({ statesFilter }), {
      ...committed,
      mine: true,
      versions: [4, 5],
    }),
  ),
  ...[['classic'], ['Classic'], ['consumer'], ['share'], ['nonsense'], ['']].map((typesFilter) =>
    each(ListGroups, `of the types ${JSON.stringify(typesFilter)}`, () => ({ typesFilter }), {
      ...committed,
      mine: true,
      versions: [5, 5],
    }),
  ),
  script(
    'ListGroups: of every state',
    async ($, version) => {
      const a = new Member($, 'g', 'a')
      await a.join()
      await $.ask(ListGroups, version, {}, { mine: true, note: 'waits for the assignment' })
      await a.sync([[a, 'A']])
      await $.ask(ListGroups, version, {}, { mine: true, note: 'stable' })
      await a.leave()
      await $.ask(ListGroups, version, {}, { mine: true, note: 'empty' })
    },
    { versions: [0, 1, 2, 3, 4, 5] },
  ),
]

const deleting = [
  each(DeleteGroups, 'a group of commits only', ($) => ({ groupsNames: [$.group('g')] }), committed),
  each(DeleteGroups, 'an unknown group', ($) => ({ groupsNames: [$.group('unknown')] })),
  each(
    DeleteGroups,
    'a known and an unknown group',
    ($) => ({ groupsNames: [$.group('unknown'), $.group('g')] }),
    committed,
  ),
  each(DeleteGroups, 'a group twice', ($) => ({ groupsNames: [$.group('g'), $.group('g')] }), committed),
  each(DeleteGroups, 'an empty group id', () => ({ groupsNames: [''] })),
  each(DeleteGroups, 'none', () => ({ groupsNames: [] })),
  each(DeleteGroups, 'a name of spaces and slashes', () => ({ groupsNames: [' a / b '] })),
  each(DeleteGroups, 'a long name', () => ({ groupsNames: ['n'.repeat(20_000)] })),
  script(
    'DeleteGroups: a group with members, then without',
    async ($, version) => {
      const [a] = await stableGroup($, 'g', ['a'])
      await $.ask(DeleteGroups, version, { groupsNames: [$.group('g')] }, { note: 'with a member' })
      await a!.leave()
      await $.ask(DeleteGroups, version, { groupsNames: [$.group('g')] }, { note: 'empty' })
      await $.ask(DeleteGroups, version, { groupsNames: [$.group('g')] }, { note: 'gone' })
    },
    { versions: [0, 1, 2] },
  ),
  script('DeleteGroups: and made again', async ($) => {
    for (const prepare of committed.given) await prepare($)
    await $.ask(DeleteGroups, 2, { groupsNames: [$.group('g')] })
    await $.ask(OffsetFetch, 7, fetchOf($, 7, [['t', [0]]]))
    const a = new Member($, 'g', 'a')
    await a.join()
  }),
  script('a deleted topic takes its commits along', async ($) => {
    const { DeleteTopics } = await import('../../../protocol/apis/topics.ts')
    for (const prepare of committed.given) await prepare($)
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs: 5000 })
    await $.pause(500)
    await $.ask(OffsetFetch, 7, fetchOf($, 7, null))
  }),
]

export const groupAdmin = theme('group administration', [...describing, ...listing, ...deleting])
