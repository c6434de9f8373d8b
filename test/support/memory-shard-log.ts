import type { LogRecord, ShardLog } from '../../broker/coordinator/shard-log.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'

/** The log of a shard in memory. What is durable, refused or lost, the test says. */
export class MemoryShardLog implements ShardLog {
  /** Batches by their order, with base offsets in place. */
  batches: Buffer[] = []
  /** False: appends become durable when the test calls `settle`. */
  durableAtOnce = true
  /** What the next appends throw. */
  refusal: Error | undefined
  #durableEnd = 0
  #waiting: { end: number; done: (error: ErrorName | undefined) => void }[] = []

  get end(): number {
    const last = this.batches.at(-1)
    return last === undefined ? 0 : batch.nextOffset(last)
  }

  append(records: readonly LogRecord[], timestampMs: number): number {
    if (this.refusal !== undefined) throw this.refusal
    return this.appendBatch(buildBatch({ records: records.map((record) => ({ ...record, timestamp: timestampMs })) }))
  }

  /** A batch that others wrote: a transactional one, a marker. */
  appendBatch(built: Buffer): number {
    batch.setBaseOffset(built, 0, this.end)
    this.batches.push(built)
    if (this.durableAtOnce) this.#durableEnd = this.end
    return this.end
  }

  isDurable(endOffset: number): boolean {
    return endOffset <= this.#durableEnd
  }

  whenDurable(endOffset: number, done: (error: ErrorName | undefined) => void): void {
    if (this.isDurable(endOffset)) done(undefined)
    else this.#waiting.push({ end: endOffset, done })
  }

  /** Everything appended so far is durable now. */
  settle(): void {
    this.#durableEnd = this.end
    for (const { done } of this.#waiting.splice(0)) done(undefined)
  }

  /** Everything that is not durable is lost, as after a failed write. */
  lose(error: ErrorName = 'KAFKA_STORAGE_ERROR'): void {
    this.batches = this.batches.filter((one) => batch.nextOffset(one) <= this.#durableEnd)
    for (const { done } of this.#waiting.splice(0)) done(error)
  }

  async *readAll(): AsyncIterable<Buffer> {
    for (const one of this.batches) yield one
  }
}
