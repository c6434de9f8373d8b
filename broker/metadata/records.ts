import type { BrokerImage, Listener, PartitionImage } from './image.ts'
import { type KeyValue, MetadataStoreError } from './store.ts'

/*
 * What the metadata store holds, as JSON:
 *
 *   cluster                    { format, clusterId }
 *   nodes/<nodeId>             { listeners, rack }                     bound to the session of the node
 *   topics/<name>              { topicId, partitions, internal }
 *   parts/<topicId>/<p>        { leader, epoch, replicas }             p in eight digits, so that it sorts
 *   config/<resource>/<name>   { key: value, … }
 *   directories/<nodeId>       { ids }                                 log directories in which partitions of the node may lie
 *   pids/next                  { next }                                first producer id that is not in any block
 */

export const keys = {
  cluster: 'cluster',
  node: (id: number) => `nodes/${id}`,
  nodes: 'nodes/',
  topic: (name: string) => `topics/${name}`,
  topics: 'topics/',
  partition: (topicId: string, partition: number) => `parts/${topicId}/${String(partition).padStart(8, '0')}`,
  partitionsOf: (topicId: string) => `parts/${topicId}/`,
  partitions: 'parts/',
  config: (resource: string, name: string) => `config/${resource}/${name}`,
  configs: 'config/',
  directories: (nodeId: number) => `directories/${nodeId}`,
  producerIds: 'pids/next',
} as const

export interface ClusterRecord {
  readonly format: 1
  readonly clusterId: string
}

export interface NodeRecord {
  readonly listeners: readonly Listener[]
  readonly rack: string | null
}

export interface TopicRecord {
  readonly topicId: string
  readonly partitions: number
  readonly internal: boolean
}

export interface PartitionRecord {
  readonly leader: number
  readonly epoch: number
  readonly replicas: readonly number[]
}

export interface DirectoriesRecord {
  readonly ids: readonly string[]
}

export interface ProducerIdsRecord {
  readonly next: number
}

export const toValue = (record: object): Buffer => Buffer.from(JSON.stringify(record))

/** Reads back what {@link toValue} wrote; the type is the caller's word. @throws {MetadataStoreError} CORRUPT */
export function fromValue<T>({ key, value }: KeyValue): T {
  try {
    return JSON.parse(value.toString()) as T
  } catch (error) {
    throw new MetadataStoreError('CORRUPT', `the metadata of ${key} cannot be read`, error)
  }
}

export const configsOf = (item: KeyValue): ReadonlyMap<string, string> =>
  new Map(Object.entries(fromValue<Record<string, string>>(item)))

export const toPartition = ({ leader, epoch, replicas }: PartitionRecord): PartitionImage => ({
  leader,
  leaderEpoch: epoch,
  replicas,
})

export const fromPartition = ({ leader, leaderEpoch, replicas }: PartitionImage): PartitionRecord => ({
  leader,
  epoch: leaderEpoch,
  replicas,
})

export const toBroker = (id: number, item: KeyValue): BrokerImage => {
  const { listeners, rack } = fromValue<NodeRecord>(item)
  return { id, session: item.createRevision, rack, listeners }
}
