import type { ErrorName } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import { compressionNames } from '../../protocol/records/compression.ts'
import { recompress, stampAppendTime } from '../../protocol/records/rewrite.ts'
import { checkBatch } from '../../protocol/records/validate.ts'
import type { Partition } from './partition.ts'
import type { TopicRules } from './topic-rules.ts'

export type AppendOutcome =
  | {
      /** `duplicate`: a repeat of one of the producer's last five batches, with the offsets it got then (PR-20). */
      readonly kind: 'appended' | 'duplicate'
      readonly baseOffset: number
      readonly lastOffset: number
      /** The broker's time on topics with LogAppendTime, else -1. */
      readonly logAppendTime: number
      readonly count: number
      readonly sizeBytes: number
    }
  | {
      readonly kind: 'refused'
      readonly error: ErrorName
      readonly message: string | null
      readonly recordErrors: readonly { readonly batchIndex: number; readonly message: string }[]
    }

export interface AppendContext {
  readonly apiVersion: number
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/**
 * A client's records for one partition: checked as a batch, stamped or recompressed if the topic wants it, appended.
 * On a topic with the default settings nothing is copied and no record is looked at.
 */
export function appendRecords(
  partition: Partition,
  records: Buffer | null,
  { apiVersion, now }: AppendContext,
): AppendOutcome {
  const { rules } = partition
  if (records === null || records.length === 0) return refused('INVALID_RECORD', 'no records')
  const problem = checkBatch(records, {
    apiVersion,
    maxBatchBytes: rules.maxMessageBytes,
    requireKeys: rules.log.compacts,
    timestampType: rules.timestampType,
    timestampBeforeMaxMs: rules.timestampBeforeMaxMs,
    timestampAfterMaxMs: rules.timestampAfterMaxMs,
    now,
  })
  if (problem !== undefined)
    return { kind: 'refused', message: problem.message, error: problem.error, recordErrors: problem.recordErrors ?? [] }

  const prepared = prepare(records, rules, now)
  if (prepared.length > rules.maxMessageBytes)
    return refused('MESSAGE_TOO_LARGE', 'the batch is too large once recompressed')
  if (prepared.length > rules.log.segmentBytes)
    return refused('RECORD_LIST_TOO_LARGE', 'the batch is larger than a segment')
  const count = batch.recordCount(prepared, 0)
  const result = partition.append(prepared, 'client')
  if (result.kind === 'refused') return refused(result.error, null)
  const appendTime = rules.timestampType === 'LogAppendTime'
  return {
    kind: result.kind,
    baseOffset: result.baseOffset,
    lastOffset: result.lastOffset,
    logAppendTime: !appendTime ? -1 : result.kind === 'duplicate' ? result.timestamp : now,
    count,
    sizeBytes: prepared.length,
  }
}

function prepare(records: Buffer, rules: TopicRules, now: number): Buffer {
  let prepared = records
  if (
    rules.compressionType !== 'producer' &&
    compressionNames[batch.compression(records, 0)] !== rules.compressionType
  ) {
    prepared = recompress(records, rules.compressionType, rules.compressionLevel)
  }
  if (rules.timestampType === 'LogAppendTime') stampAppendTime(prepared, now)
  return prepared
}

const refused = (error: ErrorName, message: string | null): AppendOutcome => ({
  kind: 'refused',
  error,
  message,
  recordErrors: [],
})
