import type { Compression } from '../../protocol/records/batch.ts'
import { maxDecompressedBytes } from '../../protocol/records/compression.ts'
import type { BatchRules } from '../../protocol/records/validate.ts'
import type { LogConfig } from '../../storage/index.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import { LONG_MAX } from '../config/key.ts'
import { logConfigFor, type TopicConfig } from '../config/topic-config.ts'

/**
 * What a topic's settings mean for its partitions, worked out once when they change: the produce path reads plain fields.
 */
export interface TopicRules {
  readonly log: LogConfig
  readonly batch: BatchRules
  /** `compression.type`; undefined for `producer`, which keeps a batch as it was sent. */
  readonly codec: Compression | undefined
  /** Level for `codec`; undefined where the codec has none. */
  readonly compressionLevel: number | undefined
  /** Batches have to be taken apart on the way in, so that codecs must be ready before the first one comes. */
  readonly looksIntoBatches: boolean
  /** The broker's own topic: clients may not produce to it (PR-30) nor delete its records. */
  readonly internal: boolean
}

export function topicRules(topic: TopicConfig, broker: BrokerConfig, internal: boolean): TopicRules {
  const log = logConfigFor(topic, broker)
  const type = topic.get('compression.type')
  const codec = type === 'producer' ? undefined : type === 'uncompressed' ? 'none' : type
  const maxMessageBytes = topic.get('max.message.bytes')
  return {
    log,
    batch: {
      maxMessageBytes,
      maxSegmentBytes: log.segmentBytes,
      requireKeys: log.compacts,
      timestampType: topic.get('message.timestamp.type'),
      timestampBeforeMaxMs: topic.get('message.timestamp.before.max.ms'),
      timestampAfterMaxMs: topic.get('message.timestamp.after.max.ms'),
      maxDecompressedBytes: maxDecompressedBytes(maxMessageBytes),
      // One batch with a good header around bad records stops every Java consumer of the partition. Where the batch must be
      // opened anyway its records are looked at; else only if nothing has to be decompressed for it.
      walk: codec === undefined ? 'plain' : 'all',
    },
    codec,
    compressionLevel: levelOf(topic, codec),
    looksIntoBatches: log.compacts || codec !== undefined || topic.get('message.timestamp.before.max.ms') < LONG_MAX,
    internal,
  }
}

function levelOf(topic: TopicConfig, codec: Compression | undefined): number | undefined {
  switch (codec) {
    case 'gzip':
      return topic.get('compression.gzip.level')
    case 'zstd':
      return topic.get('compression.zstd.level')
    default:
      return undefined
  }
}
