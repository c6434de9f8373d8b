/**
 * Hot path: frame -> header -> handler -> encoded answer.
 * Per request: one PendingRequest, one header, one reader, the request and response objects of its API. A promise and two
 * closures more only where the handler has to wait.
 */

import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { AssertionError } from '../../protocol/assert.ts'
import { errorName } from '../../protocol/errors.ts'
import { requestHeaderVersion } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import { decodeRequest, decodeRequestHeader, encodeResponseFrame } from '../../protocol/schema/message.ts'
import { MalformedError } from '../../protocol/wire/malformed.ts'
import { Reader } from '../../protocol/wire/reader.ts'
import { unsupportedVersionAnswer } from '../handlers/api-versions.ts'
import {
  type AnyHandler,
  CloseConnection,
  type ConnectionInfo,
  type Overtaking,
  type RequestContext,
} from '../handlers/handler.ts'
import type { Services } from '../services.ts'
import type { CloseReason } from './close-reason.ts'

/** One request from its arrival to its answer, and the context that its handler sees. A link of its connection's queue. */
export class PendingRequest implements RequestContext {
  readonly connection: ConnectionInfo
  readonly requestBytes: number
  readonly receivedAtMs: number
  apiKey = -1
  apiVersion = -1
  correlationId = 0
  clientId = ''
  /** What of the connection may be handled while this one waits. */
  overtaking: Overtaking = 'never'
  state: 'waiting' | 'answered' | 'closing' = 'waiting'
  /** The whole response frame; undefined when none is due (acks=0) or none is there yet. */
  answer: readonly Buffer[] | undefined
  /** Why the connection ends with this request, in state `closing`. */
  closing: CloseReason | undefined
  next: PendingRequest | undefined

  constructor(connection: ConnectionInfo, requestBytes: number, receivedAtMs: number) {
    this.connection = connection
    this.requestBytes = requestBytes
    this.receivedAtMs = receivedAtMs
  }
}

/** Called when a request that `dispatch` returned as `waiting` no longer waits. */
export type Settled = (request: PendingRequest) => void

export interface DispatcherOptions {
  readonly handlers: readonly AnyHandler[]
  readonly services: Services
  /** A broken invariant, or worse: the broker must stop before it writes anything more. */
  readonly onFatal: (error: Error) => void
}

type UntypedResponse = TypeOf<Shape>

export class Dispatcher {
  readonly #byKey: (AnyHandler | undefined)[] = []
  readonly #services: Services
  readonly #onFatal: (error: Error) => void
  #dead = false

  constructor({ handlers, services, onFatal }: DispatcherOptions) {
    for (const handler of handlers) this.#byKey[handler.api.key] = handler
    this.#services = services
    this.#onFatal = onFatal
  }

  /**
   * Handles one frame. What its handler does at once has been done when this returns.
   * Never throws: whatever is wrong with the frame or the handler becomes a request in state `closing`.
   */
  dispatch(frame: Buffer, connection: ConnectionInfo, nowMs: number, settled: Settled): PendingRequest {
    const request = new PendingRequest(connection, frame.length, nowMs)
    if (this.#dead) return this.#close(request, 'shutdown', 'the broker stops after an error of its own')
    try {
      this.#begin(frame, request, settled)
    } catch (error) {
      this.#failed(request, error)
    }
    return request
  }

  readonly #isFlexible = (apiKey: number, apiVersion: number): boolean => {
    const handler = this.#byKey[apiKey]
    return handler !== undefined && requestHeaderVersion(handler.api, apiVersion) === 2
  }

