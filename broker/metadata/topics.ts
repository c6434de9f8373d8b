import type { ErrorName } from '../../protocol/errors.ts'
import { StorageError } from '../../storage/errors.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import { InvalidConfigValue } from '../config/key.ts'
import { checkTopicConfigs, InvalidTopicConfig } from '../config/topic-config.ts'
import type { Random } from '../runtime/random.ts'
import {
  checkAssignments,
  checkCounts,
  checkReplicas,
  MAX_PARTITIONS_PER_REQUEST,
  newPartition,
  place,
  type WantedReplicas,
} from './assignments.ts'
import type { Cluster } from './cluster.ts'
import type { PartitionImage, TopicImage } from './image.ts'
import { internalTopicSpec, isInternalTopic } from './internal-topics.ts'
import { isRefusal, type Refusal, refusal } from './refusal.ts'
import { MetadataStoreError } from './store.ts'
import { checkTopicName, collisionKey } from './topic-names.ts'

/** The files behind topics, as far as these rules need them. */
export interface TopicLogs {
  /** Makes the logs of partitions `from` (inclusive) to `to` (exclusive). The image does not name the topic yet. */
  create(logs: { topic: string; topicId: string; from: number; to: number }): Promise<void>
  /** Gives up the logs of a topic that the image does not name any more. */
  remove(topicId: string): Promise<void>
}

export interface TopicsOptions {
  readonly cluster: Cluster
  readonly config: BrokerConfig
  readonly random: Random
  readonly logs: TopicLogs
}

/** A topic that a client wants to be made. */
export interface NewTopic {
  readonly name: string
  /** -1: num.partitions, or as many as `assignments` has. */
  readonly partitions: number
  /** -1: default.replication.factor, or as `assignments` has it. */
  readonly replicationFactor: number
  /** Replicas chosen by the client; empty to leave it to us. */
  readonly assignments: readonly WantedReplicas[]
  readonly configs: ReadonlyMap<string, string | null>
}

/** A topic that a client wants to have more partitions. */
export interface WantedPartitions {
  readonly name: string
  /** As many as the topic shall have in all. */
  readonly count: number
  /** Replicas of the new partitions; null to leave it to us. */
  readonly assignments: readonly (readonly number[])[] | null
}

/**
 * The rules of making, growing and deleting topics, by one's hand or by use. New topics: logs first, then the store, then the
 * image, so that a topic which a client can see can be used (AD-8). Deleted ones: the other way round.
 */
export class Topics {
  readonly #cluster: Cluster
  readonly #config: BrokerConfig
  readonly #random: Random
  readonly #logs: TopicLogs
  readonly #making = new Map<string, ReadonlyMap<string, string>>()
  /** Set when the store has failed: it takes nothing more, so no logs are made that nothing could ever name. */
  #storeFailure: Refusal | undefined

  constructor({ cluster, config, random, logs }: TopicsOptions) {
    this.#cluster = cluster
    this.#config = config
    this.#random = random
    this.#logs = logs
  }

  isInternal(name: string): boolean {
    return isInternalTopic(name)
  }

  /** The configs of a topic whose logs are being made while the image does not name it yet. */
  configsOfNew(name: string): ReadonlyMap<string, string> {
    return this.#making.get(name) ?? new Map()
  }

  /** What is to be said of a topic that is not there: its name is impossible (MD-6), or it is unknown. */
  absence(name: string): ErrorName {
    return checkTopicName(name)?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
  }

  /**
   * Makes topics; each on its own, in the order of the request. With `validateOnly` all is checked and nothing made:
   * the topics returned are then what would have been made (AD-6).
   */
  create(wanted: readonly NewTopic[], { validateOnly = false } = {}): Promise<(TopicImage | Refusal)[]> {
    return this.#cluster.inTurn(() => this.#create(wanted, validateOnly))
  }

