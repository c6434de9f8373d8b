import { describe, expect, it } from 'vitest'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { groupContext, subscriptionTo } from '../../support/group-context.ts'

const day = 24 * 60 * 60_000

describe('OffsetCommit', () => {
  it('OC-1: generation -1 on a nonexistent group is accepted and makes a simple group', () => {
    const group = groupContext()
    group.commit('').isAnswered({ kind: 'offsetsCommitted', errors: ['NONE'] })
    group.list().isAnswered({ groups: [{ groupId: 'g', protocolType: '', state: 'Empty' }] })
  })

  it('OC-1: generation -1 on an Empty group is accepted', () => {
    const group = groupContext().stableWith('a')
    group.leave('a')
    group.commit('', { offset: 5n }).isAnswered({ errors: ['NONE'] })
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 5n } }] })
  })

  it('OC-2: generation -1 with an empty member id while members exist: 25', () => {
    groupContext().stableWith('a').commit('').isRefused('UNKNOWN_MEMBER_ID')
  })

  it('OC-3: a nonexistent group with a generation: 22, from v9 on 69', () => {
    const group = groupContext()
    group.commit('a', { generation: 0, version: 8 }).isRefused('ILLEGAL_GENERATION')
    group.commit('a', { generation: 0, version: 9 }).isRefused('GROUP_ID_NOT_FOUND')
  })

  it('OC-4: right member, wrong generation: 22; unknown member: 25; static clash: 82', () => {
    const group = groupContext().stable({ a: {}, s: { instanceId: 'one' } })
    group.commit('a', { generation: 0 }).isRefused('ILLEGAL_GENERATION')
    group.commit('a', { generation: -1 }).isRefused('ILLEGAL_GENERATION')
    group.commit('x', { generation: 1 }).isRefused('UNKNOWN_MEMBER_ID')
    group.commit('a', { instanceId: 'one' }).isRefused('FENCED_INSTANCE_ID')
    group.commit('a', { instanceId: 'two' }).isRefused('UNKNOWN_MEMBER_ID')
    group.commit('s', { instanceId: 'one' }).isAnswered({ errors: ['NONE'] })
  })

  it('OC-5: CompletingRebalance: 27', () => {
    const group = groupContext()
    group.join('a')
    group.after(0)
    group.commit('a').isRefused('REBALANCE_IN_PROGRESS')
  })

  it('OC-5: PreparingRebalance: accepted, so that clients may commit in their revoke step', () => {
    const group = groupContext().stableWith('a', 'b')
    group.join('a').isPending()
    group.commit('b').isAnswered({ errors: ['NONE'] })
  })

  it('OC-7: metadata of more than 4096 UTF-16 units fails only its partition', () => {
    const group = groupContext()
    const offset = { topic: 't', topicId: ZERO_UUID, offset: 1n, leaderEpoch: -1 }
    const offsets = [
      { ...offset, partition: 0, metadata: 'é'.repeat(4_096) },
      { ...offset, partition: 1, metadata: 'x'.repeat(4_097) },
      // Two units each, as Java counts them.
      { ...offset, partition: 2, metadata: '😀'.repeat(2_049) },
    ]
    group
      .commit('', { offsets })
      .isAnswered({ errors: ['NONE', 'OFFSET_METADATA_TOO_LARGE', 'OFFSET_METADATA_TOO_LARGE'] })
    group.fetch().isAnswered({ offsets: [{ partition: 0 }] })
  })

  it('OC-8: any int64 is stored as sent, beyond the end of the log and negative ones too', () => {
    const group = groupContext()
    for (const offset of [-1n, -2n, 0n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      group.commit('', { offset })
      group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset } }] })
    }
  })

  it('OC-9: metadata and leader epoch come back; null metadata reads back as empty', () => {
    const group = groupContext()
    const offset = { topic: 't', topicId: ZERO_UUID, partition: 0, offset: 3n }
    group.commit('', { offsets: [{ ...offset, leaderEpoch: 7, metadata: 'note' }] })
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { leaderEpoch: 7, metadata: 'note' } }] })
    group.commit('', { offsets: [{ ...offset, leaderEpoch: -1, metadata: null }] })
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { leaderEpoch: -1, metadata: '' } }] })
  })

  it('OC-12: does not check that the member owns the partition', () => {
    const group = groupContext().stableWith('a', 'b')
    group.commit('b', { topic: 'assigned to a' }).isAnswered({ errors: ['NONE'] })
  })

  it('a commit that no batch of the topic can hold is refused as a whole with -1', () => {
    const group = groupContext({ maxBatchBytes: 1_000 })
    const offsets = Array.from({ length: 20 }, (_, partition) => ({
      topic: 't',
      topicId: ZERO_UUID,
      partition,
      offset: 1n,
      leaderEpoch: -1,
      metadata: null,
    }))
    group.commit('', { offsets }).isRefused('UNKNOWN_SERVER_ERROR')
    expect(group.events).toEqual([])
  })
})

