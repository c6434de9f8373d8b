import { describe, expect, it } from 'vitest'
import type { FetchTarget } from '../../../broker/partitions/fetch-sessions.ts'
import { type FetchRead, readTargets } from '../../../broker/partitions/read.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../../protocol/records/batch-builder.ts'
import { prepareCodec } from '../../../protocol/records/compression.ts'
import { batchesOf } from '../../support/log-context.ts'
import { partitionOnDisk } from '../../support/partition-on-disk.ts'

/** A partition with these batches, as compaction may have left them. */
async function partitionWith(...batches: readonly Partial<BatchToWrite>[]) {
  const context = await partitionOnDisk({ flushPolicy: 'os' })
  for (const one of batches) context.under.append(buildBatch({ records: [], ...one }), 'coordinator')
  context.clock.endTurn()
  const read = async (from: number, maxBytes = 1 << 20, bytesBefore = 0): Promise<FetchRead> => {
    const target = { topic: 't', topicId: 'id', partition: 0, currentLeaderEpoch: -1, fetchOffset: from }
    const targets = [{ ...target, lastFetchedEpoch: -1, maxBytes, answeredHighWatermark: -1, answeredLogStart: -1 }]
    // Another partition has given something already: then nothing has to come from this one.
    const filled = { ...targets[0]!, fetchOffset: 0, maxBytes: bytesBefore }
    const all: FetchTarget[] = bytesBefore > 0 ? [filled, ...targets] : targets
    return readTargets({ targets: all, maxBytes: 1 << 20, isolation: 'read_uncommitted', find: () => context.under })
  }
  /** Base offsets of the batches that a fetch from here gets. */
  const offsets = async (from: number) =>
    batchesOf((await read(from)).outcomes.at(-1)!.slice).map((whole) => batch.baseOffset(whole))
  return { ...context, read, offsets }
}

const empty = (offsets: number): Partial<BatchToWrite> => ({ lastOffsetDelta: offsets - 1 })
const full = (...values: string[]): Partial<BatchToWrite> => ({
  records: values.map((value) => ({ key: Buffer.from('k'), value: Buffer.from(value) })),
})
/** Of `offsets` offsets those that are named have a record. */
const holed = (offsets: number, ...deltas: number[]): Partial<BatchToWrite> => ({
  records: deltas.map((offsetDelta) => ({ key: Buffer.from('k'), value: Buffer.from('v'), offsetDelta })),
  lastOffsetDelta: offsets - 1,
})

describe('A fetch on a compacted log', () => {
  it('FE-17: does not get batches without records as its only content while one with records follows', async () => {
    const { offsets } = await partitionWith(empty(3), empty(2), full('a', 'b'), empty(1), full('c'))
    expect(await offsets(0)).toEqual([0, 3, 5, 7, 8])
    expect(await offsets(7)).toEqual([7, 8])
  })

  it('FE-17: even if so many of them lie in between that they do not fit into the answer', async () => {
    const { read } = await partitionWith(...Array.from({ length: 40 }, () => empty(2)), full('a'))
    const { outcomes, bytes } = await read(0, 300)
    expect(batchesOf(outcomes[0]!.slice).map((whole) => batch.baseOffset(whole))).toEqual([80])
    expect(bytes).toBeGreaterThan(0)
  })

  it('FE-17: and when nothing follows they come, but are no reason to answer early', async () => {
    const { read, under } = await partitionWith(full('a'), empty(2))
    const { outcomes, bytes } = await read(1)
    expect(outcomes[0]).toMatchObject({ error: 'NONE', isRecordless: true, highWatermark: 3 })
    expect(batch.nextOffset(batchesOf(outcomes[0]!.slice)[0]!)).toBe(under.highWatermark)
    expect(bytes).toBe(0)
    expect((await read(0)).bytes).toBeGreaterThan(0)
  })

  it('FE-18: from an offset behind the last record of a batch gets the next batch with records', async () => {
    const { offsets } = await partitionWith(holed(10, 0, 3), full('x'), holed(10, 9), full('y'))
    expect(await offsets(0)).toEqual([0, 10, 11, 21])
    expect(await offsets(3)).toEqual([0, 10, 11, 21])
    // The batch that holds it has nothing for it; what follows comes along as before.
    expect(await offsets(4)).toEqual([0, 10, 11, 21])
    const { read } = await partitionWith(holed(10, 0, 3), full('x'))
    const small = await read(4, 10)
    expect(batchesOf(small.outcomes[0]!.slice).map((whole) => batch.baseOffset(whole))).toEqual([10])
  })

  it.each(batch.compressions)('FE-18: also where records are compressed: %s', async (compression) => {
    await prepareCodec(compression)
    const { read } = await partitionWith({ ...holed(10, 0, 3), compression }, full('x'))
    const at = async (from: number) =>
      batchesOf((await read(from, 10)).outcomes[0]!.slice).map((whole) => batch.baseOffset(whole))
    expect(await at(3)).toEqual([0])
    expect(await at(4)).toEqual([10])
  })

  it('gets nothing of a partition when what has records does not fit beside what others have given', async () => {
    const { read } = await partitionWith(full('x'.repeat(100)), empty(1), full('y'.repeat(500)))
    const { outcomes } = await read(1, 100, 400)
    expect(outcomes[0]!.slice.sizeBytes).toBeGreaterThan(0)
    expect(outcomes[1]).toMatchObject({ error: 'NONE', isRecordless: false, slice: { sizeBytes: 0 } })
  })

  it('FE-5: an offset within a batch still gives that batch, if any record of it is there', async () => {
    const { offsets } = await partitionWith(holed(10, 2, 7), full('x'))
    for (const from of [0, 2, 5, 7]) expect(await offsets(from)).toEqual([0, 10])
  })
})
