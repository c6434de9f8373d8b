import { AssertionError } from '../protocol/assert.ts'
import type { Cancel, Clock } from '../storage/clock.ts'
import {
  type CompactionLimits,
  type Compactor,
  LocalCompactor,
  LogCleaner,
  WorkerCompactor,
} from '../storage/compaction/index.ts'
import type { FileSystem } from '../storage/index.ts'
import { NodeFileSystem } from '../storage/node-file-system.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import type { Partitions } from './partitions/partitions.ts'
import type { Logger } from './runtime/logger.ts'
import type { BrokerMetrics } from './runtime/metrics.ts'
import { startCompactionThread } from './runtime/start-compaction-thread.ts'
import type { Timers } from './runtime/timers.ts'

export interface CompactionOptions {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
  readonly metrics: BrokerMetrics
  readonly fileSystem: FileSystem
  readonly partitions: Partitions
}

/**
 * Compacts in the background: `log.cleaner.threads` rounds at a time, one after another while something is due, then a
 * pause of `log.cleaner.backoff.ms`. Retention of compacted topics follows each look, as in Kafka, so that with
 * `compact,delete` it need not wait for its own interval. Settings count from the next round on.
 */
export class BackgroundCompaction {
  readonly #options: CompactionOptions
  readonly #cleaner: LogCleaner
  /** By number of the lane: what ends its pause, while it has one. */
  readonly #lanes = new Map<number, Cancel | undefined>()
  #isStopped = false

  constructor(options: CompactionOptions) {
    this.#options = options
    const { clock, logger } = options
    this.#cleaner = new LogCleaner({
      logs: () => this.#logs(),
      compactor: () => this.#compactor(),
      limits: () => this.#limits(),
      clock,
      logger,
    })
    this.#registerGauges()
  }

  start(): void {
    const { config } = this.#options
    if (!config.get('log.cleaner.enable')) return
    this.#startLanes()
    config.onChange((changed) => {
      if (changed.has('log.cleaner.threads')) this.#startLanes()
    })
  }

  /** Breaks off what is under way. Settles when no file is touched any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const cancel of this.#lanes.values()) cancel?.()
    await this.#cleaner.stop()
  }

  #startLanes(): void {
    for (let lane = 0; lane < this.#threads; lane++) {
      if (this.#isStopped || this.#lanes.has(lane)) continue
      this.#lanes.set(lane, undefined)
      void this.#run(lane)
    }
  }

  /** Rounds as long as there is something to do. A broken invariant stops the broker. */
  async #run(lane: number): Promise<void> {
    const { config, clock, timers, partitions, logger } = this.#options
    let didSomething = false
    try {
      didSomething = (await this.#cleaner.cleanNext()) !== undefined
      if (this.#isStopped) return
      for (const partition of partitions.all())
        if (partition.log.config.compacts) partition.applyRetention(clock.wallTime())
    } catch (error) {
      if (error instanceof AssertionError) throw error
      logger.error({ error }, 'a round of compaction failed')
    }
    if (this.#isStopped || lane >= this.#threads) this.#lanes.delete(lane)
    else {
      const pauseMs = didSomething ? 0 : config.get('log.cleaner.backoff.ms')
      this.#lanes.set(
        lane,
        timers.after(pauseMs, () => void this.#run(lane)),
      )
    }
  }

  get #threads(): number {
    return this.#options.config.get('log.cleaner.threads')
  }

  *#logs() {
    for (const { log } of this.#options.partitions.all()) yield log
  }

  /** A thread can work on files alone; what only this process sees is compacted here, in slices. */
  #compactor(): Compactor {
    const { fileSystem, clock } = this.#options
    if (fileSystem instanceof NodeFileSystem) return new WorkerCompactor(startCompactionThread)
    return new LocalCompactor(fileSystem, clock, () => new Promise((resolve) => clock.afterTurn(resolve)))
  }

  /** The budgets are for all lanes together, as in Kafka. */
  #limits(): CompactionLimits {
    const { config } = this.#options
    const share = 1 / Math.max(this.#threads, 1)
    return {
      dedupeBufferBytes: config.get('log.cleaner.dedupe.buffer.size') * share,
      loadFactor: config.get('log.cleaner.io.buffer.load.factor'),
      ioBufferBytes: config.get('log.cleaner.io.buffer.size') * share,
      maxBytesPerSecond: config.get('log.cleaner.io.max.bytes.per.second') * share,
    }
  }

  #registerGauges(): void {
    const { metrics } = this.#options
    const { totals } = this.#cleaner
    const state = () => this.#cleaner.state()
    metrics.gauge('kafka_log_logcleaner_cleaner_recopy_percent', () => state().recopyRatio * 100)
    metrics.gauge('kafka_log_logcleaner_max_buffer_utilization_percent', () => state().mapUtilization * 100)
    metrics.gauge('kafka_log_logcleaner_max_clean_time_secs', () => state().lastRoundSeconds)
    metrics.gauge('kafka_log_logcleaner_max_compaction_delay_secs', () => state().maxDelaySeconds)
    metrics.gauge('kafka_log_logcleanermanager_max_dirty_percent', () => state().maxDirtyRatio * 100)
    metrics.gauge('kafka_log_logcleanermanager_time_since_last_run_ms', () => state().secondsSinceLastLook * 1000)
    metrics.gauge('kafka_log_logcleanermanager_uncleanable_partitions_count', () => state().uncleanableLogs)
    metrics.gauge('kafka_log_logcleanermanager_uncleanable_bytes', () => state().uncleanableBytes)
    metrics.gauge('odradek_compaction_rounds_total', () => totals.rounds)
    metrics.gauge('odradek_compaction_failures_total', () => totals.failures)
    metrics.gauge('odradek_compaction_seconds_total', () => totals.seconds)
    metrics.gauge('odradek_compaction_read_bytes_total', () => totals.bytesRead)
    metrics.gauge('odradek_compaction_written_bytes_total', () => totals.bytesWritten)
    metrics.gauge('odradek_compaction_records_total', () => [
      [{ outcome: 'kept' }, totals.recordsKept] as const,
      [{ outcome: 'removed' }, totals.recordsRead - totals.recordsKept] as const,
    ])
  }
}
