/** The requests of members of classic groups, one by one. */
import { FindCoordinator } from '../../../protocol/apis/find-coordinator.ts'
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { stableGroup, subscription } from '../members.ts'
import { each, type Loose, script, theme } from '../scenario.ts'
import type { Stage } from '../stage.ts'

type Join = Loose<TypeOf<typeof JoinGroup.request>>

const range = [{ name: 'range', metadata: subscription([], 'm') }]
const join = ($: Stage, rest: Join = {}): Join => ({
  groupId: $.group('g'),
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: range,
  ...rest,
})

const finding = [
  ...[0, 1, 2, 3, -1].map((keyType) =>
    each(FindCoordinator, `key type ${keyType}`, ($, version) =>
      version >= 4
        ? { keyType, coordinatorKeys: [$.group('g')] }
        : version === 0
          ? { key: $.group('g') }
          : { keyType, key: $.group('g') },
    ),
  ),
  each(FindCoordinator, 'several groups', ($) => ({ coordinatorKeys: [$.group('a'), $.group('b'), $.group('a')] }), {
    versions: [4, 6],
  }),
  each(FindCoordinator, 'no keys', () => ({ coordinatorKeys: [] }), { versions: [4, 6] }),
  each(FindCoordinator, 'an empty key', (_, version) => (version >= 4 ? { coordinatorKeys: [''] } : { key: '' })),
  each(FindCoordinator, 'a long key', (_, version) => {
    const key = 'k'.repeat(10_000)
    return version >= 4 ? { coordinatorKeys: [key] } : { key }
  }),
  each(FindCoordinator, 'a share partition that is none', () => ({ keyType: 2, coordinatorKeys: ['g'] }), {
    versions: [4, 6],
  }),
  each(FindCoordinator, 'a share partition', () => ({ keyType: 2, coordinatorKeys: ['g:AAAAAAAAAAAAAAAAAAAAZg:0'] }), {
    versions: [4, 6],
  }),
  each(FindCoordinator, 'a name of spaces and slashes', (_, version) =>
    version >= 4 ? { coordinatorKeys: ['a / b'] } : { key: 'a / b' },
  ),
]

const joining = [
  each(JoinGroup, 'the first member', ($) => join($)),
  each(JoinGroup, 'an empty group id', ($) => join($, { groupId: '' })),
  each(JoinGroup, 'an unknown member id', ($) => join($, { memberId: 'nobody' })),
  each(JoinGroup, 'no protocols', ($) => join($, { protocols: [] })),
  each(JoinGroup, 'no protocol type', ($) => join($, { protocolType: '' })),
  each(JoinGroup, 'a protocol type of another kind', ($) => join($, { protocolType: 'connect' })),
  each(JoinGroup, 'a protocol of no name', ($) => join($, { protocols: [{ name: '', metadata: Buffer.alloc(0) }] })),
  each(JoinGroup, 'a protocol twice', ($) => join($, { protocols: [...range, ...range] })),
  ...[99, 100, 1_800_000, 1_800_001, 0, -1].map((sessionTimeoutMs) =>
    each(JoinGroup, `a session timeout of ${sessionTimeoutMs}`, ($) => join($, { sessionTimeoutMs })),
  ),
  ...[0, -1, 2_147_483_647].map((rebalanceTimeoutMs) =>
    each(JoinGroup, `a rebalance timeout of ${rebalanceTimeoutMs}`, ($) => join($, { rebalanceTimeoutMs }), {
      versions: [1, 9],
    }),
  ),
  each(JoinGroup, 'a static member', ($) => join($, { groupInstanceId: 'i' }), { versions: [5, 9] }),
  each(JoinGroup, 'a static member of no name', ($) => join($, { groupInstanceId: '' }), { versions: [5, 9] }),
  each(JoinGroup, 'a static member with an unknown id', ($) => join($, { groupInstanceId: 'i', memberId: 'nobody' }), {
    versions: [5, 9],
  }),
  each(JoinGroup, 'a static member of an illegal name', ($) => join($, { groupInstanceId: 'not good' }), {
    versions: [5, 9],
  }),
  each(JoinGroup, 'a reason', ($) => join($, { reason: 'because' }), { versions: [8, 9] }),
  each(JoinGroup, 'a static member that comes back', ($) => join($, { groupInstanceId: 'i' }), {
    versions: [5, 9],
    andThen: ($, version) => $.ask(JoinGroup, version, join($, { groupInstanceId: 'i' }), { as: 'again' }),
  }),
  each(JoinGroup, 'with the id that was given', ($) => join($), {
    versions: [4, 9],
    andThen: async ($, version) => {
      const { memberId } = await $.quietly(JoinGroup, version, join($))
      await $.ask(JoinGroup, version, join($, { memberId }), { note: 'again' })
    },
  }),
]

const beats = [
  each(Heartbeat, 'of an unknown group', ($) => ({ groupId: $.group('g'), generationId: 1, memberId: 'm' })),
  each(Heartbeat, 'of an empty group id', () => ({ groupId: '', generationId: 1, memberId: 'm' })),
  each(Heartbeat, 'of no member', ($) => ({ groupId: $.group('g'), generationId: -1, memberId: '' })),
  each(
    Heartbeat,
    'of a static member that is not there',
    ($) => ({ groupId: $.group('g'), generationId: 1, memberId: 'm', groupInstanceId: 'i' }),
    { versions: [3, 4] },
  ),
  each(
    Heartbeat,
    'of a static member of no name',
    ($) => ({ groupId: $.group('g'), generationId: 1, memberId: 'm', groupInstanceId: '' }),
    { versions: [3, 4] },
  ),
  ...(
    [
      ['of the member', {}],
      ['of another generation', { generationId: 7 }],
      ['of generation -1', { generationId: -1 }],
      ['of an unknown member', { memberId: 'nobody' }],
      ['with an instance id that is unknown', { groupInstanceId: 'i' }],
    ] as [string, object][]
  ).map(([what, rest]) =>
    script(
      `Heartbeat: ${what}`,
      async ($, version) => {
        const [a] = await stableGroup($, 'g', ['a'])
        await $.ask(Heartbeat, version, {
          groupId: $.group('g'),
          generationId: a!.generation,
          memberId: a!.memberId,
          ...rest,
        })
      },
      { versions: 'groupInstanceId' in rest ? [3, 4] : [0, 1, 2, 3, 4] },
    ),
  ),
]

