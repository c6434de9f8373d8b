/**
 * Hot path. One client's socket: bytes in -> frames -> RequestQueue, answers -> bytes out.
 * Per chunk received: one clock reading, one cork. Answers of one turn leave in one `writev`, never copied together.
 */
import type { Socket } from 'node:net'
import { FrameSplitter } from '../../protocol/wire/frame.ts'
import { MalformedError } from '../../protocol/wire/malformed.ts'
import type { Clock } from '../../storage/clock.ts'
import type { ConnectionInfo } from '../handlers/handler.ts'
import type { NetworkMetrics } from '../runtime/metrics.ts'
import type { Principal } from '../security/requirements.ts'
import type { AnswerBytes } from './answer-room.ts'
import { type CloseReason, closedAsIdle, closedAsSlow, closedByClient, closedByShutdown } from './close-reason.ts'
import type { Dispatcher } from './dispatch.ts'
import type { HeldBytes, HeldKind, WaitingReader } from './held-bytes.ts'
import { hintFor, httpAnswer, OPENING_BYTES } from './hints.ts'
import { Outgoing } from './outgoing.ts'
import { type AnswerSink, RequestQueue } from './request-queue.ts'
import type { SlowReader } from './slow-readers.ts'

/** A request may take this long to arrive whole, and more where much of it has come: see FRAME_BYTES_PER_MS. */
export const FRAME_GRACE_MS = 30_000
/** For each so many bytes received, a millisecond more: 16 KB/s is the slowest line that 100 MiB may come over. */
export const FRAME_BYTES_PER_MS = 16
/** A connection that is to end has this long to take its last answers. */
export const LINGER_MS = 5_000

/** Limits of each connection. */
export interface ConnectionOptions {
  /** socket.request.max.bytes */
  readonly maxFrameBytes: number
  /** connections.max.idle.ms; Infinity for never */
  readonly maxIdleMs: number
}

/** What all connections of a broker share. */
export interface ConnectionHost {
  readonly options: ConnectionOptions
  readonly dispatcher: Dispatcher
  readonly held: HeldBytes
  readonly answers: AnswerBytes
  readonly metrics: NetworkMetrics
  readonly clock: Clock
  /** Where HTTP is served, to tell those who try here. */
  readonly httpUrl: () => string | undefined
  /** Called once, when the socket is gone. */
  closed(connection: Connection, reason: CloseReason): void
}

export class Connection implements ConnectionInfo, AnswerSink, WaitingReader, SlowReader {
  readonly id: number
  readonly peer: string
  readonly listener: string
  readonly principal: Principal
  softwareName = 'unknown'
  softwareVersion = 'unknown'
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #queue: RequestQueue
  readonly #splitter: FrameSplitter
  readonly #outgoing: Outgoing
  /** Its first bytes, until there are enough to tell a Kafka client from others. */
  #opening: Buffer | undefined = Buffer.alloc(0)
  /** When a byte last came in, or answers last went out to the end. */
  #activeAtMs: number
  #frameBeganAtMs = 0
  #reading = true
  #corked = false
  /** What of this connection is counted in HeldBytes, and in AnswerBytes. */
  readonly #held: Record<HeldKind, number> = { partial: 0, requests: 0 }
  #countedOutgoing = 0
  #ending: CloseReason | undefined
  #endBy = Number.POSITIVE_INFINITY
  #onClose: Set<{ readonly run: () => void }> | undefined

