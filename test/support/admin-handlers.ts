import { BrokerConfig } from '../../broker/config/broker-config.ts'
import type { Handler } from '../../broker/handlers/handler.ts'
import { Cluster } from '../../broker/metadata/cluster.ts'
import { MemoryStore } from '../../broker/metadata/memory-store.ts'
import { type NewTopic, type TopicLogs, Topics } from '../../broker/metadata/topics.ts'
import type { Partition } from '../../broker/partitions/partition.ts'
import { seededRandom } from '../../broker/runtime/random.ts'
import { anonymous, type Operation, type ResourceType } from '../../broker/security/requirements.ts'
import type { Services } from '../../broker/services.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { Api } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import {
  decodeRequest,
  decodeResponseFrame,
  encodeRequest,
  encodeResponseFrame,
  filled,
} from '../../protocol/schema/message.ts'
import { Reader } from '../../protocol/wire/reader.ts'
import { Writer } from '../../protocol/wire/writer.ts'

/** Logs that only remember what was asked of them, and fail when told to. */
export class RecordingLogs implements TopicLogs {
  /** `create a 0-3 <id>`, `remove <id>` with ids of topics. */
  readonly calls: string[] = []
  /** Called before each; throws to fail it. */
  before: (call: string) => void = () => {}

  async create({ topic, topicId, from, to }: Parameters<TopicLogs['create']>[0]): Promise<void> {
    this.#call(`create ${topic} ${from}-${to} ${topicId}`)
  }

  async remove(topicId: string): Promise<void> {
    this.#call(`remove ${topicId}`)
  }

  #call(call: string): void {
    this.before(call)
    this.calls.push(call)
  }
}

/** Metadata of a cluster of one over a store in memory, and what of the services the admin handlers use. */
export class AdminHandlers {
  readonly store: MemoryStore
  readonly config: BrokerConfig
  readonly cluster: Cluster
  readonly topics: Topics
  readonly logs = new RecordingLogs()
  /** What the authorizer says; everything by default. */
  allows: (operation: Operation, resource: ResourceType, name: string) => boolean = () => true
  /** Partitions that there are, by `topic-index`. */
  readonly partitions = new Map<string, Partition>()
  producerIds: Services['producerIds'] = { next: () => 0 }

  private constructor(store: MemoryStore, config: BrokerConfig, cluster: Cluster) {
    this.store = store
    this.config = config
    this.cluster = cluster
    this.topics = new Topics({ cluster, config, random: seededRandom(1), logs: this.logs })
    cluster.onChange((now) => {
      config.setDynamic(now.configs('broker', ''), now.configs('broker', String(cluster.nodeId)))
    })
  }

  static async open(values: Record<string, string> = {}): Promise<AdminHandlers> {
    const store = new MemoryStore()
    const config = BrokerConfig.of(values)
    const cluster = await Cluster.open({ store, nodeId: 1, rack: 'r1', newClusterId: 'Z1uJh0VFQPOFlGtrBpXVAA' })
    await cluster.setListeners([
      { name: 'PLAINTEXT', host: 'broker', port: 9092 },
      { name: 'INSIDE', host: 'inside', port: 9093 },
    ])
    return new AdminHandlers(store, config, cluster)
  }

  /** Makes a topic that must come out well. */
  async topic(name: string, partitions = 1, configs: Record<string, string> = {}): Promise<void> {
    const [made] = await this.topics.create([
      { ...newTopic(name), partitions, configs: new Map(Object.entries(configs)) },
    ])
    if (made === undefined || 'error' in made) throw new Error(made?.message ?? 'not made')
  }

  /** Request and answer go through their bytes at this version, as they do on the wire. */
  async call<Q extends Shape, R extends Shape>(
    handler: Handler<Api<Q, R>>,
    version: number,
    request: Partial<TypeOf<Q>>,
    listener = 'PLAINTEXT',
  ): Promise<TypeOf<R>> {
    const { api } = handler
    const writer = new Writer()
    encodeRequest(api, version, writer, filled(api.request, request))
    const sent = decodeRequest(api, version, new Reader(Buffer.concat(writer.finish())))
    const answer = await handler.handle(sent, context(version, listener), this.#services())
    if (answer === undefined) throw new Error('admin requests are answered')
    const frame = Buffer.concat(encodeResponseFrame(api, version, 7, answer))
    return decodeResponseFrame(api, version, frame.subarray(4)).value
  }

  #services(): Services {
    const findByName = (name: string, index: number): Partition | ErrorName =>
      this.partitions.get(`${name}-${index}`) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
    // An admin handler touches nothing else; what it did touch beyond this would fail here.
    return {
      config: this.config,
      cluster: this.cluster,
      topics: this.topics,
      producerIds: this.producerIds,
      partitions: { findByName, all: () => this.partitions.values() },
      authorizer: {
        allows: (_who: unknown, operation: Operation, resource: ResourceType, name: string) =>
          this.allows(operation, resource, name),
      },
    } as unknown as Services
  }
}

/** One partition, one replica, nothing set. */
export const newTopic = (name: string): NewTopic => ({
  name,
  partitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: new Map(),
})

const context = (apiVersion: number, listener: string) => ({
  apiVersion,
  correlationId: 7,
  clientId: 'client',
  requestBytes: 100,
  connection: {
    id: 1,
    peer: '10.0.0.9',
    listener,
    principal: anonymous,
    softwareName: 'unknown',
    softwareVersion: 'unknown',
    closed: false,
    onClose: () => () => {},
  },
})
