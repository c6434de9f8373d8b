/**
 * Hot path. The requests of one connection: handled strictly in the order in which they came, answered in that order
 * too, even when a later one is done first (NET-1, NET-2).
 * Per request: no allocation of its own; answers that are at hand go straight to the socket.
 */

import type { Clock } from '../../storage/clock.ts'
import type { ConnectionInfo } from '../handlers/handler.ts'
import type { CloseReason } from './close-reason.ts'
import type { Dispatcher, PendingRequest } from './dispatch.ts'

/** Requests of one connection that are handled and wait for their answers. Kafka: 1; enough here for group commit. */
export const MAX_IN_FLIGHT = 16
/** And their bytes. A first request is always taken, whatever its size. */
export const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024
/** Answers that are ready while one before them is not. As a rule a client that pipelines asks for little. */
export const MAX_READY_BYTES = 1024 * 1024
/** Requests handled in one go. Then the other connections have their turn: a chunk may hold thousands of small frames. */
export const MAX_PER_TURN = 16

/** Where answers go: the connection. */
export interface AnswerSink {
  /** The client does not read its answers fast enough: handle nothing more until `RequestQueue.pump`. */
  readonly congested: boolean
  send(frame: readonly Buffer[]): void
  /** All answers before it have been sent. */
  endWith(reason: CloseReason): void
  /** What `RequestQueue.full` says may have changed. */
  flow(): void
}

export class RequestQueue {
  readonly #dispatcher: Dispatcher
  readonly #connection: ConnectionInfo
  readonly #sink: AnswerSink
  readonly #clock: Clock
  /** Frames that came and are not handled; those before `#nextFrame` are. */
  #frames: Buffer[] = []
  #nextFrame = 0
  #frameBytes = 0
  /** Handled and unanswered, in order. */
  #head: PendingRequest | undefined
  #tail: PendingRequest | undefined
  #inFlight = 0
  #inFlightBytes = 0
  #readyBytes = 0
  /** The request that others of its kind have to wait for. */
  #single: PendingRequest | undefined
  /** The connection ends when everything before has been answered. */
  #ending: CloseReason | undefined
  #ended = false
  #turnPending = false

  constructor(dispatcher: Dispatcher, connection: ConnectionInfo, sink: AnswerSink, clock: Clock) {
    this.#dispatcher = dispatcher
    this.#connection = connection
    this.#sink = sink
    this.#clock = clock
  }

  /** Requests whose answers are still to be sent. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Nothing is handled and nothing waits to be. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#nextFrame === this.#frames.length
  }

  /** Bytes of all requests here, handled or not. */
  get heldBytes(): number {
    return this.#frameBytes + this.#inFlightBytes
  }

  /** Bytes of answers that are ready and not sent yet, since one before them is not. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** True while no more should be read from the client. */
  get full(): boolean {
    return this.#ending !== undefined || this.#nextFrame < this.#frames.length || this.#isLoaded()
  }

