import { DescribeGroups } from '../../../protocol/apis/group-admin.ts'
import { Heartbeat, JoinGroup } from '../../../protocol/apis/group-membership.ts'
import { OffsetCommit } from '../../../protocol/apis/group-offsets.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aTopic } from '../given.ts'
import { Member, stableGroup, subscription } from '../members.ts'
import { type Loose, script, theme } from '../scenario.ts'
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

const together = [
  script('a group: two members, one after the other', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    await a!.heartbeat()
    await b!.heartbeat()
  }),
  script('a group: three members, one leaves', async ($) => {
    const [a, b, c] = await stableGroup($, 'g', ['a', 'b', 'c'])
    await c!.leave()
    await a!.heartbeat({ note: 'after a leave' })
    await b!.heartbeat({ note: 'after a leave' })
    const one = await a!.beginJoin()
    const other = await b!.beginJoin()
    await Promise.all([one.joined, other.joined])
    const waiting = b!.beginSync()
    await $.pause(50)
    await a!.sync([
      [a!, 'A'],
      [b!, 'B'],
    ])
    await waiting.answer
  }),
  script('a group: the leader leaves', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    await a!.leave()
    await b!.heartbeat({ note: 'after a leave' })
    await b!.join()
    await b!.sync([[b!, 'B']])
  }),
  script('a group: a follower joins again as it was', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    await b!.join({ note: 'again' })
    await a!.heartbeat()
  }),
  script('a group: a follower joins again with other metadata', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    const again = await b!.beginJoin({ metadata: 'new', note: 'changed' })
    await a!.heartbeat({ note: 'during' })
    const other = await a!.beginJoin()
    await Promise.all([again.joined, other.joined])
  }),
  script('a group: the leader joins again as it was', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    const again = await a!.beginJoin({ note: 'again' })
    await b!.heartbeat({ note: 'during' })
    const other = await b!.beginJoin()
    await Promise.all([again.joined, other.joined])
  }),
  script('a group: join again before the assignment', async ($) => {
    const a = new Member($, 'g', 'a')
    await a.join()
    await a.join({ note: 'as it was' })
    await a.join({ metadata: 'new', note: 'changed' })
    await a.sync([[a, 'A']])
  }),
  script('a group: the old generation is refused', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'])
    const old = a!.generation
    await a!.join({ metadata: 'new' })
    await a!.heartbeat({ generation: old, note: 'old' })
    await a!.sync([[a!, 'x']], { generation: old, note: 'old' })
    await a!.heartbeat({ note: 'before the assignment' })
    await a!.sync([[a!, 'A']])
  }),
  script('a group: what is answered while it rebalances', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'])
    const again = await b!.beginJoin({ metadata: 'new' })
    await a!.heartbeat({ note: 'during' })
    await a!.sync([[a!, 'x']], { note: 'during' })
    await a!.heartbeat({ generation: 99, note: 'wrong generation' })
    await $.ask(DescribeGroups, 5, { groups: [$.group('g')] })
    const other = await a!.beginJoin()
    await Promise.all([again.joined, other.joined])
    await $.ask(DescribeGroups, 5, { groups: [$.group('g')] }, { note: 'before the assignment' })
  }),
  script('a group: no protocol in common', async ($) => {
    await stableGroup($, 'g', ['a'], { protocols: ['range'] })
    const b = new Member($, 'g', 'b', { protocols: ['sticky'] })
    await b.join()
  }),
  script('a group: another protocol type', async ($) => {
    await stableGroup($, 'g', ['a'])
    const b = new Member($, 'g', 'b', { protocolType: 'connect' })
    await b.join()
  }),
  script('a group: the vote', async ($) => {
    const a = new Member($, 'g', 'a', { protocols: ['x', 'y', 'z'] })
    const b = new Member($, 'g', 'b', { protocols: ['y', 'x'] })
    const c = new Member($, 'g', 'c', { protocols: ['y', 'x'] })
    await a.join()
    await a.sync([[a, 'A']])
    const joins = [await b.beginJoin(), await c.beginJoin(), await a.beginJoin()]
    await Promise.all(joins.map(({ joined }) => joined))
  }),
  script('a group: the vote is a tie', async ($) => {
    const a = new Member($, 'g', 'a', { protocols: ['x', 'y'] })
    const b = new Member($, 'g', 'b', { protocols: ['y', 'x'] })
    await a.join()
    await a.sync([[a, 'A']])
    const joins = [await b.beginJoin(), await a.beginJoin()]
    await Promise.all(joins.map(({ joined }) => joined))
  }),
  script('a group: a member that the leader leaves out', async ($) => {
    const a = new Member($, 'g', 'a')
    const b = new Member($, 'g', 'b')
    await a.join()
    await a.sync([[a, 'A']])
    const joins = [await b.beginJoin(), await a.beginJoin()]
    await Promise.all(joins.map(({ joined }) => joined))
    const waiting = b.beginSync()
    await $.pause(50)
    await a.sync([[a, 'A']])
    await waiting.answer
  }),
  script('a group: more members than may be', async ($) => {
    const members = await stableGroup($, 'g', ['a', 'b', 'c', 'd', 'e'])
    const f = new Member($, 'g', 'f')
    await f.join()
    await members[4]!.leave()
  }),
  script('a group: a member that is gone joins again', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'])
    await a!.leave()
    await a!.heartbeat({ note: 'gone' })
    await a!.join({ note: 'gone' })
    await a!.sync([], { note: 'gone' })
  }),
  script('a group: the generation goes on after it was empty', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'])
    await a!.leave()
    const b = new Member($, 'g', 'b')
    await b.join()
    await b.sync([[b, 'B']])
  }),
]

