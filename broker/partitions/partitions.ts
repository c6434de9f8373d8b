import { assert } from '../../protocol/assert.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { prepareCodec } from '../../protocol/records/compression.ts'
import { type Log, type LogDirectory, StorageError } from '../../storage/index.ts'
import type { ClusterImage, TopicImage } from '../metadata/image.ts'
import type { Logger } from '../runtime/logger.ts'
import type { BrokerMetrics } from '../runtime/metrics.ts'
import { FoundFolders } from './found-folders.ts'
import { Partition, type PartitionIdentity } from './partition.ts'
import type { TopicRules } from './topic-rules.ts'

export interface PartitionsOptions {
  readonly nodeId: number
  readonly directories: readonly LogDirectory[]
  /** The picture of the cluster as it is now. */
  readonly image: () => ClusterImage
  /** What the topic's settings mean for its partitions. */
  readonly rules: (topic: string) => TopicRules
  readonly metrics: BrokerMetrics
  readonly logger: Logger
}

/** A topic whose logs are to be made: its partitions `from` (inclusive) to `to` (exclusive). */
export interface NewLogs {
  readonly topic: string
  readonly topicId: string
  readonly from: number
  readonly to: number
}

/**
 * All partitions that this broker leads, by topic id. Names are looked up in the image, so that a topic which was
 * deleted and made again is never taken for its predecessor.
 */
export class Partitions {
  readonly #options: PartitionsOptions
  /** Undefined where the log could not be opened: that partition answers KAFKA_STORAGE_ERROR. */
  readonly #byTopicId = new Map<string, (Partition | undefined)[]>()
  #count = 0

  constructor(options: PartitionsOptions) {
    this.#options = options
  }

  get directories(): readonly LogDirectory[] {
    return this.#options.directories
  }

  get count(): number {
    return this.#count
  }

  /** @returns the partition, or why it cannot be served: unknown (3), led elsewhere (6), not readable (56) */
  findByName(topic: string, index: number): Partition | ErrorName {
    const image = this.#options.image().topicByName(topic)
    return image === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : this.#find(image, index)
  }

  /** As `findByName`; an id that no topic has is UNKNOWN_TOPIC_ID (100). */
  findById(topicId: string, index: number): Partition | ErrorName {
    const image = this.#options.image().topicById(topicId)
    return image === undefined ? 'UNKNOWN_TOPIC_ID' : this.#find(image, index)
  }

  *all(): Iterable<Partition> {
    for (const partitions of this.#byTopicId.values()) {
      for (const partition of partitions) if (partition !== undefined) yield partition
    }
  }

