import { bool, choice, double, gzipLevel, int, type Key, LONG_MAX, list, long, type Row } from './key.ts'
import type { ConfigName } from './keys.ts'

/** A broker key that a topic key falls back to; its value times `factor` is the topic's. */
export interface Synonym {
  readonly key: ConfigName
  readonly factor?: number
}

/** A topic key: the key itself, and where its value comes from when the topic does not set it, first match first. */
export interface TopicKey<T> {
  readonly key: Key<T>
  readonly synonyms: readonly Synonym[]
}

const topic = <T>(key: Key<T>, ...synonyms: (ConfigName | Synonym)[]): TopicKey<T> => ({
  key,
  synonyms: synonyms.map((synonym) => (typeof synonym === 'string' ? { key: synonym } : synonym)),
})
const unusedRow = <T, V = never>(value: T, why: string, options: Partial<Row<T, V>> = {}): Row<T, V> => ({
  ...options,
  default: value,
  unused: why,
  doc: `No effect: ${why}.`,
})

const MINUTE = 60_000
const HOUR = 3_600_000
const oneReplica = 'there is one replica'
const noTiers = 'there is no tiered storage'

/** `*`, or pairs of partition and broker: checked although it has no effect, since a client may read the refusal. */
const throttledReplicas = (value: readonly string[], name: string): string | undefined =>
  (value.length === 1 && value[0] === '*') || value.every((item) => /^\d+:\d+$/.test(item))
    ? undefined
    : `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`