  constructor(
    identity: { id: number; peer: string; listener: string; principal: Principal },
    socket: Socket,
    host: ConnectionHost,
  ) {
    this.id = identity.id
    this.peer = identity.peer
    this.listener = identity.listener
    this.principal = identity.principal
    this.#socket = socket
    this.#host = host
    this.#activeAtMs = host.clock.now()
    this.#splitter = new FrameSplitter(host.options.maxFrameBytes)
    this.#outgoing = new Outgoing(socket, host.clock)
    this.#queue = new RequestQueue(host.dispatcher, this, this, host.clock)
    socket.on('data', (chunk) => this.#received(chunk))
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.#end(closedByClient))
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', () => this.#gone())
    socket.resume()
  }

  get closed(): boolean {
    return this.#ending !== undefined
  }

  /** The client has much to take yet. `drain` is certain to come, and looks again. */
  get congested(): boolean {
    return this.#outgoing.untakenBytes > this.#host.answers.mostUntaken
  }

  /** True while the client is not read from. */
  get paused(): boolean {
    return !this.#reading
  }

  /** Bytes of answers that are there for the client. */
  get untakenBytes(): number {
    return this.#outgoing.untakenBytes
  }

  stalledMs(now: number): number {
    return this.#outgoing.stalledMs(now)
  }

  /** Requests that are handled and not answered. */
  get inFlight(): number {
    return this.#queue.inFlight
  }

  onClose(run: () => void): () => void {
    if (this.#ending !== undefined) {
      run()
      return () => {}
    }
    const entry = { run }
    this.#onClose ??= new Set()
    this.#onClose.add(entry)
    return () => this.#onClose?.delete(entry)
  }

  /** Stops reading; ends when what is in flight is answered. What was read and is not handled is dropped. */
  drain(): void {
    this.#queue.endEarly(closedByShutdown)
    this.flow()
  }

  /** Ends now. Answers that were handed to the system are still sent, others not. */
  destroy(reason: CloseReason): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  /** When `expire` may have something to do next, in the clock's milliseconds. */
  get deadlineMs(): number {
    return this.#ending === undefined ? Math.min(this.#frameBy(), this.#idleBy()) : this.#endBy
  }

  /** Ends the connection if its time is over. */
  expire(now: number): void {
    if (this.#ending !== undefined) {
      if (now >= this.#endBy) this.#socket.destroy()
    } else if (now >= this.#idleBy()) this.#end(closedAsIdle)
    else if (now >= this.#frameBy()) this.destroy(closedAsSlow)
  }

  /** A request that waits for its answer is activity (NET-11): a long poll may outlast the limit. */
  #idleBy(): number {
    return this.#queue.inFlight === 0 ? this.#activeAtMs + this.#host.options.maxIdleMs : Number.POSITIVE_INFINITY
  }

  #frameBy(): number {
    const received = this.#splitter.bufferedBytes
    if (received === 0 || !this.#reading) return Number.POSITIVE_INFINITY
    return this.#frameBeganAtMs + FRAME_GRACE_MS + received / FRAME_BYTES_PER_MS
  }

  // AnswerSink

  send(frame: readonly Buffer[]): void {
    if (this.#ending !== undefined) return
    if (!this.#corked) {
      // Not in #received: an answer that waited. All that become ready in this turn leave together.
      this.#cork()
      process.nextTick(this.#uncork)
    }
    this.#host.metrics.bytesOut += this.#outgoing.send(frame)
  }

  endWith(reason: CloseReason): void {
    this.#end(reason)
  }

  flow(): void {
    this.#account()
    const read = this.#ending === undefined && !this.#queue.full && !this.congested && this.#host.held.admits(this)
    if (read === this.#reading) return
    this.#reading = read
    if (read) {
      // The time that it was we who did not read is not the client's.
      this.#frameBeganAtMs = this.#host.clock.now()
      this.#socket.resume()
    } else {
      this.#socket.pause()
      // Waiting for something else than its budget, it must not keep others from theirs.
      if (this.#queue.full || this.congested || this.#ending !== undefined) this.#host.held.frameDone(this)
    }
  }

  // WaitingReader

  get midFrame(): boolean {
    return this.#splitter.bufferedBytes > 0
  }

  resume(): void {
    if (!this.#reading) this.flow()
  }

  #received(chunk: Buffer): void {
    if (this.#ending !== undefined) return
    const { metrics, clock, options } = this.#host
    metrics.bytesIn += chunk.length
    this.#activeAtMs = clock.now()
    if (this.#opening !== undefined && this.#isForeign(chunk)) return

    const wasPartial = this.#splitter.bufferedBytes > 0
    const framesBefore = metrics.framesIn
    this.#cork()
    try {
      this.#splitter.push(chunk, this.#take)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      this.#queue.end({
        kind: 'malformed',
        says: `the length of a request is negative or above socket.request.max.bytes (${options.maxFrameBytes})`,
        detail: error.message,
      })
    }
    if (!wasPartial || metrics.framesIn > framesBefore) this.#frameBeganAtMs = this.#activeAtMs
    this.#queue.pump()
    this.#uncork()
    if (metrics.framesIn > framesBefore) this.#host.held.frameDone(this)
    this.flow()
  }

  readonly #take = (frame: Buffer): void => {
    this.#host.metrics.framesIn++
    this.#queue.push(frame)
  }

  /** Looks at the first bytes of all. True: this is no Kafka client, and the connection has been ended. */
  #isForeign(chunk: Buffer): boolean {
    const seen = this.#opening as Buffer
    const opening = seen.length === 0 ? chunk : Buffer.concat([seen, chunk.subarray(0, OPENING_BYTES)])
    const hint = hintFor(opening)
    this.#opening = hint === undefined && opening.length < OPENING_BYTES ? opening : undefined
    if (hint === undefined) return false
    if (hint.kind === 'http') this.#socket.write(httpAnswer(this.#host.httpUrl()))
    this.#end({ kind: hint.kind, says: hint.says })
    return true
  }

  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
  }

  readonly #uncork = (): void => {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
    this.#account()
  }

  #drained(): void {
    this.#activeAtMs = this.#host.clock.now()
    this.#outgoing.drained()
    if (this.#ending !== undefined) {
      this.#countOutgoing()
      if (this.#outgoing.isHandedOver) this.#socket.destroySoon()
      return
    }
    this.#queue.pump()
    this.flow()
  }

  /** Tells HeldBytes and AnswerBytes what this connection holds now. */
  #account(): void {
    if (this.#ending !== undefined) return
    this.#countOutgoing()
    const { held } = this.#host
    const partial = this.#splitter.bufferedBytes
    const requests = this.#queue.heldBytes
    const before = this.#held
    const partialMore = partial - before.partial
    const requestsMore = requests - before.requests
    before.partial = partial
    before.requests = requests
    // What turns from the one into the other is not missing in between.
    if (requestsMore > 0) held.add('requests', requestsMore)
    if (partialMore !== 0) held.add('partial', partialMore)
    if (requestsMore < 0) held.add('requests', requestsMore)
  }

  #countOutgoing(): void {
    const outgoing = this.#outgoing.untakenBytes + this.#queue.readyBytes
    const more = outgoing - this.#countedOutgoing
    if (more === 0) return
    this.#countedOutgoing = outgoing
    this.#host.answers.add('outgoing', more)
  }

  /** Answers stop, waits of handlers are called off; what is written goes out, for LINGER_MS at most. */
  #end(reason: CloseReason): void {
    if (this.#ending !== undefined) return
    this.#uncork()
    this.#ending = reason
    this.#endBy = this.#host.clock.now() + LINGER_MS
    this.#queue.abandon()
    this.#giveBack()
    this.#countOutgoing()
    const waits = this.#onClose
    this.#onClose = undefined
    if (waits !== undefined) for (const { run } of waits) run()
    if (this.#outgoing.isHandedOver) this.#socket.destroySoon()
  }

  #giveBack(): void {
    const { held } = this.#host
    for (const kind of ['partial', 'requests'] as const) {
      const bytes = this.#held[kind]
      this.#held[kind] = 0
      held.add(kind, -bytes)
    }
    held.leave(this)
  }

  #failed(error: Error): void {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message
    this.#end({ kind: 'io', says: 'the connection broke', detail: code })
  }

  #gone(): void {
    this.#end(closedByClient)
    this.#host.answers.add('outgoing', -this.#countedOutgoing)
    this.#countedOutgoing = 0
    this.#outgoing.drop()
    this.#host.closed(this, this.#ending ?? closedByClient)
  }
}