  /** Takes a frame, which is handled by the next `pump`. */
  push(frame: Buffer): void {
    if (this.#ending !== undefined) return
    this.#frames.push(frame)
    this.#frameBytes += frame.length
  }

  /** Nothing more is taken; when everything that came before is answered, the connection ends. */
  end(reason: CloseReason): void {
    if (this.#ending !== undefined) return
    this.#ending = reason
    this.#endIfDone()
  }

  /** As `end`, but only for what is handled already: frames that wait for their turn are dropped. */
  endEarly(reason: CloseReason): void {
    if (this.#ended) return
    this.#dropFrames()
    this.#ending = reason
    this.#endIfDone()
  }

  /** Handles what may be handled now. */
  pump(): void {
    if (this.#ended) return
    const now = this.#clock.now()
    let handled = 0
    while (this.#nextFrame < this.#frames.length && this.#mayHandle(this.#frames[this.#nextFrame]!)) {
      if (handled === MAX_PER_TURN) {
        this.#pumpNextTurn()
        break
      }
      handled++
      const frame = this.#frames[this.#nextFrame]!
      this.#nextFrame++
      this.#frameBytes -= frame.length
      this.#handle(frame, now)
    }
    if (this.#nextFrame === this.#frames.length && this.#nextFrame > 0) {
      this.#frames.length = 0
      this.#nextFrame = 0
    }
    this.#endIfDone()
  }

  /** The connection is gone: forgets everything. Requests that wait go on, their answers are dropped. */
  abandon(): void {
    this.#ended = true
    this.#ending ??= GONE
    this.#frames = []
    this.#nextFrame = 0
    this.#frameBytes = 0
    this.#head = undefined
    this.#tail = undefined
    this.#inFlight = 0
    this.#inFlightBytes = 0
    this.#readyBytes = 0
    this.#single = undefined
  }

  #isLoaded(): boolean {
    return (
      this.#inFlight >= MAX_IN_FLIGHT ||
      this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES ||
      this.#readyBytes >= MAX_READY_BYTES
    )
  }

  #mayHandle(frame: Buffer): boolean {
    if (this.#ended || this.#sink.congested || this.#isLoaded()) return false
    // Only the newest can be one that nothing may overtake: after it nothing has been handled.
    if (this.#tail?.state === 'waiting' && this.#tail.overtaking === 'never') return false
    const single = this.#single
    return single === undefined || frame.length < 2 || frame.readInt16BE(0) !== single.apiKey
  }

  #handle(frame: Buffer, now: number): void {
    const request = this.#dispatcher.dispatch(frame, this.#connection, now, this.#settled)
    if (request.state === 'closing') this.#dropFrames()
    if (this.#head === undefined && request.state === 'answered') {
      if (request.answer !== undefined) this.#sink.send(request.answer)
      return
    }
    if (this.#tail === undefined) this.#head = request
    else this.#tail.next = request
    this.#tail = request
    this.#inFlight++
    this.#inFlightBytes += request.requestBytes
    if (request.state === 'waiting') {
      if (request.overtaking === 'by other kinds') this.#single = request
    } else if (request.state === 'answered') this.#readyBytes += answerBytes(request)
    else this.#advance()
  }

  readonly #settled = (request: PendingRequest): void => {
    if (this.#ended) return
    if (request.state === 'closing') this.#dropFrames()
    // It has its answer with it, which must not stay for as long as no other of its kind comes.
    if (request === this.#single) this.#single = undefined
    this.#readyBytes += answerBytes(request)
    if (request === this.#head) this.#advance()
    this.pump()
    this.#sink.flow()
  }

  /** Sends what is ready at the head of the queue. */
  #advance(): void {
    let request = this.#head
    while (request !== undefined && request.state !== 'waiting') {
      this.#inFlight--
      this.#inFlightBytes -= request.requestBytes
      this.#readyBytes -= answerBytes(request)
      this.#head = request.next
      if (this.#head === undefined) this.#tail = undefined
      if (request.state === 'closing') {
        this.#ending = request.closing ?? GONE
        this.#ended = true
        this.#sink.endWith(this.#ending)
        return
      }
      if (request.answer !== undefined) this.#sink.send(request.answer)
      request = this.#head
    }
  }

  /** After a request that ends the connection nothing is handled any more. */
  #dropFrames(): void {
    this.#frames.length = 0
    this.#nextFrame = 0
    this.#frameBytes = 0
    this.#ending ??= GONE
  }

  #endIfDone(): void {
    if (this.#ending === undefined || this.#ended || !this.idle) return
    this.#ended = true
    this.#sink.endWith(this.#ending)
  }

  #pumpNextTurn(): void {
    if (this.#turnPending) return
    this.#turnPending = true
    this.#clock.afterTurn(() => {
      this.#turnPending = false
      this.pump()
      if (!this.#ended) this.#sink.flow()
    })
  }
}

function answerBytes({ answer }: PendingRequest): number {
  if (answer === undefined) return 0
  let bytes = 0
  for (const chunk of answer) bytes += chunk.length
  return bytes
}

const GONE: CloseReason = { kind: 'client', says: 'the connection is gone' }
