import type { GroupCoordinator } from './groups/group-coordinator.ts'
import type { Cluster } from './metadata/cluster.ts'
import type { TopicImage } from './metadata/image.ts'
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

export interface StatusSources {
  readonly cluster: Cluster
  readonly partitions: Partitions
  readonly groups: GroupCoordinator
  readonly listeners: readonly ListenerAddress[]
  readonly state: BrokerState
  readonly uptimeMs: number
  readonly connections: number
}

/** A snapshot of everything; costs a pass over all partitions and groups. */
export function brokerStatus({ cluster, partitions, groups, ...facts }: StatusSources): BrokerStatus {
  return {
    version,
    clusterId: cluster.image.clusterId,
    nodeId: cluster.nodeId,
    ...facts,
    topics: [...cluster.image.topics()].map((topic) => topicStatus(topic, partitions)),
    groups: groups.groups().map((group) => groupStatus(group, partitions)),
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

function groupStatus(group: ReturnType<GroupCoordinator['groups']>[number], partitions: Partitions): GroupStatus {
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
