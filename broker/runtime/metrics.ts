/**
 * Hot path: plain numbers that are added to, never an object or a lookup by name per request. What reads them
 * (http/metrics-routes.ts) runs when somebody asks for `/metrics`. Names and help are in metric-table.ts.
 * Per answered request: one index, up to 15 comparisons, three additions.
 */
import type { ErrorName } from '../../protocol/errors.ts'
import type { RegisteredName } from './metric-table.ts'

/** What has happened to one topic's partitions through the front door. Add to it. */
export interface TopicMetrics {
  messagesIn: number
  bytesIn: number
  bytesOut: number
  bytesRejected: number
  /** Partitions asked for, so one Produce with three partitions counts three, as in Kafka. */
  produceRequests: number
  fetchRequests: number
  failedProduce: number
  failedFetch: number
}

export interface NetworkMetrics {
  bytesIn: number
  bytesOut: number
  framesIn: number
  connectionsAccepted: number
  connectionsActive: number
}

export type MetricLabels = Readonly<Record<string, string>>
/** One number, or one for each set of labels. Called at each scrape, so it should be cheap. */
export type GaugeReader = () => number | Iterable<readonly [MetricLabels, number]>

/** Upper ends of the latency buckets in seconds. The long ones are for parked fetches and joins. */
export const durationBuckets = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30,
] as const

/** How often what took how long. `buckets[i]` counts those up to `durationBuckets[i]` and above the one before. */
export class DurationHistogram {
  /** One more than there are bounds: the last one is for what took longer than all. */
  readonly buckets = new Float64Array(durationBuckets.length + 1)
  count = 0
  sumSeconds = 0

  observe(seconds: number): void {
    let at = 0
    while (at < durationBuckets.length && seconds > (durationBuckets[at] as number)) at++
    this.buckets[at] = (this.buckets[at] as number) + 1
    this.count += 1
    this.sumSeconds += seconds
  }
}

/** Everything that one broker counts. Two brokers in one process have one each. */
export class BrokerMetrics {
  readonly network: NetworkMetrics = {
    bytesIn: 0,
    bytesOut: 0,
    framesIn: 0,
    connectionsAccepted: 0,
    connectionsActive: 0,
  }
  readonly flushes = new DurationHistogram()
  #flushedLogs = 0
  readonly #durations: (DurationHistogram | undefined)[] = []
  readonly #errors: (Map<ErrorName, number> | undefined)[] = []
  readonly #topics = new Map<string, TopicMetrics>()
  readonly #dropped: TopicMetrics = emptyTopicMetrics()
  readonly #closed = new Map<string, number>()
  readonly #rejected = new Map<string, number>()
  readonly #gauges = new Map<RegisteredName, GaugeReader>()

  /** Counts a closed connection. `reason` is one of a fixed set of words of ours, never a client's string. */
  closed(reason: string): void {
    this.#closed.set(reason, (this.#closed.get(reason) ?? 0) + 1)
  }

  /** Counts a connection or request turned away. `reason` as in `closed`. */
  rejected(reason: string): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1)
  }

  /** Counts an answered request. `apiKey` is one that we serve, so that the arrays stay small. */
  requestDone(apiKey: number, seconds: number): void {
    let durations = this.#durations[apiKey]
    if (durations === undefined) this.#durations[apiKey] = durations = new DurationHistogram()
    durations.observe(seconds)
  }

  /** Counts an error code in an answer (several in one answer count several times). */
  requestFailed(apiKey: number, error: ErrorName): void {
    let errors = this.#errors[apiKey]
    if (errors === undefined) this.#errors[apiKey] = errors = new Map()
    errors.set(error, (errors.get(error) ?? 0) + 1)
  }

  /**
   * The counters of a topic, made on first use. Hold on to the object, do not ask per request. Only for topics that
   * exist: a name that a client made up must not become a series.
   */
  topic(name: string): TopicMetrics {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = emptyTopicMetrics()
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** Forgets a deleted topic. Its counts stay in the totals, which therefore never fall. */
  dropTopic(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#topics.delete(name)
    addTopicMetrics(this.#dropped, topic)
  }

  /** Counts one round of the flusher over `logs` logs. */
  flushDone(seconds: number, logs: number): void {
    this.flushes.observe(seconds)
    this.#flushedLogs += logs
  }

  /** Lets an owner show a number of its own. A second registration of a name takes the place of the first. */
  gauge(name: RegisteredName, read: GaugeReader): void {
    this.#gauges.set(name, read)
  }

  // From here on: for those who read.

  get flushedLogs(): number {
    return this.#flushedLogs
  }

  topics(): ReadonlyMap<string, Readonly<TopicMetrics>> {
    return this.#topics
  }

  /** All topics added up, those that are gone included. */
  topicTotals(): TopicMetrics {
    const total = emptyTopicMetrics()
    addTopicMetrics(total, this.#dropped)
    for (const topic of this.#topics.values()) addTopicMetrics(total, topic)
    return total
  }

  durations(): Iterable<readonly [apiKey: number, DurationHistogram]> {
    return entriesByKey(this.#durations)
  }

  errors(): Iterable<readonly [apiKey: number, ReadonlyMap<ErrorName, number>]> {
    return entriesByKey(this.#errors)
  }

  get closedByReason(): ReadonlyMap<string, number> {
    return this.#closed
  }

  get rejectedByReason(): ReadonlyMap<string, number> {
    return this.#rejected
  }

  get gauges(): ReadonlyMap<RegisteredName, GaugeReader> {
    return this.#gauges
  }
}

function emptyTopicMetrics(): TopicMetrics {
  return {
    messagesIn: 0,
    bytesIn: 0,
    bytesOut: 0,
    bytesRejected: 0,
    produceRequests: 0,
    fetchRequests: 0,
    failedProduce: 0,
    failedFetch: 0,
  }
}

function addTopicMetrics(to: TopicMetrics, more: Readonly<TopicMetrics>): void {
  to.messagesIn += more.messagesIn
  to.bytesIn += more.bytesIn
  to.bytesOut += more.bytesOut
  to.bytesRejected += more.bytesRejected
  to.produceRequests += more.produceRequests
  to.fetchRequests += more.fetchRequests
  to.failedProduce += more.failedProduce
  to.failedFetch += more.failedFetch
}

function* entriesByKey<T>(sparse: readonly (T | undefined)[]): Iterable<readonly [number, T]> {
  for (const [key, value] of sparse.entries()) {
    if (value !== undefined) yield [key, value] as const
  }
}
