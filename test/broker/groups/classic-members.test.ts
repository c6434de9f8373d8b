import { describe, expect, it } from 'vitest'
import { groupContext } from '../../support/group-context.ts'

/** A group with these members that have their answers to JoinGroup and have not synced. */
const completing = (...names: string[]) => {
  const group = groupContext()
  for (const name of names) group.join(name, { session: 30_000 })
  return group.after(0)
}

describe('SyncGroup', () => {
  it("SY-1: followers that sync early wait until the leader's assignment has come", () => {
    const group = completing('a', 'b', 'c')
    const b = group.sync('b').isPending()
    const c = group.sync('c').isPending()
    group.sync('a', {}, { a: '0', b: '1', c: '2' }).isAnswered({ kind: 'synced', assignment: Buffer.from('0') })
    b.isAnswered({ assignment: Buffer.from('1'), protocolType: 'consumer', protocolName: 'range' })
    c.isAnswered({ assignment: Buffer.from('2') })
    expect(group.state()).toBe('Stable')
  })

  it('SY-1: what a follower sends as assignments is ignored', () => {
    const group = completing('a', 'b')
    const b = group.sync('b', {}, { a: 'mine', b: 'mine too' }).isPending()
    group.sync('a', {}, { b: 'from the leader' })
    b.isAnswered({ assignment: Buffer.from('from the leader') })
  })

  it('SY-2: a member that the leader left out gets an empty assignment, not an error', () => {
    const group = completing('a', 'b')
    const b = group.sync('b')
    group.sync('a', {}, { a: 'all', stranger: 'nothing' })
    b.isAnswered({ kind: 'synced', assignment: Buffer.alloc(0) })
  })

  it('SY-3: in PreparingRebalance: 27', () => {
    const group = groupContext().stableWith('a', 'b')
    group.join('a').isPending()
    group.sync('b').isRefused('REBALANCE_IN_PROGRESS')
  })

  it('SY-3: in Stable: the current assignment again', () => {
    const group = groupContext().stableWith('a', 'b')
    group.sync('b').isAnswered({ kind: 'synced', assignment: Buffer.from('b') })
    group.sync('a', {}, { a: 'other' }).isAnswered({ assignment: Buffer.from('a') })
  })

  it('SY-3: in an Empty or unknown group: 25', () => {
    const group = groupContext().stableWith('a')
    group.leave('a')
    group.sync('a').isRefused('UNKNOWN_MEMBER_ID')
    group.sync('a', { group: 'unknown' }).isRefused('UNKNOWN_MEMBER_ID')
  })

  it('SY-4: a wrong generation is refused', () => {
    const group = completing('a')
    group.sync('a', { generation: 0 }).isRefused('ILLEGAL_GENERATION')
    group.sync('a', { generation: 2 }).isRefused('ILLEGAL_GENERATION')
  })

  it("SY-5: a protocol type or name other than the group's is refused; null says nothing", () => {
    const group = completing('a')
    group.sync('a', { protocolType: 'connect' }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.sync('a', { protocolName: 'sticky' }).isRefused('INCONSISTENT_GROUP_PROTOCOL')
    group.sync('a', { protocolType: 'consumer', protocolName: 'range' }).isAnswered({ kind: 'synced' })
  })

  it('a request that waited is sent back when the same member syncs again', () => {
    const group = completing('a', 'b')
    const before = group.sync('b').isPending()
    const now = group.sync('b').isPending()
    before.isRefused('REBALANCE_IN_PROGRESS')
    group.sync('a', {}, { b: '1' })
    now.isAnswered({ assignment: Buffer.from('1') })
  })

  it('assignments that no record can hold are refused with -1, and the group joins anew', () => {
    const group = groupContext({ maxBatchBytes: 2_000 })
    group.join('a')
    group.join('b')
    group.after(0)
    const b = group.sync('b')
    group.sync('a', {}, { b: 'x'.repeat(2_000) }).isRefused('UNKNOWN_SERVER_ERROR')
    b.isRefused('UNKNOWN_SERVER_ERROR')
    expect(group.state()).toBe('PreparingRebalance')
    expect(group.events).toEqual([])
  })

  it('SY-7: the assignment is written down before anybody gets it', () => {
    const group = completing('a')
    group.sync('a', {}, { a: 'all' })
    expect(group.events).toMatchObject([
      { kind: 'groupStored', groupId: 'g', group: { generation: 1, members: [{ assignment: Buffer.from('all') }] } },
    ])
  })

  it('HB-3: SyncGroup renews the session', () => {
    const group = groupContext().stable({ a: { session: 30_000 }, b: { session: 6_000 } })
    group.after(4_000).sync('b')
    group.after(4_000).heartbeat('b').isAnswered({ kind: 'done' })
  })

  it('HB-3: a member that waits in SyncGroup is not expired by its session timer', () => {
    const group = groupContext()
    group.join('a', { session: 60_000 })
    group.join('b', { session: 6_000 })
    group.after(0)
    const b = group.sync('b')
    group.after(30_000)
    b.isPending()
    group.sync('a', {}, { b: '1' })
    b.isAnswered({ assignment: Buffer.from('1') })
    group.after(5_999).heartbeat('b').isAnswered({ kind: 'done' })
  })
})

describe('Heartbeat', () => {
  it('HB-1: Stable with the right generation, and CompletingRebalance: 0', () => {
    completing('a').heartbeat('a').isAnswered({ kind: 'done' })
    groupContext().stableWith('a').heartbeat('a').isAnswered({ kind: 'done' })
  })

  it('HB-1: PreparingRebalance: 27, and the session timer is still reset', () => {
    const group = groupContext().stable({ a: {}, b: { session: 6_000 } })
    group.join('a').isPending()
    group.after(4_000).heartbeat('b').isRefused('REBALANCE_IN_PROGRESS')
    group.after(4_000).heartbeat('b').isRefused('REBALANCE_IN_PROGRESS')
    expect(group.members()).toEqual(['a', 'b'])
  })

  it('HB-2: unknown member or Empty group: 25; wrong generation: 22; static id clash: 82', () => {
    const group = groupContext().stable({ a: {}, s: { instanceId: 'one' } })
    group.heartbeat('x').isRefused('UNKNOWN_MEMBER_ID')
    group.heartbeat('a', { group: 'unknown' }).isRefused('UNKNOWN_MEMBER_ID')
    group.heartbeat('a', { generation: 0 }).isRefused('ILLEGAL_GENERATION')
    group.heartbeat('a', { instanceId: 'one' }).isRefused('FENCED_INSTANCE_ID')
    group.leave('a', { memberId: '', instanceId: 'one' })
    expect(group.state()).toBe('Empty')
    group.heartbeat('a').isRefused('UNKNOWN_MEMBER_ID')
  })

  it('HB-3: renews the session', () => {
    const group = groupContext().stable({ a: { session: 6_000 } })
    for (let beat = 0; beat < 5; beat++) group.after(5_999).heartbeat('a').isAnswered({ kind: 'done' })
    expect(group.after(6_000).state()).toBe('Empty')
  })

  it('HB-3: an accepted OffsetCommit renews the session too', () => {
    const group = groupContext().stable({ a: { session: 6_000 } })
    group
      .after(4_000)
      .commit('a')
      .isAnswered({ errors: ['NONE'] })
    group.after(4_000).heartbeat('a').isAnswered({ kind: 'done' })
  })
})

describe('LeaveGroup', () => {
  it('LV-1: removes the member and starts the round at once, with no session wait', () => {
    const group = groupContext().stableWith('a', 'b')
    group.leave('b').isAnswered({ kind: 'left', members: [{ error: 'NONE' }] })
    expect(group.state()).toBe('PreparingRebalance')
    group.join('a').isAnswered({ generation: 2, members: [{}] })
  })

  it('LV-2: several members leave in one request with a result each, and one round follows', () => {
    const group = groupContext().stableWith('a', 'b', 'c')
    group.leave('b', 'nobody', 'c').isAnswered({
      members: [
        { memberId: group.id('b'), error: 'NONE' },
        { memberId: 'nobody', error: 'UNKNOWN_MEMBER_ID' },
        { memberId: group.id('c'), error: 'NONE' },
      ],
    })
    group.join('a').isAnswered({ generation: 2, members: [{}] })
  })

  it('LV-2: an unknown group gives 25 on every member', () => {
    groupContext()
      .leave('a', 'b')
      .isAnswered({ kind: 'left', members: [{ error: 'UNKNOWN_MEMBER_ID' }, { error: 'UNKNOWN_MEMBER_ID' }] })
  })

  it('LV-3: a static member can be removed by its instance id with an empty member id', () => {
    const group = groupContext().stable({ a: {}, s: { instanceId: 'one' } })
    group.leave({ memberId: '', instanceId: 'one' }).isAnswered({ members: [{ instanceId: 'one', error: 'NONE' }] })
    expect(group.members()).toEqual(['a'])
    group.leave({ memberId: '', instanceId: 'one' }).isAnswered({ members: [{ error: 'UNKNOWN_MEMBER_ID' }] })
    group.leave({ memberId: '', instanceId: null }).isAnswered({ members: [{ error: 'UNKNOWN_MEMBER_ID' }] })
  })

  it('LV-3: with a wrong member id it is fenced', () => {
    const group = groupContext().stable({ a: {}, s: { instanceId: 'one' } })
    group
      .leave({ memberId: group.id('a'), instanceId: 'one' })
      .isAnswered({ members: [{ error: 'FENCED_INSTANCE_ID' }] })
    expect(group.state()).toBe('Stable')
  })

  it('LV-4: leaving with a pending id succeeds', () => {
    const group = groupContext()
    group.join('a', { version: 4 })
    group.leave('a').isAnswered({ members: [{ error: 'NONE' }] })
    group.join('a', { version: 4 }).isRefused('UNKNOWN_MEMBER_ID')
  })

  it('LV-4: a round no longer waits for a pending id that has left', () => {
    const group = groupContext().stableWith('a')
    group.join('b', { version: 4 })
    const a = group.join('a').isPending()
    group.leave('b')
    a.isAnswered({ generation: 2 })
  })

  it("LV-5: the last member's leave turns the group Empty; generation and offsets stay", () => {
    const group = groupContext().stableWith('a')
    group.commit('a', { offset: 7n })
    group.leave('a')
    expect(group.state()).toBe('Empty')
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 7n } }] })
    group.restart()
    expect(group.state()).toBe('Empty')
    expect(group.generation()).toBe(2)
  })

  it('whoever waits under the id that leaves hears 25', () => {
    const group = completing('a', 'b')
    const b = group.sync('b').isPending()
    group.leave('b')
    b.isRefused('UNKNOWN_MEMBER_ID')
  })
})