  /** The partitions of one topic that could be opened. */
  ofTopic(topicId: string): readonly Partition[] {
    return (this.#byTopicId.get(topicId) ?? []).filter((partition) => partition !== undefined)
  }

  /**
   * At start: opens the logs of all partitions in the image, recovering where the last run did not end well. One that
   * has lost its folder is made anew, empty, if it cannot be in one of the directories that are missing; else it is
   * refused. Folders of topics that the image does not know are reported and left alone.
   * @param missing ids of directories that were used before, and are not here
   * @returns partitions that could not be opened
   */
  async open(missing: readonly string[] = []): Promise<number> {
    const { directories, image, logger } = this.#options
    const found = new FoundFolders(directories, image(), logger)
    const wanted = [...this.#options.image().topics()].flatMap((topic) =>
      topic.partitions.flatMap(({ leader }, index) => (leader === this.#options.nodeId ? [{ topic, index }] : [])),
    )
    await inParallel(wanted, OPENED_AT_A_TIME, ({ topic, index }) => this.#open(topic, index, found, missing))
    return wanted.length - this.#count
  }

  /**
   * Makes the logs of new partitions; they are served once the image names them. What an earlier attempt left that
   * failed after its logs were made goes first.
   */
  async create({ topic, topicId, from, to }: NewLogs): Promise<void> {
    await this.#discard(this.#byTopicId.get(topicId)?.splice(from) ?? [])
    const specs: { topic: string; topicId: string; partition: number }[] = []
    for (let partition = from; partition < to; partition++) specs.push({ topic, topicId, partition })
    const rules = this.#options.rules(topic)
    await prepareCodecs(rules)
    for (const [directory, placed] of this.#place(specs)) {
      const logs = await directory.createLogs(placed, rules.log)
      for (const [i, log] of logs.entries()) {
        this.#add({ topic, topicId, index: placed[i]!.partition, leaderEpoch: 0 }, log, rules)
      }
    }
  }

  /** Closes the partitions of a deleted topic and gives their folders away; who waits on them is answered (N10). */
  async remove(topicId: string): Promise<void> {
    const partitions = this.#byTopicId.get(topicId) ?? []
    this.#byTopicId.delete(topicId)
    await this.#discard(partitions)
  }

  /** Applies changed settings of a topic without restart (AD-17). */
  async reconfigure(topicId: string, topic: string): Promise<void> {
    const rules = this.#options.rules(topic)
    await prepareCodecs(rules)
    for (const partition of this.ofTopic(topicId)) partition.reconfigure(rules)
  }

  /** Deletes what is past retention everywhere. @returns segments deleted */
  applyRetention(wallNow: number): number {
    let deleted = 0
    for (const partition of this.all()) deleted += partition.applyRetention(wallNow)
    return deleted
  }

  /** Answers all who wait on a partition, and every request that comes later, with `error`; the logs stay open. */
  close(error: ErrorName): void {
    for (const partition of this.all()) partition.close(error)
  }

  async #discard(slots: readonly (Partition | undefined)[]): Promise<void> {
    const partitions = slots.filter((partition) => partition !== undefined)
    this.#count -= partitions.length
    for (const partition of partitions) partition.close('UNKNOWN_TOPIC_OR_PARTITION')
    for (const directory of this.#options.directories) {
      const logs = partitions.map(({ log }) => log).filter((log) => directory.owns(log))
      if (logs.length > 0) await directory.deleteLogs(logs)
    }
  }

  #find(topic: TopicImage, index: number): Partition | ErrorName {
    const image = topic.partitions[index]
    if (image === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
    if (image.leader !== this.#options.nodeId) return 'NOT_LEADER_OR_FOLLOWER'
    return this.#byTopicId.get(topic.id)?.[index] ?? 'KAFKA_STORAGE_ERROR'
  }

  async #open(
    topic: TopicImage,
    index: number,
    found: FoundFolders<LogDirectory>,
    missing: readonly string[],
  ): Promise<void> {
    const rules = this.#options.rules(topic.name)
    await prepareCodecs(rules)
    const folder = `${topic.name}-${index}`
    const { leaderEpoch } = topic.partitions[index]!
    const { logger } = this.#options
    try {
      const home = found.homeOf(folder)
      const obstacle = found.obstacleTo(folder) ?? (missing.length > 0 ? elsewhere(missing) : undefined)
      if (home === undefined && obstacle !== undefined) {
        logger.error({ folder, why: obstacle }, 'partition is refused')
        return
      }
      if (home === undefined) logger.warn({ folder }, 'partition has lost its folder; an empty one is made')
      const log = await (home?.openLog(folder, rules.log) ?? this.#createOne(topic, index, rules))
      this.#add({ topic: topic.name, topicId: topic.id, index, leaderEpoch }, log, rules)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      logger.error({ folder, error }, 'partition cannot be opened; its requests are refused')
    }
  }

  async #createOne(topic: TopicImage, partition: number, rules: TopicRules): Promise<Log> {
    const [directory] = this.#byLoad()
    assert(directory !== undefined, 'a broker has a log directory')
    const [log] = await directory.createLogs([{ topic: topic.name, topicId: topic.id, partition }], rules.log)
    assert(log !== undefined, 'one log was asked for')
    return log
  }

  #add(identity: PartitionIdentity, log: Log, rules: TopicRules): void {
    const { topic, topicId, index } = identity
    log.assignEpoch(identity.leaderEpoch)
    const partitions = this.#byTopicId.get(topicId) ?? []
    assert(partitions[index] === undefined, `partition ${topic}-${index} is opened once`)
    partitions[index] = new Partition(identity, log, rules, this.#options.metrics.topic(topic))
    this.#byTopicId.set(topicId, partitions)
    this.#count++
  }

  /**
   * Directories that can be written, the one with the fewest partitions first (Kafka's rule of placement). Those down to
   * the reserve of their disk are left out while there are others: an empty log has room there, its records have not.
   */
  #byLoad(): LogDirectory[] {
    const online = this.#options.directories.filter(({ offline }) => offline === undefined)
    const roomy = online.filter(({ isFull }) => !isFull)
    return (roomy.length > 0 ? roomy : online).sort((a, b) => a.logCount - b.logCount)
  }

  #place<T>(specs: readonly T[]): Map<LogDirectory, T[]> {
    const directories = this.#byLoad()
    if (directories.length === 0) throw new StorageError('OFFLINE', '', 'no log directory can be written')
    const load = directories.map((directory) => directory.logCount)
    const placed = new Map<LogDirectory, T[]>()
    for (const spec of specs) {
      const least = load.indexOf(Math.min(...load))
      load[least] = load[least]! + 1
      const directory = directories[least]!
      const already = placed.get(directory)
      if (already === undefined) placed.set(directory, [spec])
      else already.push(spec)
    }
    return placed
  }
}

const elsewhere = (missing: readonly string[]): string =>
  `it may lie in a log directory that is missing (${missing.join(', ')}); mount that, or delete the topic`

/** A topic whose batches are taken apart on the way in needs the one codec that loads asynchronously, before the first. */
async function prepareCodecs(rules: TopicRules): Promise<void> {
  if (rules.looksIntoBatches && !rules.internal) await prepareCodec('zstd')
}

/** Logs that are opened, and recovered if need be, at the same time: enough to keep a disk and a core busy. */
const OPENED_AT_A_TIME = 16

async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
}
