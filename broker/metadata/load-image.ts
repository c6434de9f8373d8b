import { assert } from '../../protocol/assert.ts'
import { type BrokerImage, ClusterImage, type PartitionImage, type TopicImage } from './image.ts'
import { configsOf, fromValue, keys, type PartitionRecord, type TopicRecord, toBroker, toPartition } from './records.ts'
import type { MetadataStore } from './store.ts'

/** Reads the whole store into one image, in one list, so that it is one moment. */
export async function loadImage(store: MetadataStore, clusterId: string, controllerId: number): Promise<ClusterImage> {
  const { revision, items } = await store.list('')
  const brokers = new Map<number, BrokerImage>()
  const partitions = new Map<string, PartitionImage[]>()
  const configs = new Map<string, ReadonlyMap<string, string>>()
  const topics = new Map<string, TopicImage>()
  // In the order of keys, configs and parts come before topics.
  for (const item of items) {
    const { key } = item
    if (key.startsWith(keys.nodes)) {
      const id = Number(key.slice(keys.nodes.length))
      brokers.set(id, toBroker(id, item))
    } else if (key.startsWith(keys.configs)) {
      configs.set(key.slice(keys.configs.length), configsOf(item))
    } else if (key.startsWith(keys.partitions)) {
      const topicId = key.slice(keys.partitions.length, key.lastIndexOf('/'))
      const known = partitions.get(topicId)
      const partition = toPartition(fromValue<PartitionRecord>(item))
      if (known === undefined) partitions.set(topicId, [partition])
      else known.push(partition)
    } else if (key.startsWith(keys.topics)) {
      const name = key.slice(keys.topics.length)
      const { topicId: id, partitions: count, internal } = fromValue<TopicRecord>(item)
      const own = partitions.get(id) ?? []
      assert(own.length === count, `topic ${name} has as many partitions in the store as it says`)
      topics.set(name, { id, name, internal, partitions: own, configs: configs.get(`topic/${name}`) ?? new Map() })
    }
  }
  const others = new Map([...configs].filter(([key]) => !key.startsWith('topic/')))
  return new ClusterImage({ revision, clusterId, controllerId, brokers, topics, configs: others })
}
