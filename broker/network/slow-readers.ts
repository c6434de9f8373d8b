import type { AnswerBytes } from './answer-room.ts'

/** A connection as far as its answers go. */
export interface SlowReader {
  /** Bytes of answers that its client has not taken. */
  readonly untakenBytes: number
  /** For how long it has taken none of them. */
  stalledMs(now: number): number
}

/** When the room for answers is all used up, who has taken nothing for so long is not waited for any longer. */
export const STALLED_WHEN_FULL_MS = 1_000

/**
 * Whom to disconnect, because answers that nobody takes leave little room for others: those that have taken nothing for
 * `timeoutMs`, the ones that hold the most first, until only a quarter of the budget is in use. With room enough nobody
 * has to go, however slow he is.
 */
export function slowReaders<R extends SlowReader>(
  connections: Iterable<R>,
  answers: Pick<AnswerBytes, 'isShort' | 'isFull' | 'used' | 'limit'>,
  timeoutMs: number,
  now: number,
): R[] {
  if (!answers.isShort) return []
  const patienceMs = answers.isFull ? Math.min(timeoutMs, STALLED_WHEN_FULL_MS) : timeoutMs
  const stalled = [...connections].filter(
    (connection) => connection.untakenBytes > 0 && connection.stalledMs(now) >= patienceMs,
  )
  stalled.sort((a, b) => b.untakenBytes - a.untakenBytes)
  let excess = answers.used - answers.limit / 4
  const chosen: R[] = []
  for (const connection of stalled) {
    if (excess <= 0) break
    excess -= connection.untakenBytes
    chosen.push(connection)
  }
  return chosen
}
