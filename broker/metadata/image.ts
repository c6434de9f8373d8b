import type { Revision } from './store.ts'

/** An address of a broker, as clients are told it. */
export interface Listener {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface BrokerImage {
  readonly id: number
  /** The broker's present life: the revision at which it registered. Fences what an earlier life still does. */
  readonly session: Revision
  readonly rack: string | null
  readonly listeners: readonly Listener[]
}

export interface PartitionImage {
  /** Node id; -1 while nobody leads. */
  readonly leader: number
  /** Rises each time that somebody takes the lead, so at each start of the broker. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
}

export interface TopicImage {
  /** 22 characters of base64url. Another one when a topic is deleted and made again under its name. */
  readonly id: string
  readonly name: string
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[]
  /** What the topic sets itself; config/topic-config.ts works out what is in force. */
  readonly configs: ReadonlyMap<string, string>
  /** Belongs to the broker: `__consumer_offsets`, `__transaction_state`, `__share_group_state`. */
  readonly internal: boolean
}

/** What configs can be set on, by the words of the store's keys. */
export type ConfigResource = 'topic' | 'broker' | 'group'

/** Everything an image holds; the maps are never changed once they are in one. */
export interface ImageParts {
  readonly revision: Revision
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, BrokerImage>
  readonly topics: ReadonlyMap<string, TopicImage>
  /** Configs of everything but topics: `broker/1`, `broker/` (the cluster's default), `group/<name>`. */
  readonly configs: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/**
 * An immutable picture of the cluster. Handlers read one image for the whole of a request, so that what they answer
 * fits together; they never read the store.
 */
export class ClusterImage {
  readonly revision: Revision
  readonly clusterId: string
  /** The broker that serves admin requests; clients send them there. */
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, BrokerImage>
  readonly #topics: ReadonlyMap<string, TopicImage>
  readonly #configs: ReadonlyMap<string, ReadonlyMap<string, string>>
  #byId: ReadonlyMap<string, TopicImage> | undefined

  constructor(parts: ImageParts) {
    this.revision = parts.revision
    this.clusterId = parts.clusterId
    this.controllerId = parts.controllerId
    this.brokers = parts.brokers
    this.#topics = parts.topics
    this.#configs = parts.configs
  }

  topicByName(name: string): TopicImage | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): TopicImage | undefined {
    this.#byId ??= new Map([...this.#topics.values()].map((topic) => [topic.id, topic]))
    return this.#byId.get(id)
  }

  /** All topics, internal ones too, in the order in which they were made or read. */
  topics(): Iterable<TopicImage> {
    return this.#topics.values()
  }

  get topicCount(): number {
    return this.#topics.size
  }

  /** What is set on a broker (its id, or '' for the cluster's default), a group, or a topic. Empty if nothing is. */
  configs(resource: ConfigResource, name: string): ReadonlyMap<string, string> {
    if (resource === 'topic') return this.#topics.get(name)?.configs ?? nothing
    return this.#configs.get(`${resource}/${name}`) ?? nothing
  }

  /** Names of a kind of resource on which something is set. */
  configured(resource: Exclude<ConfigResource, 'topic'>): string[] {
    const prefix = `${resource}/`
    return [...this.#configs.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  }

  /** A new image that differs in `changes`. */
  with(changes: Partial<ImageParts>): ClusterImage {
    return new ClusterImage({
      revision: this.revision,
      clusterId: this.clusterId,
      controllerId: this.controllerId,
      brokers: this.brokers,
      topics: this.#topics,
      configs: this.#configs,
      ...changes,
    })
  }

  /** A new image in which these topics are as given, and those of `gone` (names) are not there. */
  withTopics(revision: Revision, changed: readonly TopicImage[], gone: readonly string[] = []): ClusterImage {
    const topics = new Map(this.#topics)
    for (const topic of changed) topics.set(topic.name, topic)
    for (const name of gone) topics.delete(name)
    return this.with({ revision, topics })
  }

  /** A new image with other configs of a broker or group; empty ones are left out. */
  withConfigs(
    revision: Revision,
    resource: Exclude<ConfigResource, 'topic'>,
    name: string,
    values: ReadonlyMap<string, string>,
  ): ClusterImage {
    const configs = new Map(this.#configs)
    if (values.size === 0) configs.delete(`${resource}/${name}`)
    else configs.set(`${resource}/${name}`, values)
    return this.with({ revision, configs })
  }
}

const nothing: ReadonlyMap<string, string> = new Map()
