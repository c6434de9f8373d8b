import { AssertionError } from '../protocol/assert.ts'
import type { Cancel } from '../storage/clock.ts'
import type { Logger } from './runtime/logger.ts'
import type { Timers } from './runtime/timers.ts'

/** Work that comes round: retention, checkpoints. One timer each; a round that runs long is not overtaken by the next. */
export class Background {
  readonly #timers: Timers
  readonly #logger: Logger
  #cancels = new Set<Cancel>()
  #stopped = false

  constructor(timers: Timers, logger: Logger) {
    this.#timers = timers
    this.#logger = logger
  }

  /**
   * Does `work` every `intervalMs`, the first time after that time. A round that fails is logged, the next one tries
   * again.
   * @param intervalMs asked before each round, so that a changed setting counts from the next one on
   */
  every(intervalMs: () => number, what: string, work: () => void | Promise<void>): void {
    if (this.#stopped) return
    const cancel = this.#timers.after(intervalMs(), async () => {
      this.#cancels.delete(cancel)
      await this.run(what, work)
      this.every(intervalMs, what, work)
    })
    this.#cancels.add(cancel)
  }

  /** Does `work` once, now. A failure is logged; a broken invariant stops the broker. */
  async run(what: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof AssertionError) throw error
      this.#logger.error({ what, error }, 'a background task failed')
    }
  }

  stop(): void {
    this.#stopped = true
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }
}
