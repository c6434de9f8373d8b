import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GroupEvent } from '../../../broker/groups/events.ts'
import { groupRecords } from '../../../broker/groups/group-records.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { buildMarker } from '../../../protocol/records/control.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'

const readBack = (batches: Buffer): GroupEvent[] => {
  const events: GroupEvent[] = []
  groupRecords.read(batches, (event) => events.push(event))
  return events
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const id = fc.oneof(text, fc.constantFrom('__proto__', 'toString'))
const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array))
const time = fc.integer({ min: 0, max: 2 ** 42 })
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const event: fc.Arbitrary<GroupEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('groupStored' as const),
    groupId: id,
    group: fc.record({
      protocolType: text,
      generation: int32,
      protocolName: fc.option(text),
      leader: fc.option(text),
      stateTimestampMs: time,
      members: fc.array(
        fc.record({
          memberId: id,
          instanceId: fc.option(text),
          clientId: text,
          clientHost: text,
          rebalanceTimeoutMs: int32,
          sessionTimeoutMs: int32,
          subscription: bytes,
          assignment: bytes,
        }),
        { maxLength: 3 },
      ),
    }),
  }),
  fc.record({ kind: fc.constant('groupDeleted' as const), groupId: id }),
  fc.record({
    kind: fc.constant('offsetCommitted' as const),
    groupId: id,
    topic: text,
    partition: int32,
    committed: fc.record({
      topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from(raw).toString('base64url')),
      offset: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      leaderEpoch: int32,
      metadata: text,
      commitTimestampMs: time,
      expireTimestampMs: fc.constant(-1),
    }),
  }),
  fc.record({ kind: fc.constant('offsetDeleted' as const), groupId: id, topic: text, partition: int32 }),
)

describe('records of __consumer_offsets', () => {
  it('say exactly what happened: any events come back as they were, in order', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), (events) => {
        expect(readBack(buildBatch({ records: events.map((one) => groupRecords.write(one)) }))).toEqual(events)
      }),
    )
  })

  it('have the bytes that Kafka 4.3.1 wrote when it was told the same', () => {
    const committed = {
      topicId: 'TH59DOkWS4mAYW2HkBNbrA',
      offset: 5n,
      leaderEpoch: 3,
      metadata: 'm',
      commitTimestampMs: 1_795_562_474_422,
      expireTimestampMs: -1,
    }
    const where = { groupId: 'g1', topic: 't', partition: 0 }
    const { key, value } = groupRecords.write({ kind: 'offsetCommitted', ...where, committed })
    // Type 1, group, topic, partition; version 4, offset, leader epoch, metadata, time of the commit, tagged topic id.
    expect(key.toString('hex')).toBe('0001' + '00026731' + '000174' + '00000000')
    expect(value?.toString('hex')).toBe(
      '0004000000000000000500000003026d000001a20fdd0bb60100104c7e7d0ce9164b8980616d8790135bac',
    )
    const empty = {
      protocolType: 'connect',
      generation: 3,
      protocolName: null,
      leader: null,
      stateTimestampMs: 0x1a20fdd3586,
      members: [],
    }
    const stored = groupRecords.write({ kind: 'groupStored', groupId: 'cn', group: empty })
    // Version 3, protocol type, generation, no protocol, no leader, time of the state, no members.
    expect(stored.key.toString('hex')).toBe('0002' + '0002636e')
    expect(stored.value?.toString('hex')).toBe('00030007636f6e6e65637400000003ffffffff000001a20fdd358600000000')
  })

  it('OC-11: a commit with a retention of its own is version 1, the only one that can say it', () => {
    const committed = {
      topicId: ZERO_UUID,
      offset: 1n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 5,
      expireTimestampMs: 9,
    }
    const written = groupRecords.write({ kind: 'offsetCommitted', groupId: 'g', topic: 't', partition: 0, committed })
    expect(written.value?.readInt16BE(0)).toBe(1)
    expect(readBack(buildBatch({ records: [written] }))).toMatchObject([{ committed }])
  })

  it('OF-4: commits in a transactional batch are pending until its marker', () => {
    const committed = {
      topicId: ZERO_UUID,
      offset: 1n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: 5,
      expireTimestampMs: -1,
    }
    const written = groupRecords.write({ kind: 'offsetCommitted', groupId: 'g', topic: 't', partition: 0, committed })
    const producer = { producerId: 7, producerEpoch: 0 }
    const batches = [
      buildBatch({ records: [written], ...producer, baseSequence: 0, transactional: true }),
      buildMarker({ ...producer, type: 'COMMIT', coordinatorEpoch: 0 }, 5),
      buildBatch({ records: [written], ...producer, baseSequence: 1, transactional: true }),
      buildMarker({ ...producer, type: 'ABORT', coordinatorEpoch: 0 }, 5),
    ]
    expect(readBack(Buffer.concat(batches))).toEqual([
      { kind: 'offsetPending', producerId: 7, groupId: 'g', topic: 't', partition: 0, committed },
      { kind: 'transactionEnded', producerId: 7, committed: true },
      { kind: 'offsetPending', producerId: 7, groupId: 'g', topic: 't', partition: 0, committed },
      { kind: 'transactionEnded', producerId: 7, committed: false },
    ])
  })

  it('of kinds that are not served yet are passed over', () => {
    const consumerGroupMetadata = {
      key: Buffer.from('0003' + '000167', 'hex'),
      value: Buffer.from('000000000001', 'hex'),
    }
    const deleted = groupRecords.write({ kind: 'groupDeleted', groupId: 'g' })
    expect(readBack(buildBatch({ records: [consumerGroupMetadata, deleted] }))).toEqual([
      { kind: 'groupDeleted', groupId: 'g' },
    ])
  })

  it('do not keep the piece of the log in memory that they were read from', () => {
    const member = {
      memberId: 'm',
      instanceId: null,
      clientId: 'c',
      clientHost: '/::1',
      rebalanceTimeoutMs: 1,
      sessionTimeoutMs: 1,
      subscription: Buffer.from('subscription'),
      assignment: Buffer.from('assignment'),
    }
    const group = {
      protocolType: 'x',
      generation: 1,
      protocolName: 'p',
      leader: 'm',
      stateTimestampMs: 1,
      members: [member],
    }
    const batch = buildBatch({ records: [groupRecords.write({ kind: 'groupStored', groupId: 'g', group })] })
    const [read] = readBack(batch)
    batch.fill(0)
    expect(read).toMatchObject({ group: { members: [member] } })
  })
})
