import { setTimeout as sleep } from 'node:timers/promises'
import { Produce } from '../../../protocol/apis/produce.ts'
import { type ErrorName, errorName } from '../../../protocol/errors.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { ConnectionLost, Link, untilStopped } from './link.ts'
import { type Client, keysFor, nameOf, pick, recordOf, type Scene } from './scene.ts'

/**
 * A producer that numbers nothing, has one batch under way, and never sends it twice: so each value is in the log at most
 * once, without any help of the broker. acks=1 and acks=all by turns.
 */
export class PlainProducer implements Client {
  readonly #scene: Scene
  readonly #proc: string
  readonly #link: Link
  #next = 0

  constructor(scene: Scene, proc: string) {
    this.#scene = scene
    this.#proc = proc
    this.#link = new Link(scene.port, proc)
  }

  async run(): Promise<void> {
    await untilStopped(this.#scene.isRunning, async () => {
      await this.#link.open()
      await this.#sendOne()
      await sleep(this.#scene.random.integer(8))
    })
    this.#link.close()
  }

  async #sendOne(): Promise<void> {
    const { random, history, partitions } = this.#scene
    const place = pick(random, partitions)
    const acks = random.integer(2) === 0 ? 1 : -1
    const values = Array.from({ length: 1 + random.integer(3) }, () => `${this.#proc}:${this.#next++}`)
    const keys = keysFor(random, place, values.length)
    const records = buildBatch({ records: values.map((value, i) => recordOf(random, value, keys?.[i])) })
    const op = history.newOp()
    const partition = nameOf(place)
    const keyed = keys === undefined ? {} : { keys }
    history.add({ f: 'send', type: 'invoke', op, proc: this.#proc, partition, acks, mode: 'once', values, ...keyed })
    try {
      const partitionData = [{ index: place.partition, records }]
      const { responses } = await this.#link.send(Produce, 9, {
        transactionalId: null,
        acks,
        timeoutMs: 30_000,
        topicData: [{ name: place.topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitionData }],
      })
      const answer = responses[0]?.partitionResponses[0]
      if (answer === undefined) throw new Error('the answer to a Produce is empty')
      const error = errorName(answer.errorCode)
      if (error === 'NONE') {
        history.add({ f: 'send', type: 'ok', op, offset: answer.baseOffset, atMs: performance.now() })
      } else history.add({ f: 'send', type: harmless.has(error) ? 'fail' : 'info', op, error })
    } catch (error) {
      if (error instanceof ConnectionLost) history.add({ f: 'send', type: 'info', op, error: error.message })
      throw error
    }
  }
}

/** Errors that come before anything is written. All others, a full disk's too, say nothing of what was. */
const harmless = new Set<ErrorName>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'MESSAGE_TOO_LARGE',
  'INVALID_REQUIRED_ACKS',
  'INVALID_RECORD',
])
