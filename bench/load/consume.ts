/** HOT PATH. The consume load: connections that fetch as clients without a group do, and check what they get. */
import { Fetch } from '../../protocol/apis/fetch.ts'
import { errorName } from '../../protocol/errors.ts'
import { ATTRIBUTES_AT, baseOffset, crc, nextOffset, recordCount, walkBatches } from '../../protocol/records/batch.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { decodeResponseFrame, encodeRequestFrame } from '../../protocol/schema/message.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'
import { CLIENT_ID, Connection } from './connection.ts'
import type { Address, ConsumeJob, LoadResult, Phase, PreparedLoad, Topic } from './jobs.ts'
import { Latencies, summaries } from './latency.ts'
import { Meter, startClock } from './meter.ts'

/** Topic ids instead of names, and what a Kafka 4 consumer speaks. */
export const FETCH_VERSION = 17

export interface FetchSettings {
  readonly topic: Topic
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly maxWaitMs: number
  readonly checkCrc: boolean
}

/** Called for each batch that came, in order; its bytes are valid until this returns. */
export type OnBatch = (records: Buffer, at: number, size: number) => void

/**
 * The reading side of one connection: knows where it is in each of its partitions, asks for what follows, and holds the
 * broker to it: whole batches, in order, without a gap.
 */
export class Reading {
  readonly #settings: FetchSettings
  readonly #connection: Connection
  readonly #next = new Map<number, number>()
  #correlationId = 0

  constructor(connection: Connection, settings: FetchSettings, partitions: readonly number[]) {
    this.#connection = connection
    this.#settings = settings
    for (const partition of partitions) this.#next.set(partition, 0)
  }

  /** Asks once for all partitions. */
  ask(): void {
    const { topic, maxBytes, partitionMaxBytes, maxWaitMs } = this.#settings
    const partitions = []
    for (const [partition, fetchOffset] of this.#next) {
      partitions.push({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset,
        lastFetchedEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes,
        replicaDirectoryId: ZERO_UUID,
        highWatermark: Number.MAX_SAFE_INTEGER,
      })
    }
    this.#correlationId++
    const chunks = encodeRequestFrame(Fetch, FETCH_VERSION, this.#correlationId, CLIENT_ID, {
      clusterId: null,
      replicaId: -1,
      replicaState: { replicaId: -1, replicaEpoch: -1 },
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: '', topicId: topic.id, partitions }],
      forgottenTopicsData: [],
      rackId: '',
    })
    this.#connection.send(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  }

  /**
   * Takes the answer in, and moves on in each partition.
   * @param onEnd called for each partition whose end was reached
   * @throws when the broker refuses, or answers something else than what was asked for
   */
  take(frame: Buffer, onBatch: OnBatch, onEnd: (partition: number) => void): void {
    const { correlationId, value } = decodeResponseFrame(Fetch, FETCH_VERSION, frame)
    if (correlationId !== this.#correlationId) {
      throw new Error(`the answer to fetch ${correlationId} came in the place of another`)
    }
    if (value.errorCode !== 0) throw new Error(`fetch was refused: ${errorName(value.errorCode)}`)
    for (const { partitions } of value.responses) {
      for (const { partitionIndex, errorCode, highWatermark, records } of partitions) {
        if (errorCode !== 0) throw new Error(`${this.#name(partitionIndex)} was refused: ${errorName(errorCode)}`)
        const bytes = records?.[0]
        if (bytes !== undefined && bytes.length > 0) this.#walk(partitionIndex, bytes, onBatch)
        if (this.#next.get(partitionIndex) === highWatermark) onEnd(partitionIndex)
      }
    }
  }

  /** Where to read next, from 0 on. */
  seek(partition: number, offset: number): void {
    this.#next.set(partition, offset)
  }

  #walk(partition: number, bytes: Buffer, onBatch: OnBatch): void {
    const { checkCrc } = this.#settings
    let next = this.#next.get(partition)
    if (next === undefined) throw new Error(`${this.#name(partition)} came unasked`)
    const end = walkBatches(bytes, 0, bytes.length, (at, size) => {
      const base = baseOffset(bytes, at)
      if (base !== next) throw new Error(`${this.#name(partition)}: expected offset ${next}, got ${base}`)
      if (checkCrc && crc32c(bytes, at + ATTRIBUTES_AT, at + size) !== crc(bytes, at)) {
        throw new Error(`${this.#name(partition)}: wrong CRC at offset ${base}`)
      }
      next = nextOffset(bytes, at)
      onBatch(bytes, at, size)
    })
    // Kafka may cut the last batch off at the byte limit (KIP-74), never the first.
    if (end === 0) throw new Error(`${this.#name(partition)}: ${bytes.length} bytes without a whole batch`)
    this.#next.set(partition, next)
  }

  #name(partition: number): string {
    return `${this.#settings.topic.name}-${partition}`
  }
}

export async function prepareConsume(job: ConsumeJob): Promise<PreparedLoad> {
  const connections = await openAll(job.broker, job.connections)
  return { run: (onPhase) => run(job, connections, onPhase) }
}

export function openAll(broker: Address, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(broker)))
}

async function run(
  job: ConsumeJob,
  connections: readonly Connection[],
  onPhase?: (phase: Phase) => void,
): Promise<LoadResult> {
  const meter = new Meter(onPhase)
  const latencies = new Latencies()
  const clock = { stopped: false }
  try {
    const ends: (() => void)[] = []
    const consumers = connections.map((connection, index) =>
      consume(job, connection, index, meter, latencies, clock, ends),
    )
    startClock(meter, job.stop, () => {
      clock.stopped = true
      for (const end of ends) end()
    })
    await Promise.all(consumers)
    if (job.stop.kind === 'count') meter.end()
    return { ...meter.result(), latenciesUs: summaries({ request: latencies }) }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** One connection: settles when its count is reached or the clock stopped. */
function consume(
  job: ConsumeJob,
  connection: Connection,
  index: number,
  meter: Meter,
  latencies: Latencies,
  clock: { readonly stopped: boolean },
  ends: (() => void)[],
): Promise<void> {
  const reading = new Reading(connection, job, partitionsOf(job, index))
  const wanted = job.stop.kind === 'count' ? job.stop.count : Number.POSITIVE_INFINITY
  let records = 0
  let inAnswer = 0
  let bytesInAnswer = 0
  let askedAt = 0
  const onBatch: OnBatch = (bytes, at, size) => {
    inAnswer += recordCount(bytes, at)
    bytesInAnswer += size
  }
  const onEnd = (partition: number) => {
    if (job.atEnd === 'again') reading.seek(partition, 0)
  }
  const ask = () => {
    askedAt = performance.now()
    reading.ask()
  }
  return new Promise((resolve, reject) => {
    ends.push(resolve)
    connection.listen({
      onFrame: (frame) => {
        inAnswer = 0
        bytesInAnswer = 0
        reading.take(frame, onBatch, onEnd)
        if (meter.measuring) latencies.record(performance.now() - askedAt)
        meter.add(inAnswer, inAnswer * job.recordBytes, bytesInAnswer)
        records += inAnswer
        if (records >= wanted || clock.stopped) resolve()
        else ask()
      },
      onLost: reject,
    })
    ask()
  })
}

function partitionsOf({ assignment, topic, connections }: ConsumeJob, index: number): number[] {
  const all = Array.from({ length: topic.partitions }, (_, partition) => partition)
  return assignment === 'every' ? all : all.filter((partition) => partition % connections === index)
}
