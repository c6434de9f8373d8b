import type { ErrorName } from '../../protocol/errors.ts'

/** The log of one shard, as the coordinator sees it: one partition of an internal topic. */
export interface ShardLog {
  /**
   * Appends the records as one batch stamped with `timestampMs`.
   * @returns the offset after the batch.
   * @throws when the log refuses it; nothing has been written then.
   */
  append(records: readonly LogRecord[], timestampMs: number): number
  /** True when everything below `endOffset` is durable. */
  isDurable(endOffset: number): boolean
  /** Calls `done` once: when everything below `endOffset` is durable, or with an error when it was lost. */
  whenDurable(endOffset: number, done: (error: ErrorName | undefined) => void): void
  /** Everything in the log, in order, as whole batches. */
  readAll(): AsyncIterable<Buffer>
}

export interface LogRecord {
  readonly key: Buffer
  /** `null` deletes what was written under the key (a tombstone). */
  readonly value: Buffer | null
}

/** Events to records and back. `read` takes a run of whole batches, as `ShardLog.readAll` yields them. */
export interface EventFormat<Event> {
  write(event: Event): LogRecord
  /** Calls `apply` for each event in the batches, in order; records of kinds that are unknown are passed over. */
  read(batches: Buffer, apply: (event: Event) => void): void
}
