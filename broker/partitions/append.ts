import type { ErrorName } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import { isCodecReady } from '../../protocol/records/compression.ts'
import { RecordsError } from '../../protocol/records/records-error.ts'
import { recompress, setLogAppendTime } from '../../protocol/records/rewrite.ts'
import { checkBatch, checkSize, needsDecompression, type RecordError } from '../../protocol/records/validate.ts'
import type { Partition } from './partition.ts'
import type { TopicRules } from './topic-rules.ts'

export type AppendOutcome = Appended | AppendRefusal

export interface Appended {
  /** `duplicate`: a repeat of one of the producer's last five batches, with the offsets it got then (PR-20). */
  readonly kind: 'appended' | 'duplicate'
  readonly baseOffset: number
  readonly lastOffset: number
  /** The broker's time on topics with LogAppendTime, else -1; of a duplicate see `logAppendTime`. */
  readonly logAppendTime: number
  readonly count: number
  readonly sizeBytes: number
}

export interface AppendRefusal {
  readonly kind: 'refused'
  readonly error: ErrorName
  readonly message: string | null
  readonly recordErrors: readonly RecordError[]
}

/**
 * A client's records for one partition: checked as a batch, stamped or recompressed if the topic wants it, appended.
 * On a topic with the default settings nothing is copied and no record is looked at.
 * @param produceVersion decides what a client may know of (zstd)
 * @param now wall clock, milliseconds since the epoch
 */
export function appendRecords(
  partition: Partition,
  records: Buffer | null,
  produceVersion: number,
  now: number,
): AppendOutcome {
  const { rules } = partition
  if (records === null || records.length === 0) return refused('INVALID_RECORD', 'there are no records')
  // Only a topic that must look into its batches has the codec loaded (Partitions). On others the header alone has
  // shown a timestamp beyond the limits; which record it is of cannot be told then.
  if (needsDecompression(records, rules.batch, now) && !isCodecReady(batch.compression(records) ?? 'none')) {
    return refused('INVALID_TIMESTAMP', 'the batch has a timestamp outside the limits of the topic')
  }
  const problem = checkBatch(records, rules.batch, produceVersion, now)
  if (problem !== undefined) return refused(problem.error, problem.message, problem.recordErrors)

  const prepared = prepare(records, rules, now)
  if (!Buffer.isBuffer(prepared)) return prepared
  const count = batch.recordCount(prepared)
  const result = partition.append(prepared, 'client')
  if (result.kind === 'refused') return refused(result.error, null)
  return {
    kind: result.kind,
    baseOffset: result.baseOffset,
    lastOffset: result.lastOffset,
    logAppendTime: logAppendTime(result, rules, now),
    count,
    sizeBytes: prepared.length,
  }
}

/** The bytes to be stored: as they came, unless `compression.type` or `message.timestamp.type` says otherwise. */
function prepare(records: Buffer, rules: TopicRules, now: number): Buffer | AppendRefusal {
  let prepared = records
  if (rules.codec !== undefined && batch.compression(records) !== rules.codec) {
    const { compressionLevel: level, batch: limits } = rules
    try {
      const maxBytes = limits.maxDecompressedBytes
      prepared = recompress(records, rules.codec, level === undefined ? { maxBytes } : { level, maxBytes })
    } catch (error) {
      if (!(error instanceof RecordsError)) throw error
      return refused(error.error, error.message)
    }
    const problem = checkSize(prepared.length, limits)
    if (problem !== undefined) return refused(problem.error, problem.message)
  }
  if (rules.batch.timestampType === 'LogAppendTime') setLogAppendTime(prepared, 0, now)
  return prepared
}

/** For a repeat that of the first time, or, on a topic with CreateTime, the batch's largest timestamp (as in Kafka). */
function logAppendTime(result: { kind: string; timestamp?: number }, rules: TopicRules, now: number): number {
  return result.timestamp ?? (rules.batch.timestampType === 'LogAppendTime' ? now : -1)
}

const refused = (
  error: ErrorName,
  message: string | null,
  recordErrors: readonly RecordError[] = [],
): AppendRefusal => ({ kind: 'refused', error, message, recordErrors })