describe('OffsetFetch', () => {
  it('OF-1: nothing committed: no offset and no error', () => {
    const group = groupContext().stableWith('a')
    group.fetch(['t']).isAnswered({ offsets: [{ topic: 't', partition: 0, committed: undefined, error: 'NONE' }] })
  })

  it('OF-2: of an unknown group as OF-1', () => {
    const group = groupContext()
    group.fetch(['t'], { group: 'unknown' }).isAnswered({ offsets: [{ committed: undefined, error: 'NONE' }] })
    group.fetch(undefined, { group: 'unknown' }).isAnswered({ offsets: [] })
    expect(group.state('unknown')).toBe('none')
  })

  it('OF-3: without a list, all that the group has committed', () => {
    const group = groupContext()
    group.commit('', { topic: 'x', offset: 1n })
    group.commit('', { topic: 'y', offset: 2n })
    group.commit('', { group: 'other', topic: 'z' })
    group.fetch().isAnswered({
      offsets: [
        { topic: 'x', committed: { offset: 1n } },
        { topic: 'y', committed: { offset: 2n } },
      ],
    })
  })

  it('OF-4: with require_stable, a partition with offsets in an open transaction is refused until that ends', () => {
    const group = groupContext()
    group.commit('', { topic: 't', offset: 1n })
    group.commit('', { topic: 'u', offset: 1n })
    const committed = {
      topicId: ZERO_UUID,
      offset: 2n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 0,
      expireTimestampMs: -1,
    }
    group.machine.apply({ kind: 'offsetPending', producerId: 9, groupId: 'g', topic: 't', partition: 0, committed })
    group.fetch(['t', 'u'], { requireStable: true }).isAnswered({
      offsets: [
        { committed: undefined, error: 'UNSTABLE_OFFSET_COMMIT' },
        { committed: { offset: 1n }, error: 'NONE' },
      ],
    })
    group.fetch(undefined, { requireStable: true }).isAnswered({ offsets: [{ error: 'UNSTABLE_OFFSET_COMMIT' }, {}] })
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 1n }, error: 'NONE' }] })
    group.machine.apply({ kind: 'transactionEnded', producerId: 9, committed: true })
    group.fetch(['t'], { requireStable: true }).isAnswered({ offsets: [{ committed: { offset: 2n }, error: 'NONE' }] })
  })

  it('OF-4: offsets of a transaction that aborts are forgotten', () => {
    const group = groupContext()
    group.commit('', { offset: 1n })
    const committed = {
      topicId: ZERO_UUID,
      offset: 2n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 0,
      expireTimestampMs: -1,
    }
    group.machine.apply({ kind: 'offsetPending', producerId: 9, groupId: 'g', topic: 't', partition: 0, committed })
    group.machine.apply({ kind: 'transactionEnded', producerId: 9, committed: false })
    group.fetch(['t'], { requireStable: true }).isAnswered({ offsets: [{ committed: { offset: 1n } }] })
  })
})

describe('OffsetDelete', () => {
  it('OD-1: a topic that a live consumer group subscribes to: 86 per partition', () => {
    const group = groupContext().stable({ a: { protocols: [['range', subscriptionTo('read')]] } })
    group.commit('a', { topic: 'read' })
    group.commit('a', { topic: 'old' })
    group.deleteOffsets(['read', 'old']).isAnswered({ errors: ['GROUP_SUBSCRIBED_TO_TOPIC', 'NONE'] })
    group.fetch().isAnswered({ offsets: [{ topic: 'read' }] })
  })

  it('OD-1: a subscription that cannot be read counts as all topics', () => {
    const group = groupContext().stable({ a: { protocols: [['range', 'not a subscription']] } })
    group.commit('a')
    group.deleteOffsets(['t']).isAnswered({ errors: ['GROUP_SUBSCRIBED_TO_TOPIC'] })
  })

  it('OD-1: an unknown group: 69', () => {
    groupContext().deleteOffsets(['t']).isRefused('GROUP_ID_NOT_FOUND')
  })

  it('a live group of another protocol type, whose topics nobody knows: 68', () => {
    const group = groupContext().stable({ a: { protocolType: 'connect' } })
    group.deleteOffsets(['t']).isRefused('NON_EMPTY_GROUP')
  })

  it('writes nothing for what was never committed', () => {
    const group = groupContext()
    group.commit('')
    group.deleteOffsets(['t', 'never']).isAnswered({ errors: ['NONE', 'NONE'] })
    expect(group.events.slice(1)).toEqual([{ kind: 'offsetDeleted', groupId: 'g', topic: 't', partition: 0 }])
  })
})

