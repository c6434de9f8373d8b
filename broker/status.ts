import type { GroupCoordinator, GroupSummary } from './groups/group-coordinator.ts'
import type { ClusterImage, TopicImage } from './metadata/image.ts'
import type { Partitions } from './partitions/partitions.ts'
import { version } from './runtime/version.ts'
import type { ListenerAddress } from './services.ts'

/** What `/v1/status` tells, and what metrics of partitions and groups are derived from. */
export interface BrokerStatus {
  readonly version: string
  readonly clusterId: string
  readonly nodeId: number
  readonly state: BrokerState
  readonly uptimeMs: number
  readonly listeners: readonly ListenerAddress[]
  readonly topics: readonly TopicStatus[]
  readonly groups: readonly GroupStatus[]
  /** Client connections open now. */
  readonly connections: number
}

export type BrokerState = 'starting' | 'recovering' | 'running' | 'stopping' | 'stopped'

export interface TopicStatus {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly PartitionStatus[]
}

export interface PartitionStatus {
  readonly partition: number
  /** Node id, -1 for none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly sizeBytes: number
}

export interface GroupStatus {
  readonly groupId: string
  readonly state: string
  readonly protocolType: string
  readonly members: number
  /** Records between the commits and the high watermarks, over all partitions with a commit. */
  readonly lag: number
  readonly offsets: readonly {
    readonly topic: string
    readonly partition: number
    /** As text: a commit may be any 64-bit number. */
    readonly offset: string
    /** Null where the partition is gone. */
    readonly lag: number | null
  }[]
}

export interface StatusSources extends Omit<BrokerStatus, 'version' | 'topics' | 'groups'> {
  /** Undefined, as the next two, before the broker has read its data. */
  readonly image: ClusterImage | undefined
  readonly partitions: Partitions | undefined
  readonly groups: GroupCoordinator | undefined
}

/** A snapshot of everything; costs a pass over all partitions and groups. */
export function brokerStatus({ image, partitions, groups, ...facts }: StatusSources): BrokerStatus {
  if (image === undefined || partitions === undefined || groups === undefined) {
    return { version, ...facts, topics: [], groups: [] }
  }
  return {
    version,
    ...facts,
    topics: Array.from(image.topics(), (topic) => topicStatus(topic, partitions)),
    groups: Array.from(groups.groups(), (group) => groupStatus(group, partitions)),
  }
}

function topicStatus({ name, id, internal, partitions: images }: TopicImage, partitions: Partitions): TopicStatus {
  return {
    name,
    id,
    internal,
    partitions: images.map(({ leader, leaderEpoch }, index) => {
      const partition = partitions.findById(id, index)
      const offline = typeof partition === 'string'
      return {
        partition: index,
        leader: offline ? -1 : leader,
        leaderEpoch,
        logStartOffset: offline ? -1 : partition.logStartOffset,
        highWatermark: offline ? -1 : partition.highWatermark,
        logEndOffset: offline ? -1 : partition.log.logEndOffset,
        sizeBytes: offline ? 0 : partition.log.sizeBytes,
      }
    }),
  }
}

function groupStatus(group: GroupSummary, partitions: Partitions): GroupStatus {
  const offsets = group.offsets.map(({ topic, partition: index, offset }) => {
    const partition = partitions.findByName(topic, index)
    const lag = typeof partition === 'string' ? null : Math.max(0, partition.highWatermark - Number(offset))
    return { topic, partition: index, offset: String(offset), lag }
  })
  return {
    groupId: group.groupId,
    state: group.state,
    protocolType: group.protocolType,
    members: group.members,
    lag: offsets.reduce((sum, { lag }) => sum + (lag ?? 0), 0),
    offsets,
  }
}
