import type { Clock } from '../../storage/clock.ts'
import type { Logger } from '../runtime/logger.ts'

/** Between two log lines of the same kind at least this much time passes; the next one says how many were left out. */
export const COMPLAINT_INTERVAL_MS = 10_000

/**
 * Log lines that clients can cause at will: one of each kind in ten seconds, then a count. A port scanner or a client
 * in a restart loop must not fill the disk that the log is on, nor hide what else is said.
 */
export class Complaints {
  readonly #logger: Logger
  readonly #clock: Pick<Clock, 'now'>
  readonly #kinds = new Map<string, { quietUntil: number; unsaid: number }>()

  constructor(logger: Logger, clock: Pick<Clock, 'now'>) {
    this.#logger = logger
    this.#clock = clock
  }

  /** @param kind one of a fixed set of words of ours, since each is remembered */
  say(level: 'debug' | 'info' | 'warn' | 'error', kind: string, fields: object, message: string): void {
    const now = this.#clock.now()
    const said = this.#kinds.get(kind)
    if (said !== undefined && now < said.quietUntil) {
      said.unsaid++
      return
    }
    const unsaid = said?.unsaid ?? 0
    this.#kinds.set(kind, { quietUntil: now + COMPLAINT_INTERVAL_MS, unsaid: 0 })
    this.#logger[level](unsaid > 0 ? { ...fields, unsaid } : fields, message)
  }
}