/** Every configuration of a topic. Names, defaults and fallbacks are Apache Kafka's 4.3; `flush.policy` is ours. */
export const topicKeys = {
  'cleanup.policy': topic(
    list({
      default: ['delete'],
      oneOf: ['compact', 'delete'],
      doc: 'delete: old segments go by age and size. compact: the newest record of each key is kept. Both may be named.',
    }),
    'log.cleanup.policy',
  ),
  'compression.gzip.level': topic(
    int({ default: -1, check: gzipLevel, doc: 'Level of gzip, if compression.type is gzip; -1 is its default.' }),
    'compression.gzip.level',
  ),
  'compression.lz4.level': topic(
    int({
      default: 9,
      min: 1,
      max: 17,
      unused: 'lz4 is written at one level here',
      doc: 'Level of lz4, if compression.type is lz4.',
    }),
    'compression.lz4.level',
  ),
  'compression.type': topic(
    choice(['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'], {
      default: 'producer',
      doc: 'How batches are stored. producer: as they were sent.',
    }),
    'compression.type',
  ),
  'compression.zstd.level': topic(
    int({ default: 3, min: -131_072, max: 22, doc: 'Level of zstd, if compression.type is zstd.' }),
    'compression.zstd.level',
  ),
  'delete.retention.ms': topic(
    long({
      default: 86_400_000,
      min: 0,
      unit: 'ms',
      doc: 'How long a tombstone stays readable after its first cleaning.',
    }),
    'log.cleaner.delete.retention.ms',
  ),
  'file.delete.delay.ms': topic(
    long({
      default: 60_000,
      min: 0,
      unit: 'ms',
      doc: 'How long a removed segment stays on disk for readers that still hold it.',
    }),
    'log.segment.delete.delay.ms',
  ),
  'flush.messages': topic(
    long({ default: LONG_MAX, min: 1, unit: 'count', doc: 'Under flush policy os: sync after so many records.' }),
    'log.flush.interval.messages',
  ),
  'flush.ms': topic(
    long({
      default: LONG_MAX,
      min: 0,
      unit: 'ms',
      doc: 'Under flush policy os: longest time that a record stays unsynced.',
    }),
    'log.flush.interval.ms',
    'log.flush.scheduler.interval.ms',
  ),
  'flush.policy': topic(
    choice(['commit', 'os'], {
      default: 'commit',
      doc: 'commit: a record is durable once an fdatasync covers it. os: once the operating system has it. Not a key of Kafka.',
    }),
    'log.flush.policy',
  ),
  'follower.replication.throttled.replicas': topic(list(unusedRow([], oneReplica, { check: throttledReplicas }))),
  'index.interval.bytes': topic(
    int({ default: 4096, min: 0, unit: 'bytes', doc: 'One index entry for so many bytes of log.' }),
    'log.index.interval.bytes',
  ),
  'internal.segment.bytes': topic(
    int({
      default: null,
      unit: 'bytes',
      internal: true,
      doc: 'Segment size without the floor of segment.bytes, for tests.',
    }),
  ),
  'leader.replication.throttled.replicas': topic(list(unusedRow([], oneReplica, { check: throttledReplicas }))),
  'local.retention.bytes': topic(long(unusedRow(-2, noTiers, { min: -2 })), 'log.local.retention.bytes'),
  'local.retention.ms': topic(long(unusedRow(-2, noTiers, { min: -2 })), 'log.local.retention.ms'),
  'max.compaction.lag.ms': topic(
    long({
      default: LONG_MAX,
      min: 1,
      unit: 'ms',
      doc: 'Age at which a record becomes eligible for compaction whatever the dirty ratio is.',
    }),
    'log.cleaner.max.compaction.lag.ms',
  ),
  'max.message.bytes': topic(
    int({ default: 1_048_588, min: 0, unit: 'bytes', doc: 'Largest record batch, compressed as it is stored.' }),
    'message.max.bytes',
  ),
  'message.timestamp.after.max.ms': topic(
    long({ default: HOUR, min: 0, unit: 'ms', doc: 'How far in the future a record’s CreateTime may lie.' }),
    'log.message.timestamp.after.max.ms',
  ),
  'message.timestamp.before.max.ms': topic(
    long({ default: LONG_MAX, min: 0, unit: 'ms', doc: 'How far in the past a record’s CreateTime may lie.' }),
    'log.message.timestamp.before.max.ms',
  ),
  'message.timestamp.type': topic(
    choice(['CreateTime', 'LogAppendTime'], {
      default: 'CreateTime',
      doc: 'Whose clock stamps the records: the producer’s, or the broker’s at the append.',
    }),
    'log.message.timestamp.type',
  ),
  'min.cleanable.dirty.ratio': topic(
    double({
      default: 0.5,
      min: 0,
      max: 1,
      doc: 'Share of not yet cleaned bytes above which the log is compacted.',
    }),
    'log.cleaner.min.cleanable.ratio',
  ),
  'min.compaction.lag.ms': topic(
    long({
      default: 0,
      min: 0,
      unit: 'ms',
      doc: 'Age below which a record is not compacted away.',
    }),
    'log.cleaner.min.compaction.lag.ms',
  ),
  'min.insync.replicas': topic(
    int({
      default: 1,
      min: 1,
      unit: 'count',
      unused: 'no more replicas are asked for than a partition has, and that is one',
      doc: 'Replicas that must be in sync for acks=all; at most those that the partition has count.',
    }),
    'min.insync.replicas',
  ),
  preallocate: topic(bool(unusedRow(false, 'files grow as they are written')), 'log.preallocate'),
  'remote.log.copy.disable': topic(bool(unusedRow(false, noTiers))),
  'remote.log.delete.on.disable': topic(bool(unusedRow(false, noTiers))),
  'remote.storage.enable': topic(bool(unusedRow(false, noTiers))),
  'retention.bytes': topic(
    long({
      default: -1,
      unit: 'bytes',
      doc: 'Size of a partition above which its oldest segments go; -1 for no limit.',
    }),
    'log.retention.bytes',
  ),
  'retention.ms': topic(
    long({
      default: 604_800_000,
      min: -1,
      unit: 'ms',
      doc: 'How long a closed segment is kept after its newest record; -1 for ever.',
    }),
    'log.retention.ms',
    { key: 'log.retention.minutes', factor: MINUTE },
    { key: 'log.retention.hours', factor: HOUR },
  ),
  'segment.bytes': topic(
    int({
      default: 1024 ** 3,
      min: 1024 ** 2,
      unit: 'bytes',
      doc: 'Size at which the active segment is closed and a new one begins.',
    }),
    'log.segment.bytes',
  ),
  'segment.index.bytes': topic(
    int({
      default: 10 * 1024 ** 2,
      min: 4,
      unit: 'bytes',
      doc: 'Largest offset index of a segment; a full index closes the segment.',
    }),
    'log.index.size.max.bytes',
  ),
  'segment.jitter.ms': topic(
    long({
      default: 0,
      min: 0,
      unit: 'ms',
      doc: 'Up to so much is taken off segment.ms at random, so that not all partitions roll at once.',
    }),
    'log.roll.jitter.ms',
    { key: 'log.roll.jitter.hours', factor: HOUR },
  ),
  'segment.ms': topic(
    long({
      default: 604_800_000,
      min: 1,
      unit: 'ms',
      doc: 'Age of its first record at which the active segment is closed even if it is not full.',
    }),
    'log.roll.ms',
    { key: 'log.roll.hours', factor: HOUR },
  ),
  'unclean.leader.election.enable': topic(bool(unusedRow(false, oneReplica)), 'unclean.leader.election.enable'),
}

export type TopicConfigName = keyof typeof topicKeys
/** The value of each key of a topic. */
export type TopicConfigValues = {
  readonly [K in TopicConfigName]: (typeof topicKeys)[K] extends TopicKey<infer T> ? T : never
}

const table: ReadonlyMap<string, TopicKey<unknown>> = new Map(
  Object.entries(topicKeys) as [string, TopicKey<unknown>][],
)

/** The row of a topic key; undefined for a name that is none. */
export const topicKeyOf = (name: string): TopicKey<unknown> | undefined => table.get(name)

/** All topic keys in the order of the table, which is the alphabet's. */
export const allTopicKeys = (): Iterable<[string, TopicKey<unknown>]> => table.entries()
