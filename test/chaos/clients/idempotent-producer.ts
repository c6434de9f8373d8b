import { setTimeout as sleep } from 'node:timers/promises'
import { Produce } from '../../../protocol/apis/produce.ts'
import { InitProducerId } from '../../../protocol/apis/producers.ts'
import { errorName } from '../../../protocol/errors.ts'
import { addToSequence } from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { ConnectionLost, Link } from './link.ts'
import {
  byTopic,
  type Client,
  chance,
  keysFor,
  nameOf,
  pick,
  recordOf,
  type Scene,
  type TopicPartition,
} from './scene.ts'

/**
 * A producer as KIP-98 wants it: numbered batches, up to five of them in flight for a partition, sent again in order and
 * with their old numbers until each is acknowledged, over as many connections and lives of the broker as that takes.
 * Now and then it loses its patience instead: then what was under way is unknown for ever, and it begins anew under
 * another producer id.
 */
export class IdempotentProducer implements Client {
  readonly #scene: Scene
  readonly #proc: string
  readonly #link: Link
  readonly #version: number
  readonly #lanes: Lane[]
  #identity: { readonly id: number; readonly epoch: number } | undefined
  #next = 0

  constructor(scene: Scene, proc: string) {
    this.#scene = scene
    this.#proc = proc
    this.#link = new Link(scene.port, proc)
    this.#version = pick(scene.random, [3, 7, 9, 11, 12])
    this.#lanes = scene.partitions.map((place) => ({ place, sequence: 0, unacknowledged: [], isKnown: false }))
  }

  async run(): Promise<void> {
    const { random, isRunning } = this.#scene
    while (isRunning() || this.#lanes.some(({ unacknowledged }) => unacknowledged.length > 0)) {
      try {
        await this.#link.open()
        this.#identity ??= await this.#identify()
        const allWell = await this.#round()
        await sleep(allWell ? random.integer(8) : PAUSE_AFTER_ERROR_MS)
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        if (this.#identity !== undefined && chance(random, IMPATIENCE_PERCENT)) this.#giveUp(error.message)
        await sleep(20)
      }
    }
    this.#link.close()
  }

  async #identify(): Promise<{ id: number; epoch: number }> {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 }
    const { errorCode, producerId: id, producerEpoch: epoch } = await this.#link.send(InitProducerId, 4, request)
    if (errorCode !== 0) throw new ConnectionLost(`InitProducerId: ${errorName(errorCode)}`)
    this.#scene.history.add({ f: 'producer', type: 'ok', proc: this.#proc, id, epoch })
    return { id, epoch }
  }

