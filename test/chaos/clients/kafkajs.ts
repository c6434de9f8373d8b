import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { type Client, keysFor, nameOf, pick, type Scene } from './scene.ts'

/** Retries that outlast the longest start of a broker, so that kafkajs never has to give a batch up. */
const retry = { initialRetryTime: 50, maxRetryTime: 300, retries: 1_000 }

const clientOf = ({ port }: Scene, clientId: string): Kafka =>
  new Kafka({
    clientId,
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry,
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
  })

/** An unmodified kafkajs producer; it sends again what it did not hear of, with numbers or without. */
export class KafkajsProducer implements Client {
  readonly #scene: Scene
  readonly #proc: string
  readonly #mode: 'idempotent' | 'retried'
  #next = 0

  constructor(scene: Scene, proc: string, mode: 'idempotent' | 'retried') {
    this.#scene = scene
    this.#proc = proc
    this.#mode = mode
  }

  async run(): Promise<void> {
    const idempotent = this.#mode === 'idempotent'
    const producer = clientOf(this.#scene, this.#proc).producer({ idempotent, maxInFlightRequests: 1, retry })
    await producer.connect()
    while (this.#scene.isRunning()) {
      await this.#send(producer)
      await sleep(this.#scene.random.integer(10))
    }
    await producer.disconnect()
  }

  async #send(producer: Producer): Promise<void> {
    const { random, history, partitions } = this.#scene
    const place = pick(random, partitions)
    const values = Array.from({ length: 1 + random.integer(4) }, () => `${this.#proc}:${this.#next++}`)
    const op = history.newOp()
    const partition = nameOf(place)
    const keys = keysFor(random, place, values.length)
    const keyed = keys === undefined ? {} : { keys }
    const known = { f: 'send', type: 'invoke', acks: -1, mode: this.#mode } as const
    history.add({ ...known, op, proc: this.#proc, partition, values, ...keyed })
    try {
      const messages = values.map((value, i) => ({ partition: place.partition, value, key: keys?.[i] ?? null }))
      const [answer] = await producer.send({ topic: place.topic, acks: -1, messages })
      const offset = Number(answer?.baseOffset)
      history.add({ f: 'send', type: 'ok', op, offset, atMs: performance.now() })
    } catch (error) {
      history.add({ f: 'send', type: 'info', op, error: error instanceof Error ? error.message : String(error) })
    }
  }
}

/** An unmodified kafkajs consumer that commits by itself. */
export class KafkajsConsumer implements Client {
  readonly #scene: Scene
  readonly #group: string

  constructor(scene: Scene, group: string) {
    this.#scene = scene
    this.#group = group
  }

  async run(): Promise<void> {
    const { history, partitions, isRunning } = this.#scene
    const kafka = clientOf(this.#scene, this.#group)
    const consumer = kafka.consumer({
      groupId: this.#group,
      sessionTimeout: 10_000,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 100,
      retry,
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [...new Set(partitions.map(({ topic }) => topic))], fromBeginning: true })
    await consumer.run({
      autoCommitInterval: 100,
      eachBatch: async ({ batch }) => {
        const records = batch.messages.map(({ offset, value }) => [Number(offset), value?.toString() ?? ''] as const)
        const from = records[0]?.[0]
        if (from === undefined) return
        const partition = nameOf(batch)
        const event = {
          f: 'poll',
          type: 'ok',
          proc: this.#group,
          reader: `group ${this.#group}`,
          rewinds: true,
        } as const
        history.add({ ...event, partition, from, records, since: history.now })
      },
    })
    while (isRunning()) await sleep(50)
    await consumer.disconnect()
  }
}
