import type { LogConfig } from '../../storage/index.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import { logConfigFor, type TopicConfig } from '../config/topic-config.ts'
import type { TopicConfigValues } from '../config/topic-keys.ts'

/**
 * What a topic's settings mean for an append, worked out once when they change: the produce path reads plain fields.
 */
export interface TopicRules {
  readonly log: LogConfig
  /** `max.message.bytes`: of a stored batch. */
  readonly maxMessageBytes: number
  /** `compression.type`: `producer` keeps the batch as sent. */
  readonly compressionType: TopicConfigValues['compression.type']
  /** Level for the codec of `compressionType`; undefined where the codec has none. */
  readonly compressionLevel: number | undefined
  readonly timestampType: TopicConfigValues['message.timestamp.type']
  /** `message.timestamp.before.max.ms` and `.after.max.ms`: how far a record's time may be from the broker's. */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  /** `min.insync.replicas`: with acks=all, more than there are brokers refuses the append (PR-31). */
  readonly minInsyncReplicas: number
  /** The broker's own topic: clients may not produce to it (PR-30) nor delete its records. */
  readonly internal: boolean
}

export function topicRules(topic: TopicConfig, broker: BrokerConfig, internal: boolean): TopicRules {
  const compressionType = topic.get('compression.type')
  return {
    log: logConfigFor(topic, broker),
    maxMessageBytes: topic.get('max.message.bytes'),
    compressionType,
    compressionLevel: levelOf(topic, compressionType),
    timestampType: topic.get('message.timestamp.type'),
    timestampBeforeMaxMs: topic.get('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: topic.get('message.timestamp.after.max.ms'),
    minInsyncReplicas: topic.get('min.insync.replicas'),
    internal,
  }
}

function levelOf(topic: TopicConfig, codec: string): number | undefined {
  switch (codec) {
    case 'gzip':
      return topic.get('compression.gzip.level')
    case 'lz4':
      return topic.get('compression.lz4.level')
    case 'zstd':
      return topic.get('compression.zstd.level')
    default:
      return undefined
  }
}
