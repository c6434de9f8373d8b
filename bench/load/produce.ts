/** HOT PATH. The produce load: each connection keeps a window of prepared requests in flight. */
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { errorName } from '../../protocol/errors.ts'
import { decodeResponseFrame } from '../../protocol/schema/message.ts'
import { PRODUCE_VERSION, type PreparedRequest, recordsPerBatch, requestCircle } from './batches.ts'
import { Connection } from './connection.ts'
import type { LoadResult, Phase, PreparedLoad, ProduceJob } from './jobs.ts'
import { Latencies, summaries } from './latency.ts'
import { Meter, startClock } from './meter.ts'

export async function prepareProduce(job: ProduceJob): Promise<PreparedLoad> {
  const circles = Array.from({ length: job.connections }, (_, index) => requestCircle(job, index))
  const connections = await Promise.all(circles.map(() => Connection.open(job.broker)))
  return { run: (onPhase) => run(job, circles, connections, onPhase) }
}

async function run(
  job: ProduceJob,
  circles: readonly PreparedRequest[][],
  connections: readonly Connection[],
  onPhase?: (phase: Phase) => void,
): Promise<LoadResult> {
  const meter = new Meter(onPhase)
  const latencies = new Latencies()
  const counted = job.stop.kind === 'count'
  const budget = { left: job.stop.kind === 'count' ? job.stop.count : Number.POSITIVE_INFINITY }
  try {
    const producers = connections.map(
      (connection, index) => new Producer(job, connection, circles[index] ?? [], budget, meter, latencies),
    )
    startClock(meter, job.stop, () => {
      budget.left = 0
      for (const producer of producers) producer.stop()
    })
    await Promise.all(producers.map((producer) => producer.run()))
    if (counted) meter.end()
    return { ...meter.result(), latenciesUs: summaries({ request: latencies }) }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** One connection. With acks=0 a request is done when the kernel has it, else when its answer is there. */
class Producer {
  readonly #job: ProduceJob
  readonly #connection: Connection
  readonly #circle: readonly PreparedRequest[]
  /** Requests that may still be sent, over all connections. */
  readonly #budget: { left: number }
  readonly #meter: Meter
  readonly #latencies: Latencies
  readonly #sentAt: Float64Array
  /** Requests begun and done; their difference is in flight. */
  #sent = 0
  #done = 0
  #pumpAsked = false
  #finish: () => void = () => {}

  constructor(
    job: ProduceJob,
    connection: Connection,
    circle: readonly PreparedRequest[],
    budget: { left: number },
    meter: Meter,
    latencies: Latencies,
  ) {
    this.#job = job
    this.#connection = connection
    this.#circle = circle
    this.#budget = budget
    this.#meter = meter
    this.#latencies = latencies
    this.#sentAt = new Float64Array(circle.length)
  }

  /** Settles when nothing more is to be sent and everything is done. */
  async run(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#finish = resolve
      this.#connection.listen({
        onFrame: (frame) => this.#answered(frame),
        onFramesEnd: () => this.#pump(),
        onLost: reject,
      })
      this.#pump()
    })
    if (this.#job.acks === 0) await this.#barrier()
  }

  /** Called when the time is over, for the case that nothing is in flight. */
  stop(): void {
    if (this.#sent === this.#done) this.#finish()
  }

  #pump(): void {
    const { window, acks } = this.#job
    let room = Math.min(window - (this.#sent - this.#done), this.#budget.left)
    if (room <= 0) {
      if (this.#budget.left === 0) this.stop()
      return
    }
    this.#budget.left -= room
    const { socket } = this.#connection
    const several = room > 1
    if (several) socket.cork()
    for (; room > 0; room--) {
      const slot = this.#sent++ % this.#circle.length
      this.#sentAt[slot] = performance.now()
      const { bytes } = this.#circle[slot]!
      if (acks === 0) this.#connection.send(bytes, () => this.#taken(slot))
      else this.#connection.send(bytes)
    }
    if (several) socket.uncork()
  }

  /** acks=0. More is sent in the next turn: the kernel often takes all at once, and then timers would never run. */
  #taken(slot: number): void {
    this.#complete(slot)
    if (this.#pumpAsked) return
    this.#pumpAsked = true
    setImmediate(() => {
      this.#pumpAsked = false
      this.#pump()
    })
  }

  #answered(frame: Buffer): void {
    const slot = this.#done % this.#circle.length
    const { correlationId, value } = decodeResponseFrame(Produce, PRODUCE_VERSION, frame)
    if (correlationId !== this.#circle[slot]!.correlationId) {
      throw new Error(`the answer to request ${correlationId} came in the place of another`)
    }
    for (const { partitionResponses } of value.responses) {
      for (const { index, errorCode, errorMessage } of partitionResponses) {
        if (errorCode !== 0) throw refusal(this.#job, index, errorCode, errorMessage)
      }
    }
    this.#complete(slot)
  }

  #complete(slot: number): void {
    this.#done++
    const { records, payloadBytes, batchBytes } = this.#circle[slot]!
    this.#meter.add(records, payloadBytes, batchBytes)
    if (this.#meter.measuring) this.#latencies.record(performance.now() - this.#sentAt[slot]!)
  }

  /** After acks=0: requests of one connection are served in order, so an answer says that all before it were taken in. */
  async #barrier(): Promise<void> {
    await this.#connection.call(ApiVersions, 0, {})
  }
}

function refusal({ topic }: ProduceJob, partition: number, errorCode: number, message: string | null): Error {
  return new Error(
    `${topic.name}-${partition} refused a batch: ${errorName(errorCode)}${message ? `, ${message}` : ''}`,
  )
}

/** How many requests put at least this many bytes of values into a topic. */
export function requestsFor(payloadBytes: number, job: Pick<ProduceJob, 'recordBytes' | 'batchBytes'>): number {
  return Math.ceil(payloadBytes / (job.recordBytes * recordsPerBatch(job.recordBytes, job.batchBytes)))
}
