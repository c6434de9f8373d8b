import { AssertionError } from '../../protocol/assert.ts'
import type { Clock } from '../clock.ts'
import { StorageError } from '../errors.ts'
import type { Log } from '../log.ts'
import { passesByItself } from '../log-host.ts'
import type { StorageLogger } from '../storage-logger.ts'
import type { DirtyRange } from './cleanable.ts'
import type { CompactionLimits, Compactor } from './job.ts'
import type { CleaningReport } from './log-cleaning.ts'

export interface LogCleanerOptions {
  /** All logs, compacted or not. */
  readonly logs: () => Iterable<Log>
  /** For one round; several may be under way. */
  readonly compactor: () => Compactor
  readonly limits: () => CompactionLimits
  readonly clock: Clock
  readonly logger: StorageLogger
}

/** What has been done since the start. */
export interface CleaningTotals {
  rounds: number
  /** Rounds that ended with an error. */
  failures: number
  bytesRead: number
  bytesWritten: number
  recordsRead: number
  recordsKept: number
  seconds: number
}

/** As Kafka shows them: of the last round, or as they are now. */
export interface CleanerState {
  /** Bytes written for each byte read by the last round, 0 to 1. */
  readonly recopyRatio: number
  readonly lastRoundSeconds: number
  readonly mapUtilization: number
  /** Dirty share of the log that has the largest. */
  readonly maxDirtyRatio: number
  /** How much longer than `max.compaction.lag.ms` a log has been waiting; 0 if none has. */
  readonly maxDelaySeconds: number
  /** Logs that are left alone after an error, and how much of them is dirty. */
  readonly uncleanableLogs: number
  readonly uncleanableBytes: number
  readonly secondsSinceLastLook: number
}

/**
 * Decides which log is compacted next: the one with the largest dirty share of those that are due, as in Kafka. A log that
 * cannot be compacted is reported once and left alone until the next start, so that it does not keep the others waiting.
 */
export class LogCleaner {
  readonly totals: CleaningTotals = {
    rounds: 0,
    failures: 0,
    bytesRead: 0,
    bytesWritten: 0,
    recordsRead: 0,
    recordsKept: 0,
    seconds: 0,
  }
  readonly #options: LogCleanerOptions
  readonly #underWay = new Set<Log>()
  /** Not before this time (monotonic): the disk was full, or descriptors were. */
  readonly #retryAt = new WeakMap<Log, number>()
  #last = { recopyRatio: 0, lastRoundSeconds: 0, mapUtilization: 0 }
  #lastLook: { at: number; maxDirtyRatio: number; maxDelaySeconds: number }
  #isStopped = false

  constructor(options: LogCleanerOptions) {
    this.#options = options
    this.#lastLook = { at: options.clock.now(), maxDirtyRatio: 0, maxDelaySeconds: 0 }
  }

  /**
   * Does one round over the dirtiest log that is due.
   * @returns what it did; undefined if there was nothing to do, or it could not be done
   */
  async cleanNext(): Promise<CleaningReport | undefined> {
    const next = this.#isStopped ? undefined : this.#dirtiest()
    return next === undefined ? undefined : this.#clean(next.log, next.range)
  }

  /** Breaks off what is under way, and does nothing any more. Settles when no file is touched. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#underWay].map((log) => log.cleaning.stop()))
  }

  /** Costs a look at the logs that are left alone. */
  state(): CleanerState {
    const { clock } = this.#options
    const uncleanable = [...this.#options.logs()].filter(({ cleaning }) => cleaning.problem !== undefined)
    const now = clock.wallTime()
    return {
      ...this.#last,
      maxDirtyRatio: this.#lastLook.maxDirtyRatio,
      maxDelaySeconds: this.#lastLook.maxDelaySeconds,
      uncleanableLogs: uncleanable.length,
      uncleanableBytes: uncleanable.reduce((sum, { cleaning }) => sum + cleaning.dirtyRange(now).dirtyBytes, 0),
      secondsSinceLastLook: (clock.now() - this.#lastLook.at) / 1000,
    }
  }

  #dirtiest(): Candidate | undefined {
    const { clock, logs } = this.#options
    const wallNow = clock.wallTime()
    const now = clock.now()
    let dirtiest: Candidate | undefined
    let maxDirtyRatio = 0
    let maxDelayMs = 0
    for (const log of logs()) {
      if (!log.config.compacts || log.cleaning.problem !== undefined || log.cleaning.isUnderWay) continue
      if ((this.#retryAt.get(log) ?? 0) > now) continue
      const range = log.cleaning.dirtyRange(wallNow)
      maxDirtyRatio = Math.max(maxDirtyRatio, range.dirtyRatio)
      maxDelayMs = Math.max(maxDelayMs, range.overdueMs)
      if (range.isDue && range.dirtyRatio > (dirtiest?.range.dirtyRatio ?? -1)) dirtiest = { log, range }
    }
    this.#lastLook = { at: now, maxDirtyRatio, maxDelaySeconds: maxDelayMs / 1000 }
    return dirtiest
  }

  async #clean(log: Log, range: DirtyRange): Promise<CleaningReport | undefined> {
    const { clock, compactor, limits } = this.#options
    const startedAt = clock.now()
    this.#underWay.add(log)
    try {
      const report = await log.cleaning.clean(range, compactor(), limits(), clock.wallTime())
      if (report !== undefined) this.#note(log, range, report, (clock.now() - startedAt) / 1000)
      return report
    } catch (error) {
      if (error instanceof AssertionError) throw error
      this.#failed(log, error)
      return undefined
    } finally {
      this.#underWay.delete(log)
    }
  }

  #note(log: Log, range: DirtyRange, report: CleaningReport, seconds: number): void {
    const { totals } = this
    totals.rounds++
    totals.bytesRead += report.bytesRead
    totals.bytesWritten += report.bytesWritten
    totals.recordsRead += report.recordsRead
    totals.recordsKept += report.recordsKept
    totals.seconds += seconds
    const recopyRatio = report.bytesRead === 0 ? 0 : report.bytesWritten / report.bytesRead
    this.#last = { recopyRatio, lastRoundSeconds: seconds, mapUtilization: report.mapUtilization }
    const { firstDirtyOffset, dirtyRatio } = range
    this.#options.logger.info(
      { folder: log.folder, firstDirtyOffset, dirtyRatio, seconds, ...report },
      'compacted a log',
    )
  }

  #failed(log: Log, error: unknown): void {
    this.totals.failures++
    const { clock, logger } = this.#options
    const { folder } = log
    if (error instanceof StorageError && passesByItself(error)) {
      this.#retryAt.set(log, clock.now() + RETRY_MS)
      logger.warn({ folder, err: error }, 'a log could not be compacted now; it is tried again in a minute')
    } else logger.error({ folder, err: error }, 'a log cannot be compacted; it is left alone until the next start')
  }
}

interface Candidate {
  readonly log: Log
  readonly range: DirtyRange
}

/** Space and descriptors do not come back that quickly, and others are waiting. */
const RETRY_MS = 60_000
