/** Prepared record batches and Produce requests: built once with their real CRC, sent many times. */
import { Produce } from '../../protocol/apis/produce.ts'
import { BATCH_HEADER_BYTES, batchSize, recordCount } from '../../protocol/records/batch.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { encodeRequestFrame } from '../../protocol/schema/message.ts'
import { CLIENT_ID } from './connection.ts'
import type { Acks, Topic } from './jobs.ts'

/** Topic ids instead of names; Kafka serves it from 4.1 on. */
export const PRODUCE_VERSION = 13

const REQUEST_TIMEOUT_MS = 30_000

/** A value that no codec and no disk can make smaller, and the same in every run. */
export function recordValue(bytes: number, seed = 1): Buffer {
  const value = Buffer.allocUnsafe(bytes)
  let state = seed
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    value[at] = state >>> 24
  }
  return value
}

/** A batch of `count` records without keys. */
export function batchOf(count: number, recordBytes: number): Buffer {
  const baseTimestamp = Date.now()
  const records = Array.from({ length: count }, (_, index) => ({ value: recordValue(recordBytes, index + 1) }))
  return buildBatch({ records, baseTimestamp })
}

/** How many records of this size fill a batch of at most `batchBytes`, as a client's accumulator does; at least one. */
export function recordsPerBatch(recordBytes: number, batchBytes: number): number {
  const fits = (count: number) => BATCH_HEADER_BYTES + recordsSize(count, recordBytes) <= batchBytes
  let count = Math.max(1, Math.floor((batchBytes - BATCH_HEADER_BYTES) / recordSize(0, recordBytes)))
  while (count > 1 && !fits(count)) count--
  return count
}

function recordsSize(count: number, recordBytes: number): number {
  let size = 0
  for (let delta = 0; delta < count; delta++) size += recordSize(delta, recordBytes)
  return size
}

/** A record as it is written: length, attributes, timestamp delta 0, offset delta, no key, value, no headers. */
function recordSize(offsetDelta: number, valueBytes: number): number {
  const body = 1 + 1 + varintSize(offsetDelta) + 1 + varintSize(valueBytes) + valueBytes + 1
  return varintSize(body) + body
}

/** Of a number that is not negative, in zigzag coding. */
function varintSize(value: number): number {
  let size = 1
  for (let rest = value * 2; rest > 0x7f; rest = Math.floor(rest / 128)) size++
  return size
}

/** One Produce request, ready to be sent, and what it carries. */
export interface PreparedRequest {
  readonly correlationId: number
  readonly bytes: Buffer
  readonly records: number
  readonly payloadBytes: number
  readonly batchBytes: number
}

export function produceRequest(
  topic: Topic,
  acks: Acks,
  correlationId: number,
  partitions: readonly number[],
  batch: Buffer,
  recordBytes: number,
): PreparedRequest {
  const partitionData = partitions.map((index) => ({ index, records: batch }))
  const chunks = encodeRequestFrame(Produce, PRODUCE_VERSION, correlationId, CLIENT_ID, {
    transactionalId: null,
    acks,
    timeoutMs: REQUEST_TIMEOUT_MS,
    topicData: [{ name: '', topicId: topic.id, partitionData }],
  })
  const records = recordCount(batch) * partitions.length
  return {
    correlationId,
    bytes: Buffer.concat(chunks),
    records,
    payloadBytes: records * recordBytes,
    batchBytes: batchSize(batch) * partitions.length,
  }
}

export interface RequestPlan {
  readonly topic: Topic
  readonly acks: Acks
  readonly recordBytes: number
  readonly batchBytes: number
  readonly partitionsPerRequest: number
  /** How many requests may be in flight at once. */
  readonly window: number
}

/** A prepared run that would need more memory than this is refused, with what to change. */
const MOST_PREPARED_BYTES = 1024 ** 3

/**
 * The requests of one connection, to be sent in a circle. There are at least `window + 1` of them, so that none is sent
 * again while its bytes may still wait in the socket, and together they reach all partitions equally often.
 * @param rotation where in the circle of partitions to begin, so that connections do not all hit the same one at once
 */
export function requestCircle(plan: RequestPlan, rotation: number): PreparedRequest[] {
  const { topic, acks, recordBytes, batchBytes, window } = plan
  const perRequest = Math.min(plan.partitionsPerRequest, topic.partitions)
  const batch = batchOf(recordsPerBatch(recordBytes, batchBytes), recordBytes)
  // After this many requests the circle of partitions is back at its beginning.
  const cycle = topic.partitions / greatestCommonDivisor(topic.partitions, perRequest)
  const length = cycle * Math.ceil((window + 1) / cycle)
  if (length * perRequest * batch.length > MOST_PREPARED_BYTES) {
    throw new Error(
      `${length} prepared requests of ${perRequest * batch.length} bytes are too much: smaller batches or fewer partitions`,
    )
  }
  return Array.from({ length }, (_, request) => {
    const first = (request + rotation) * perRequest
    const partitions = Array.from({ length: perRequest }, (_, index) => (first + index) % topic.partitions)
    return produceRequest(topic, acks, request, partitions, batch, recordBytes)
  })
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
