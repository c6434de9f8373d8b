import { dirname, join } from 'node:path'
import type { Clock } from '../storage/clock.ts'
import { type FileSystem, LogDirectory, readMetaProperties, StorageError, TailCache } from '../storage/index.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import { Cluster } from './metadata/cluster.ts'
import { MemoryStore } from './metadata/memory-store.ts'
import type { MetadataStore } from './metadata/store.ts'
import type { Logger } from './runtime/logger.ts'
import type { BrokerMetrics } from './runtime/metrics.ts'
import type { Random } from './runtime/random.ts'

export interface DataOptions {
  readonly config: BrokerConfig
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: BrokerMetrics
  /** Nothing is ever read again once the broker has stopped: its metadata need not be on the disk. */
  readonly isTemporary: boolean
  /** The last log directory is gone: nothing can be acknowledged any more. */
  readonly onAllOffline: (error: StorageError) => void
}

/** A file at the top of the first log directory, not a folder: Kafka does not start on folders that it does not know. */
const METADATA_FILE = 'odradek.mdb'

/** Everything of this broker on disk: the log directories, and the metadata store in the first of them. */
export class DataDirectories {
  readonly directories: readonly LogDirectory[]
  readonly #options: DataOptions
  readonly #clusterId: string
  #store: MetadataStore | undefined

  private constructor(
    options: DataOptions,
    directories: readonly LogDirectory[],
    clusterId: string,
    tailCache: TailCache,
  ) {
    this.#options = options
    this.directories = directories
    this.#clusterId = clusterId
    for (const directory of directories) {
      directory.onFlush = (seconds, logs) => options.metrics.flushDone(seconds, logs)
      directory.onOffline = (error) => {
        if (directories.every(({ offline }) => offline !== undefined)) options.onAllOffline(error)
      }
    }
    this.#registerGauges(tailCache)
  }

  /**
   * Locks and opens all of `log.dirs`; they must agree on the cluster that they belong to.
   * @throws {StorageError} with a message for an operator; what was opened is closed again
   */
  static async open(options: DataOptions): Promise<DataDirectories> {
    const { config, fileSystem, clock, random, logger } = options
    const paths = config.logDirs
    const clusterId = config.get('cluster.id') ?? foundClusterId(fileSystem, paths) ?? random.uuid()
    const tailCache = new TailCache(config.get('odradek.tail.cache.bytes'))
    const opened: LogDirectory[] = []
    try {
      for (const path of paths) {
        opened.push(
          await LogDirectory.open({
            path,
            fileSystem,
            clock,
            random,
            clusterId,
            nodeId: config.nodeId,
            tailCache,
            maxOpenFiles: config.get('odradek.log.open.files'),
            logger,
          }),
        )
      }
    } catch (error) {
      for (const directory of opened) await directory.close()
      throw error
    }
    return new DataDirectories(options, opened, clusterId, tailCache)
  }

  get allOnline(): boolean {
    return this.directories.every(({ offline }) => offline === undefined)
  }

  /** Opens the metadata store and registers this node in it. @throws {StorageError} it is of another cluster */
  async openCluster(): Promise<Cluster> {
    const { config } = this.#options
    const [first] = this.directories
    const path = join(first?.path ?? '', METADATA_FILE)
    this.#store = await this.#openStore(path)
    const cluster = await Cluster.open({
      store: this.#store,
      nodeId: config.nodeId,
      rack: config.get('broker.rack'),
      newClusterId: this.#clusterId,
    })
    if (cluster.clusterId !== this.#clusterId) {
      throw new StorageError(
        'WRONG_CLUSTER',
        path,
        `${path} belongs to cluster ${cluster.clusterId}, but ${dirname(path)} to ${this.#clusterId}; put back the file that belongs there`,
      )
    }
    return cluster
  }

  /** LMDB takes longer to load than the rest of a start together, so who keeps nothing does not pay for it. */
  async #openStore(path: string): Promise<MetadataStore> {
    if (this.#options.isTemporary) return new MemoryStore()
    const { LmdbStore } = await import('./metadata/lmdb-store.ts')
    return LmdbStore.open(path, this.#options.fileSystem)
  }

  /** Flushes, marks the shutdown as clean, gives the folders free. */
  async close(): Promise<void> {
    await this.#store?.close()
    for (const directory of this.directories) await directory.close()
  }

  #registerGauges(tailCache: TailCache): void {
    const { metrics } = this.#options
    const { directories } = this
    metrics.gauge('odradek_tail_cache_bytes', () => tailCache.heldBytes)
    metrics.gauge(
      'odradek_log_directories_offline',
      () => directories.filter(({ offline }) => offline !== undefined).length,
    )
    metrics.gauge('odradek_log_directory_total_bytes', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.usage().totalBytes] as const),
    )
    metrics.gauge('odradek_log_directory_usable_bytes', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.usage().usableBytes] as const),
    )
  }
}

/** The cluster that the data is of: what the first folder says that says anything. */
function foundClusterId(fileSystem: FileSystem, paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const found = fileSystem.exists(path) ? readMetaProperties(fileSystem, path)?.clusterId : undefined
    if (found !== undefined) return found
  }
  return undefined
}
