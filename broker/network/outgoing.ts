/**
 * Hot path. Answers on their way to one client. Per answer that the client takes at once: nothing but the socket's own
 * write; per piece of a large one: one view.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../storage/clock.ts'

/**
 * The socket is handed no more than this before the client has taken it. A socket tells only that all it was given is
 * gone; in pieces, a client that takes 50 MB slowly is seen to take them, and one that does not is told from it.
 */
export const PIECE_BYTES = 256 * 1024

/**
 * The bytes that a client has not taken yet: what was handed to the socket, and behind it what waits for its turn. Once
 * the socket has more than its high water mark, so that a `drain` is certain to come, the client is `blocked`.
 */
export class Outgoing {
  readonly #socket: Socket
  readonly #clock: Pick<Clock, 'now'>
  /** What the socket was not handed yet: whole chunks, the first one from `#headAt` on. */
  #chunks: Buffer[] = []
  #next = 0
  #headAt = 0
  #waitingBytes = 0
  /** When the client last took a piece, or began to owe one. */
  #movedAtMs = 0

  constructor(socket: Socket, clock: Pick<Clock, 'now'>) {
    this.#socket = socket
    this.#clock = clock
  }

  /** The client has not taken what it was sent, and `drained` will be called when it has taken some of it. */
  get blocked(): boolean {
    return this.#waitingBytes > 0 || this.#socket.writableNeedDrain
  }

  /** Bytes that are held for the client; those below the high water mark of its socket do not count. */
  get untakenBytes(): number {
    return this.blocked ? this.#waitingBytes + this.#socket.writableLength : 0
  }

  /** True when the socket has been handed everything. */
  get isHandedOver(): boolean {
    return this.#waitingBytes === 0
  }

  /** For how long the client has taken nothing of what is there for it, in milliseconds; 0 when nothing is. */
  stalledMs(now: number): number {
    return this.blocked ? now - this.#movedAtMs : 0
  }

  /** @returns the bytes of the frame */
  send(frame: readonly Buffer[]): number {
    const wasBlocked = this.blocked
    let bytes = 0
    for (const chunk of frame) {
      bytes += chunk.length
      if (this.#waitingBytes === 0 && this.#socket.writableLength + chunk.length <= PIECE_BYTES) {
        this.#socket.write(chunk)
      } else if (chunk.length > 0) {
        this.#chunks.push(chunk)
        this.#waitingBytes += chunk.length
        this.#handOver()
      }
    }
    if (!wasBlocked && this.blocked) this.#movedAtMs = this.#clock.now()
    return bytes
  }

  /** The client has taken all that the socket had: the next piece. */
  drained(): void {
    this.#movedAtMs = this.#clock.now()
    this.#handOver()
  }

  /** The connection is gone, and nothing is sent any more. */
  drop(): void {
    this.#chunks = []
    this.#next = 0
    this.#headAt = 0
    this.#waitingBytes = 0
  }

  #handOver(): void {
    while (this.#waitingBytes > 0) {
      const room = PIECE_BYTES - this.#socket.writableLength
      if (room <= 0) return
      const chunk = this.#chunks[this.#next]!
      const end = Math.min(chunk.length, this.#headAt + room)
      const piece = this.#headAt === 0 && end === chunk.length ? chunk : chunk.subarray(this.#headAt, end)
      this.#waitingBytes -= piece.length
      if (end < chunk.length) this.#headAt = end
      else this.#forgetHead()
      this.#socket.write(piece)
    }
  }

  #forgetHead(): void {
    this.#headAt = 0
    this.#next++
    if (this.#next === this.#chunks.length) {
      this.#chunks.length = 0
      this.#next = 0
    } else if (this.#next >= MANY_CHUNKS) {
      // Those that are gone must not be kept alive until the last one is.
      this.#chunks = this.#chunks.slice(this.#next)
      this.#next = 0
    }
  }
}

const MANY_CHUNKS = 64
