import { type Consumer, type EachMessagePayload, Kafka, type KafkaMessage, logLevel } from 'kafkajs'
import { onTestFinished } from 'vitest'

/** An unmodified kafkajs client with its own defaults, silent. */
export const kafkaClient = (brokers: string | readonly string[], clientId = 'test'): Kafka =>
  new Kafka({ clientId, brokers: typeof brokers === 'string' ? [brokers] : [...brokers], logLevel: logLevel.NOTHING })

export interface Received {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly message: KafkaMessage
}

/** What a consumer has been given, and a way to wait for more. */
export class Inbox {
  readonly messages: Received[] = []
  #waiters: (() => void)[] = []

  readonly eachMessage = async ({ topic, partition, message }: EachMessagePayload): Promise<void> => {
    this.messages.push({
      topic,
      partition,
      offset: Number(message.offset),
      key: message.key?.toString() ?? null,
      value: message.value?.toString() ?? null,
      message,
    })
    for (const wake of this.#waiters.splice(0)) wake()
  }

  get values(): (string | null)[] {
    return this.messages.map(({ value }) => value)
  }

  /** Settles when `isEnough` says so; the test's own time limit is the limit. */
  async until(isEnough: (messages: readonly Received[]) => boolean): Promise<readonly Received[]> {
    while (!isEnough(this.messages)) await new Promise<void>((wake) => this.#waiters.push(wake))
    return this.messages
  }

  count(n: number): Promise<readonly Received[]> {
    return this.until((messages) => messages.length >= n)
  }
}

/** A running consumer of `topic` in `groupId`, disconnected when the test ends. */
export async function consume(
  kafka: Kafka,
  groupId: string,
  topic: string,
  options: { fromBeginning?: boolean; inbox?: Inbox; sessionTimeout?: number; maxWaitTimeInMs?: number } = {},
): Promise<{ consumer: Consumer; inbox: Inbox }> {
  const { fromBeginning = true, inbox = new Inbox(), sessionTimeout = 30_000, maxWaitTimeInMs = 500 } = options
  const consumer = kafka.consumer({ groupId, sessionTimeout, heartbeatInterval: 500, maxWaitTimeInMs })
  onTestFinished(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning })
  await consumer.run({ eachMessage: inbox.eachMessage })
  return { consumer, inbox }
}

/** Settles when the consumer has joined its group again or for the first time. */
export const joined = (consumer: Consumer): Promise<Readonly<Record<string, number[]>>> =>
  new Promise((resolve) => {
    const off = consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      off()
      resolve(payload.memberAssignment as Readonly<Record<string, number[]>>)
    })
  })

export const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)
