/**
 * Control batches: what brokers write into a partition beside the records of clients. Consumers skip them, but their
 * offsets count. Key of a control record: version int16 (0), type int16. Value of the end of a transaction: version
 * int16 (0), coordinator epoch int32 (EndTxnMarker).
 */
import * as batch from './batch.ts'
import { buildBatch } from './batch-builder.ts'
import { openRecords } from './record.ts'
import { invalid } from './records-error.ts'

/** In the order of their numbers 0 to 6; LEADER_CHANGE and what follows belong to Kafka's own quorum (KIP-595). */
const controlTypes = [
  'ABORT',
  'COMMIT',
  'LEADER_CHANGE',
  'SNAPSHOT_HEADER',
  'SNAPSHOT_FOOTER',
  'KRAFT_VERSION',
  'KRAFT_VOTERS',
] as const
/** UNKNOWN: written by a newer broker; to be skipped. */
export type ControlType = (typeof controlTypes)[number] | 'UNKNOWN'

export interface TransactionMarker {
  readonly type: 'ABORT' | 'COMMIT'
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the transaction coordinator that decided it: markers of an older one are fenced. */
  readonly coordinatorEpoch: number
}

const KEY_BYTES = 4
const VALUE_BYTES = 6

/**
 * The batch that ends a transaction in one partition.
 * @param timestamp wall clock, milliseconds since the epoch
 */
export function buildMarker(marker: TransactionMarker, timestamp: number): Buffer {
  const key = Buffer.alloc(KEY_BYTES)
  key.writeInt16BE(controlTypes.indexOf(marker.type), 2)
  const value = Buffer.alloc(VALUE_BYTES)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  return buildBatch({
    records: [{ key, value, timestamp }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    transactional: true,
    control: true,
  })
}

/**
 * What the control batch at `at` says; a control batch has one record.
 * @throws {RecordsError} it is none, or its record has no proper key
 */
export function controlType(buffer: Buffer, at = 0): ControlType {
  return openControlRecord(buffer, at).type
}

/**
 * The marker in the batch at `at`, or undefined when it is another kind of control batch, or compaction took the
 * marker out and left the batch for the producer's state.
 * @throws {RecordsError} as `controlType`, and for a value that is too short
 */
export function readMarker(buffer: Buffer, at = 0): TransactionMarker | undefined {
  if (batch.recordCount(buffer, at) === 0) return undefined
  const { type, value } = openControlRecord(buffer, at)
  if (type !== 'ABORT' && type !== 'COMMIT') return undefined
  if (value === null || value.length < VALUE_BYTES || value.readInt16BE(0) < 0)
    throw invalid('a marker has no proper value')
  return {
    type,
    producerId: batch.producerId(buffer, at),
    producerEpoch: batch.producerEpoch(buffer, at),
    coordinatorEpoch: value.readInt32BE(2),
  }
}

function openControlRecord(buffer: Buffer, at: number): { type: ControlType; value: Buffer | null } {
  const cursor = openRecords(buffer, at)
  if (!batch.isControl(buffer, at) || !cursor.next()) throw invalid('not a control batch with a record')
  const key = cursor.key()
  if (key === null || key.length < KEY_BYTES || key.readInt16BE(0) < 0)
    throw invalid('a control record has no proper key')
  return { type: controlTypes[key.readInt16BE(2)] ?? 'UNKNOWN', value: cursor.value() }
}
