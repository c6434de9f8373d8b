import { describe, expect, it } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { topicConfig } from '../../../broker/config/topic-config.ts'
import { Partition } from '../../../broker/partitions/partition.ts'
import { topicRules } from '../../../broker/partitions/topic-rules.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import { type LogConfig, MemoryFileSystem } from '../../../storage/index.ts'
import { values } from '../../support/embedded-broker.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { LogContext } from '../../support/log-context.ts'

/** A partition over a log on a disk that fails when told to. Everything happens when the turn ends. */
async function partition(config: Partial<LogConfig> = {}) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const context = await LogContext.open({ clock, memory, fileSystem: disk, config })
  const broker = BrokerConfig.of()
  const rules = topicRules(topicConfig(broker, new Map()), broker, false)
  const identity = { topicId: 'id', topic: 'events', index: 0, leaderEpoch: 0 }
  const under = new Partition(identity, context.log, rules, new BrokerMetrics().topic('events'))
  const told: string[] = []
  const waiter = (name: string) => ({ settled: (_slot: number, error = 'ok') => told.push(`${name}: ${error}`) })
  const append = (...texts: string[]) => under.append(values(texts), 'client')
  const settle = async () => {
    await context.log.flush()
    clock.endTurn()
  }
  return { under, clock, disk, context, told, waiter, append, settle }
}

describe('Partition: three positions (D5)', () => {
  it('gives offsets at once; acks=1 waits for the write, acks=all for the sync', async () => {
    const { under, append, waiter, told, clock, disk, settle } = await partition({ flushPolicy: 'commit' })
    const sync = disk.hold('datasync')
    expect(append('a', 'b')).toMatchObject({ kind: 'appended', baseOffset: 0, lastOffset: 1 })
    under.whenWritten(2, waiter('one'), 0)
    under.whenDurable(2, waiter('all'), 0)
    expect([told, under.highWatermark]).toEqual([[], 0])
    clock.endTurn()
    expect([told, under.highWatermark]).toEqual([['one: ok'], 0])
    sync.release()
    await settle()
    expect([told, under.highWatermark]).toEqual([['one: ok', 'all: ok'], 2])
  })

  it('under `os`, durable is what was written', async () => {
    const { under, append, waiter, told, clock } = await partition({ flushPolicy: 'os' })
    append('a')
    under.whenDurable(1, waiter('all'), 0)
    clock.endTurn()
    expect([told, under.highWatermark]).toEqual([['all: ok'], 1])
  })

  it('FE-9, FE-35: readers see nothing at or above the high watermark', async () => {
    const { under, append, clock, disk } = await partition({ flushPolicy: 'commit' })
    disk.hold('datasync')
    append('a')
    clock.endTurn()
    expect(under.read(0, 1000, 'read_uncommitted', true)).toMatchObject({ sizeBytes: 0 })
    expect(under.read(1, 1000, 'read_uncommitted', true)).toMatchObject({ sizeBytes: 0 })
    expect(under.read(2, 1000, 'read_uncommitted', true)).toBe('OFFSET_OUT_OF_RANGE')
  })

  it('answers at once who waits for what is there already', async () => {
    const { under, append, waiter, told, clock } = await partition({ flushPolicy: 'os' })
    append('a')
    clock.endTurn()
    under.whenWritten(1, waiter('one'), 0)
    under.whenDurable(1, waiter('all'), 0)
    expect(told).toEqual(['one: ok', 'all: ok'])
  })
})

describe('Partition: when the disk fails (D6)', () => {
  it('a full disk refuses what was staged with 56, and the next append goes on at the same offset', async () => {
    const { under, append, waiter, told, clock, disk } = await partition({ flushPolicy: 'os' })
    append('a')
    clock.endTurn()
    disk.fail({ operation: 'write', path: '.log', errno: 'ENOSPC' })
    append('lost')
    under.whenWritten(2, waiter('one'), 0)
    under.whenDurable(2, waiter('all'), 0)
    clock.endTurn()
    expect(told).toEqual(['one: KAFKA_STORAGE_ERROR', 'all: KAFKA_STORAGE_ERROR'])
    expect(append('b')).toMatchObject({ kind: 'appended', baseOffset: 1 })
    clock.endTurn()
    expect(under.highWatermark).toBe(2)
  })

  it('a failed sync ends the session: what was not durable is refused, nothing more is appended, the rest is readable', async () => {
    const { under, append, waiter, told, clock, disk, settle } = await partition({ flushPolicy: 'commit' })
    append('safe')
    clock.endTurn()
    await settle()
    disk.fail({ operation: 'datasync', path: '.log', errno: 'EIO' })
    append('unsafe')
    under.whenDurable(2, waiter('all'), 0)
    clock.endTurn()
    await settle()
    expect(told).toEqual(['all: KAFKA_STORAGE_ERROR'])
    expect(append('more')).toEqual({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' })
    expect(under.highWatermark).toBe(1)
    const slice = await under.read(0, 1000, 'read_uncommitted', true)
    expect(slice).toMatchObject({ sizeBytes: expect.any(Number) })
    expect(slice).not.toMatchObject({ sizeBytes: 0 })
  })
})

describe('Partition: who is woken', () => {
  it('wakes each waiting reader once when the high watermark moves', async () => {
    const { under, append, clock } = await partition({ flushPolicy: 'os' })
    let woken = 0
    under.onAdvance(() => woken++)
    const cancel = under.onAdvance(() => woken++)
    cancel()
    append('a')
    clock.endTurn()
    append('b')
    clock.endTurn()
    expect(woken).toBe(1)
  })

  it('AD-12: wakes them when the log start moves', async () => {
    const { under, append, clock } = await partition({ flushPolicy: 'os' })
    append('a', 'b')
    clock.endTurn()
    let woken = 0
    under.onAdvance(() => woken++)
    const deleted = under.deleteBefore(1)
    expect([woken, under.logStartOffset]).toEqual([1, 1])
    clock.advance(0)
    expect(await deleted).toBe(1)
    expect(await under.deleteBefore(5)).toBe('OFFSET_OUT_OF_RANGE')
  })

  it('a closed partition answers all who wait, and refuses appends', async () => {
    const { under, append, waiter, told } = await partition()
    append('a')
    under.whenWritten(1, waiter('one'), 0)
    under.whenDurable(1, waiter('all'), 0)
    let woken = 0
    under.onAdvance(() => woken++)
    under.close('UNKNOWN_TOPIC_OR_PARTITION')
    expect(told).toEqual(['one: UNKNOWN_TOPIC_OR_PARTITION', 'all: UNKNOWN_TOPIC_OR_PARTITION'])
    expect(woken).toBe(1)
    expect(append('b')).toEqual({ kind: 'refused', error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  it('FE-27: an older epoch is fenced, a newer one unknown', async () => {
    const { under } = await partition()
    expect([-1, 0, 1].map((epoch) => under.checkEpoch(epoch))).toEqual([undefined, undefined, 'UNKNOWN_LEADER_EPOCH'])
    expect(under.checkEpoch(-2)).toBe('FENCED_LEADER_EPOCH')
  })
})
