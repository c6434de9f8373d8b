import { describe, expect, it } from 'vitest'
import { groupContext, subscriptionTo } from '../../support/group-context.ts'

describe('a group after a restart of its coordinator', () => {
  it('SY-7: a Stable group goes on without a rebalance', () => {
    const group = groupContext().stable({ a: {}, s: { instanceId: 'one' } })
    group.restart()
    expect(group.state()).toBe('Stable')
    group.heartbeat('a').isAnswered({ kind: 'done' })
    group.sync('a').isAnswered({ assignment: Buffer.from('a'), protocolName: 'range', protocolType: 'consumer' })
    group.commit('s', { instanceId: 'one' }).isAnswered({ errors: ['NONE'] })
    expect(group.generation()).toBe(1)
  })

  it('gives its members a whole session to be heard of', () => {
    const group = groupContext().stable({ a: { session: 6_000 } })
    group.after(5_000).restart()
    expect(group.after(5_999).state()).toBe('Stable')
    expect(group.after(1).state()).toBe('Empty')
  })

  it('KJ-8: resumes from the last commits', () => {
    const group = groupContext().stableWith('a')
    group.commit('a', { offset: 41n })
    group.commit('a', { offset: 42n, metadata: 'm' })
    group.restart()
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 42n, metadata: 'm' } }] })
  })

  it('JG-11: a round that was not written down is done again under the same number at most, never a lower one', () => {
    const group = groupContext().stableWith('a', 'b')
    group.join('a')
    group.join('b', { protocols: [['range', 'other']] })
    expect(group.generation()).toBe(2)
    group.restart()
    expect(group.generation()).toBe(1)
    expect(group.state()).toBe('Stable')
    group.heartbeat('a', { generation: 2 }).isRefused('ILLEGAL_GENERATION')
    group.join('a').isPending()
    group.join('b', { protocols: [['range', 'other']] }).isAnswered({ generation: 2 })
  })

  it('knows what members subscribe to', () => {
    const group = groupContext().stable({ a: { protocols: [['range', subscriptionTo('read')]] } })
    group.commit('a', { topic: 'read' })
    group.restart()
    group.deleteOffsets(['read']).isAnswered({ errors: ['GROUP_SUBSCRIBED_TO_TOPIC'] })
  })

  it('finds a deleted group gone and a simple one there', () => {
    const group = groupContext()
    group.commit('', { group: 'simple' })
    group.commit('', { group: 'deleted' })
    group.deleteGroup('deleted')
    group.commit('', { group: 'emptied' })
    group.deleteOffsets(['t'], 'emptied')
    group.restart()
    group.list().isAnswered({ groups: [{ groupId: 'simple' }] })
    expect(group.state('deleted')).toBe('none')
    expect(group.state('emptied')).toBe('none')
  })

  it('counts expiry on from what the records say', () => {
    const group = groupContext({ offsetsRetentionMs: 1_000_000, offsetsRetentionCheckIntervalMs: 1_000 }).stableWith(
      'a',
    )
    group.commit('a')
    group.leave('a')
    group.after(900_000).restart()
    group.after(99_000)
    group.fetch().isAnswered({ offsets: [{ topic: 't' }] })
    group.after(2_000)
    group.fetch().isAnswered({ offsets: [] })
  })
})

describe('the machine', () => {
  it('has no deadline but the sweep while nobody is in a group', () => {
    const group = groupContext({ offsetsRetentionCheckIntervalMs: 600_000 })
    expect(group.machine.nextDeadline()).toBe(600_000)
    group.commit('')
    expect(group.machine.nextDeadline()).toBe(600_000)
  })

  it('leaves nothing behind of groups that were joined in vain', () => {
    const group = groupContext()
    group.join('a', { group: 'x', protocols: [] })
    group.join('b', { group: 'y', version: 4, session: 6_000 })
    expect(group.state('x')).toBe('none')
    expect(group.state('y')).toBe('Empty')
    group.after(6_000)
    expect(group.state('y')).toBe('none')
  })
})