const overTime = [
  script('time: a silent member is dropped', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { sessionTimeoutMs: 700 })
    for (let beats = 0; beats < 5; beats++) {
      await $.pause(250)
      await $.quietly(Heartbeat, 4, { groupId: $.group('g'), generationId: a!.generation, memberId: a!.memberId })
    }
    await a!.heartbeat({ note: 'the other is gone' })
    await b!.heartbeat({ note: 'too late' })
    await a!.join()
  }),
  script('time: the last silent member leaves an empty group', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'], { sessionTimeoutMs: 300 })
    await $.pause(900)
    await a!.heartbeat({ note: 'too late' })
  }),
  script('time: who does not join again is dropped', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { rebalanceTimeoutMs: 500 })
    await a!.join({ metadata: 'new', note: 'alone' })
    await b!.heartbeat({ note: 'dropped' })
    await a!.sync([[a!, 'A']])
  }),
  script('time: who does not sync is dropped', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { rebalanceTimeoutMs: 1500 })
    const joins = [await a!.beginJoin({ metadata: 'new' }), await b!.beginJoin()]
    await Promise.all(joins.map(({ joined }) => joined))
    await a!.sync([
      [a!, 'A'],
      [b!, 'B'],
    ])
    await $.pause(2200)
    await b!.heartbeat({ note: 'never synced' })
    await a!.heartbeat({ note: 'the other is gone' })
  }),
  script('time: an id that is not used is forgotten', async ($) => {
    const { memberId } = await $.ask(JoinGroup, 7, join($, { sessionTimeoutMs: 300 }))
    await $.pause(900)
    await $.ask(JoinGroup, 7, join($, { sessionTimeoutMs: 300, memberId }), { note: 'too late' })
  }),
  script('time: a heartbeat keeps a member', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'], { sessionTimeoutMs: 600 })
    for (let beats = 0; beats < 4; beats++) {
      await $.pause(300)
      await a!.heartbeat({ note: String(beats) })
    }
  }),
  script('time: a commit keeps a member', async ($) => {
    await aTopic('t')($)
    const [a] = await stableGroup($, 'g', ['a'], { sessionTimeoutMs: 600 })
    for (let beats = 0; beats < 4; beats++) {
      await $.pause(300)
      await $.ask(OffsetCommit, 7, {
        groupId: $.group('g'),
        generationIdOrMemberEpoch: a!.generation,
        memberId: a!.memberId,
        topics: [
          {
            name: $.topic('t'),
            partitions: [{ partitionIndex: 0, committedOffset: BigInt(beats), committedMetadata: '' }],
          },
        ],
      })
    }
  }),
]

const statics = [
  script('static: comes back and keeps its assignment', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { instanceId: 'i' })
    const again = new Member($, 'g', 'b2', { instanceId: 'i-b', metadata: "b's" })
    await again.join()
    await again.sync()
    await b!.heartbeat({ note: 'fenced' })
    await a!.heartbeat({ note: 'undisturbed' })
  }),
  script('static: the leader comes back', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { instanceId: 'i' })
    const again = new Member($, 'g', 'a2', { instanceId: 'i-a', metadata: "a's" })
    await again.join()
    await again.sync([
      [again, 'A'],
      [b!, 'B'],
    ])
    await a!.heartbeat({ note: 'fenced' })
    await b!.heartbeat({ note: 'undisturbed' })
  }),
  script('static: comes back with other metadata', async ($) => {
    const [a, b] = await stableGroup($, 'g', ['a', 'b'], { instanceId: 'i' })
    const again = new Member($, 'g', 'b2', { instanceId: 'i-b', metadata: 'new' })
    const joining = await again.beginJoin()
    await a!.heartbeat({ note: 'during' })
    const other = await a!.beginJoin()
    await Promise.all([joining.joined, other.joined])
    await b!.heartbeat({ note: 'fenced' })
  }),
  script('static: the old one is fenced everywhere', async ($) => {
    await aTopic('t')($)
    const [a] = await stableGroup($, 'g', ['a'], { instanceId: 'i' })
    const again = new Member($, 'g', 'a2', { instanceId: 'i-a', metadata: "a's" })
    await again.join()
    await a!.heartbeat({ note: 'of the old' })
    await a!.sync([], { note: 'of the old' })
    await $.ask(JoinGroup, 7, join($, { groupInstanceId: 'i-a', memberId: a!.memberId }), {
      note: 'of the old',
      as: 'old',
    })
    await $.ask(
      OffsetCommit,
      7,
      {
        groupId: $.group('g'),
        generationIdOrMemberEpoch: a!.generation,
        memberId: a!.memberId,
        groupInstanceId: 'i-a',
        topics: [
          { name: $.topic('t'), partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }] },
        ],
      },
      { note: 'of the old' },
    )
    await a!.leave()
  }),
  script('static: two under one name at once', async ($) => {
    const a = new Member($, 'g', 'a', { instanceId: 'i' })
    const b = new Member($, 'g', 'b', { instanceId: 'i', metadata: "a's" })
    const leader = new Member($, 'g', 'l')
    await leader.join()
    await leader.sync([[leader, 'L']])
    const first = await a.beginJoin()
    const second = await b.beginJoin()
    const rejoin = await leader.beginJoin()
    await Promise.all([first.joined, second.joined, rejoin.joined].map((one) => one.catch(() => undefined)))
  }),
  script('static: silent for its session it is gone', async ($) => {
    const [a] = await stableGroup($, 'g', ['a'], { instanceId: 'i', sessionTimeoutMs: 300 })
    await $.pause(900)
    await a!.heartbeat({ note: 'too late' })
    const again = new Member($, 'g', 'a2', { instanceId: 'i-a' })
    await again.join()
  }),
]

export const groupStories = theme('group stories', [...together, ...overTime, ...statics])
