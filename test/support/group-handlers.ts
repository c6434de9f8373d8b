import { BrokerConfig } from '../../broker/config/broker-config.ts'
import { groupConfigOf } from '../../broker/groups/group-config.ts'
import { GROUP_TOPIC, GroupCoordinator } from '../../broker/groups/group-coordinator.ts'
import type { Handler, RequestContext } from '../../broker/handlers/handler.ts'
import { ClusterImage, type TopicImage } from '../../broker/metadata/image.ts'
import { silentLogger } from '../../broker/runtime/logger.ts'
import { seededRandom } from '../../broker/runtime/random.ts'
import { Timers } from '../../broker/runtime/timers.ts'
import { type Authorizer, anonymous, type Operation, type ResourceType } from '../../broker/security/requirements.ts'
import type { Services } from '../../broker/services.ts'
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
import { FakeClock } from './fake-clock.ts'
import { MemoryShardLog } from './memory-shard-log.ts'

/** What of the services a group handler uses, with a coordinator over logs in memory and time moved by hand. */
export class GroupHandlers {
  readonly clock = new FakeClock()
  readonly logs = new Map<number, MemoryShardLog>()
  readonly coordinator: GroupCoordinator
  /** What the authorizer says; everything by default. */
  allows: (operation: Operation, resource: ResourceType, name: string) => boolean = () => true
  image = new ClusterImage({
    revision: 1n,
    clusterId: 'cluster',
    controllerId: 1,
    brokers: new Map([
      [2, { id: 2, session: 1n, rack: null, listeners: [{ name: 'PLAINTEXT', host: 'other', port: 2 }] }],
    ]),
    topics: new Map(),
    configs: new Map(),
  })
  readonly #services: Services

  /** @param config on top of a first rebalance without delay */
  constructor(config: Record<string, string> = {}) {
    const all = BrokerConfig.of({ 'node.id': '1', 'group.initial.rebalance.delay.ms': '0', ...config })
    this.coordinator = new GroupCoordinator({
      config: groupConfigOf(all),
      clock: this.clock,
      timers: new Timers(this.clock),
      random: seededRandom(1),
      logger: silentLogger,
      openShard: (partition) => this.#log(partition),
      partitionCount: () => this.image.topicByName(GROUP_TOPIC)?.partitions.length ?? 0,
      createTopic: async () => {
        this.addTopic(GROUP_TOPIC, 50)
        await this.load()
      },
    })
    const authorizer: Authorizer = {
      allows: (_who, operation, resource, name) => this.allows(operation, resource, name),
    }
    const image = () => this.image
    const cluster = {
      get image() {
        return image()
      },
    }
    // A handler of the groups touches nothing else; what it did touch beyond this would fail here.
    this.#services = {
      config: all,
      groups: this.coordinator,
      cluster,
      authorizer,
      listeners: [
        {
          name: 'PLAINTEXT',
          protocol: 'PLAINTEXT',
          host: '0.0.0.0',
          port: 9092,
          advertisedHost: 'broker',
          advertisedPort: 9092,
        },
        {
          name: 'INSIDE',
          protocol: 'PLAINTEXT',
          host: '0.0.0.0',
          port: 9093,
          advertisedHost: 'inside',
          advertisedPort: 9093,
        },
      ],
    } as unknown as Services
  }

  /** With `__consumer_offsets` there and read, and a topic `t` of two partitions. */
  static async open(config: Record<string, string> = {}): Promise<GroupHandlers> {
    const handlers = new GroupHandlers(config)
    handlers.addTopic('t', 2)
    await handlers.coordinator.ready()
    return handlers
  }

  async load(): Promise<void> {
    await Promise.all(Array.from({ length: 50 }, (_, partition) => this.coordinator.load(partition)))
  }

  addTopic(name: string, partitions: number, leader = 1): TopicImage {
    const topic: TopicImage = {
      id: Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url'),
      name,
      partitions: Array.from({ length: partitions }, () => ({ leader, leaderEpoch: 0, replicas: [leader] })),
      configs: new Map(),
      internal: name.startsWith('__'),
    }
    this.image = this.image.withTopics(2n, [topic])
    return topic
  }

  /** Request and answer go through their bytes at this version, as they do on the wire. */
  async call<Q extends Shape, R extends Shape>(
    handler: Handler<Api<Q, R>>,
    version: number,
    request: Partial<TypeOf<Q>>,
    from: { clientId?: string; listener?: string } = {},
  ): Promise<TypeOf<R>> {
    const { api } = handler
    const writer = new Writer()
    encodeRequest(api, version, writer, filled(api.request, request))
    const sent = decodeRequest(api, version, new Reader(Buffer.concat(writer.finish())))
    const answer = await handler.handle(sent, this.#context(version, from), this.#services)
    if (answer === undefined) throw new Error('group requests are answered')
    const frame = Buffer.concat(encodeResponseFrame(api, version, 7, answer))
    return decodeResponseFrame(api, version, frame.subarray(4)).value
  }

  #context(apiVersion: number, { clientId = 'client', listener = 'PLAINTEXT' }): RequestContext {
    return {
      apiVersion,
      correlationId: 7,
      clientId,
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
    }
  }

  #log(partition: number): MemoryShardLog | undefined {
    if (this.image.topicByName(GROUP_TOPIC)?.partitions[partition]?.leader !== 1) return undefined
    const log = this.logs.get(partition) ?? new MemoryShardLog()
    this.logs.set(partition, log)
    return log
  }
}
