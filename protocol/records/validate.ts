/**
 * Hot path. What a broker makes sure of before it appends what a client sent: everything that the header and one pass
 * over the bytes (the CRC) can tell. Records are looked at only where a rule of the topic asks for it: keys on compacted
 * topics, timestamps when the header alone does not settle them.
 *
 * Cost per batch: the CRC, and some twenty reads from the header; no allocation when all is well.
 * The order is that of Kafka (ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords, LogValidator), so
 * that a batch with two faults gets the same answer.
 */
import type { ErrorName } from '../errors.ts'
import * as batch from './batch.ts'
import { crc32c } from './crc32c.ts'
import { openRecords } from './record.ts'
import { RecordsError } from './records-error.ts'

/** What the topic asks of its batches; one object per topic, made again when its configuration changes. */
export interface BatchRules {
  /** `max.message.bytes`: the whole batch, as it came, including its header. */
  readonly maxMessageBytes: number
  /** `segment.bytes`. */
  readonly maxSegmentBytes: number
  /** True when `cleanup.policy` has compact: every record needs a key. */
  readonly requireKeys: boolean
  /** `message.timestamp.type`. With LogAppendTime the client's timestamps do not matter. */
  readonly timestampType: batch.TimestampType
  /** `message.timestamp.before.max.ms`; no limit when it reaches back before 1970 (Infinity, Kafka's default of 2^63-1). */
  readonly timestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms`; Infinity, or 2^63-1 as Kafka writes it, for no limit. */
  readonly timestampAfterMaxMs: number
  /** See `maxDecompressedBytes`; used when records must be looked at. */
  readonly maxDecompressedBytes: number
  /**
   * When to look at records although no rule above asks for it: never ('rules', the default), in batches that are not
   * compressed ('plain', some 40 ns a record), or always ('all'). Kafka always does, and so refuses a batch whose header
   * is good and whose records are not; taken in, such a batch stops every Java consumer that reaches it.
   */
  readonly walk?: 'rules' | 'plain' | 'all'
}

/** What goes into the partition's part of the Produce response. */
export interface BatchRefusal {
  readonly error: ErrorName
  readonly message: string
  /** The records at fault, when it is about single ones. */
  readonly recordErrors?: readonly RecordError[]
}

export interface RecordError {
  /** Place in the batch, from 0. */
  readonly batchIndex: number
  readonly message: string
}

const LENGTH_BYTES_MIN = 14
const ZSTD_SINCE_PRODUCE = 7
/** As many as a response should carry of them: each is some hundred bytes, and a batch may hold 100,000 records. */
const MAX_RECORD_ERRORS = 1000

/**
 * The records field of one partition in a Produce request (version 3 on): exactly one good batch of magic 2.
 * @param buffer all of the field and nothing more
 * @param nowMs wall clock, for the limits of timestamps
 * @returns why the batch is refused (nothing may be appended then), or undefined
 * @throws {AssertionError} records must be looked at, they are zstd, and `prepareCodec` was not called
 */
export function checkBatch(
  buffer: Buffer,
  rules: BatchRules,
  produceVersion: number,
  nowMs: number,
): BatchRefusal | undefined {
  return (
    checkFrame(buffer, produceVersion) ??
    checkStored(buffer, rules) ??
    checkClaims(buffer) ??
    checkTimestampsAndKeys(buffer, rules, nowMs) ??
    checkSegment(buffer.length, rules)
  )
}

/**
 * The limits on the stored batch alone: for one that was rewritten after `checkBatch`, since another codec may have
 * made it larger (PR-13).
 */
export function checkSize(sizeBytes: number, rules: BatchRules): BatchRefusal | undefined {
  return checkMessage(sizeBytes, rules) ?? checkSegment(sizeBytes, rules)
}

/**
 * True when `checkBatch` would have to take this batch apart, so that a caller can prepare its codec first. Never for
 * batches that are not compressed; rarely, unless the topic is compacted or has a limit for old timestamps.
 */
export function needsDecompression(buffer: Buffer, rules: BatchRules, nowMs: number): boolean {
  if (buffer.length < batch.BATCH_HEADER_BYTES || batch.compression(buffer) === 'none') return false
  return rules.walk === 'all' || rules.requireKeys || !headerSettlesTimestamps(buffer, rules, nowMs)
}

/**
 * True when the stored CRC of the batch (magic 2) at `at` is that of its bytes: for whoever reads it back from a disk.
 * `wholeBatchSize` must have accepted it.
 */
export function isIntact(buffer: Buffer, at = 0): boolean {
  return crc32c(buffer, at + batch.ATTRIBUTES_AT, at + batch.batchSize(buffer, at)) === batch.crc(buffer, at)
}

/** One whole batch of magic 2, and nothing after it. */
function checkFrame(buffer: Buffer, produceVersion: number): BatchRefusal | undefined {
  const length = buffer.length
  if (length >= batch.LOG_OVERHEAD_BYTES) {
    const claimed = batch.batchSize(buffer) - batch.LOG_OVERHEAD_BYTES
    if (claimed < LENGTH_BYTES_MIN) return refuse('CORRUPT_MESSAGE', `a batch claims a length of ${claimed} bytes`)
  }
  const magic = length >= batch.MAGIC_END ? batch.magic(buffer) : 2
  if (magic < 0 || magic > 2) return refuse('CORRUPT_MESSAGE', `a batch has the unknown magic ${magic}`)
  if (length < batch.MAGIC_END || batch.batchSize(buffer) > length) {
    return refuse('INVALID_RECORD', 'a produce request must hold one whole record batch per partition')
  }
  if (magic !== 2)
    return refuse('INVALID_RECORD', `a produce request must use magic 2 in its record batch, not ${magic}`)
  // Fewer bytes than a header has: the CRC cannot be right. Kafka finds that out later, with the same answer.
  if (batch.batchSize(buffer) < batch.BATCH_HEADER_BYTES)
    return refuse('CORRUPT_MESSAGE', 'a batch is shorter than its header')
  if (produceVersion < ZSTD_SINCE_PRODUCE && batch.compression(buffer) === 'zstd') {
    return refuse('UNSUPPORTED_COMPRESSION_TYPE', `Produce version ${produceVersion} cannot carry zstd; 7 can`)
  }
  if (batch.batchSize(buffer) !== length) {
    return refuse('INVALID_RECORD', 'a produce request must hold exactly one record batch per partition')
  }
  return undefined
}

/** Size and CRC: what is about the bytes, not their meaning. */
function checkStored(buffer: Buffer, rules: BatchRules): BatchRefusal | undefined {
  const baseOffset = batch.baseOffset(buffer)
  if (baseOffset !== 0)
    return refuse('INVALID_RECORD', `the base offset of a produced batch must be 0, not ${baseOffset}`)
  const size = checkMessage(buffer.length, rules)
  if (size !== undefined) return size
  if (!isIntact(buffer)) {
    return refuse('CORRUPT_MESSAGE', `the checksum of the batch is wrong (stored: ${batch.crc(buffer)})`)
  }
  if (batch.compression(buffer) === undefined) {
    const id = batch.attributes(buffer) & batch.COMPRESSION_MASK
    return refuse('UNSUPPORTED_COMPRESSION_TYPE', `unknown compression id ${id}`)
  }
  return undefined
}

/** What the header claims must fit together. */
function checkClaims(buffer: Buffer): BatchRefusal | undefined {
  const lastOffsetDelta = batch.lastOffsetDelta(buffer)
  const count = batch.recordCount(buffer)
  if (lastOffsetDelta < 0)
    return refuse('INVALID_RECORD', `the batch has an invalid offset range: [0, ${lastOffsetDelta}]`)
  if (count <= 0) return refuse('INVALID_RECORD', `the batch claims ${count} records`)
  if (count !== lastOffsetDelta + 1) {
    return refuse('INVALID_RECORD', `the offset range [0, ${lastOffsetDelta}] and the count of records ${count} differ`)
  }
  if (batch.isControl(buffer)) return refuse('INVALID_RECORD', 'clients are not allowed to write control records')
  return checkProducer(buffer)
}

function checkProducer(buffer: Buffer): BatchRefusal | undefined {
  const producerId = batch.producerId(buffer)
  if (producerId < 0) {
    if (batch.isTransactional(buffer)) return refuse('INVALID_RECORD', 'a transactional batch has no producer id')
    return undefined
  }
  const sequence = batch.baseSequence(buffer)
  if (sequence < 0) return refuse('INVALID_RECORD', `invalid sequence ${sequence} in a batch of producer ${producerId}`)
  const epoch = batch.producerEpoch(buffer)
  if (epoch < 0) return refuse('INVALID_RECORD', `invalid epoch ${epoch} in a batch of producer ${producerId}`)
  return undefined
}

function checkTimestampsAndKeys(buffer: Buffer, rules: BatchRules, nowMs: number): BatchRefusal | undefined {
  // Kafka accepts it on a topic with CreateTime, and takes the bit out; no client sets it.
  if (batch.timestampType(buffer) === 'LogAppendTime') {
    return refuse('INVALID_TIMESTAMP', 'only a broker may set the timestamp type LogAppendTime')
  }
  const settled = headerSettlesTimestamps(buffer, rules, nowMs)
  if (settled && !rules.requireKeys && !walksAnyway(buffer, rules)) return undefined
  const earliest = settled ? -Infinity : nowMs - rules.timestampBeforeMaxMs
  const latest = settled ? Infinity : nowMs + rules.timestampAfterMaxMs
  return walk(buffer, rules, earliest, latest)
}

function walksAnyway(buffer: Buffer, rules: BatchRules): boolean {
  if (rules.walk === 'plain') return batch.compression(buffer) === 'none'
  return rules.walk === 'all'
}

/** The header has no smallest timestamp: a lower limit can only be judged record by record. */
function headerSettlesTimestamps(buffer: Buffer, rules: BatchRules, nowMs: number): boolean {
  if (rules.timestampType === 'LogAppendTime') return true
  return rules.timestampBeforeMaxMs >= nowMs && batch.maxTimestamp(buffer) <= nowMs + rules.timestampAfterMaxMs
}

function walk(buffer: Buffer, rules: BatchRules, earliest: number, latest: number): BatchRefusal | undefined {
  const errors: RecordError[] = []
  let timestampAtFault = false
  try {
    const cursor = openRecords(buffer, 0, rules.maxDecompressedBytes)
    for (let batchIndex = 0; cursor.next(); batchIndex++) {
      if (cursor.offsetDelta !== batchIndex) {
        return refuse('INVALID_RECORD', `record ${batchIndex} has the offset delta ${cursor.offsetDelta}`)
      }
      if (errors.length === MAX_RECORD_ERRORS) continue
      const { timestamp } = cursor
      if (rules.requireKeys && cursor.keyLength < 0) {
        errors.push({ batchIndex, message: 'Compacted topic cannot accept message without key.' })
      } else if (timestamp !== -1 && (timestamp < earliest || timestamp > latest)) {
        timestampAtFault = true
        errors.push({ batchIndex, message: outOfRange(timestamp, earliest, latest) })
      }
    }
  } catch (error) {
    if (error instanceof RecordsError) return refuse(error.error, error.message)
    throw error
  }
  if (errors.length > 0) {
    const error = timestampAtFault ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD'
    const reason = timestampAtFault ? 'invalid timestamps' : `${errors.length} record errors`
    return { error, message: `One or more records have been rejected due to ${reason}.`, recordErrors: errors }
  }
  const max = batch.maxTimestamp(buffer)
  if (max > latest)
    return refuse('INVALID_TIMESTAMP', `the batch claims the timestamp ${max}, which none of its records has`)
  return undefined
}

function outOfRange(timestamp: number, earliest: number, latest: number): string {
  return `Timestamp ${timestamp} is out of range: it should be within [${Math.max(earliest, 0)}, ${latest}].`
}

function checkMessage(sizeBytes: number, rules: BatchRules): BatchRefusal | undefined {
  if (sizeBytes <= rules.maxMessageBytes) return undefined
  return refuse('MESSAGE_TOO_LARGE', `the batch has ${sizeBytes} bytes, max.message.bytes is ${rules.maxMessageBytes}`)
}

function checkSegment(sizeBytes: number, rules: BatchRules): BatchRefusal | undefined {
  if (sizeBytes <= rules.maxSegmentBytes) return undefined
  return refuse('RECORD_LIST_TOO_LARGE', `the batch has ${sizeBytes} bytes, segment.bytes is ${rules.maxSegmentBytes}`)
}

function refuse(error: ErrorName, message: string): BatchRefusal {
  return { error, message }
}