const syncs = [
  each(SyncGroup, 'of an unknown group', ($) => ({
    groupId: $.group('g'),
    generationId: 1,
    memberId: 'm',
    protocolType: 'consumer',
    protocolName: 'range',
  })),
  each(SyncGroup, 'of an empty group id', () => ({
    groupId: '',
    generationId: 1,
    memberId: 'm',
    protocolType: 'consumer',
    protocolName: 'range',
  })),
  each(SyncGroup, 'without protocol', ($) => ({ groupId: $.group('g'), generationId: 1, memberId: 'm' })),
  ...(
    [
      ['again', {}],
      ['of another generation', { generationId: 7 }],
      ['of an unknown member', { memberId: 'nobody' }],
      ['of no member', { memberId: '' }],
      ['with another protocol type', { protocolType: 'connect' }],
      ['with another protocol', { protocolName: 'sticky' }],
      ['without a protocol type', { protocolType: null }],
      ['without a protocol', { protocolName: null }],
      ['with an instance id that is unknown', { groupInstanceId: 'i' }],
      ['with other assignments', { assignments: [{ memberId: 'nobody', assignment: Buffer.from('x') }] }],
    ] as [string, object][]
  ).map(([what, rest]) =>
    script(
      `SyncGroup: ${what}`,
      async ($, version) => {
        const [a] = await stableGroup($, 'g', ['a'])
        await $.ask(SyncGroup, version, {
          groupId: $.group('g'),
          generationId: a!.generation,
          memberId: a!.memberId,
          protocolType: 'consumer',
          protocolName: 'range',
          ...rest,
        })
      },
      { versions: 'groupInstanceId' in rest ? [3, 4, 5] : [0, 1, 2, 3, 4, 5] },
    ),
  ),
]

const leaves = [
  each(LeaveGroup, 'an unknown group', ($, version) =>
    version < 3 ? { groupId: $.group('g'), memberId: 'm' } : { groupId: $.group('g'), members: [{ memberId: 'm' }] },
  ),
  each(LeaveGroup, 'an empty group id', (_, version) =>
    version < 3 ? { groupId: '', memberId: 'm' } : { groupId: '', members: [{ memberId: 'm' }] },
  ),
  each(LeaveGroup, 'no members', ($) => ({ groupId: $.group('g'), members: [] }), { versions: [3, 5] }),
  each(
    LeaveGroup,
    'an instance of an unknown group',
    ($) => ({ groupId: $.group('g'), members: [{ memberId: '', groupInstanceId: 'i' }] }),
    { versions: [3, 5] },
  ),
  script(
    'LeaveGroup: the member',
    async ($, version) => {
      const [a] = await stableGroup($, 'g', ['a'])
      await $.ask(
        LeaveGroup,
        version,
        version < 3
          ? { groupId: $.group('g'), memberId: a!.memberId }
          : { groupId: $.group('g'), members: [{ memberId: a!.memberId }] },
      )
    },
    { versions: [0, 1, 2, 3, 4, 5] },
  ),
  script(
    'LeaveGroup: an unknown member of a group',
    async ($, version) => {
      await stableGroup($, 'g', ['a'])
      await $.ask(
        LeaveGroup,
        version,
        version < 3
          ? { groupId: $.group('g'), memberId: 'nobody' }
          : { groupId: $.group('g'), members: [{ memberId: 'nobody' }] },
      )
    },
    { versions: [0, 1, 2, 3, 4, 5] },
  ),
  script(
    'LeaveGroup: a known and an unknown member, one twice',
    async ($, version) => {
      const [a] = await stableGroup($, 'g', ['a'])
      const members = [a!.memberId, 'nobody', a!.memberId].map((memberId) => ({ memberId }))
      await $.ask(LeaveGroup, version, { groupId: $.group('g'), members })
    },
    { versions: [3, 4, 5] },
  ),
  script('LeaveGroup: a dynamic member with an instance id', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'])
    await $.ask(LeaveGroup, 5, { groupId: $.group('g'), members: [{ memberId: a!.memberId, groupInstanceId: 'i' }] })
  }),
  script('LeaveGroup: a static member by its instance id, by a wrong member id, by both', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'], { instanceId: 'i' })
    const leave = (memberId: string, note: string) =>
      $.ask(LeaveGroup, 5, { groupId: $.group('g'), members: [{ memberId, groupInstanceId: 'i-a' }] }, { note })
    await leave('nobody', 'wrong')
    await leave('', 'by instance')
    await leave(a!.memberId, 'once more')
  }),
  script('LeaveGroup: a member that has only its id', async ($) => {
    const { memberId } = await $.ask(JoinGroup, 7, join($))
    await $.ask(LeaveGroup, 5, { groupId: $.group('g'), members: [{ memberId }] })
    await $.ask(JoinGroup, 7, join($, { memberId }), { note: 'too late' })
  }),
]

export const groups = theme('groups', [...finding, ...joining, ...beats, ...syncs, ...leaves])
