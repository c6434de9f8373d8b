import type { Clock } from '../storage/clock.ts'
import type { FileSystem } from '../storage/index.ts'
import { Background } from './background.ts'
import { BackgroundCompaction } from './compaction.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import { topicConfig } from './config/topic-config.ts'
import type { DataDirectories } from './data-directories.ts'
import { groupConfigOf } from './groups/group-config.ts'
import { GROUP_TOPIC, GroupCoordinator } from './groups/group-coordinator.ts'
import type { Cluster } from './metadata/cluster.ts'
import type { ClusterImage } from './metadata/image.ts'
import { Topics } from './metadata/topics.ts'
import { FetchSessions } from './partitions/fetch-sessions.ts'
import { ParkedFetches } from './partitions/parked-fetches.ts'
import { PartitionShardLog } from './partitions/partition-shard-log.ts'
import { Partitions } from './partitions/partitions.ts'
import { type TopicRules, topicRules } from './partitions/topic-rules.ts'
import type { Logger } from './runtime/logger.ts'
import type { BrokerMetrics } from './runtime/metrics.ts'
import type { Random } from './runtime/random.ts'
import type { Timers } from './runtime/timers.ts'

export interface DomainOptions {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: BrokerMetrics
  readonly timers: Timers
  readonly fileSystem: FileSystem
  readonly data: DataDirectories
  readonly cluster: Cluster
}

/** What the broker serves: topics, partitions, groups, fetches in wait; and how each follows changes of the metadata. */
export class Domain {
  readonly topics: Topics
  readonly partitions: Partitions
  readonly groups: GroupCoordinator
  readonly fetchSessions: FetchSessions
  readonly parkedFetches: ParkedFetches
  readonly #options: DomainOptions
  readonly #background: Background
  readonly #compaction: BackgroundCompaction

  constructor(options: DomainOptions) {
    const { config, clock, random, logger, metrics, timers, data, cluster } = options
    this.#options = options
    this.#background = new Background(timers, logger)
    this.partitions = new Partitions({
      nodeId: cluster.nodeId,
      directories: data.directories,
      image: () => cluster.image,
      rules: (topic) => this.#rules(topic),
      metrics,
      logger,
    })
    this.#compaction = new BackgroundCompaction({ ...options, partitions: this.partitions })
    this.topics = new Topics({ cluster, config, random, logs: this.partitions })
    this.groups = new GroupCoordinator({
      config: groupConfigOf(config),
      clock,
      timers,
      random,
      logger,
      openShard: (partition) => {
        const found = this.partitions.findByName(GROUP_TOPIC, partition)
        return typeof found === 'string' ? undefined : new PartitionShardLog(found)
      },
      partitionCount: () => cluster.image.topicByName(GROUP_TOPIC)?.partitions.length ?? 0,
      createTopic: async () => {
        await this.topics.createInternal(GROUP_TOPIC)
        await this.#loadGroups(cluster.image)
      },
    })
    this.fetchSessions = new FetchSessions({
      clock,
      random,
      slots: config.get('max.incremental.fetch.session.cache.slots'),
    })
    this.parkedFetches = new ParkedFetches(timers)
    this.#registerGauges()
  }

