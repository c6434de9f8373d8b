import { assert } from '../../protocol/assert.ts'
import type { ClusterImage, ConfigResource, Listener, PartitionImage, TopicImage } from './image.ts'
import { loadImage } from './load-image.ts'
import {
  type ClusterRecord,
  fromPartition,
  fromValue,
  keys,
  type NodeRecord,
  type ProducerIdsRecord,
  toValue,
} from './records.ts'
import type { Compare, MetadataStore, Op, Revision, Session } from './store.ts'

/** How many producer ids are taken from the store at a time: one durable write for so many InitProducerId. */
const PRODUCER_ID_BLOCK = 1000
/** Registration in the store; on one node it lasts as long as the process. */
const SESSION_TTL_MS = 10_000

export interface ClusterOptions {
  readonly store: MetadataStore
  readonly nodeId: number
  readonly rack?: string | null
  /** The id for a store that has none yet; the caller makes one up (22 characters of base64url). */
  readonly newClusterId: string
}

/** The store has changed under us: on one node it cannot, with several the caller tries again on the new image. */
export class MetadataConflict extends Error {
  override readonly name = 'MetadataConflict'
}

/**
 * The cluster's metadata, as this node sees and changes it. Changes go to the store first, then into a new image,
 * then to those who follow; when a method resolves, `image` shows what it did. What may be changed is decided
 * elsewhere (topics.ts, the config checks): nothing is checked here but that nobody else was quicker.
 */
export class Cluster {
  readonly nodeId: number
  readonly #store: MetadataStore
  readonly #session: Session
  readonly #listeners = new Set<(now: ClusterImage, before: ClusterImage) => void>()
  readonly #rack: string | null
  #image: ClusterImage
  #last: Promise<unknown> = Promise.resolve()

  private constructor(options: ClusterOptions, session: Session, image: ClusterImage) {
    this.nodeId = options.nodeId
    this.#rack = options.rack ?? null
    this.#store = options.store
    this.#session = session
    this.#image = image
  }

