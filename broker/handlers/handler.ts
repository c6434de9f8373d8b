/**
 * What a handler is: the typed pair of an API's declaration and the function that serves it.
 * A handler translates: wire -> domain call -> wire. No business rule lives there, and no handler imports another.
 */
import type { Api, RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import type { Shape } from '../../protocol/schema/field.ts'
import type { Principal, Requirement } from '../security/requirements.ts'
import type { Services } from '../services.ts'

/** Serves one API in all its versions. The request reads the same in each: absent fields have their fallbacks. */
export interface Handler<A> {
  readonly api: A
  /** What the caller must be allowed, as data; `none` is said aloud. The handler itself asks the authorizer. */
  readonly requires: readonly Requirement[] | 'none'
  /** Whether later requests of the connection are handled while this one waits for its answer. */
  readonly overtaking: Overtaking
  /**
   * Serves one request. Requests of one connection get here strictly in the order in which they came.
   * @returns the answer itself when it is at hand (no promise is made then), a promise only when there is something to
   *   wait for, `undefined` when no response is due (Produce with acks=0).
   * @throws {CloseConnection} to end the connection without a response.
   * @throws {AssertionError} which stops the broker. Any other error is a bug: it is logged, the connection closed.
   */
  handle(request: RequestOf<A>, context: RequestContext, services: Services): Answer<A>
}

/**
 * Whether the next requests of a connection are handled while the promise of an answer is open. Either way answers leave
 * in the order of their requests (NET-1, NET-2).
 * - `never`: the next request waits, as each does in Kafka.
 * - `by all`: what the request changes is changed when `handle` returns, and only the answer waits (Produce for the disk,
 *   a group call for its members or its log).
 * - `by other kinds`: the same, but the next request to this API waits. For Fetch, whose answers are large: no client has
 *   use for the second while the first is not there, and sixteen of them would be sixteen times the memory.
 */
export type Overtaking = 'never' | 'by all' | 'by other kinds'

export type Answer<A> = ResponseOf<A> | undefined | Promise<ResponseOf<A> | undefined>

/** A handler of whichever API, as the registry and the dispatcher hold it. */
export type AnyHandler = Handler<Api<Shape, Shape>>

/**
 * Pairs an API with what it requires and the function that serves it; the types follow from the declaration.
 */
export const serve = <Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  requires: readonly Requirement[] | 'none',
  handle: Handler<Api<Q, R>>['handle'],
  overtaking: Overtaking = 'never',
): Handler<Api<Q, R>> => ({ api, requires, overtaking, handle })

/** What is known of a request besides its body. Lives until the request is answered. */
export interface RequestContext {
  readonly apiVersion: number
  readonly correlationId: number
  /** As the client calls itself; `''` where it sent null (NET-8). Any bytes: a key of Maps, never a path or a pattern. */
  readonly clientId: string
  /** Bytes of the whole frame without its length prefix. */
  readonly requestBytes: number
  readonly connection: ConnectionInfo
}

/** The connection that a request came on. */
export interface ConnectionInfo {
  /** Unique in the process, rising. Stands for the client where a session belongs to a connection. */
  readonly id: number
  /** Address of the client without its port; an IPv4 address that came in as IPv6 is written as IPv4. */
  readonly peer: string
  /** Name of the listener that accepted it: picks the advertised addresses. */
  readonly listener: string
  readonly principal: Principal
  /** From ApiVersions v3+ (KIP-511); `'unknown'` until the client has said it, as in Kafka. Checked by AV-3. */
  softwareName: string
  softwareVersion: string
  /** True once no answer can be sent any more. */
  readonly closed: boolean
  /**
   * Calls `run` once when the connection ends, for waits that then have no meaning. At once if it has ended.
   * @returns takes the call back; must be called when the wait is over, or the list grows with each request.
   */
  onClose(run: () => void): () => void
}

/** Thrown by a handler: the connection is closed without a response; `message` is what the log says. */
export class CloseConnection extends Error {
  override readonly name = 'CloseConnection'
}
