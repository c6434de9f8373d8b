/**
 * What one log is told about itself: Kafka's topic keys, as far as they concern bytes on disk.
 * Plain values; where they come from (defaults, broker, topic) is the business of the broker.
 */
export interface LogConfig {
  /** `segment.bytes`: a segment that a batch would make larger than this is closed first. */
  readonly segmentBytes: number
  /** `segment.ms`: a segment is closed when a batch comes that is this much younger than its first one. */
  readonly segmentMs: number
  /** `segment.jitter.ms`: taken from `segmentMs` at random, so that many logs do not roll in the same second. */
  readonly segmentJitterMs: number
  /** `segment.index.bytes`: size at which an index file is full, which closes its segment too. */
  readonly segmentIndexBytes: number
  /** `index.interval.bytes`: bytes of log between two index entries. */
  readonly indexIntervalBytes: number
  /** `retention.ms`; -1: for ever. */
  readonly retentionMs: number
  /** `retention.bytes`; -1: without limit. */
  readonly retentionBytes: number
  /** `flush.messages`: under policy `os`, sync after this many messages. */
  readonly flushMessages: number
  /** `flush.ms`: under policy `os`, no message waits longer than this for a sync. */
  readonly flushMs: number
  /**
   * `flush.policy`: what `durableOffset` means. `commit`: an `fdatasync` covers it.
   * `os`: it was handed to the operating system, which a killed broker survives and a power cut does not.
   */
  readonly flushPolicy: FlushPolicy
  /** `file.delete.delay.ms`: how long a file stays under another name before it is unlinked. */
  readonly fileDeleteDelayMs: number
  /** `cleanup.policy` contains `delete`: retention by time and size applies. */
  readonly deletes: boolean
  /** `cleanup.policy` contains `compact`. */
  readonly compacts: boolean
  /** `min.cleanable.dirty.ratio`: the log is compacted when more than this share of it never was. */
  readonly minCleanableDirtyRatio: number
  /** `min.compaction.lag.ms`: a segment with a record younger than this is not compacted. */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms`: a log with an older record that never was compacted is due, whatever the ratio. */
  readonly maxCompactionLagMs: number
  /** `delete.retention.ms`: how long a tombstone can be read after it was first compacted. */
  readonly deleteRetentionMs: number
  /** `max.message.bytes`: bounds what a batch may take when compaction decompresses it. */
  readonly maxMessageBytes: number
  /** `producer.id.expiration.ms`: an idempotent producer that was silent for so long is forgotten. */
  readonly producerIdExpirationMs: number
}

export type FlushPolicy = 'commit' | 'os'

const DAY_MS = 24 * 60 * 60 * 1000

/** Kafka's defaults, and ours for the flush policy. */
export const defaultLogConfig: LogConfig = {
  segmentBytes: 1024 ** 3,
  segmentMs: 7 * DAY_MS,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 ** 2,
  indexIntervalBytes: 4096,
  retentionMs: 7 * DAY_MS,
  retentionBytes: -1,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  flushPolicy: 'commit',
  fileDeleteDelayMs: 60_000,
  deletes: true,
  compacts: false,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: DAY_MS,
  maxMessageBytes: 1_048_588,
  producerIdExpirationMs: DAY_MS,
}
