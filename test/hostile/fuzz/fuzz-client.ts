import { connect, type Socket } from 'node:net'
import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { encodeRequestFrame, filled } from '../../../protocol/schema/message.ts'
import { FrameSplitter } from '../../../protocol/wire/frame.ts'

/** How the broker took a run of requests. */
export type Outcome = 'answered' | 'closed' | 'silent'

const SENTINEL_ID = 0x7eed_0000

/** The request behind each run: answers come in order, so its answer says that all before it have been dealt with. */
const sentinel = (id: number): Buffer =>
  Buffer.concat(encodeRequestFrame(ApiVersions, 0, id, 'sentinel', filled(ApiVersions.request, {})))

/** One connection of the fuzzer. */
export class FuzzClient {
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter(2 ** 31 - 1)
  readonly #onAnswer: (answer: Buffer) => void
  #closed = false
  #sentinelId = SENTINEL_ID
  #done: ((outcome: Outcome) => void) | undefined

  private constructor(socket: Socket, onAnswer: (answer: Buffer) => void) {
    this.#socket = socket
    this.#onAnswer = onAnswer
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk, (frame) => this.#received(frame)))
    socket.once('close', () => {
      this.#closed = true
      this.#settle('closed')
    })
  }

  /** @param onAnswer gets each response frame without its length */
  static open(port: number, onAnswer: (answer: Buffer) => void): Promise<FuzzClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new FuzzClient(socket, onAnswer))
      })
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Sends requests. @returns when all are answered or the connection has ended, or `patienceMs` later */
  run(requests: readonly Buffer[], patienceMs: number): Promise<Outcome> {
    this.#sentinelId++
    return this.#within(patienceMs, () => this.#socket.write(Buffer.concat([...requests, sentinel(this.#sentinelId)])))
  }

  /** Sends bytes and says that these were the last. @returns `closed` when the broker has closed its side, too */
  finish(bytes: Buffer, patienceMs: number): Promise<Outcome> {
    return this.#within(patienceMs, () => this.#socket.end(bytes))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #within(patienceMs: number, begin: () => void): Promise<Outcome> {
    if (this.#closed) return Promise.resolve('closed')
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle('silent'), patienceMs)
      this.#done = (outcome) => {
        clearTimeout(timer)
        resolve(outcome)
      }
      begin()
    })
  }

  #received(frame: Buffer): void {
    if (frame.length >= 4 && frame.readInt32BE(0) === this.#sentinelId) this.#settle('answered')
    else this.#onAnswer(frame)
  }

  #settle(outcome: Outcome): void {
    const done = this.#done
    this.#done = undefined
    done?.(outcome)
  }
}
