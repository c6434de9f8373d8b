/**
 * The latency load: an open loop of batches that each say when they were due, and consumers at the tail. Both sides run
 * in one process, so that one clock times them; their own work is part of the figure, and small at the rates used here.
 */
import { Produce } from '../../protocol/apis/produce.ts'
import { errorName } from '../../protocol/errors.ts'
import { ATTRIBUTES_AT, recordCount, setCrc } from '../../protocol/records/batch.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { decodeResponseFrame } from '../../protocol/schema/message.ts'
import { batchOf, PRODUCE_VERSION, produceRequest, recordValue } from './batches.ts'
import { Connection } from './connection.ts'
import { openAll, Reading } from './consume.ts'
import type { EndToEndJob, LoadResult, Phase, PreparedLoad } from './jobs.ts'
import { Latencies, summaries } from './latency.ts'
import { Meter } from './meter.ts'

/** A due time further away than this is slept for; a nearer one is waited for by turning the event loop. */
const SPIN_MS = 2
/** After the last batch was sent, the consumers must have everything within this. */
const DRAIN_MS = 15_000
const MAX_WAIT_MS = 5_000
const MOST_BYTES = 50 * 1024 ** 2
const PARTITION_BYTES = 1024 ** 2
/** The time when a record was due is a float64 in front of its value. */
export const STAMP_BYTES = 8

export async function prepareEndToEnd(job: EndToEndJob): Promise<PreparedLoad> {
  if (job.recordBytes < STAMP_BYTES) throw new Error(`records of ${job.recordBytes} bytes have no room for a time`)
  const template = new StampedRequest(job)
  const producer = await Connection.open(job.broker)
  const consumers = await openAll(job.broker, job.consumers)
  return { run: (onPhase) => run(job, template, producer, consumers, onPhase) }
}

/** A prepared request of which copies are made with another time and partition. All lie within one batch's CRC. */
class StampedRequest {
  readonly records: number
  readonly batchBytes: number
  /** Where the time lies in a batch. */
  readonly stampAt: number
  readonly #byPartition: { readonly bytes: Buffer; readonly batchAt: number }[]

  constructor({ topic, acks, recordBytes, recordsPerBatch }: EndToEndJob) {
    const batch = batchOf(recordsPerBatch, recordBytes)
    this.records = recordsPerBatch
    this.batchBytes = batch.length
    this.stampAt = batch.indexOf(recordValue(recordBytes))
    this.#byPartition = Array.from({ length: topic.partitions }, (_, partition) => {
      const { bytes } = produceRequest(topic, acks, 0, [partition], batch, recordBytes)
      return { bytes, batchAt: bytes.indexOf(batch) }
    })
  }

  stamped(partition: number, correlationId: number, dueAt: number): Buffer {
    const { bytes: template, batchAt } = this.#byPartition[partition]!
    const bytes = Buffer.from(template)
    bytes.writeInt32BE(correlationId, 8)
    bytes.writeDoubleBE(dueAt, batchAt + this.stampAt)
    setCrc(bytes, batchAt, crc32c(bytes, batchAt + ATTRIBUTES_AT, batchAt + this.batchBytes))
    return bytes
  }
}

async function run(
  job: EndToEndJob,
  template: StampedRequest,
  producer: Connection,
  consumers: readonly Connection[],
  onPhase?: (phase: Phase) => void,
): Promise<LoadResult> {
  const meter = new Meter(onPhase)
  const schedule = new Schedule(job, performance.now() + SPIN_MS)
  const latencies = { endToEnd: new Latencies(), request: new Latencies(), late: new Latencies() }
  const all = Array.from({ length: job.topic.partitions }, (_, partition) => partition)
  try {
    await new Promise<void>((resolve, reject) => {
      const tails = consumers.map(
        (connection) => new Tail(job, schedule, connection, all, template.stampAt, meter, latencies.endToEnd),
      )
      let expected = Number.POSITIVE_INFINITY
      const onProgress = () => {
        if (tails.some(({ records }) => records > expected)) reject(new Error('more was delivered than sent'))
        else if (sender.allAnswered && tails.every(({ records }) => records === expected)) resolve()
      }
      const sender = new OpenLoop(job, schedule, template, producer, meter, latencies, { onProgress, onLost: reject })
      for (const tail of tails) tail.start(onProgress, reject)
      sender.start((sent) => {
        expected = sent
        const missing = () =>
          reject(new Error(`${expected} records sent, delivered ${tails.map((tail) => tail.records)}`))
        setTimeout(missing, DRAIN_MS).unref()
        onProgress()
      })
    })
    return { ...meter.result(), latenciesUs: summaries(latencies) }
  } finally {
    for (const connection of [producer, ...consumers]) connection.close()
  }
}

/** When each batch is due, by its number: no error adds up, and the number of batches does not hang on rounding. */
export class Schedule {
  /** How many batches are sent at all, and how many of them before the measured ones. */
  readonly batches: number
  readonly warmupBatches: number
  readonly #startMs: number
  readonly #intervalMs: number

