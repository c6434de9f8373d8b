import { describe, expect, it } from 'vitest'
import { partitionOnDisk } from '../../support/partition-on-disk.ts'

describe('Partition: three positions (D5)', () => {
  it('gives offsets at once; acks=1 waits for the write, acks=all for the sync', async () => {
    const { under, append, waiter, told, clock, disk, settle } = await partitionOnDisk({ flushPolicy: 'commit' })
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
    const { under, append, waiter, told, clock } = await partitionOnDisk({ flushPolicy: 'os' })
    append('a')
    under.whenDurable(1, waiter('all'), 0)
    clock.endTurn()
    expect([told, under.highWatermark]).toEqual([['all: ok'], 1])
  })

  it('FE-9, FE-35: readers see nothing at or above the high watermark', async () => {
    const { under, append, clock, disk } = await partitionOnDisk({ flushPolicy: 'commit' })
    disk.hold('datasync')
    append('a')
    clock.endTurn()
    expect(under.read(0, 1000, 'read_uncommitted', true)).toMatchObject({ sizeBytes: 0 })
    expect(under.read(1, 1000, 'read_uncommitted', true)).toMatchObject({ sizeBytes: 0 })
    expect(under.read(2, 1000, 'read_uncommitted', true)).toBe('OFFSET_OUT_OF_RANGE')
  })

  it('answers at once who waits for what is there already', async () => {
    const { under, append, waiter, told, clock } = await partitionOnDisk({ flushPolicy: 'os' })
    append('a')
    clock.endTurn()
    under.whenWritten(1, waiter('one'), 0)
    under.whenDurable(1, waiter('all'), 0)
    expect(told).toEqual(['one: ok', 'all: ok'])
  })
})

describe('Partition: look-up by time', () => {
  it('LO-7: what is found at or beyond the fetchable end counts as not found', async () => {
    const { under, append, clock, disk } = await partitionOnDisk({ flushPolicy: 'commit' })
    disk.hold('datasync')
    append('a')
    clock.endTurn()
    expect(await under.log.offsetForTimestamp(0, under.endFor('read_uncommitted'))).toBeUndefined()
    expect(await under.log.offsetForTimestamp(0, under.log.logEndOffset)).toMatchObject({ offset: 0 })
  })
})

describe('Partition: when the disk fails (D6)', () => {
  it('a full disk refuses what was staged with 56, and the next append goes on at the same offset', async () => {
    const { under, append, waiter, told, clock, disk } = await partitionOnDisk({ flushPolicy: 'os' })
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
    const { under, append, waiter, told, clock, disk, settle } = await partitionOnDisk({ flushPolicy: 'commit' })
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
    const { under, append, clock } = await partitionOnDisk({ flushPolicy: 'os' })
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
    const { under, append, clock } = await partitionOnDisk({ flushPolicy: 'os' })
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
    const { under, append, waiter, told } = await partitionOnDisk()
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
    const { under } = await partitionOnDisk()
    expect([-1, 0, 1].map((epoch) => under.checkEpoch(epoch))).toEqual([undefined, undefined, 'UNKNOWN_LEADER_EPOCH'])
    expect(under.checkEpoch(-2)).toBe('FENCED_LEADER_EPOCH')
  })
})
