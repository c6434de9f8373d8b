import type { Clock } from '../storage/clock.ts'
import type { FileSystem } from '../storage/index.ts'
import { NodeFileSystem } from '../storage/node-file-system.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import { DataDirectories } from './data-directories.ts'
import { Domain } from './domain.ts'
import { handlers } from './handlers/registry.ts'
import { advertise, configuredListeners } from './listeners.ts'
import type { Cluster } from './metadata/cluster.ts'
import { Dispatcher } from './network/dispatch.ts'
import { NetworkServer } from './network/server.ts'
import { BlockProducerIds } from './producer-ids.ts'
import type { Logger } from './runtime/logger.ts'
import { BrokerMetrics } from './runtime/metrics.ts'
import type { Random } from './runtime/random.ts'
import { Timers } from './runtime/timers.ts'
import { allowAll } from './security/requirements.ts'
import type { ListenerAddress, Services } from './services.ts'
import { type BrokerState, type BrokerStatus, brokerStatus } from './status.ts'

export interface PartsOptions {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly httpUrl: () => string | undefined
  /** The data folder is removed at the end. */
  readonly isTemporary: boolean
  readonly onState: (state: BrokerState) => void
}

/**
 * The composition root: what a broker is made of, and in which order it starts and stops. Nothing else constructs
 * these parts or knows more of them than it is handed.
 */
export class BrokerParts {
  readonly metrics = new BrokerMetrics()
  readonly fileSystem: FileSystem = new NodeFileSystem()
  readonly #options: PartsOptions
  readonly #startedAt: number
  readonly #timers: Timers
  readonly #network: NetworkServer
  #listeners: readonly ListenerAddress[] = []
  #data: DataDirectories | undefined
  #cluster: Cluster | undefined
  #domain: Domain | undefined

  constructor(options: PartsOptions) {
    const { config, clock, logger, httpUrl } = options
    this.#options = options
    this.#startedAt = clock.now()
    this.#timers = new Timers(clock)
    this.#network = new NetworkServer({ config, clock, metrics: this.metrics, logger, httpUrl })
  }

  get nodeId(): number {
    return this.#options.config.nodeId
  }

  get clusterId(): string {
    return this.#cluster?.clusterId ?? ''
  }

  get listeners(): readonly ListenerAddress[] {
    return this.#listeners
  }

  /**
   * In this order: whether the ports are free (a taken one harms nothing yet), the data, who leads, recovery, the groups,
   * the ports, the clients. Until then connections are refused, which clients understand better than a long silence.
   */
  async start(): Promise<void> {
    const { config, onState } = this.#options
    const wanted = configuredListeners(config)
    await this.#network.tryListen(wanted)

    onState('recovering')
    const { fileSystem, metrics } = this
    const onAllOffline = (error: Error) => this.#die(error)
    this.#data = await DataDirectories.open({ ...this.#options, fileSystem, metrics, onAllOffline })
    this.#cluster = await this.#data.openCluster()
    await this.#cluster.takeLeadership()
    const [data, cluster, timers] = [this.#data, this.#cluster, this.#timers]
    this.#domain = new Domain({ ...this.#options, fileSystem, metrics, timers, data, cluster })
    await this.#domain.open()

    const listeners: ListenerAddress[] = []
    for (const spec of wanted) listeners.push(advertise(spec, (await this.#network.listen(spec)).port))
    this.#listeners = listeners
    await this.#cluster.setListeners(
      listeners.map(({ name, advertisedHost: host, advertisedPort: port }) => ({ name, host, port })),
    )
    const services = this.#services(this.#domain, this.#cluster)
    this.#network.start(new Dispatcher({ handlers, services, onFatal: (error) => this.#die(error) }))
    onState('running')
  }

  /** Each step only for what was started: also the way out of a start that failed. */
  async stop(): Promise<void> {
    await this.#network.stopAccepting()
    this.#domain?.letGo()
    await this.#network.close()
    this.#domain?.close()
    this.#timers.clear()
    await this.#cluster?.close()
    await this.#data?.close()
  }

  status(state: BrokerState): BrokerStatus {
    return brokerStatus({
      nodeId: this.nodeId,
      clusterId: this.clusterId,
      listeners: this.#listeners,
      state,
      uptimeMs: Math.round(this.#options.clock.now() - this.#startedAt),
      connections: this.#network.connections,
      image: this.#cluster?.image,
      partitions: this.#domain?.partitions,
      groups: this.#domain?.groups,
    })
  }

  checks(state: BrokerState): Record<string, boolean> {
    return {
      running: state === 'running',
      recovered: this.#domain?.groups.loaded ?? false,
      disks: this.#data?.allOnline ?? false,
      space: this.#data?.haveRoom ?? false,
    }
  }

  /** After a broken invariant, or with no disk left, nothing may be written any more: the process ends. */
  #die(error: Error): void {
    this.#options.logger.error({ error }, 'the broker cannot go on')
    this.#options.clock.afterTurn(() => {
      throw error
    })
  }

  #services(domain: Domain, cluster: Cluster): Services {
    const { config, clock, random, logger } = this.#options
    return {
      config,
      clock,
      random,
      cluster,
      topics: domain.topics,
      partitions: domain.partitions,
      groups: domain.groups,
      fetchSessions: domain.fetchSessions,
      parkedFetches: domain.parkedFetches,
      producerIds: new BlockProducerIds(cluster),
      answerRoom: this.#network.answers,
      timers: this.#timers,
      metrics: this.metrics,
      logger,
      authorizer: allowAll,
      listeners: this.#listeners,
    }
  }
}