  /**
   * Reads everything, gives the cluster its id if it is new, registers this node (yet without listeners), and takes
   * the lead of all its partitions, which raises their leader epochs.
   * @throws {MetadataStoreError}
   */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const { store, nodeId, rack = null } = options
    const clusterId = await readClusterId(store, options.newClusterId)
    const record: NodeRecord = { listeners: [], rack }
    const session = await store.openSession(keys.node(nodeId), toValue(record), SESSION_TTL_MS)
    const image = await loadImage(store, clusterId, nodeId)
    return new Cluster(options, session, image)
  }

  /** The newest picture. Take it once per request. */
  get image(): ClusterImage {
    return this.#image
  }

  get clusterId(): string {
    return this.#image.clusterId
  }

  /** Calls `listener` after each change, in the same turn in which the image changed. Returns how to end it. */
  onChange(listener: (now: ClusterImage, before: ClusterImage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Runs changes that look at the image before they write one after the other, so that what one of them checked still
   * holds when it writes.
   */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run, run)
    this.#last = result.then(ignore, ignore) // whoever asked hears of a failure; the next in line only waits
    return result
  }

  /** Tells the cluster where this node can be reached: after the listeners are bound, so that ports are known. */
  async setListeners(listeners: readonly Listener[]): Promise<void> {
    const record: NodeRecord = { listeners, rack: this.#rack }
    const op: Op = { put: keys.node(this.nodeId), value: toValue(record), session: this.#session }
    const revision = await this.#commit([this.#mine()], [op])
    const brokers = new Map(this.#image.brokers)
    brokers.set(this.nodeId, { id: this.nodeId, session: this.#session.token, rack: this.#rack, listeners })
    this.#show(this.#image.with({ revision, brokers }))
  }

  /**
   * Takes the lead of every partition that has a replica here, and raises its leader epoch: done once at each start,
   * before any log is opened, so that what an earlier life wrote is told from what this one writes (KIP-101).
   */
  async takeLeadership(): Promise<void> {
    const changed: TopicImage[] = []
    const ops: Op[] = []
    for (const topic of this.#image.topics()) {
      const partitions = topic.partitions.map((partition, index) => {
        if (!partition.replicas.includes(this.nodeId)) return partition
        const led: PartitionImage = { ...partition, leader: this.nodeId, leaderEpoch: partition.leaderEpoch + 1 }
        ops.push(putPartition(topic.id, index, led))
        return led
      })
      changed.push({ ...topic, partitions })
    }
    let revision = this.#image.revision
    for (let from = 0; from < ops.length; from += this.#store.limits.maxOpsPerTxn) {
      revision = await this.#commit([this.#mine()], ops.slice(from, from + this.#store.limits.maxOpsPerTxn))
    }
    if (ops.length > 0) this.#show(this.#image.withTopics(revision, changed))
  }

  /** Adds topics, all or none. @throws {MetadataConflict} a name is taken */
  async createTopics(topics: readonly TopicImage[]): Promise<void> {
    const absent = topics.map(({ name }): Compare => ({ key: keys.topic(name), createRevision: 0n }))
    const revision = await this.#commit([this.#mine(), ...absent], topics.flatMap(putTopic))
    this.#show(this.#image.withTopics(revision, topics))
  }

  /** Takes topics away with their configs, all or none. */
  async deleteTopics(topics: readonly TopicImage[]): Promise<void> {
    const ops = topics.flatMap((topic): Op[] => [
      { delete: keys.topic(topic.name) },
      { delete: keys.config('topic', topic.name) },
      { deletePrefix: keys.partitionsOf(topic.id) },
    ])
    const revision = await this.#commit([this.#mine()], ops)
    this.#show(
      this.#image.withTopics(
        revision,
        [],
        topics.map(({ name }) => name),
      ),
    )
  }

  /** Puts new partitions behind those that a topic has. @throws {MetadataConflict} the topic is gone or has grown */
  async addPartitions(topic: TopicImage, added: readonly PartitionImage[]): Promise<TopicImage> {
    assert(this.#image.topicById(topic.id) === topic, 'partitions are added to the topic as it is now')
    const grown: TopicImage = { ...topic, partitions: [...topic.partitions, ...added] }
    const first = topic.partitions.length
    const present: Compare = { key: keys.topic(topic.name), createRevisionIsNot: 0n }
    const free: Compare = { key: keys.partition(topic.id, first), createRevision: 0n }
    const ops = added.map((partition, at) => putPartition(topic.id, first + at, partition))
    const revision = await this.#commit([this.#mine(), present, free], [putTopicRecord(grown), ...ops])
    this.#show(this.#image.withTopics(revision, [grown]))
    return grown
  }

  /**
   * Sets (text) or takes back (null) configs of a topic, a broker ('' for the cluster's default) or a group. To be called
   * within `inTurn`.
   * @throws {MetadataConflict} the topic is gone
   */
  async alterConfigs(resource: ConfigResource, name: string, edits: ReadonlyMap<string, string | null>): Promise<void> {
    const values = new Map(this.#image.configs(resource, name))
    for (const [key, text] of edits) {
      if (text === null) values.delete(key)
      else values.set(key, text)
    }
    const key = keys.config(resource, name)
    const op: Op = values.size === 0 ? { delete: key } : { put: key, value: toValue(Object.fromEntries(values)) }
    if (resource !== 'topic') {
      const revision = await this.#commit([this.#mine()], [op])
      this.#show(this.#image.withConfigs(revision, resource, name, values))
      return
    }
    const present: Compare = { key: keys.topic(name), createRevisionIsNot: 0n }
    const revision = await this.#commit([this.#mine(), present], [op])
    const topic = this.#image.topicByName(name)
    if (topic === undefined) throw new MetadataConflict(`topic ${name} is gone`)
    this.#show(this.#image.withTopics(revision, [{ ...topic, configs: values }]))
  }

  /** Takes a block of producer ids that nobody else will ever get, not after a restart either. */
  async allocateProducerIds(): Promise<{ first: number; count: number }> {
    const item = await this.#store.get(keys.producerIds)
    const first = item === undefined ? 0 : fromValue<ProducerIdsRecord>(item).next
    const record: ProducerIdsRecord = { next: first + PRODUCER_ID_BLOCK }
    const same: Compare = { key: keys.producerIds, modRevision: item?.modRevision ?? 0n }
    await this.#commit([this.#mine(), same], [{ put: keys.producerIds, value: toValue(record) }])
    return { first, count: PRODUCER_ID_BLOCK }
  }

  /** Signs this node off. The store stays open: who opened it closes it. */
  async close(): Promise<void> {
    this.#listeners.clear()
    await this.#session.close()
  }

  /** Every write of ours holds only while this life of the node does. */
  #mine(): Compare {
    return { key: this.#session.key, createRevision: this.#session.token }
  }

  async #commit(when: readonly Compare[], then: readonly Op[]): Promise<Revision> {
    const { succeeded, revision } = await this.#store.txn(when, then)
    if (!succeeded) throw new MetadataConflict('the metadata was changed by somebody else')
    return revision
  }

  #show(image: ClusterImage): void {
    const before = this.#image
    this.#image = image
    for (const listener of this.#listeners) listener(image, before)
  }
}

const ignore = (): void => {}

/** The id in the store; a store without one gets `fresh`. */
async function readClusterId(store: MetadataStore, fresh: string): Promise<string> {
  const record: ClusterRecord = { format: 1, clusterId: fresh }
  await store.txn([{ key: keys.cluster, createRevision: 0n }], [{ put: keys.cluster, value: toValue(record) }])
  const item = await store.get(keys.cluster)
  assert(item !== undefined, 'the cluster has a record')
  return fromValue<ClusterRecord>(item).clusterId
}

const putPartition = (topicId: string, index: number, partition: PartitionImage): Op => ({
  put: keys.partition(topicId, index),
  value: toValue(fromPartition(partition)),
})

const putTopicRecord = ({ id, name, partitions, internal }: TopicImage): Op => ({
  put: keys.topic(name),
  value: toValue({ topicId: id, partitions: partitions.length, internal }),
})

function putTopic(topic: TopicImage): Op[] {
  const ops = [putTopicRecord(topic), ...topic.partitions.map((partition, at) => putPartition(topic.id, at, partition))]
  if (topic.configs.size > 0) {
    ops.push({ put: keys.config('topic', topic.name), value: toValue(Object.fromEntries(topic.configs)) })
  }
  return ops
}
