import type { ErrorName } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import type { LogRecord, ShardLog } from '../coordinator/shard-log.ts'
import type { Partition } from './partition.ts'

/** Bytes that recovery of a coordinator reads at a time. */
const READ_BYTES = 1024 * 1024

/** One partition of an internal topic as the log of a coordinator's shard (D7). */
export class PartitionShardLog implements ShardLog {
  readonly #partition: Partition

  constructor(partition: Partition) {
    this.#partition = partition
  }

  append(records: readonly LogRecord[], timestampMs: number): number {
    const built = buildBatch({ records: records.map((record) => ({ ...record, timestamp: timestampMs })) })
    const result = this.#partition.append(built, 'coordinator')
    if (result.kind === 'refused') throw new ShardLogRefused(result.error)
    return result.lastOffset + 1
  }

  isDurable(endOffset: number): boolean {
    return this.#partition.highWatermark >= endOffset
  }

  whenDurable(endOffset: number, done: (error: ErrorName | undefined) => void): void {
    this.#partition.whenDurable(endOffset, { settled: (_slot, error) => done(error) }, 0)
  }

  async *readAll(): AsyncIterable<Buffer> {
    const { log } = this.#partition
    let from = log.logStartOffset
    const end = log.durableOffset
    while (from < end) {
      const { chunks, nextOffset } = await readOn(this.#partition, from, end)
      if (nextOffset <= from) return
      yield* chunks
      from = nextOffset
    }
  }
}

/** The partition took nothing: its log directory is offline, or the topic is gone. */
export class ShardLogRefused extends Error {
  override readonly name = 'ShardLogRefused'
  readonly error: ErrorName

  constructor(error: ErrorName) {
    super(`the coordinator's log refused an append: ${error}`)
    this.error = error
  }
}

async function readOn(
  { log }: Partition,
  from: number,
  end: number,
): Promise<{ chunks: readonly Buffer[]; nextOffset: number }> {
  const { chunks } = await log.read(from, READ_BYTES, end, true)
  let nextOffset = from
  for (const chunk of chunks) nextOffset = Math.max(nextOffset, endOfBatches(chunk))
  return { chunks, nextOffset }
}

/** The offset after the last batch of a run of whole batches. */
function endOfBatches(run: Buffer): number {
  let end = 0
  for (let at = 0; at < run.length; at += batch.batchSize(run, at)) end = batch.nextOffset(run, at)
  return end
}