  /** Sends some requests, one behind the other, then takes their answers. @returns false after an error */
  async #round(): Promise<boolean> {
    const requests = this.#plan()
    // One waits for the others even if one fails: their answers belong to this round.
    const sent = requests.map((batches) => this.#send(batches))
    const outcomes = await Promise.allSettled(sent)
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value)
  }

  /** What has been sent before goes first, in order; then new batches, while fewer than five are open in a partition. */
  #plan(): Batch[][] {
    const { random, isRunning } = this.#scene
    const requests: Batch[][] = []
    const depth = 1 + random.integer(MAX_IN_FLIGHT)
    for (const lane of this.#lanes) {
      for (const [i, batch] of lane.unacknowledged.entries()) {
        const request = requests[i] ?? []
        request.push(batch)
        requests[i] = request
      }
    }
    if (!isRunning()) return requests
    for (let i = 0; i < depth; i++) {
      const request = requests[i] ?? []
      for (let more = 1 + random.integer(2); more > 0; more--) {
        const lane = pick(random, this.#lanes)
        const taken = request.some(({ lane: other }) => other === lane)
        // Behind a batch of a later request would be out of order.
        const isLast = !requests.slice(i + 1).some((later) => later.some(({ lane: other }) => other === lane))
        if (!taken && isLast && lane.unacknowledged.length < MAX_IN_FLIGHT) request.push(this.#newBatch(lane))
      }
      if (request.length > 0) requests[i] = request
    }
    return requests.filter((request) => request !== undefined)
  }

  #newBatch(lane: Lane): Batch {
    const { random, history } = this.#scene
    const values = Array.from({ length: 1 + random.integer(4) }, () => `${this.#proc}:${this.#next++}`)
    const keys = keysFor(random, lane.place, values.length)
    const { id = -1, epoch = -1 } = this.#identity ?? {}
    const bytes = buildBatch({
      records: values.map((value, i) => recordOf(random, value, keys?.[i])),
      compression: chance(random, 20) ? 'gzip' : 'none',
      producerId: id,
      producerEpoch: epoch,
      baseSequence: lane.sequence,
    })
    lane.sequence = addToSequence(lane.sequence, values.length)
    const op = history.newOp()
    const partition = nameOf(lane.place)
    const keyed = keys === undefined ? {} : { keys }
    const known = { f: 'send', type: 'invoke', acks: -1, mode: 'idempotent' } as const
    history.add({ ...known, op, proc: this.#proc, partition, values, ...keyed })
    const batch = { op, lane, bytes }
    lane.unacknowledged.push(batch)
    return batch
  }

  async #send(batches: readonly Batch[]): Promise<boolean> {
    const items = batches.map((batch) => ({ ...batch.lane.place, batch }))
    const topicData = byTopic(items).map(({ topic: name, items }) => ({
      name,
      topicId: NO_ID,
      // The broker may write offsets into what it was sent; what is sent again is as it was.
      partitionData: items.map(({ partition: index, batch }) => ({ index, records: Buffer.from(batch.bytes) })),
    }))
    const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
    const { responses } = await this.#link.send(Produce, this.#version, request)
    let allWell = true
    for (const { topic, partition, batch } of items) {
      const answer = responses
        .find(({ name }) => name === topic)
        ?.partitionResponses.find(({ index }) => index === partition)
      if (answer === undefined) throw new Error(`the answer to a Produce lacks ${topic}-${partition}`)
      allWell = this.#answered(batch, errorName(answer.errorCode), answer.baseOffset) && allWell
    }
    return allWell
  }

  #answered(batch: Batch, error: string, offset: number): boolean {
    const { lane, op } = batch
    const { history } = this.#scene
    // Given up, or begun anew, while this answer was under way.
    if (!lane.unacknowledged.includes(batch)) return false
    if (error === 'NONE') {
      lane.unacknowledged = lane.unacknowledged.filter((other) => other !== batch)
      lane.isKnown = true
      history.add({ f: 'send', type: 'ok', op, offset, atMs: performance.now() })
      return true
    }
    // Behind a batch that was refused it is out of order indeed, and is sent again. With all before it acknowledged it is not.
    if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && lane.unacknowledged[0] !== batch) return false
    if (retriable.has(error)) return false
    lane.unacknowledged = lane.unacknowledged.filter((other) => other !== batch)
    // A broker that knows nothing of a producer takes any sequence (PR-23). If it had no space for the first batch and
    // then for the second one, the first is out of order indeed.
    history.add({
      f: 'send',
      type: 'fail',
      op,
      error: lane.isKnown ? error : `${error}, of a producer's first batches`,
    })
    this.#giveUp(`after ${error}`)
    return false
  }

  #giveUp(why: string): void {
    this.#identity = undefined
    for (const lane of this.#lanes) {
      for (const { op } of lane.unacknowledged) {
        this.#scene.history.add({ f: 'send', type: 'info', op, error: `given up: ${why}` })
      }
      lane.unacknowledged = []
      lane.sequence = 0
      lane.isKnown = false
    }
    // On a connection of its own nothing of the old identity can come in between.
    this.#link.close()
  }
}

/** One partition as this producer sees it. */
interface Lane {
  readonly place: TopicPartition
  sequence: number
  unacknowledged: Batch[]
  /** Something of the present identity was acknowledged. */
  isKnown: boolean
}

interface Batch {
  readonly op: number
  readonly lane: Lane
  readonly bytes: Buffer
}

/** What a client tries again after: see protocol/errors.ts. Any of it may have been written. */
const retriable = new Set([
  'KAFKA_STORAGE_ERROR',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
])

/** What brokers remember of a producer (KIP-98). */
const MAX_IN_FLIGHT = 5
const IMPATIENCE_PERCENT = 3
const PAUSE_AFTER_ERROR_MS = 30
/** Sent in versions without topic ids: not at all. */
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
