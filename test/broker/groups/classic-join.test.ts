import { describe, expect, it } from 'vitest'
import { groupContext } from '../../support/group-context.ts'

describe('JoinGroup of the classic protocol, a new member', () => {
  it('JG-2: refuses a session timeout outside of the configured range', () => {
    const group = groupContext({ minSessionTimeoutMs: 6_000, maxSessionTimeoutMs: 1_800_000 })
    group.join('a', { session: 5_999 }).isRefused('INVALID_SESSION_TIMEOUT')
    group.join('a', { session: 1_800_001 }).isRefused('INVALID_SESSION_TIMEOUT')
    group.join('a', { session: -1 }).isRefused('INVALID_SESSION_TIMEOUT')
    group.join('b', { session: 6_000 }).isPending()
    group.join('c', { session: 1_800_000 }).isPending()
  })

  it('JG-3: from v4 on a dynamic member is given an id first and joins with it (KIP-394); before, it joins at once', () => {
    const group = groupContext()
    group.join('a', { version: 4 }).isAnswered({ error: 'MEMBER_ID_REQUIRED', memberId: 'a-1' })
    expect(group.events).toEqual([])
    group.join('a', { version: 4 }).isPending()
    group.join('b', { version: 3 }).isPending()
    group.after(0)
    expect(group.members()).toEqual(['a', 'b'])
  })

  it('JG-4: the id is the client id, a dash and a UUID; until it joins it is pending and no member', () => {
    const group = groupContext()
    group.join('a', { version: 9, session: 6_000 })
    expect(group.members()).toEqual([])
    expect(group.state()).toBe('Empty')
    group.at(6_000)
    group.join('a', { version: 9 }).isRefused('UNKNOWN_MEMBER_ID')
  })

  it('JG-4: a round waits for who holds a pending id, and goes on when its session is over', () => {
    const group = groupContext().stableWith('a')
    group.join('b', { version: 4, session: 6_000 })
    group.join('a', { rebalance: 60_000 }).isPending()
    const [a] = group.waiting.values()
    group.after(6_000)
    a!.isAnswered({ kind: 'joined', generation: 2 })
  })

  it('JG-5: refuses an id that it does not know, also in a group that does not exist', () => {
    const group = groupContext()
    group.join('a', { memberId: 'nobody' }).isAnswered({ error: 'UNKNOWN_MEMBER_ID', memberId: 'nobody' })
    expect(group.state()).toBe('none')
    group.stableWith('a')
    group.join('b', { memberId: 'nobody' }).isRefused('UNKNOWN_MEMBER_ID')
  })

  it('JG-6: refuses another protocol type, no protocol in common, and an empty list or type', () => {
    const group = groupContext()
    group.join('a', { protocols: [] }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.join('a', { protocolType: '' }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    expect(group.state()).toBe('none')
    group.stable({ a: { protocols: ['range', 'sticky'] } })
    group.join('b', { protocolType: 'connect' }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.join('b', { protocols: ['cooperative'] }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.join('a', { protocols: ['cooperative'] }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.join('b', { protocols: ['cooperative', 'sticky'] }).isPending()
  })

  it('JG-7: refuses a new member of a full group, and lets the old ones in again', () => {
    const group = groupContext({ maxSize: 2 }).stableWith('a', 'b')
    group.join('c').isAnswered({ error: 'GROUP_MAX_SIZE_REACHED', memberId: '' })
    group.join('a').isPending()
    group.join('c').isPending()
    // Those who came count: there was room for c, and now there is none for b.
    group.join('b').isRefused('GROUP_MAX_SIZE_REACHED')
    expect(group.members()).toEqual(['a', 'c'])
    expect(group.waiting.size).toBe(0)
  })

  it('H24: refuses more metadata than a record of the group could hold, and keeps none of it', () => {
    const group = groupContext({ maxBatchBytes: 1_000 })
    group.join('a', { protocols: ['p'.repeat(1_001)] }).isRefused('UNKNOWN_SERVER_ERROR')
    expect(group.members()).toEqual([])
    group.join('a', { protocols: ['p'.repeat(400)] }).isPending()
    expect(group.members()).toHaveLength(1)
  })

  it('JG-10: uses the session timeout where v0 has no rebalance timeout', () => {
    // The handler says so; here it is one number like another.
    const group = groupContext().stable({
      a: { session: 30_000, rebalance: 7_000 },
      b: { session: 30_000, rebalance: 7_000 },
    })
    const a = group.join('a', { session: 30_000, rebalance: 7_000 }).isPending()
    group.after(6_999)
    a.isPending()
    group.after(1)
    a.isAnswered({ kind: 'joined' })
  })

  it('HB-5: a new member that waits in JoinGroup is given up after five minutes, whatever its session timeout is', () => {
    const group = groupContext().stable({ a: { session: 1_800_000, rebalance: 1_000_000 } })
    const b = group.join('b', { session: 6_000, rebalance: 1_000_000 }).isPending()
    group.after(299_999)
    b.isPending()
    group.after(1)
    b.isAnswered({ kind: 'refused', error: 'UNKNOWN_MEMBER_ID', memberId: '' })
    expect(group.members()).toEqual(['a'])
  })

  it('HB-5: a member of an earlier round that waits in JoinGroup is not expired by its session timer', () => {
    const group = groupContext().stable({ a: { session: 6_000 }, b: { session: 1_800_000, rebalance: 400_000 } })
    const a = group.join('a', { session: 6_000 }).isPending()
    group.after(399_999)
    a.isPending()
    group.after(1)
    a.isAnswered({ kind: 'joined', generation: 2, leader: group.id('a') })
  })

  it('JG-25: hands the metadata of all members to the leader as it came', () => {
    const group = groupContext()
    const metadata = Buffer.from([0, 1, 255, 128, 0])
    const a = group.join('a', { protocols: [['custom', metadata]], protocolType: 'connect' })
    group.after(0)
    a.isAnswered({ members: [{ memberId: 'a-1', instanceId: null, metadata }] })
  })
})

describe('JoinGroup of the classic protocol, a member of the group', () => {
  it('JG-15: in Stable a follower with the same metadata gets the current generation at once, no rebalance', () => {
    const group = groupContext().stableWith('a', 'b')
    group
      .join('b')
      .isAnswered({ kind: 'joined', generation: 1, leader: group.id('a'), members: [], skipAssignment: false })
    expect(group.state()).toBe('Stable')
  })

  it("JG-15: the leader's rejoin, or changed metadata, starts a round", () => {
    const group = groupContext().stableWith('a', 'b')
    group.join('a').isPending()
    group.join('b').isAnswered({ generation: 2 })
    group.sync('b')
    group.sync('a')
    expect(group.state()).toBe('Stable')
    group.join('b', { protocols: [['range', 'other topics']] }).isPending()
    expect(group.state()).toBe('PreparingRebalance')
  })

  it('JG-16: in CompletingRebalance a rejoin with the same metadata gets the same generation; changed restarts', () => {
    const group = groupContext()
    group.join('a')
    group.join('b')
    group.after(0)
    expect(group.state()).toBe('CompletingRebalance')
    group.join('b').isAnswered({ generation: 1, members: [] })
    group.join('a').isAnswered({ generation: 1, members: [{ memberId: 'a-1' }, { memberId: 'b-2' }] })
    const waiting = group.sync('b').isPending()
    group.join('a', { protocols: ['range', 'sticky'] }).isPending()
    waiting.isRefused('REBALANCE_IN_PROGRESS')
    expect(group.state()).toBe('PreparingRebalance')
  })

  it('JG-14: who joins again under its id gets the answer there; the request that waited before is sent to join again', () => {
    const group = groupContext().stableWith('a', 'b')
    const before = group.join('a').isPending()
    const now = group.join('a').isPending()
    before.isAnswered({ error: 'REBALANCE_IN_PROGRESS', memberId: group.id('a') })
    group.join('b')
    now.isAnswered({ kind: 'joined', generation: 2 })
    expect(group.generation()).toBe(2)
  })

  it('JG-24: a join during PreparingRebalance adds the member to the same round', () => {
    const group = groupContext().stableWith('a')
    const b = group.join('b').isPending()
    const c = group.join('c').isPending()
    group.join('a').isAnswered({ generation: 2 })
    b.isAnswered({ generation: 2 })
    c.isAnswered({ generation: 2 })
    expect(group.generation()).toBe(2)
  })

  it('HB-3: a join that is answered at once renews the session', () => {
    const group = groupContext().stable({ a: { session: 6_000 }, b: { session: 1_800_000 } })
    group.join('b', { session: 1_800_000 })
    group.after(5_000).heartbeat('a')
    group.after(5_000).heartbeat('a').isAnswered({ kind: 'done' })
    const late = groupContext().stable({ b: { session: 1_800_000 }, a: { session: 6_000 } })
    late.after(5_000).join('a', { session: 6_000 }).isAnswered({ kind: 'joined' })
    late.after(5_000).heartbeat('a').isAnswered({ kind: 'done' })
  })
})

describe('JoinGroup of the classic protocol, static members (KIP-345)', () => {
  const isStatic = { instanceId: 'one', session: 10_000 }

  it('JG-17: the first join needs no round for an id', () => {
    const group = groupContext()
    group.join('s', { ...isStatic, version: 9 }).isPending()
    group.after(0)
    expect(group.id('s')).toBe('one-1')
  })

  it('JG-17: a rejoin takes the place and the assignment under a new id, and nobody else notices', () => {
    const group = groupContext().stable({ a: {}, s: isStatic })
    const before = group.id('s')
    const events = group.events.length
    group.join('s', { ...isStatic, memberId: '' }).isAnswered({ kind: 'joined', generation: 1, leader: group.id('a') })
    expect(group.id('s')).not.toBe(before)
    expect(group.state()).toBe('Stable')
    group.heartbeat('a').isAnswered({ kind: 'done' })
    expect(group.events).toHaveLength(events + 1)
    group.sync('s').isAnswered({ kind: 'synced', assignment: Buffer.from('s') })
  })

  it('JG-17: a rejoin that changes the chosen protocol starts a round', () => {
    const both = { protocols: ['range', 'sticky'] }
    const group = groupContext().stable({ a: both, s: { ...isStatic, ...both } })
    const s = group.join('s', { ...isStatic, memberId: '', protocols: ['sticky'] }).isPending()
    group.join('a', both)
    s.isAnswered({ generation: 2, protocolName: 'sticky' })
  })

  it('JG-17: a rejoin in CompletingRebalance starts a round: the leader may be assigning to the old id', () => {
    const group = groupContext()
    group.join('a')
    group.join('s', isStatic)
    group.after(0)
    const a = group.sync('s').isPending()
    group.join('s', { ...isStatic, memberId: '' }).isPending()
    a.isRefused('FENCED_INSTANCE_ID')
    expect(group.state()).toBe('PreparingRebalance')
  })

  it('JG-17: a rejoin in PreparingRebalance takes the place in the round', () => {
    const group = groupContext().stable({ a: {}, s: isStatic })
    const a = group.join('a').isPending()
    group.join('s', { ...isStatic, memberId: '' }).isAnswered({ generation: 2 })
    a.isAnswered({ generation: 2 })
  })

  it('JG-18: the replaced id is fenced in JoinGroup, SyncGroup, Heartbeat and OffsetCommit', () => {
    const group = groupContext().stable({ a: {}, s: isStatic })
    const old = { memberId: group.id('s'), instanceId: 'one', generation: 1 }
    group.join('s', { ...isStatic, memberId: '' })
    group.join('x', { ...isStatic, memberId: old.memberId }).isRefused('FENCED_INSTANCE_ID')
    group.sync('x', old).isRefused('FENCED_INSTANCE_ID')
    group.heartbeat('x', old).isRefused('FENCED_INSTANCE_ID')
    group.commit('x', old).isRefused('FENCED_INSTANCE_ID')
  })

  it('JG-18: who waits in JoinGroup under the replaced id is fenced at once', () => {
    const group = groupContext().stable({ a: {}, b: {}, s: isStatic })
    group.join('a').isPending()
    const waiting = group.join('s', isStatic).isPending()
    group.join('twin', { ...isStatic, memberId: '' }).isPending()
    waiting.isRefused('FENCED_INSTANCE_ID')
  })

  it('JG-18: an instance id that nobody holds is unknown', () => {
    const group = groupContext().stableWith('a')
    group.join('a', { instanceId: 'nobody' }).isRefused('UNKNOWN_MEMBER_ID')
  })

  it('JG-19: a static leader that rejoins a stable group is told to skip the assignment from v9 on (KIP-814)', () => {
    const group = groupContext().stable({ s: isStatic, a: {} })
    const rejoined = group.join('s', { ...isStatic, memberId: '', version: 9 })
    rejoined.isAnswered({
      kind: 'joined',
      generation: 1,
      skipAssignment: true,
      leader: group.id('s'),
      members: [{ memberId: group.id('a') }, { memberId: group.id('s'), instanceId: 'one' }],
    })
  })

  it('JG-19: before v9 it is told a leader id that is gone, so that it does not assign', () => {
    const group = groupContext().stable({ s: isStatic, a: {} })
    const before = group.id('s')
    group
      .join('s', { ...isStatic, memberId: '', version: 8 })
      .isAnswered({ leader: before, members: [], skipAssignment: false })
  })

  it('JG-20: a restarted static member inside its session timeout keeps its partitions', () => {
    const group = groupContext().stable({ a: { session: 60_000 }, s: isStatic })
    group.after(9_999).join('s', { ...isStatic, memberId: '' })
    group.sync('s').isAnswered({ assignment: Buffer.from('s') })
    expect(group.state()).toBe('Stable')
  })

  it('JG-20: after its session timeout it is removed like others', () => {
    const group = groupContext().stable({ a: { session: 60_000 }, s: isStatic })
    group.after(10_000)
    expect(group.state()).toBe('PreparingRebalance')
    expect(group.members()).toEqual(['a'])
  })

  it('JG-20: a round does not remove a static member that did not come', () => {
    const group = groupContext().stable({
      a: { rebalance: 8_000 },
      s: { ...isStatic, session: 60_000, rebalance: 8_000 },
    })
    const a = group.join('a', { rebalance: 8_000 }).isPending()
    group.after(8_000)
    a.isAnswered({ generation: 2, members: [{ instanceId: null }, { instanceId: 'one' }] })
  })

  it('a round of static members of whom none came waits for another rebalance timeout', () => {
    const slow = { rebalance: 8_000, session: 30_000 }
    const group = groupContext().stable({ s: { ...slow, instanceId: 'one' }, t: { ...slow, instanceId: 'two' } })
    group.leave({ memberId: '', instanceId: 'one' })
    group.after(20_000)
    expect(group.state()).toBe('PreparingRebalance')
    group.join('t', { ...slow, instanceId: 'two' }).isAnswered({ kind: 'joined', generation: 2, leader: group.id('t') })
  })

  it('an instance id with a pending dynamic id is refused, as Kafka does after tripping over it', () => {
    const group = groupContext()
    group.join('a', { version: 4 })
    group.join('a', { instanceId: 'one', version: 5 }).isRefused('UNKNOWN_SERVER_ERROR')
  })
})
