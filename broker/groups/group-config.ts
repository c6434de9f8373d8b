import type { BrokerConfig } from '../config/broker-config.ts'

/** The settings of the group coordinator. All are read-only at run time in Kafka, so one object for the broker's life. */
export interface GroupConfig {
  /** `group.min.session.timeout.ms` */
  readonly minSessionTimeoutMs: number
  /** `group.max.session.timeout.ms` */
  readonly maxSessionTimeoutMs: number
  /** `group.initial.rebalance.delay.ms`: how long the first join of an empty group waits for others. */
  readonly initialRebalanceDelayMs: number
  /** `group.max.size`: members of one group. */
  readonly maxSize: number
  /** `offset.metadata.max.bytes`; counted in UTF-16 units, as Kafka does (OC-7). */
  readonly offsetMetadataMaxBytes: number
  /** `offsets.retention.minutes`, in ms. */
  readonly offsetsRetentionMs: number
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsRetentionCheckIntervalMs: number
  /** `offsets.topic.num.partitions`: used until the topic exists; then its real number counts. */
  readonly offsetsTopicPartitions: number
  /**
   * Largest batch that the internal topic takes (its `max.message.bytes`). A round or a commit that needs more is
   * refused with UNKNOWN_SERVER_ERROR, as in Kafka.
   */
  readonly maxBatchBytes: number
}

/** The settings as the broker's configuration gives them. */
export const groupConfigOf = (config: BrokerConfig): GroupConfig => ({
  minSessionTimeoutMs: config.get('group.min.session.timeout.ms'),
  maxSessionTimeoutMs: config.get('group.max.session.timeout.ms'),
  initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
  maxSize: config.get('group.max.size'),
  offsetMetadataMaxBytes: config.get('offset.metadata.max.bytes'),
  offsetsRetentionMs: config.get('offsets.retention.minutes') * 60_000,
  offsetsRetentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
  offsetsTopicPartitions: config.get('offsets.topic.num.partitions'),
  maxBatchBytes: config.get('message.max.bytes'),
})

/** Kafka's defaults. */
export const groupConfigDefaults: GroupConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3_000,
  maxSize: 2 ** 31 - 1,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMs: 7 * 24 * 60 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetsTopicPartitions: 50,
  maxBatchBytes: 1_048_588,
}

/**
 * A new member that waits in JoinGroup does not know its id yet, so it cannot heartbeat, and its connection is not read
 * while it waits. It is given up after this time; a client that still lives joins again (HB-5). Kafka's constant.
 */
export const newMemberJoinTimeoutMs = 5 * 60_000

/**
 * Members have at least this long between the answer to JoinGroup and their SyncGroup, however small their rebalance
 * timeout is. Some clients send 0 there and sync at once; Kafka's coarse timer lets them through, so do we (FS-3).
 */
export const minSyncTimeoutMs = 1_000
