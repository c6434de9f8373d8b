import { describe, expect, it } from 'vitest'
import { groupContext } from '../../support/group-context.ts'

describe('the first round of an empty group', () => {
  it('JG-8: waits group.initial.rebalance.delay.ms for others', () => {
    const group = groupContext({ initialRebalanceDelayMs: 3_000 })
    const a = group.join('a').isPending()
    group.at(2_999)
    a.isPending()
    group.at(3_000)
    a.isAnswered({ generation: 1, members: [{ memberId: group.id('a') }] })
  })

  it('JG-8: is lengthened in steps as new members come', () => {
    const group = groupContext({ initialRebalanceDelayMs: 3_000 })
    const a = group.join('a')
    group.at(2_000).join('b')
    group.at(5_000)
    a.isPending()
    group.at(6_000)
    a.isAnswered({ generation: 1, members: [{}, {}] })
  })

  it('JG-8: is bounded by the rebalance timeout', () => {
    const group = groupContext({ initialRebalanceDelayMs: 3_000 })
    const a = group.join('a', { rebalance: 7_000 })
    for (let at = 1_000; at < 7_000; at += 1_000) group.at(at).join(`more${at}`, { rebalance: 7_000 })
    group.at(6_999)
    a.isPending()
    group.at(7_000)
    a.isAnswered({ generation: 1 })
  })

  it('JG-8: with a delay of 0 it ends as soon as what has come in has been handled', () => {
    const group = groupContext({ initialRebalanceDelayMs: 0 })
    const a = group.join('a').isPending()
    expect(group.machine.nextDeadline()).toBe(0)
    group.at(0)
    a.isAnswered({ generation: 1 })
  })

  it('JG-8: sits its time out also when all have left again, and the group is Empty then', () => {
    const group = groupContext({ initialRebalanceDelayMs: 3_000 })
    const a = group.join('a')
    group
      .at(1_000)
      .leave(group.members()[0]!)
      .isAnswered({ members: [{ error: 'NONE' }] })
    a.isRefused('UNKNOWN_MEMBER_ID')
    expect(group.state()).toBe('PreparingRebalance')
    group.at(3_000)
    expect(group.state()).toBe('Empty')
    expect(group.generation()).toBe(1)
  })
})