  constructor(
    { batchesPerSecond, warmupMs, measureMs }: Pick<EndToEndJob, 'batchesPerSecond' | 'warmupMs' | 'measureMs'>,
    startMs: number,
  ) {
    this.#startMs = startMs
    this.#intervalMs = 1_000 / batchesPerSecond
    this.warmupBatches = Math.round(warmupMs / this.#intervalMs)
    this.batches = this.warmupBatches + Math.round(measureMs / this.#intervalMs)
  }

  due(batch: number): number {
    return this.#startMs + batch * this.#intervalMs
  }

  /** Whether what was due then is measured, whenever it arrives. */
  isMeasured(dueMs: number): boolean {
    return dueMs >= this.due(this.warmupBatches)
  }
}

interface SenderListener {
  /** An answer came. */
  onProgress(): void
  onLost(error: Error): void
}

/** The sending side. One batch per request, each on its own, round robin over the partitions. */
class OpenLoop {
  readonly #job: EndToEndJob
  readonly #schedule: Schedule
  readonly #template: StampedRequest
  readonly #connection: Connection
  readonly #meter: Meter
  readonly #latencies: { readonly request: Latencies; readonly late: Latencies }
  readonly #listener: SenderListener
  /** Due times of the requests that will be answered, in order. */
  readonly #due: number[] = []
  #answered = 0
  #sent = 0

  constructor(
    job: EndToEndJob,
    schedule: Schedule,
    template: StampedRequest,
    connection: Connection,
    meter: Meter,
    latencies: { readonly request: Latencies; readonly late: Latencies },
    listener: SenderListener,
  ) {
    this.#job = job
    this.#schedule = schedule
    this.#template = template
    this.#connection = connection
    this.#meter = meter
    this.#latencies = latencies
    this.#listener = listener
  }

  get allAnswered(): boolean {
    return this.#answered === this.#due.length
  }

  /** @param onSent gets the number of records once the last batch has left */
  start(onSent: (records: number) => void): void {
    const schedule = this.#schedule
    const { onLost, onProgress } = this.#listener
    this.#connection.listen({ onFrame: (frame) => this.#answer(frame), onFramesEnd: onProgress, onLost })
    const turn = () => {
      const now = performance.now()
      while (this.#sent < schedule.batches && schedule.due(this.#sent) <= now) {
        if (this.#sent === schedule.warmupBatches) this.#meter.begin()
        this.#send(schedule.due(this.#sent))
      }
      const waitMs = schedule.due(this.#sent) - now
      if (this.#sent === schedule.batches) {
        this.#meter.end()
        onSent(this.#sent * this.#template.records)
      } else if (waitMs > SPIN_MS) setTimeout(turn, waitMs - SPIN_MS)
      else setImmediate(turn)
    }
    turn()
  }

  #send(due: number): void {
    const partition = this.#sent % this.#job.topic.partitions
    const bytes = this.#template.stamped(partition, this.#sent, due)
    this.#sent++
    if (this.#job.acks !== 0) this.#due.push(due)
    if (this.#schedule.isMeasured(due)) this.#latencies.late.record(performance.now() - due)
    this.#connection.send(bytes)
  }

  #answer(frame: Buffer): void {
    const { correlationId, value } = decodeResponseFrame(Produce, PRODUCE_VERSION, frame)
    if (correlationId !== this.#answered) throw new Error(`the answer to ${correlationId} came in the place of another`)
    const errorCode = value.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    if (errorCode !== 0) throw new Error(`a batch was refused: ${errorName(errorCode)}`)
    const due = this.#due[this.#answered++]!
    if (this.#schedule.isMeasured(due)) this.#latencies.request.record(performance.now() - due)
  }
}

/** A consumer at the end of all partitions. */
class Tail {
  records = 0
  readonly #reading: Reading
  readonly #connection: Connection
  readonly #job: EndToEndJob
  readonly #schedule: Schedule
  readonly #stampAt: number
  readonly #meter: Meter
  readonly #latencies: Latencies

  constructor(
    job: EndToEndJob,
    schedule: Schedule,
    connection: Connection,
    partitions: readonly number[],
    stampAt: number,
    meter: Meter,
    latencies: Latencies,
  ) {
    const settings = {
      maxBytes: MOST_BYTES,
      partitionMaxBytes: PARTITION_BYTES,
      maxWaitMs: MAX_WAIT_MS,
      checkCrc: true,
    }
    this.#reading = new Reading(connection, { topic: job.topic, ...settings }, partitions)
    this.#connection = connection
    this.#job = job
    this.#schedule = schedule
    this.#stampAt = stampAt
    this.#meter = meter
    this.#latencies = latencies
  }

  start(onProgress: () => void, onLost: (error: Error) => void): void {
    this.#connection.listen({
      onFrame: (frame) => {
        const now = performance.now()
        this.#reading.take(
          frame,
          (bytes, at, size) => this.#batch(bytes, at, size, now),
          () => {},
        )
        this.#reading.ask()
        onProgress()
      },
      onLost,
    })
    this.#reading.ask()
  }

  #batch(bytes: Buffer, at: number, size: number, now: number): void {
    const records = recordCount(bytes, at)
    this.records += records
    this.#meter.add(records, records * this.#job.recordBytes, size)
    const due = bytes.readDoubleBE(at + this.#stampAt)
    if (this.#schedule.isMeasured(due)) this.#latencies.record(now - due)
  }
}
