import { assert } from '../../protocol/assert.ts'
import type { AnswerRoom } from '../services.ts'

/** Answers that clients have not taken yet; and what is being read from disk for answers, at most. */
export type AnswerKind = 'outgoing' | 'reading'

/**
 * No answer is told to be smaller than this as long as there is room at all: less would not be worth the way. And a
 * client that has not taken this much is served nothing more until it has.
 */
export const SMALL_ANSWER_BYTES = 1024 * 1024

/**
 * Memory for answers, of the whole process, against one budget (odradek.outgoing.max.bytes). Kafka needs none: it sends
 * records from the file to the socket without holding them. Here they are held until the client takes them, so that
 * clients which ask and never read would take all memory there is.
 *
 * Nobody waits for this budget; instead answers get smaller as it is used up, which is always legal (KIP-74: a Fetch
 * gives what it can, one whole batch at least), and consumers simply fetch again. The first half is given away by
 * quarters of what is left of it; then there is SMALL_ANSWER_BYTES for each; and one batch each when all is used up.
 * Who takes nothing meanwhile is disconnected, see slow-readers.ts, so that this does not last.
 */
export class AnswerBytes implements AnswerRoom {
  limit: number
  readonly #bytes: Record<AnswerKind, number> = { outgoing: 0, reading: 0 }

  constructor(limit: number) {
    this.limit = limit
  }

  get bytes(): Readonly<Record<AnswerKind, number>> {
    return this.#bytes
  }

  /** Bytes in use. */
  get used(): number {
    return this.#bytes.outgoing + this.#bytes.reading
  }

  get share(): number {
    const quarter = Math.floor((this.limit / 2 - this.used) / 4)
    if (quarter > SMALL_ANSWER_BYTES) return quarter
    return this.isFull ? 0 : SMALL_ANSWER_BYTES
  }

  /** Half of the budget is used: who takes nothing has to go. */
  get isShort(): boolean {
    return this.used > this.limit / 2
  }

  get isFull(): boolean {
    return this.used >= this.limit
  }

  /** A client that has so many bytes to take is served nothing more until it has taken some. */
  get mostUntaken(): number {
    return this.isFull ? 0 : SMALL_ANSWER_BYTES
  }

  add(kind: AnswerKind, delta: number): void {
    this.#bytes[kind] += delta
    assert(this.#bytes[kind] >= 0, 'more bytes of answers were given back than taken')
  }

  reading(delta: number): void {
    this.add('reading', delta)
  }
}