  /**
   * Makes topics because a client asked for them (MD-4), with the defaults. What is there meanwhile is left as it is.
   * @returns the names that cannot be made, with what to answer
   */
  async createMissing(names: readonly string[]): Promise<ReadonlyMap<string, ErrorName>> {
    const refused = new Map<string, ErrorName>()
    await this.#cluster.inTurn(async () => {
      const missing: NewTopic[] = []
      for (const name of new Set(names)) {
        if (this.#cluster.image.topicByName(name) !== undefined) continue
        const spec = this.#specOnUse(name)
        if (spec === undefined) refused.set(name, 'UNKNOWN_TOPIC_OR_PARTITION')
        else missing.push(spec)
      }
      const results = await this.#create(missing, false)
      for (const [at, result] of results.entries()) if (isRefusal(result)) refused.set(missing[at]!.name, result.error)
    })
    return refused
  }

  /** Makes a topic of the broker's own if it is not there. @throws {StorageError | MetadataStoreError | Error} it cannot */
  async createInternal(name: string): Promise<void> {
    const error = (await this.createMissing([name])).get(name)
    if (error !== undefined) throw new Error(`the topic ${name} cannot be made: ${error}`)
  }

  /**
   * Deletes topics; their names are free when this resolves (AD-10).
   * @param ids of topics; one that is gone meanwhile is UNKNOWN_TOPIC_ID
   */
  delete(ids: readonly string[]): Promise<ReadonlyMap<string, Refusal>> {
    return this.#cluster.inTurn(async () => {
      const refused = new Map<string, Refusal>()
      const topics: TopicImage[] = []
      for (const id of ids) {
        const topic = this.#cluster.image.topicById(id)
        if (topic === undefined) refused.set(id, refusal('UNKNOWN_TOPIC_ID'))
        else if (topic.internal) refused.set(id, internalRefusal(topic.name))
        else topics.push(topic)
      }
      if (topics.length === 0) return refused
      const failure = await this.#commit(() => this.#cluster.deleteTopics(topics))
      for (const { id } of topics) {
        const failed = failure ?? (await attempt(() => this.#logs.remove(id)))
        if (failed !== undefined) refused.set(id, failed)
      }
      return refused
    })
  }

  /** Adds partitions; undefined where it was done. The old partitions keep their data (AD-11). */
  grow(wanted: readonly WantedPartitions[], { validateOnly = false } = {}): Promise<(Refusal | undefined)[]> {
    return this.#cluster.inTurn(async () => {
      const results: (Refusal | undefined)[] = []
      let budget = MAX_PARTITIONS_PER_REQUEST
      for (const one of wanted) {
        const added = this.#addedPartitions(one, budget)
        if (isRefusal(added)) {
          results.push(added)
          continue
        }
        budget -= added.partitions.length
        results.push(validateOnly ? undefined : await this.#grow(added.topic, added.partitions))
      }
      return results
    })
  }

  async #create(wanted: readonly NewTopic[], validateOnly: boolean): Promise<(TopicImage | Refusal)[]> {
    const planned = new Map<string, TopicImage>()
    let budget = MAX_PARTITIONS_PER_REQUEST
    const collisions = this.#collisionKeys()
    const results = wanted.map((one) => {
      const plan = this.#plan(one, budget, collisions)
      if (isRefusal(plan)) return plan
      budget -= plan.partitions.length
      collisions.set(collisionKey(plan.name), plan.name)
      planned.set(plan.id, plan)
      return plan
    })
    if (validateOnly || planned.size === 0) return results
    const failed = await this.#make(planned)
    return results.map((result) => (isRefusal(result) ? result : (failed.get(result.id) ?? result)))
  }

  /** Carries out plans; returns what failed, by topic id, with nothing left of it. */
  async #make(planned: ReadonlyMap<string, TopicImage>): Promise<ReadonlyMap<string, Refusal>> {
    const failed = new Map<string, Refusal>()
    const made: TopicImage[] = []
    try {
      for (const topic of planned.values()) {
        this.#making.set(topic.name, topic.configs)
        const { name, id, partitions } = topic
        const failure =
          this.#storeFailure ??
          (await attempt(() => this.#logs.create({ topic: name, topicId: id, from: 0, to: partitions.length })))
        if (failure === undefined) made.push(topic)
        else failed.set(id, failure)
      }
      const failure = made.length === 0 ? undefined : await this.#commit(() => this.#cluster.createTopics(made))
      if (failure !== undefined) for (const { id } of made) failed.set(id, failure)
    } finally {
      for (const { name } of planned.values()) this.#making.delete(name)
    }
    // What cannot be removed now is a folder that no topic names: the next start reports it.
    for (const id of failed.keys()) await attempt(() => this.#logs.remove(id))
    return failed
  }

  #plan(wanted: NewTopic, budget: number, collisions: ReadonlyMap<string, string>): TopicImage | Refusal {
    const { name, assignments } = wanted
    const existing = collisions.get(collisionKey(name))
    if (existing === name) return refusal('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
    const nameRefusal = checkTopicName(name)
    if (nameRefusal !== undefined) return nameRefusal
    if (name === '__cluster_metadata') {
      return refusal('INVALID_REQUEST', `Creation of internal topic ${name} is prohibited.`)
    }
    if (existing !== undefined) {
      return refusal('INVALID_TOPIC_EXCEPTION', `Topic '${name}' collides with existing topic: ${existing}`)
    }
    const partitions = assignments.length > 0 ? this.#assigned(wanted) : this.#placed(wanted, budget)
    if (isRefusal(partitions)) return partitions
    if (partitions.length > budget) return tooMany()
    const configs = this.#configs(wanted)
    if (isRefusal(configs)) return configs
    return { id: this.#random.uuid(), name, partitions, configs, internal: isInternalTopic(name) }
  }

  #placed({ partitions, replicationFactor }: NewTopic, budget: number): PartitionImage[] | Refusal {
    const brokers = this.#brokers()
    const wrong = checkCounts(partitions, replicationFactor, brokers)
    if (wrong !== undefined) return wrong
    const count = partitions === -1 ? this.#config.get('num.partitions') : partitions
    if (count > budget) return tooMany()
    // A default above the live brokers is lowered to them, so that a config written for three brokers works on one.
    const replicas =
      replicationFactor === -1
        ? Math.min(this.#config.get('default.replication.factor'), brokers.size)
        : replicationFactor
    return place(count, replicas, brokers)
  }

  #assigned({ assignments, partitions, replicationFactor }: NewTopic): PartitionImage[] | Refusal {
    const lists = checkAssignments(assignments, { partitions, replicationFactor }, this.#brokers())
    return isRefusal(lists) ? lists : lists.map(newPartition)
  }

  #configs({ name, configs }: NewTopic): ReadonlyMap<string, string> | Refusal {
    try {
      checkTopicConfigs(this.#config, configs)
    } catch (error) {
      if (!(error instanceof InvalidConfigValue) && !(error instanceof InvalidTopicConfig)) throw error
      return refusal('INVALID_CONFIG', error.message)
    }
    const own = internalTopicSpec(name, this.#config)?.configs ?? new Map<string, string>()
    const given = [...configs].filter((entry): entry is [string, string] => entry[1] !== null)
    return new Map([...own, ...given])
  }

  #addedPartitions(
    { name, count, assignments }: WantedPartitions,
    budget: number,
  ): { topic: TopicImage; partitions: PartitionImage[] } | Refusal {
    const topic = this.#cluster.image.topicByName(name)
    if (topic === undefined) return refusal('UNKNOWN_TOPIC_OR_PARTITION', null)
    if (topic.internal) return internalRefusal(name)
    const now = topic.partitions.length
    if (count === now) return refusal('INVALID_PARTITIONS', `Topic already has ${now} partition(s).`)
    if (count < now) {
      const message = `The topic ${name} currently has ${now} partition(s); ${count} would not be an increase.`
      return refusal('INVALID_PARTITIONS', message)
    }
    const added = count - now
    if (added > budget) return tooMany()
    const brokers = this.#brokers()
    const replicas = topic.partitions[0]?.replicas.length ?? 1
    if (assignments === null) return { topic, partitions: place(added, replicas, brokers, now) }
    if (assignments.length !== added) {
      const message = `Attempted to add ${added} additional partition(s), but only ${assignments.length} assignment(s) were specified.`
      return refusal('INVALID_REPLICA_ASSIGNMENT', message)
    }
    return checkReplicas(assignments, replicas, brokers) ?? { topic, partitions: assignments.map(newPartition) }
  }

  async #grow(topic: TopicImage, added: readonly PartitionImage[]): Promise<Refusal | undefined> {
    const { name, id, partitions } = topic
    const from = partitions.length
    const to = from + added.length
    return (
      this.#storeFailure ??
      (await attempt(() => this.#logs.create({ topic: name, topicId: id, from, to }))) ??
      (await this.#commit(() => this.#cluster.addPartitions(topic, added)))
    )
  }

  /** How a topic is made that somebody uses before it is there; undefined: it never is. */
  #specOnUse(name: string): NewTopic | undefined {
    const internal = internalTopicSpec(name, this.#config)
    if (internal === undefined) {
      if (isInternalTopic(name)) return undefined
      return { name, partitions: -1, replicationFactor: -1, assignments: [], configs: new Map() }
    }
    const replicationFactor = Math.min(internal.replicationFactor, this.#brokers().size)
    return { name, partitions: internal.partitions, replicationFactor, assignments: [], configs: new Map() }
  }

  async #commit(run: () => Promise<unknown>): Promise<Refusal | undefined> {
    this.#storeFailure ??= await attempt(run)
    return this.#storeFailure
  }

  #collisionKeys(): Map<string, string> {
    const keys = new Map<string, string>()
    for (const { name } of this.#cluster.image.topics()) keys.set(collisionKey(name), name)
    return keys
  }

  #brokers(): ReadonlySet<number> {
    return new Set(this.#cluster.image.brokers.keys())
  }
}

const tooMany = (): Refusal => refusal('POLICY_VIOLATION', 'Excessively large number of partitions per request.')

/** Kafka deletes and grows even these when told to, and its groups are lost; nobody ever means that. */
const internalRefusal = (name: string): Refusal =>
  refusal('INVALID_TOPIC_EXCEPTION', `${name} belongs to the broker and is neither deleted nor changed.`)

/** What the disk or the store could not do, as an answer that clients retry. */
async function attempt(run: () => Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    if (!(error instanceof StorageError) && !(error instanceof MetadataStoreError)) throw error
    return refusal('KAFKA_STORAGE_ERROR', error.message)
  }
}
