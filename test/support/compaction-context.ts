import * as batch from '../../protocol/records/batch.ts'
import type { RecordToWrite } from '../../protocol/records/batch-builder.ts'
import { buildMarker } from '../../protocol/records/control.ts'
import { readRecords } from '../../protocol/records/record.ts'
import type { CompactionLimits } from '../../storage/compaction/job.ts'
import { LocalCompactor } from '../../storage/compaction/local-compactor.ts'
import type { CleaningReport } from '../../storage/compaction/log-cleaning.ts'
import type { LogConfig } from '../../storage/index.ts'
import { batchesOf, type ContextOptions, LogContext } from './log-context.ts'

export const roomyLimits: CompactionLimits = {
  dedupeBufferBytes: 1 << 20,
  loadFactor: 0.9,
  ioBufferBytes: 64 * 1024,
  maxBytesPerSecond: Number.POSITIVE_INFINITY,
}

/** Compacted, with segments of a few batches, and due for a round as soon as anything is dirty. */
export const compactedConfig: Partial<LogConfig> = {
  compacts: true,
  deletes: false,
  segmentBytes: 400,
  minCleanableDirtyRatio: 0,
  indexIntervalBytes: 100,
  deleteRetentionMs: 1000,
}

export function compactedContext(options: ContextOptions = {}): Promise<LogContext> {
  return LogContext.open({ ...options, config: { ...compactedConfig, ...options.config } })
}

/** What stands in a log: a record, or the header of a batch without records. */
export interface Entry {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

/** Appends one batch; `k=v` is a record, `k` a tombstone, each at the time of the clock. */
export function put(context: LogContext, ...records: string[]) {
  return context.appendBatch({ records: records.map((text) => recordOf(text, context.clock.wallTime())) })
}

export function recordOf(text: string, timestamp: number): RecordToWrite {
  const [key = '', value] = text.split('=')
  return { key: Buffer.from(key), value: value === undefined ? null : Buffer.from(value), timestamp }
}

/** Begins a new segment, as the next append would: everything before is then ready for compaction. */
export async function roll(context: LogContext): Promise<void> {
  await context.settle()
  context.log.reconfigure({ ...context.config, segmentBytes: 1 })
  put(context, 'rolled=now')
  await context.settle()
  context.log.reconfigure(context.config)
}

/** One round, if there is anything dirty at all. */
export async function clean(
  context: LogContext,
  limits: Partial<CompactionLimits> = {},
): Promise<CleaningReport | undefined> {
  await context.settle()
  const range = context.log.cleaning.dirtyRange(context.clock.wallTime())
  const compactor = new LocalCompactor(context.fileSystem, context.clock, () => Promise.resolve())
  const all = { ...roomyLimits, ...limits }
  const report = await context.log.cleaning.clean(range, compactor, all, context.clock.wallTime())
  context.endTurn()
  return report
}

/** The batches of the log, from its start. */
export async function batches(context: LogContext, upTo = context.log.durableOffset): Promise<Buffer[]> {
  const { log } = context
  const found: Buffer[] = []
  for (let next = log.logStartOffset; next < upTo; ) {
    const slice = await log.read(next, 1 << 20, upTo, true)
    const read = batchesOf(slice)
    if (read.length === 0) break
    found.push(...read)
    next = batch.nextOffset(read.at(-1)!)
  }
  return found
}

/** All records of the log but those of `roll`, in order. Control records are left out. */
export async function entries(context: LogContext, upTo = context.log.durableOffset): Promise<Entry[]> {
  const found: Entry[] = []
  for (const whole of await batches(context, upTo)) {
    if (batch.isControl(whole)) continue
    for (const { offset, key, value } of readRecords(whole)) {
      if (String(key) === 'rolled') continue
      found.push({ offset, key: key === null ? null : String(key), value: value === null ? null : String(value) })
    }
  }
  return found
}

/** `offset key=value`, `offset key` for a tombstone. */
export async function listing(context: LogContext): Promise<string[]> {
  return (await entries(context)).map(
    ({ offset, key, value }) => `${offset} ${key}${value === null ? '' : `=${value}`}`,
  )
}

/** Appends the marker of a transaction. */
export function mark(context: LogContext, type: 'COMMIT' | 'ABORT', producerId: number, producerEpoch = 0) {
  const marker = buildMarker({ type, producerId, producerEpoch, coordinatorEpoch: 0 }, context.clock.wallTime())
  return context.log.append(marker, 0, 'coordinator')
}

/** Appends one batch of a numbered producer. */
export function putAs(
  context: LogContext,
  producer: { id: number; epoch?: number; sequence: number; transactional?: boolean },
  ...records: string[]
) {
  return context.appendBatch({
    records: records.map((text) => recordOf(text, context.clock.wallTime())),
    producerId: producer.id,
    producerEpoch: producer.epoch ?? 0,
    baseSequence: producer.sequence,
    transactional: producer.transactional ?? false,
  })
}
