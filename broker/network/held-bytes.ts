import { assert } from '../../protocol/assert.ts'

/** Who waits to read: a connection. `resume` is called when it may go on. */
export interface WaitingReader {
  /** Part of a frame has come, so that reading on can end in giving bytes back. */
  readonly midFrame: boolean
  resume(): void
}

/** Frames that have not arrived whole; requests from their arrival until their answers are handed over. */
export type HeldKind = 'partial' | 'requests'

/**
 * Bytes of requests that the whole process holds in memory, against one budget (queued.max.request.bytes).
 * V8's heap limit does not bound Buffers, so this counter is what does. It counts what has arrived, never what a client
 * announces: four bytes that claim 100 MiB cost four bytes.
 *
 * Over budget nobody reads any more. Handling goes on, which brings the count down. When most of it are halves of
 * frames, nothing would ever bring it down: then one reader, of those in the middle of a frame the one that waits
 * longest, is let go on until its frame is whole (or late, see FRAME_GRACE_MS). So the budget can be exceeded by one
 * frame, as Kafka's memory pool can, and never blocks for good.
 *
 * Answers have a budget of their own (AnswerBytes): clients that do not read theirs must not keep others from writing.
 */
export class HeldBytes {
  /** Budget in bytes; reading stops above it. */
  readonly limit: number
  readonly #held: Record<HeldKind, number> = { partial: 0, requests: 0 }
  readonly #waiting = new Set<WaitingReader>()
  #exempt: WaitingReader | undefined

  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes held now. */
  get bytes(): Readonly<Record<HeldKind, number>> {
    return this.#held
  }

  /** Readers that do not read because of the budget. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Adds `delta` bytes, negative to give back. */
  add(kind: HeldKind, delta: number): void {
    this.#held[kind] += delta
    assert(this.#held[kind] >= 0, 'more held bytes were given back than taken')
    if (delta < 0 && this.#waiting.size > 0) this.#wake()
  }

  /** True when `reader` may read on. False: it must stop, and its `resume` will be called. */
  admits(reader: WaitingReader): boolean {
    if (!this.#isOver()) return true
    if (this.#exempt === reader) return true
    this.#waiting.add(reader)
    this.#wake()
    return !this.#waiting.has(reader)
  }

  /** The frame of `reader` is whole, or it gave up reading for another reason: what it was let off ends. */
  frameDone(reader: WaitingReader): void {
    if (this.#exempt !== reader) return
    this.#exempt = undefined
    this.#wake()
  }

  /** `reader` is gone. Its bytes must have been given back. */
  leave(reader: WaitingReader): void {
    this.#waiting.delete(reader)
    this.frameDone(reader)
  }

  #wake(): void {
    for (const reader of this.#waiting) {
      if (this.#isOver()) {
        if (this.#exempt !== undefined) return
        // Much of it will come down when it is answered. Little of it may be long polls, which take their time.
        if (this.#held.requests > this.limit / 2) return
        if (!reader.midFrame) continue
        this.#exempt = reader
      }
      this.#waiting.delete(reader)
      reader.resume()
    }
  }

  #isOver(): boolean {
    return this.#held.partial + this.#held.requests > this.limit
  }
}
