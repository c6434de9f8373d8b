import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../../protocol/schema/field.ts'
import { decodeResponseFrame } from '../../../protocol/schema/message.ts'
import { RawClient } from '../../support/raw-client.ts'

/** The connection is gone, or nothing came in time. Whatever was under way: its outcome is not known. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/**
 * A connection that comes back after the broker did. It does not hide that it was gone: whoever waited for an answer
 * hears ConnectionLost, and decides what that means.
 */
export class Link {
  readonly #port: number
  readonly #clientId: string
  readonly #timeoutMs: number
  #client: RawClient | undefined

  /** @param timeoutMs how long an answer may take before the connection is given up */
  constructor(port: number, clientId: string, timeoutMs = 3_000) {
    this.#port = port
    this.#clientId = clientId
    this.#timeoutMs = timeoutMs
  }

  get isOpen(): boolean {
    return this.#client !== undefined
  }

  /** Connects, if it is not connected; tries once. @throws {ConnectionLost} */
  async open(): Promise<void> {
    if (this.#client !== undefined) return
    try {
      this.#client = await RawClient.connect(this.#port)
    } catch (error) {
      throw new ConnectionLost(error instanceof Error ? error.message : String(error))
    }
  }

  /** Sends a request now. @returns its answer; answers come in the order of the requests */
  async send<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>>,
  ): Promise<TypeOf<R>> {
    const client = this.#client
    if (client === undefined) throw new ConnectionLost('not connected')
    const correlationId = client.send(api, version, request, this.#clientId)
    const frame = await this.#frame(client, api.name)
    const answer = decodeResponseFrame(api, version, frame)
    if (answer.correlationId !== correlationId) {
      throw new Error(`${api.name} ${correlationId} was given the answer to ${answer.correlationId}`)
    }
    return answer.value
  }

  /** Connects if need be, and sends. */
  async call<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>>,
  ): Promise<TypeOf<R>> {
    await this.open()
    return this.send(api, version, request)
  }

  close(): void {
    this.#client?.destroy()
    this.#client = undefined
  }

  async #frame(client: RawClient, what: string): Promise<Buffer> {
    const timer = setTimeout(() => client.destroy(), this.#timeoutMs)
    try {
      return await client.frame()
    } catch (error) {
      if (this.#client === client) this.close()
      throw new ConnectionLost(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What a client may do again and again until the campaign ends; a lost connection only costs it a short pause. */
export async function untilStopped(isRunning: () => boolean, step: () => Promise<void>): Promise<void> {
  while (isRunning()) {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
      await sleep(RECONNECT_MS)
    }
  }
}

const RECONNECT_MS = 20
