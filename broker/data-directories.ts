import { dirname, join } from 'node:path'
import type { Clock } from '../storage/clock.ts'
import {
  damageKinds,
  type FileSystem,
  LogDirectory,
  readMetaProperties,
  StorageError,
  type StorageErrorCode,
  TailCache,
} from '../storage/index.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import { Cluster } from './metadata/cluster.ts'
import { readKnownDirectories, writeKnownDirectories } from './metadata/known-directories.ts'
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

/** With these, a directory is left out and the others are served. The rest are mistakes, for somebody to mend first. */
const diskFailures: ReadonlySet<StorageErrorCode> = new Set(['IO', 'NOT_WRITABLE', 'NO_SPACE', 'NOT_FOUND'])

/** Everything of this broker on disk: the log directories, and the metadata store in the first of them. */
export class DataDirectories {
  /** Those that could be opened. */
  readonly directories: readonly LogDirectory[]
  readonly #unusable: readonly string[]
  readonly #options: DataOptions
  readonly #clusterId: string
  #store: MetadataStore | undefined

  private constructor(
    options: DataOptions,
    directories: readonly LogDirectory[],
    unusable: readonly string[],
    clusterId: string,
    tailCache: TailCache,
  ) {
    this.#options = options
    this.directories = directories
    this.#unusable = unusable
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
   * Locks and opens all of `log.dirs`; they must agree on the cluster that they belong to. One whose disk has failed is
   * reported and left out, as in Kafka; but not the first, where the metadata is.
   * @throws {StorageError} with a message for an operator; what was opened is closed again
   */
  static async open(options: DataOptions): Promise<DataDirectories> {
    const { config, fileSystem, clock, random, logger } = options
    const paths = config.logDirs
    const clusterId = config.get('cluster.id') ?? foundClusterId(fileSystem, paths) ?? random.uuid()
    const tailCache = new TailCache(config.get('odradek.tail.cache.bytes'))
    const opened: LogDirectory[] = []
    const unusable: string[] = []
    const open = (path: string) =>
      LogDirectory.open({
        path,
        fileSystem,
        clock,
        random,
        clusterId,
        nodeId: config.nodeId,
        tailCache,
        maxOpenFiles: config.get('odradek.log.open.files'),
        reserveBytes: () => config.get('odradek.disk.reserve.bytes'),
        logger,
      })
    try {
      for (const path of paths) {
        try {
          opened.push(await open(path))
        } catch (error) {
          if (path === paths[0] || !(error instanceof StorageError) || !diskFailures.has(error.code)) throw error
          logger.error({ directory: path, error }, 'log directory cannot be used; its partitions are refused')
          unusable.push(path)
        }
      }
      checkFirst(opened, (path) => fileSystem.exists(path))
    } catch (error) {
      for (const directory of opened) await directory.close()
      throw error
    }
    return new DataDirectories(options, opened, unusable, clusterId, tailCache)
  }

  get allOnline(): boolean {
    return this.#unusable.length === 0 && this.directories.every(({ offline }) => offline === undefined)
  }

  /** No disk is down to its reserve, so clients' records are taken everywhere. */
  get haveRoom(): boolean {
    return !this.directories.some(({ isFull }) => isFull)
  }

  /** Looks whether the directories are still there and have room; to be called about once a second. */
  check(): void {
    for (const directory of this.directories) directory.check()
  }

  /** Directories in which partitions of this node may lie, and which are not here. To be asked after `openCluster`. */
  async missing(): Promise<readonly string[]> {
    const present = this.directories.map(({ directoryId }) => directoryId)
    return (await this.#known()).filter((id) => !present.includes(id))
  }

  /**
   * Notes where partitions may lie from now on: in what is open now; and in what is missing, too, unless all partitions
   * were found without it.
   */
  async remember(allFound: boolean): Promise<void> {
    const present = this.directories.map(({ directoryId }) => directoryId)
    const missing = allFound ? [] : await this.missing()
    if (this.#store !== undefined)
      await writeKnownDirectories(this.#store, this.#options.config.nodeId, [...present, ...missing])
  }

  async #known(): Promise<readonly string[]> {
    return this.#store === undefined ? [] : readKnownDirectories(this.#store, this.#options.config.nodeId)
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
    return LmdbStore.open(path, this.#options.fileSystem, (facts, message) =>
      this.#options.logger.error(facts, message),
    )
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
      () => this.#unusable.length + directories.filter(({ offline }) => offline !== undefined).length,
    )
    metrics.gauge('odradek_log_directory_total_bytes', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.usage().totalBytes] as const),
    )
    metrics.gauge('odradek_log_directory_usable_bytes', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.usage().usableBytes] as const),
    )
    metrics.gauge('odradek_log_directory_reserve_bytes', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.reserveBytes] as const),
    )
    metrics.gauge('odradek_log_directory_full', () =>
      directories.map((directory) => [{ directory: directory.path }, directory.isFull ? 1 : 0] as const),
    )
    metrics.gauge('odradek_damage_found_total', () =>
      directories.flatMap((directory) =>
        damageKinds.map((kind) => [{ directory: directory.path, kind }, directory.damage.of(kind)] as const),
      ),
    )
  }
}

/**
 * A volume that is not mounted looks like a new folder. If it is the first one, or another one is now called the first,
 * all topics would be gone.
 * @throws {StorageError} others have been in use before
 */
function checkFirst([first, ...others]: readonly LogDirectory[], exists: (path: string) => boolean): void {
  if (first === undefined || exists(join(first.path, METADATA_FILE))) return
  const isNew = first.clusterIdFound === undefined
  const used = others.find(
    ({ path, clusterIdFound }) => exists(join(path, METADATA_FILE)) || (isNew && clusterIdFound !== undefined),
  )
  if (used === undefined) return
  throw new StorageError(
    'NOT_FOUND',
    first.path,
    `${first.path} has no metadata, but ${used.path} belongs to cluster ${used.clusterIdFound}, whose metadata is in the first of log.dirs: mount it, or name the folders in the order of before`,
  )
}

/** The cluster that the data is of: what the first folder says that says anything. */
function foundClusterId(fileSystem: FileSystem, paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const found = fileSystem.exists(path) ? readMetaProperties(fileSystem, path)?.clusterId : undefined
    if (found !== undefined) return found
  }
  return undefined
}