describe('expiry of offsets', () => {
  const retention = { offsetsRetentionMs: 7 * day, offsetsRetentionCheckIntervalMs: 600_000 }

  it('OX-1: counts from when the group became empty, and the group goes with its last offset', () => {
    const group = groupContext(retention).stableWith('a')
    group.commit('a')
    group.after(5_000).leave('a')
    group.at(5_000 + 7 * day - 1)
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 1n } }] })
    group.after(1_200_000)
    group.fetch(['t']).isAnswered({ offsets: [{ committed: undefined }] })
    expect(group.state()).toBe('none')
    expect(group.events.slice(-2)).toEqual([
      { kind: 'offsetDeleted', groupId: 'g', topic: 't', partition: 0 },
      { kind: 'groupDeleted', groupId: 'g' },
    ])
  })

  it('OX-1: counts from the commit in simple groups', () => {
    const group = groupContext(retention)
    group.commit('', { topic: 'old' })
    group.after(3 * day).commit('', { topic: 'new' })
    group.after(5 * day)
    group.fetch().isAnswered({ offsets: [{ topic: 'new' }] })
    group.after(3 * day)
    group.fetch().isAnswered({ offsets: [] })
    expect(group.state()).toBe('none')
  })

  it('OX-1: never while members subscribe to the topic; for others from the commit', () => {
    const group = groupContext(retention).stable({
      a: { protocols: [['range', subscriptionTo('read')]], session: 1_800_000 },
    })
    group.commit('a', { topic: 'read' })
    group.commit('a', { topic: 'no more' })
    for (let passed = 0; passed < 8 * day; passed += 1_000_000) group.after(1_000_000).heartbeat('a')
    group.fetch().isAnswered({ offsets: [{ topic: 'read' }] })
  })

  it('OX-1: never in a group with members of another protocol type, nor in a round', () => {
    const long = { session: 1_800_000, rebalance: 2 ** 31 - 1 }
    const connect = groupContext(retention).stable({
      a: { protocolType: 'connect', ...long },
      b: { protocolType: 'connect', ...long },
    })
    connect.commit('a')
    connect.join('a', { protocolType: 'connect', ...long }).isPending()
    for (let passed = 0; passed < 8 * day; passed += 1_000_000) connect.after(1_000_000).heartbeat('b')
    connect.fetch().isAnswered({ offsets: [{ topic: 't' }] })
  })

  it('OC-11: a retention of its own (v2-4) goes before the one of the broker', () => {
    const group = groupContext(retention)
    group.commit('', { topic: 'short', retention: 3_600_000 })
    group.commit('', { topic: 'usual', retention: -1 })
    group.after(3_600_000 + 600_000)
    group.fetch().isAnswered({ offsets: [{ topic: 'usual' }] })
  })

  it('keeps what an open transaction is about to change', () => {
    const group = groupContext(retention)
    group.commit('')
    const committed = {
      topicId: ZERO_UUID,
      offset: 2n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 0,
      expireTimestampMs: -1,
    }
    group.machine.apply({ kind: 'offsetPending', producerId: 9, groupId: 'g', topic: 't', partition: 0, committed })
    group.after(8 * day)
    group.fetch(['t']).isAnswered({ offsets: [{ committed: { offset: 1n } }] })
  })

  it('forgets an empty group without offsets, but not one in which someone holds an id', () => {
    const group = groupContext(retention).stableWith('a')
    group.leave('a')
    group.at(599_000).join('b', { version: 4 })
    group.at(600_000)
    expect(group.state()).toBe('Empty')
    group.at(1_200_000)
    expect(group.state()).toBe('none')
  })

  it('OX-2: deleting a topic deletes the commits for it, in all groups', () => {
    const group = groupContext()
    group.commit('', { topic: 'gone' })
    group.commit('', { topic: 'kept' })
    group.commit('', { group: 'other', topic: 'gone' })
    group.topicsDeleted('gone', 'never there').isAnswered({ kind: 'done' })
    group.fetch().isAnswered({ offsets: [{ topic: 'kept' }] })
    group.fetch(undefined, { group: 'other' }).isAnswered({ offsets: [] })
  })
})