  /** Recovers the logs, reads the groups back, and from then on follows what changes. */
  async open(): Promise<void> {
    const { cluster, config, clock, data } = this.#options
    this.#applyDynamicConfig(cluster.image)
    const unopened = await this.partitions.open(await data.missing())
    await data.remember(unopened === 0)
    await this.#loadGroups(cluster.image)
    cluster.onChange((now, before) => this.#follow(now, before))
    config.onChange(() => this.#reconfigureAll())
    this.#background.every(
      () => config.get('log.retention.check.interval.ms'),
      'retention',
      () => {
        this.partitions.applyRetention(clock.wallTime())
      },
    )
    this.#compaction.start()
    data.check()
    this.#background.every(
      () => DISK_CHECK_MS,
      'disk check',
      () => data.check(),
    )
    this.#background.every(
      () => config.get('log.flush.offset.checkpoint.interval.ms'),
      'checkpoints',
      async () => {
        for (const directory of data.directories) await directory.writeCheckpoints()
      },
    )
  }

  /** Ends everybody's waits, so that their connections can be closed (NET-14). */
  letGo(): void {
    this.#background.stop()
    void this.#compaction.stop()
    this.parkedFetches.close()
    this.groups.close()
  }

  /** Nothing is appended any more; the logs are closed by who opened them. */
  close(): void {
    this.partitions.close('NOT_LEADER_OR_FOLLOWER')
  }

  #rules(topic: string): TopicRules {
    const { config, cluster } = this.#options
    const image = cluster.image.topicByName(topic)
    const settings = topicConfig(config, image?.configs ?? this.topics.configsOfNew(topic))
    return topicRules(settings, config, image?.internal ?? this.topics.isInternal(topic))
  }

  async #loadGroups(image: ClusterImage): Promise<void> {
    const count = image.topicByName(GROUP_TOPIC)?.partitions.length ?? 0
    await Promise.all(Array.from({ length: count }, (_, partition) => this.groups.load(partition)))
  }

  /** Topics that are gone take their logs, commits and counters with them; changed settings apply at once (AD-17). */
  #follow(now: ClusterImage, before: ClusterImage): void {
    const { metrics, cluster } = this.#options
    const gone = [...before.topics()].filter(({ id }) => now.topicById(id) === undefined)
    for (const { name } of gone) if (now.topicByName(name) === undefined) metrics.dropTopic(name)
    if (gone.length > 0) this.groups.topicsDeleted(gone.map(({ name }) => name))
    for (const topic of now.topics()) {
      const was = before.topicById(topic.id)
      if (was !== undefined && was.configs !== topic.configs)
        void this.#background.run('reconfigure', () => this.partitions.reconfigure(topic.id, topic.name))
    }
    const dynamic = (image: ClusterImage, name: string) => image.configs('broker', name)
    const own = String(cluster.nodeId)
    if (dynamic(now, '') !== dynamic(before, '') || dynamic(now, own) !== dynamic(before, own))
      this.#applyDynamicConfig(now)
  }

  #applyDynamicConfig(image: ClusterImage): void {
    const { config, cluster, logger } = this.#options
    const refused = config.setDynamic(image.configs('broker', ''), image.configs('broker', String(cluster.nodeId)))
    for (const warning of refused) logger.warn({ warning }, 'a stored broker config is not legal any more')
  }

  /** A changed broker key may be the default of any topic. */
  #reconfigureAll(): void {
    for (const { id, name } of this.#options.cluster.image.topics()) {
      void this.#background.run('reconfigure', () => this.partitions.reconfigure(id, name))
    }
  }

  #registerGauges(): void {
    const { metrics, cluster } = this.#options
    metrics.gauge('odradek_waiting_requests', () => [[{ request: 'Fetch' }, this.parkedFetches.size]])
    metrics.gauge('odradek_fetch_sessions', () => this.fetchSessions.size)
    metrics.gauge('odradek_fetch_session_partitions', () => this.fetchSessions.partitionCount)
    metrics.gauge('odradek_fetch_sessions_evicted_total', () => this.fetchSessions.evictions)
    metrics.gauge('odradek_metadata_revision', () => Number(cluster.image.revision))
    metrics.gauge('odradek_groups', () => {
      const states = new Map<string, number>()
      for (const { state } of this.groups.groups()) states.set(state, (states.get(state) ?? 0) + 1)
      return [...states].map(([state, count]) => [{ state }, count] as const)
    })
  }
}

/** Others write to our volumes, too. A second of the fastest disk's writing is what they may be ahead of us. */
const DISK_CHECK_MS = 1000
