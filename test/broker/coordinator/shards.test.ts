import { describe, expect, it } from 'vitest'
import { CoordinatorShards, partitionOf } from '../../../broker/coordinator/shards.ts'
import type { GroupCommand, GroupReply } from '../../../broker/groups/commands.ts'
import type { GroupEvent } from '../../../broker/groups/events.ts'
import { groupConfigDefaults } from '../../../broker/groups/group-config.ts'
import { groupRecords } from '../../../broker/groups/group-records.ts'
import { GroupMachine } from '../../../broker/groups/machine.ts'
import { Timers } from '../../../broker/runtime/timers.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { MemoryShardLog } from '../../support/memory-shard-log.ts'

function shardsOver(logs: Map<number, MemoryShardLog>) {
  const clock = new FakeClock()
  const failures: number[] = []
  const shards = new CoordinatorShards<GroupCommand, GroupEvent, GroupReply>(
    new Timers(clock),
    (partition) => {
      const log = logs.get(partition)
      return (
        log && {
          machine: new GroupMachine(groupConfigDefaults),
          format: groupRecords,
          log,
          clock,
          maxBatchBytes: 1_000_000,
          refusal: (error) => ({ kind: 'refused', error }),
        }
      )
    },
    (partition) => failures.push(partition),
  )
  return { shards, clock, failures }
}

const turns = () => new Promise((resolve) => setImmediate(resolve))

const commit = (to: number): GroupCommand => ({
  kind: 'commitOffsets',
  to,
  groupId: 'g',
  generation: -1,
  memberId: '',
  instanceId: null,
  retentionTimeMs: -1,
  knowsGroupIdNotFound: true,
  offsets: [
    { topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0, offset: 1n, leaderEpoch: -1, metadata: null },
  ],
})

const list = (to: number): GroupCommand => ({ kind: 'list', to })

describe('the shards of an internal topic', () => {
  it('FC-5: what is not ours is not ours, what is being read is loading', async () => {
    const { shards } = shardsOver(new Map([[3, new MemoryShardLog()]]))
    expect(shards.get(3)).toBe('NOT_COORDINATOR')
    const loading = shards.load(3)
    expect(shards.get(3)).toBe('COORDINATOR_LOAD_IN_PROGRESS')
    await loading
    expect(typeof shards.get(3)).toBe('object')
    await shards.load(4)
    expect(shards.get(4)).toBe('NOT_COORDINATOR')
    shards.unload(3)
    expect(shards.get(3)).toBe('NOT_COORDINATOR')
  })

  it('reads a shard anew that has parted from its log, a little later', async () => {
    const log = new MemoryShardLog()
    const { shards, clock, failures } = shardsOver(new Map([[0, log]]))
    await shards.load(0)
    const shard = shards.get(0)
    if (typeof shard === 'string') throw new Error(shard)
    shard.ask(commit)
    log.durableAtOnce = false
    const lost = shard.ask(commit)
    log.lose()
    expect(await lost).toEqual({ kind: 'refused', error: 'COORDINATOR_NOT_AVAILABLE' })
    expect(shards.get(0)).toBe('COORDINATOR_LOAD_IN_PROGRESS')
    expect(failures).toEqual([0])
    log.durableAtOnce = true
    clock.advance(500)
    await turns()
    const again = shards.get(0)
    if (typeof again === 'string') throw new Error(again)
    expect(again.ask(list)).toMatchObject({ groups: [{ groupId: 'g' }] })
  })

  it('waits with reading until it is known what of its last writes stays', async () => {
    const log = new MemoryShardLog()
    const { shards, clock } = shardsOver(new Map([[0, log]]))
    await shards.load(0)
    const shard = shards.get(0)
    if (typeof shard === 'string') throw new Error(shard)
    log.durableAtOnce = false
    const pending = shard.ask(commit)
    log.refusal = new Error('disk full')
    // A join alone writes nothing; the tick that ends an emptied round does, after memory has changed.
    const join: GroupCommand = {
      kind: 'join',
      to: 0,
      groupId: 'g',
      memberId: '',
      instanceId: null,
      clientId: 'c',
      clientHost: '/::1',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      freshId: 'id',
      needsMemberId: false,
      canSkipAssignment: false,
    }
    const joined = shard.ask((to) => ({ ...join, to }))
    void shard.ask((to) => ({ kind: 'leave', to, groupId: 'g', members: [{ memberId: 'c-id', instanceId: null }] }))
    clock.advance(3_000)
    expect(await pending).toEqual({ kind: 'refused', error: 'COORDINATOR_NOT_AVAILABLE' })
    expect(await joined).toMatchObject({ kind: 'refused' })
    clock.advance(1_000)
    await turns()
    expect(shards.get(0)).toBe('COORDINATOR_LOAD_IN_PROGRESS')
    log.settle()
    await turns()
    expect(typeof shards.get(0)).toBe('object')
  })

  it('runs what is for all shards also on those that are still loading', async () => {
    const { shards } = shardsOver(
      new Map([
        [0, new MemoryShardLog()],
        [1, new MemoryShardLog()],
      ]),
    )
    await shards.load(0)
    const loading = shards.load(1)
    let ran = 0
    shards.forEach(() => {
      ran++
    })
    expect(ran).toBe(1)
    await loading
    expect(ran).toBe(2)
  })

  it('once closed takes over nothing more', async () => {
    const { shards } = shardsOver(new Map([[0, new MemoryShardLog()]]))
    await shards.load(0)
    shards.close('COORDINATOR_NOT_AVAILABLE')
    await shards.load(0)
    expect(shards.get(0)).toBe('COORDINATOR_NOT_AVAILABLE')
  })
})

describe('the partition that coordinates a key', () => {
  it("FC-5: is Java's hash of it, so that Kafka finds what we wrote", () => {
    // The last but one has Integer.MIN_VALUE as its hash, which has no absolute value.
    expect(partitionOf('', 50)).toBe(0)
    expect(partitionOf('a', 50)).toBe(97 % 50)
    expect(partitionOf('group', 50)).toBe(98629247 % 50)
    expect(partitionOf('polygenelubricants', 50)).toBe(0)
    expect(partitionOf('consumer-grüppe', 50)).toBe(1948615947 % 50)
  })
})
