import { describe, expect, it } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { topicConfig } from '../../../broker/config/topic-config.ts'
import { Partition } from '../../../broker/partitions/partition.ts'
import { type FetchRead, readTargets } from '../../../broker/partitions/read.ts'
import { topicRules } from '../../../broker/partitions/topic-rules.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { MemoryFileSystem } from '../../../storage/index.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { LogContext, logFile } from '../../support/log-context.ts'

const broker = BrokerConfig.of()
const rules = topicRules(topicConfig(broker, new Map()), broker, false)

/** A partition that was just opened: three batches, two segments, nothing in memory, no file open but the last. */
async function partition(index: number) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const first = await LogContext.open({
    clock,
    memory,
    fileSystem: disk,
    config: { segmentBytes: 200 },
    maxOpenFiles: 1,
  })
  for (const value of ['a', 'b', 'c']) {
    first.append(`${value}${index}`)
    await first.settle()
  }
  const context = await first.restart({ tailCacheBytes: 0 })
  const identity = { topicId: 'id', topic: 'events', index, leaderEpoch: 0 }
  return { disk, context, under: new Partition(identity, context.log, rules, new BrokerMetrics().topic('events')) }
}

async function threeDisks() {
  const all = await Promise.all([0, 1, 2].map(partition))
  const target = (index: number, fetchOffset: number) => ({
    topicId: 'id',
    topic: 'events',
    partition: index,
    fetchOffset,
    maxBytes: 1_000_000,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    answeredHighWatermark: -1,
    answeredLogStart: -1,
  })
  const read = (fetchOffset = 0): Promise<FetchRead> | FetchRead =>
    readTargets({
      targets: all.map((_, index) => target(index, fetchOffset)),
      maxBytes: 1_000_000,
      isolation: 'read_uncommitted',
      find: (asked) => all[asked.partition]!.under,
    })
  return { all, read }
}

/** The error, or the values, of each partition. */
const said = ({ outcomes }: FetchRead) =>
  outcomes.map(({ error, slice }) =>
    error === 'NONE' ? slice.chunks.flatMap((chunk) => [...recordsIn(chunk)]).join() : error,
  )

function* recordsIn(chunk: Buffer) {
  for (let at = 0; at < chunk.length; at += chunk.readInt32BE(at + 8) + 12)
    for (const { value } of readRecords(chunk, at)) yield String(value)
}

describe('A fetch of several partitions, one of which cannot be read', () => {
  it.each([
    ['I07: the disk reports an error', { operation: 'read', errno: 'EIO' }],
    ['I06: there is no file descriptor left', { operation: 'open', errno: 'EMFILE' }],
    ['I06: nor in the whole machine', { operation: 'open', errno: 'ENFILE' }],
  ] as const)('%s: that one is refused for now, the others are served', async (_what, fault) => {
    const { all, read } = await threeDisks()
    const { disk, context } = all[1]!
    disk.fail({ ...fault, path: logFile(0) })
    expect(said(await read())).toEqual(['a0,b0', 'KAFKA_STORAGE_ERROR', 'a2,b2'])
    expect(context.directory.offline).toBeUndefined()
    expect(said(await read())).toEqual(['a0,b0', 'a1,b1', 'a2,b2'])
  })

  it('D03: a damaged batch is CORRUPT_MESSAGE each time, and what follows is served', async () => {
    const { all, read } = await threeDisks()
    const { context } = all[1]!
    context.tamper(logFile(0), (bytes) => bytes.fill(0xff, 65, 66))
    for (const _again of [1, 2]) expect(said(await read())).toEqual(['a0,b0', 'CORRUPT_MESSAGE', 'a2,b2'])
    expect(said(await read(1))).toEqual(['b0', 'b1', 'b2'])
    expect(said(await read(2))).toEqual(['c0', 'c1', 'c2'])
    expect(context.directory.damage.of('segment')).toBe(1)
    const report = context.messages.find(({ level }) => level === 'error')
    expect(report?.fields).toMatchObject({ segment: context.path(logFile(0)), start: 0, fromOffset: 0, toOffset: 1 })
  })
})