  #begin(frame: Buffer, request: PendingRequest, settled: Settled): void {
    if (frame.length < MIN_HEADER_BYTES) {
      this.#close(request, 'malformed', 'the request is too short for a header', `${frame.length} bytes`)
      return
    }
    const apiKey = frame.readInt16BE(0)
    const apiVersion = frame.readInt16BE(2)
    const handler = apiKey < 0 ? undefined : this.#byKey[apiKey]
    if (handler === undefined) {
      this.#close(request, 'unknown_api', 'the API key is not one that this broker serves', `API key ${apiKey}`)
      return
    }
    const { api } = handler
    const isServed = apiVersion >= api.versions[0] && apiVersion <= api.versions[1]
    if (!isServed && apiKey !== ApiVersions.key) {
      const detail = `${api.name} v${apiVersion}, served: ${api.versions.join('-')}`
      this.#close(request, 'unsupported_version', 'the version is not served', detail)
      return
    }
    const reader = new Reader(frame)
    const header = decodeRequestHeader(reader, this.#isFlexible)
    request.apiKey = apiKey
    request.apiVersion = apiVersion
    request.correlationId = header.correlationId
    request.clientId = header.clientId ?? ''
    if (!isServed) {
      // The one API that a client may ask in a version it cannot know of yet; the body is not read (KIP-511, AV-2).
      request.answer = encodeResponseFrame(ApiVersions, 0, header.correlationId, unsupportedVersionAnswer)
      request.state = 'answered'
      return
    }

    const body = decodeRequest(api, apiVersion, reader)
    request.overtaking = handler.overtaking
    const answer = handler.handle(body, request, this.#services)
    if (answer instanceof Promise) {
      answer.then(
        (response) => {
          this.#settle(request, handler, response)
          settled(request)
        },
        (error) => {
          this.#failed(request, error)
          settled(request)
        },
      )
      return
    }
    this.#answered(request, handler, answer)
  }

  #settle(request: PendingRequest, handler: AnyHandler, response: UntypedResponse | undefined): void {
    // Nobody is there to read it; the effect stands.
    if (request.connection.closed) request.state = 'answered'
    else {
      try {
        this.#answered(request, handler, response)
      } catch (error) {
        this.#failed(request, error)
      }
    }
  }

  #answered(request: PendingRequest, handler: AnyHandler, response: UntypedResponse | undefined): void {
    const { metrics, clock } = this.#services
    if (response !== undefined) {
      request.answer = encode(handler, request, response)
      const code = response.errorCode
      if (typeof code === 'number' && code !== 0) metrics.requestFailed(request.apiKey, errorName(code))
    }
    request.state = 'answered'
    metrics.requestDone(request.apiKey, (clock.now() - request.receivedAtMs) / 1000)
  }

  #failed(request: PendingRequest, error: unknown): void {
    if (error instanceof MalformedError) {
      this.#close(request, 'malformed', 'the request cannot be read', `${this.#describe(request)}: ${error.message}`)
      return
    }
    if (error instanceof CloseConnection) {
      this.#close(request, 'refused', error.message, this.#describe(request))
      return
    }
    this.#close(request, 'error', 'a request failed in the broker', this.#describe(request))
    if (error instanceof AssertionError) {
      this.#dead = true
      this.#onFatal(error)
      return
    }
    const { logger } = this.#services
    logger.error(
      { api: this.#describe(request), peer: request.connection.peer, clientId: request.clientId, error },
      'a request failed in the broker; its connection is closed',
    )
  }

  #close(request: PendingRequest, kind: CloseReason['kind'], says: string, detail?: string): PendingRequest {
    request.state = 'closing'
    request.answer = undefined
    request.closing = { kind, says, detail }
    return request
  }

  #describe(request: PendingRequest): string {
    const name = this.#byKey[request.apiKey]?.api.name
    return name === undefined ? 'header' : `${name} v${request.apiVersion}`
  }
}

/**
 * An answer that its version cannot say is a bug of a handler, but none that harms data: the request's effect stands and
 * its connection is closed, while the broker goes on for everybody else.
 */
function encode({ api }: AnyHandler, { apiVersion, correlationId }: PendingRequest, response: UntypedResponse) {
  try {
    return encodeResponseFrame(api, apiVersion, correlationId, response)
  } catch (error) {
    throw new Error(`the answer to ${api.name} v${apiVersion} cannot be encoded`, { cause: error })
  }
}

/** API key, version, correlation id. A client id, or tagged fields, follow in every version that we serve. */
const MIN_HEADER_BYTES = 8
