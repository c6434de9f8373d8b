import type { LogConfig } from '../../storage/log-config.ts'
import type { BrokerConfig } from './broker-config.ts'
import { InvalidConfigValue } from './key.ts'
import type { ConfigName } from './keys.ts'
import { allTopicKeys, type TopicConfigName, type TopicConfigValues, topicKeyOf } from './topic-keys.ts'

/** The configuration of one topic in force: its own values over the broker's over the defaults. Immutable. */
export interface TopicConfig {
  get<K extends TopicConfigName>(key: K): TopicConfigValues[K]
}

/**
 * Works out a topic's configuration. Some thirty lookups; keep the result until the topic or the broker changes.
 * @param overrides what the topic sets itself, by name; values that are not legal (any more) fall back
 */
export function topicConfig(broker: BrokerConfig, overrides: ReadonlyMap<string, string>): TopicConfig {
  const values = new Map<string, unknown>()
  for (const [name, { key, synonyms }] of allTopicKeys()) {
    values.set(name, own(name, overrides.get(name)) ?? inherited(broker, synonyms) ?? key.default)
  }
  return { get: <K extends TopicConfigName>(key: K) => values.get(key) as TopicConfigValues[K] }
}

function own(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return topicKeyOf(name)?.key.parse(name, text)
  } catch (error) {
    if (error instanceof InvalidConfigValue) return undefined
    throw error
  }
}

function inherited(broker: BrokerConfig, synonyms: readonly { key: ConfigName; factor?: number }[]): unknown {
  for (const { key, factor } of synonyms) {
    const value = broker.get(key)
    if (value === null) continue
    if (factor === undefined || typeof value !== 'number') return value
    return value < 0 ? -1 : value * factor // log.retention.hours=-1 is "for ever", not minus an hour
  }
  return undefined
}

/** What storage needs to know of a topic's configuration, in its own terms. */
export function logConfigFor(topic: TopicConfig, broker: BrokerConfig): LogConfig {
  const policies = topic.get('cleanup.policy')
  return {
    segmentBytes: topic.get('internal.segment.bytes') ?? topic.get('segment.bytes'),
    segmentMs: longestSegmentMs(topic),
    segmentJitterMs: topic.get('segment.jitter.ms'),
    segmentIndexBytes: topic.get('segment.index.bytes'),
    indexIntervalBytes: topic.get('index.interval.bytes'),
    retentionMs: topic.get('retention.ms'),
    retentionBytes: topic.get('retention.bytes'),
    flushMessages: safe(topic.get('flush.messages')),
    flushMs: safe(topic.get('flush.ms')),
    flushPolicy: topic.get('flush.policy'),
    fileDeleteDelayMs: topic.get('file.delete.delay.ms'),
    deletes: policies.includes('delete'),
    compacts: policies.includes('compact'),
    minCleanableDirtyRatio: topic.get('min.cleanable.dirty.ratio'),
    minCompactionLagMs: safe(topic.get('min.compaction.lag.ms')),
    maxCompactionLagMs: safe(topic.get('max.compaction.lag.ms')),
    deleteRetentionMs: safe(topic.get('delete.retention.ms')),
    maxMessageBytes: topic.get('max.message.bytes'),
    producerIdExpirationMs: broker.get('producer.id.expiration.ms'),
  }
}

/** Java's "never" is a long; storage counts in safe integers. */
const safe = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER)

/** Only closed segments are compacted, so on compacted topics none stays open beyond the longest lag (as in Kafka). */
function longestSegmentMs(topic: TopicConfig): number {
  const segmentMs = topic.get('segment.ms')
  const compacts = topic.get('cleanup.policy').includes('compact')
  return compacts ? Math.min(segmentMs, topic.get('max.compaction.lag.ms')) : segmentMs
}

/**
 * Checks the configs that a client wants for a topic, one by one and together.
 * @throws {InvalidConfigValue | InvalidTopicConfig} in Kafka's words, which clients' tests read (FS-7)
 */
export function checkTopicConfigs(broker: BrokerConfig, overrides: ReadonlyMap<string, string | null>): void {
  const legal = new Map<string, string>()
  for (const [name, text] of overrides) {
    const row = topicKeyOf(name)
    if (row === undefined) throw new InvalidTopicConfig(`Unknown topic config name: ${name}`)
    if (text === null) throw new InvalidTopicConfig(`Null value not supported for topic configs: ${name}`)
    row.key.parse(name, text)
    legal.set(name, text)
  }
  const config = topicConfig(broker, legal)
  if (config.get('remote.storage.enable')) {
    throw new InvalidTopicConfig(
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    )
  }
  const min = config.get('min.compaction.lag.ms')
  const max = config.get('max.compaction.lag.ms')
  if (min > max) {
    throw new InvalidTopicConfig(
      `conflict topic config setting min.compaction.lag.ms (${min}) > max.compaction.lag.ms (${max})`,
    )
  }
}

/** A set of topic configs that cannot be: an unknown name (named, FS-7), a null, values that contradict each other. */
export class InvalidTopicConfig extends Error {
  override readonly name = 'InvalidTopicConfig'
}
