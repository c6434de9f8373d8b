import { describe, expect, it } from 'vitest'
import { groupContext } from '../../support/group-context.ts'

describe('DescribeGroups', () => {
  it('GA-1: an unknown group is Dead and has no members', () => {
    groupContext().describe().isAnswered({ state: 'Dead', protocolType: '', protocolName: '', members: [] })
  })

  it('GA-2: a group goes through Empty, PreparingRebalance, CompletingRebalance, Stable', () => {
    const group = groupContext()
    group.commit('')
    group.describe().isAnswered({ state: 'Empty' })
    group.join('a')
    group.describe().isAnswered({ state: 'PreparingRebalance' })
    group.after(0).describe().isAnswered({ state: 'CompletingRebalance' })
    group.sync('a', {}, { a: 'all' })
    group.describe().isAnswered({ state: 'Stable' })
  })

  it('GA-3: protocol and metadata are given in Stable alone; the last assignment, client id and host always', () => {
    const group = groupContext().stable({ a: { protocols: [['range', 'topics']] }, s: { instanceId: 'one' } })
    group.describe().isAnswered({
      protocolType: 'consumer',
      protocolName: 'range',
      members: [
        {
          instanceId: null,
          clientId: 'a',
          clientHost: '/127.0.0.1',
          metadata: Buffer.from('topics'),
          assignment: Buffer.from('a'),
        },
        { instanceId: 'one', clientId: 's', assignment: Buffer.from('s') },
      ],
    })
    group.join('a').isPending()
    group.describe().isAnswered({
      protocolType: 'consumer',
      protocolName: '',
      members: [
        { clientId: 'a', clientHost: '/127.0.0.1', metadata: Buffer.alloc(0), assignment: Buffer.from('a') },
        { clientId: 's', metadata: Buffer.alloc(0), assignment: Buffer.from('s') },
      ],
    })
  })
})

describe('ListGroups', () => {
  it('GA-5: lists all groups; a simple one has the protocol type ""', () => {
    const group = groupContext().stableWith('a')
    group.commit('', { group: 'simple' })
    group.list().isAnswered({
      groups: [
        { groupId: 'g', protocolType: 'consumer', state: 'Stable' },
        { groupId: 'simple', protocolType: '', state: 'Empty' },
      ],
    })
  })
})

describe('DeleteGroups', () => {
  it('GA-6: members present: 68; missing: 69', () => {
    const group = groupContext().stableWith('a')
    group.deleteGroup().isRefused('NON_EMPTY_GROUP')
    group.deleteGroup('missing').isRefused('GROUP_ID_NOT_FOUND')
  })

  it('GA-6: commits go too', () => {
    const group = groupContext().stableWith('a')
    group.commit('a')
    group.leave('a')
    group.deleteGroup().isAnswered({ kind: 'done' })
    group.fetch().isAnswered({ offsets: [] })
    expect(group.state()).toBe('none')
    expect(group.restart().state()).toBe('none')
  })

  it('a member of before is unknown in a group that was deleted', () => {
    const group = groupContext().stableWith('a')
    group.leave('a')
    group.deleteGroup()
    group.join('a').isRefused('UNKNOWN_MEMBER_ID')
    group.sync('a').isRefused('UNKNOWN_MEMBER_ID')
    group.join('new').isPending()
    group.after(0)
    expect(group.generation()).toBe(1)
  })

  it('H16: names that are properties of every object are names like others', () => {
    const group = groupContext()
    for (const name of ['__proto__', 'constructor', 'toString']) {
      group.commit('', { group: name, topic: name })
      group.fetch([name], { group: name }).isAnswered({ offsets: [{ committed: { offset: 1n } }] })
      group.join(name, { group: name }).isPending()
    }
    group.fetch(['valueOf'], { group: '__proto__' }).isAnswered({ offsets: [{ committed: undefined }] })
  })
})
