import { printPartitionMetadata } from './checkpoints.ts'
import { deletedFolderName, partitionFolderName, partitionMetadataFileName } from './file-names.ts'
import { writeFully } from './file-system.ts'
import { inParallel } from './in-parallel.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import type { LogParts } from './log-parts.ts'
import { ProducerState } from './producer-state.ts'
import { Segment } from './segment.ts'
import { Segments } from './segments.ts'

/** A partition whose log is to be made. */
export interface NewLog {
  readonly topic: string
  readonly partition: number
  /** 22 characters of base64url. */
  readonly topicId: string
}

/** Making one takes from 0.05 to 0.5 ms; after so many the event loop goes on. */
export const FOLDERS_PER_TURN = 100

/**
 * Makes the folders of new partitions with `partition.metadata` and an empty first segment. The folders' names are synced
 * together, hundreds at a time, and first: then what is in them; so a thousand partitions cost two thousand small syncs,
 * four at a time.
 * @throws {StorageError} then what was made is removed again
 */
export async function createFolders(
  host: LogHost,
  directory: string,
  specs: readonly NewLog[],
  config: LogConfig,
): Promise<LogParts[]> {
  const { fileSystem } = host
  const made: string[] = []
  const parts: LogParts[] = []
  try {
    for (const { topic, partition } of specs) {
      // Lets others have their turn: a request may make ten thousand.
      if (made.length > 0 && made.length % FOLDERS_PER_TURN === 0) await fileSystem.syncFolder(directory)
      const path = `${directory}/${partitionFolderName(topic, partition)}`
      if (fileSystem.exists(path)) setAside(host, directory, topic, partition)
      fileSystem.mkdir(path)
      made.push(path)
    }
    await fileSystem.syncFolder(directory)
    await inParallel(specs.entries(), async ([index, spec]) => {
      parts[index] = await createOne(host, made[index]!, spec, config)
    })
    return parts
  } catch (error) {
    for (const created of parts) created?.segments.active.drop()
    for (const path of made) await fileSystem.removeFolder(path)
    throw error
  }
}

async function createOne(host: LogHost, path: string, spec: NewLog, config: LogConfig): Promise<LogParts> {
  const { fileSystem } = host
  const metadata = fileSystem.open(`${path}/${partitionMetadataFileName}`, 'create')
  try {
    writeFully(metadata, [printPartitionMetadata(spec.topicId)], 0)
    await metadata.sync()
  } finally {
    metadata.close()
  }
  const segment = Segment.create({ host, folder: path, baseOffset: 0, config })
  // Kafka expects them beside the log; ours are as empty as the log is.
  segment.saveIndexes()
  await fileSystem.syncFolder(path)
  segment.nameIsSafe = true
  return {
    host,
    folder: partitionFolderName(spec.topic, spec.partition),
    path,
    topicId: spec.topicId,
    config,
    segments: new Segments([segment]),
    producers: new ProducerState(),
    epochs: new LeaderEpochs(),
    logStartOffset: 0,
    logEndOffset: 0,
    recoveryPoint: 0,
  }
}

/** Whatever stands in the way is kept, under a name that says so (Kafka's name for partitions that nobody knows). */
function setAside(host: LogHost, directory: string, topic: string, partition: number): void {
  const folder = partitionFolderName(topic, partition)
  const uniqueId = Buffer.from(host.random.uuid(), 'base64url').toString('hex')
  const stray = deletedFolderName(topic, partition, uniqueId).replace(/-delete$/, '-stray')
  host.fileSystem.rename(`${directory}/${folder}`, `${directory}/${stray}`)
  host.logger.warn({ folder, stray, directory }, 'a folder with the name of a new partition was set aside')
}
