import { connect, type Socket } from 'node:net'
import type { Api } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import { decodeResponseFrame, encodeRequestFrame, filled } from '../../protocol/schema/message.ts'
import { FrameSplitter } from '../../protocol/wire/frame.ts'

/**
 * A client that says exactly what a test wants to say, byte by byte if need be, and hides nothing: no retries, no
 * version negotiation, no reordering. Close it with `destroy`, or `await using`.
 */
export class RawClient {
  readonly socket: Socket
  /** Resolves when the connection has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<void>
  /** All bytes that came and are not part of a whole frame are in the splitter; these are whole frames not yet taken. */
  readonly #frames: Buffer[] = []
  readonly #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
  #raw: Buffer[] | undefined
  #splitter = new FrameSplitter(2 ** 31 - 1)
  #ended = false
  #nextCorrelationId = 1

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#received(chunk))
    socket.once('close', () => {
      this.#ended = true
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the broker closed the connection'))
    })
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  /** `host:port`, as a broker's `bootstrap` says it. */
  static to(bootstrap: string): Promise<RawClient> {
    const at = bootstrap.lastIndexOf(':')
    return RawClient.connect(Number(bootstrap.slice(at + 1)), bootstrap.slice(0, at))
  }

  /** Sends a request; what is not given has its fallback. @returns its correlation id */
  send<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>>,
    clientId: string | null = 'raw',
  ): number {
    const correlationId = this.#nextCorrelationId++
    const value = filled(api.request, request)
    this.sendBytes(Buffer.concat(encodeRequestFrame(api, version, correlationId, clientId, value)))
    return correlationId
  }

  /** Sends a request and takes the next response, which must be its own. */
  async call<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>> = {},
    clientId: string | null = 'raw',
  ): Promise<TypeOf<R>> {
    const correlationId = this.send(api, version, request, clientId)
    return this.response(api, version, correlationId)
  }

  /** The next response, read as one to this API. @throws when it belongs to another request */
  async response<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    correlationId: number,
  ): Promise<TypeOf<R>> {
    const frame = await this.frame()
    const answer = decodeResponseFrame(api, version, frame)
    if (answer.correlationId !== correlationId) {
      throw new Error(`expected the answer to ${correlationId}, got that to ${answer.correlationId}`)
    }
    return answer.value
  }

  sendBytes(bytes: Buffer | string): void {
    this.socket.write(bytes)
  }

  /** Sends a length and these bytes. */
  sendFrame(body: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length, 0)
    this.sendBytes(Buffer.concat([length, body]))
  }

  /** The next response frame without its length. @throws when the connection ends first */
  frame(): Promise<Buffer> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#ended) return Promise.reject(new Error('the broker closed the connection'))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Frames that came and nobody has taken yet. */
  get unread(): number {
    return this.#frames.length
  }

  /** From now on bytes are kept as they are. @returns everything that comes until the connection ends */
  async bytesUntilClosed(): Promise<Buffer> {
    this.#raw = []
    await this.closed
    return Buffer.concat(this.#raw)
  }

  /** Reads nothing any more, as a client that hangs. */
  stopReading(): void {
    this.socket.pause()
  }

  destroy(): void {
    this.socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  #received(chunk: Buffer): void {
    if (this.#raw !== undefined) {
      this.#raw.push(chunk)
      return
    }
    this.#splitter.push(chunk, (frame) => {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#frames.push(frame)
      else waiting.resolve(frame)
    })
  }
}
