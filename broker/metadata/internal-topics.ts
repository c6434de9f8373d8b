import type { BrokerConfig } from '../config/broker-config.ts'

/** Names that belong to the broker: clients may read these topics, not write to them (MD-15, PR-30). */
const internalNames: ReadonlySet<string> = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

export const isInternalTopic = (name: string): boolean => internalNames.has(name)

/** How an internal topic is made; undefined for one that this broker has no use for yet. */
export function internalTopicSpec(
  name: string,
  config: BrokerConfig,
): { partitions: number; replicationFactor: number; configs: ReadonlyMap<string, string> } | undefined {
  if (name !== '__consumer_offsets') return undefined
  return {
    partitions: config.get('offsets.topic.num.partitions'),
    replicationFactor: config.get('offsets.topic.replication.factor'),
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      // The floor of segment.bytes is 1 MiB, that of offsets.topic.segment.bytes is 1: tests use small segments.
      segmentSize(config.get('offsets.topic.segment.bytes')),
    ]),
  }
}

const segmentSize = (bytes: number): [string, string] =>
  bytes < 1024 ** 2 ? ['internal.segment.bytes', String(bytes)] : ['segment.bytes', String(bytes)]
