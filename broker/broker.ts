import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from '../protocol/assert.ts'
import type { FileSystem } from '../storage/index.ts'
import { BrokerConfig } from './config/broker-config.ts'
import { BrokerParts } from './parts.ts'
import { type Logger, silentLogger } from './runtime/logger.ts'
import type { BrokerMetrics } from './runtime/metrics.ts'
import { systemRandom } from './runtime/random.ts'
import { systemClock } from './runtime/system-clock.ts'
import { version } from './runtime/version.ts'
import type { ListenerAddress } from './services.ts'
import type { BrokerState, BrokerStatus } from './status.ts'

export interface BrokerOptions {
  /** For the one listener on `host` when `config` names no listeners; 0, the default, takes a free port. */
  readonly port?: number
  /** The address to listen on when `config` names no listeners. Default: 127.0.0.1. */
  readonly host?: string
  /** Where the data is. Without it a temporary folder is used, and removed by `stop`. `config` may name folders instead. */
  readonly dataDir?: string
  /** Kafka's keys, as text; or a whole configuration, which then is used as it is. */
  readonly config?: Readonly<Record<string, string>> | BrokerConfig
  /** Default: says nothing. */
  readonly logger?: Logger
  /** Where HTTP is served, to tell clients that speak HTTP to a Kafka port. */
  readonly httpUrl?: () => string | undefined
}

/** A broker in this process. */
export interface Broker {
  /** `host:port` for clients of the first listener. */
  readonly bootstrap: string
  readonly clusterId: string
  readonly nodeId: number
  readonly version: string
  readonly listeners: readonly ListenerAddress[]
  readonly state: BrokerState
  readonly metrics: BrokerMetrics
  status(): BrokerStatus
  /** Whether clients can be sent here, and what that hangs on. */
  readiness(): { readonly ready: boolean; readonly checks: Readonly<Record<string, boolean>> }
  /** Stops accepting, ends waits, flushes, marks the shutdown as clean. Safe to call more than once. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A broker that was made and not started yet: its state can be watched while it recovers. */
export interface StartableBroker extends Broker {
  /**
   * Opens the data, recovers it where needed, and serves.
   * @throws with a message for an operator: what is wrong, where, and what to do. Nothing is left open then.
   */
  start(): Promise<void>
}

/**
 * What a broker inside another program sets where nothing else does: it answers at once, as tests want it, and leaves
 * flushing to the operating system.
 */
const embeddedDefaults: Readonly<Record<string, string>> = {
  'log.flush.policy': 'os',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'group.min.session.timeout.ms': '1',
}

/** A running broker on real files and a real socket. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const broker = createBroker(options)
  await broker.start()
  return broker
}

export function createBroker(options: BrokerOptions = {}): StartableBroker {
  const temporary = isTemporary(options) ? join(tmpdir(), `odradek-${systemRandom.uuid()}`) : undefined
  return new RunningBroker(configOf(options, temporary), temporary, options)
}

const isTemporary = ({ config, dataDir }: BrokerOptions): boolean =>
  dataDir === undefined &&
  !(config instanceof BrokerConfig) &&
  config?.['log.dirs'] === undefined &&
  config?.['log.dir'] === undefined

function configOf(
  { config, dataDir, port = 0, host = '127.0.0.1' }: BrokerOptions,
  temporary: string | undefined,
): BrokerConfig {
  if (config instanceof BrokerConfig) return config
  const folder = dataDir ?? temporary
  return BrokerConfig.of({
    ...embeddedDefaults,
    listeners: `PLAINTEXT://${host}:${port}`,
    ...(folder === undefined ? {} : { 'log.dirs': folder }),
    ...config,
  })
}

/** Knows the states of a broker's life; what it is made of is put together in parts.ts. */
class RunningBroker implements StartableBroker {
  readonly version = version
  readonly #parts: BrokerParts
  readonly #temporary: string | undefined
  #state: BrokerState = 'starting'
  #stopped: Promise<void> | undefined

  constructor(config: BrokerConfig, temporary: string | undefined, { logger = silentLogger, httpUrl }: BrokerOptions) {
    this.#temporary = temporary
    this.#parts = new BrokerParts({
      config,
      clock: systemClock,
      random: systemRandom,
      logger,
      httpUrl: httpUrl ?? (() => undefined),
      isTemporary: temporary !== undefined,
      onState: (state) => {
        this.#state = state
      },
    })
  }

  get bootstrap(): string {
    const [first] = this.listeners
    assert(first !== undefined, 'a started broker has a listener')
    const { advertisedHost: host, advertisedPort: port } = first
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  }

  get clusterId(): string {
    return this.#parts.clusterId
  }

  get nodeId(): number {
    return this.#parts.nodeId
  }

  get listeners(): readonly ListenerAddress[] {
    return this.#parts.listeners
  }

  get state(): BrokerState {
    return this.#state
  }

  get metrics(): BrokerMetrics {
    return this.#parts.metrics
  }

  async start(): Promise<void> {
    assert(this.#state === 'starting' && this.#stopped === undefined, 'a broker is started once')
    try {
      await this.#parts.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  status(): BrokerStatus {
    return this.#parts.status(this.#state)
  }

  readiness(): { ready: boolean; checks: Record<string, boolean> } {
    const checks = this.#parts.checks(this.#state)
    return { ready: Object.values(checks).every(Boolean), checks }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping'
    await this.#parts.stop()
    if (this.#temporary !== undefined) await removeFolder(this.#parts.fileSystem, this.#temporary)
    this.#state = 'stopped'
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

async function removeFolder(fileSystem: FileSystem, path: string): Promise<void> {
  if (fileSystem.exists(path)) await fileSystem.removeFolder(path)
}