describe('later rounds', () => {
  it('JG-9: the join phase ends as soon as all known members rejoined', () => {
    const group = groupContext({ initialRebalanceDelayMs: 3_000 }).stableWith('a', 'b', 'c')
    const a = group.join('a').isPending()
    const b = group.join('b', { protocols: [['range', 'new']] }).isPending()
    group.join('c').isAnswered({ generation: 2 })
    a.isAnswered({ generation: 2 })
    b.isAnswered({ generation: 2 })
  })

  it('JG-9: or at the largest rebalance timeout; dynamic members that did not come are removed', () => {
    const group = groupContext().stable({
      a: { rebalance: 10_000, session: 60_000 },
      b: { rebalance: 40_000, session: 60_000 },
      c: { rebalance: 20_000, session: 60_000 },
    })
    const a = group.join('a', { rebalance: 10_000, session: 60_000 }).isPending()
    group.after(39_999)
    a.isPending()
    group.after(1)
    a.isAnswered({ generation: 2, members: [{ memberId: group.id('a') }] })
    expect(group.members()).toEqual(['a'])
    group.join('b').isRefused('UNKNOWN_MEMBER_ID')
  })

  it('JG-26: the join phase waits a whole rebalance timeout of 60 s; who comes too late hears 25 and no cascade follows', () => {
    const kafkajs = { session: 30_000, rebalance: 60_000 }
    const group = groupContext().stable({ a: kafkajs, b: kafkajs })
    const a = group.join('a', kafkajs).isPending()
    for (let second = 5; second < 60; second += 5) {
      group.after(5_000).heartbeat('b', { generation: 1 }).isRefused('REBALANCE_IN_PROGRESS')
    }
    group.after(4_999)
    a.isPending()
    group.after(1)
    a.isAnswered({ generation: 2 })
    group.join('b', kafkajs).isRefused('UNKNOWN_MEMBER_ID')
    group.sync('a', {}, { a: 'all' }).isAnswered({ kind: 'synced' })
    expect(group.generation()).toBe(2)
  })

  it('JG-11: the generation goes up by one per completed join phase and never back', () => {
    const group = groupContext()
    for (const generation of [1, 2, 3]) {
      group.stableWith('a')
      expect(group.generation()).toBe(generation)
    }
    group.leave('a')
    expect(group.generation()).toBe(4)
    group.join('b')
    group.after(0)
    expect(group.generation()).toBe(5)
  })

  it('JG-12: exactly one member leads; only its answer lists the members and their metadata', () => {
    const group = groupContext()
    const a = group.join('a')
    const b = group.join('b')
    group.after(0)
    a.isAnswered({ leader: 'a-1' })
    b.isAnswered({ leader: 'a-1', members: [] })
    expect(a.reply).toMatchObject({
      members: [
        { memberId: 'a-1', metadata: Buffer.from('range metadata') },
        { memberId: 'b-2', metadata: Buffer.from('range metadata') },
      ],
    })
  })

  it('JG-12: when the leader is gone, another one leads', () => {
    const group = groupContext().stableWith('a', 'b', 'c')
    group.leave('a')
    const b = group.join('b').isPending()
    group.join('c').isAnswered({ leader: group.id('b') })
    b.isAnswered({ leader: group.id('b'), members: [{}, {}] })
  })

  it('JG-13: the chosen protocol is spoken by all, and has the most first votes of those that are', () => {
    const group = groupContext()
    const votes = [
      ['x', 'sticky', 'range'],
      ['range', 'sticky'],
      ['sticky', 'range', 'x'],
    ]
    const joined = votes.map((protocols, at) => group.join(`m${at}`, { protocols }))
    group.after(0)
    for (const member of joined) member.isAnswered({ protocolName: 'sticky' })
  })

  it('JG-23: the order of the list decides the vote, and at a tie the earlier member', () => {
    const group = groupContext()
    const a = group.join('a', { protocols: ['RoundRobinAssigner', 'range'] })
    group.join('b', { protocols: ['range', 'RoundRobinAssigner'] })
    group.after(0)
    a.isAnswered({ protocolName: 'RoundRobinAssigner' })
  })

  it('HB-4: a member silent for its session timeout is removed and the rest hear 27 on their next heartbeat', () => {
    const group = groupContext().stable({ a: { session: 30_000 }, b: { session: 6_000 } })
    group.after(5_999)
    expect(group.members()).toEqual(['a', 'b'])
    group.after(1)
    expect(group.members()).toEqual(['a'])
    group.heartbeat('a').isRefused('REBALANCE_IN_PROGRESS')
    group.join('a').isAnswered({ generation: 2 })
  })

  it('SY-6: members that never sync within the rebalance timeout are removed and a new round starts', () => {
    const group = groupContext()
    group.join('a', { rebalance: 20_000, session: 60_000 })
    group.join('b', { rebalance: 10_000, session: 60_000 })
    group.after(0)
    const a = group.sync('a', {}, { a: '0', b: '1' }).isAnswered({ kind: 'synced' })
    expect(group.state()).toBe('Stable')
    group.after(19_999)
    expect(group.state()).toBe('Stable')
    group.after(1)
    expect(group.state()).toBe('PreparingRebalance')
    expect(group.members()).toEqual(['a'])
    a.isAnswered({ assignment: Buffer.from('0') })
  })

  it('SY-6: those who wait for a leader that never syncs are sent into the new round', () => {
    const group = groupContext()
    group.join('a', { rebalance: 20_000, session: 60_000 })
    group.join('b', { rebalance: 20_000, session: 60_000 })
    group.after(0)
    const b = group.sync('b').isPending()
    group.after(20_000)
    b.isRefused('REBALANCE_IN_PROGRESS')
    group.join('b', { rebalance: 20_000 }).isAnswered({ generation: 2, leader: group.id('b') })
  })

  it('FS-3: a SyncGroup that follows its JoinGroup at once succeeds also when the rebalance timeout is 0', () => {
    const group = groupContext()
    group.join('a', { rebalance: 0 })
    group.after(0)
    group
      .after(5)
      .sync('a', {}, { a: 'all' })
      .isAnswered({ kind: 'synced', assignment: Buffer.from('all') })
    expect(group.after(10_000 - 5).state()).toBe('Stable')
  })

  it('every deadline that passes at the same moment is handled, one written change to a group at a time', () => {
    const group = groupContext().stable({ a: { session: 6_000 }, b: { session: 6_000 } })
    group.after(6_000)
    expect(group.state()).toBe('Empty')
    expect(group.events.at(-1)).toMatchObject({
      kind: 'groupStored',
      group: { members: [], protocolName: null, leader: null },
    })
  })

  it('a group that holds more members than group.max.size when it is loaded begins a round', () => {
    const group = groupContext().stableWith('a', 'b', 'c')
    group.restart({ maxSize: 2 })
    expect(group.state()).toBe('PreparingRebalance')
    const a = group.join('a').isPending()
    group.join('b').isPending()
    group.join('c').isRefused('GROUP_MAX_SIZE_REACHED')
    a.isAnswered({ generation: 2, members: [{}, {}] })
  })
})
