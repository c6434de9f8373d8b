import { type PartitionOffset, readCleanShutdown, readOffsetCheckpoint, readPartitionMetadata } from './checkpoints.ts'
import type { Clock } from './clock.ts'
import { DamageCounts } from './damage.ts'
import { isStorageError, StorageError } from './errors.ts'
import {
  cleanShutdownFileName,
  isDeletedFolderName,
  lockFileName,
  logStartOffsetCheckpointFileName,
  parsePartitionFolderName,
  partitionMetadataFileName,
  recoveryPointCheckpointFileName,
} from './file-names.ts'
import type { FileLock, FileSystem } from './file-system.ts'
import type { IndexMemory } from './index-file.ts'
import type { StorageRandom } from './log-host.ts'
import { readMetaProperties, writeMetaProperties } from './meta-properties.ts'
import type { StorageLogger } from './storage-logger.ts'
import type { TailCache } from './tail-cache.ts'

export interface LogDirectoryOptions {
  readonly path: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: StorageRandom
  readonly clusterId: string
  readonly nodeId: number
  /** Shared by all directories of a process. */
  readonly tailCache: TailCache
  /** Shared by all directories of a process; one of its own by default. */
  readonly indexMemory?: IndexMemory
  /** Files of segments that may be open at a time; at least 1. */
  readonly maxOpenFiles: number
  /** Syncs that may run at a time (default 2); each takes one of libuv's four threads. */
  readonly parallelSyncs?: number
  /** Bytes of the volume that are not for clients' records, asked for at each look; see DiskSpace. Default: none. */
  readonly reserveBytes?: () => number
  readonly logger: StorageLogger
}

/** A partition's folder, as it was found at the start. */
export interface DirectoryFolder {
  readonly folder: string
  readonly topic: string
  readonly partition: number
  /** From `partition.metadata`; undefined if there is none, or it cannot be read. */
  readonly topicId: string | undefined
}

/** What the last run left. */
export interface DirectoryState {
  readonly directoryId: string
  readonly clusterIdFound: string | undefined
  readonly wasClean: boolean
  /** The last run ended with a failed sync: the kernel may show bytes that the disk does not have. */
  readonly syncHadFailed: boolean
  readonly folders: readonly DirectoryFolder[]
  readonly recoveryPoints: readonly PartitionOffset[]
  readonly logStartOffsets: readonly PartitionOffset[]
  /** What was found damaged on the way. */
  readonly damage: DamageCounts
}

/** At the top of the directory, beside Kafka's files, which a Kafka ignores. */
export const syncFailedFileName = 'odradek.sync-failed'

/** The first steps of every start; see LogDirectory.open. If one fails, the lock is given back. */
export async function openDirectory(options: LogDirectoryOptions): Promise<{ state: DirectoryState; lock: FileLock }> {
  const { fileSystem, path } = options
  fileSystem.mkdir(path)
  const lock = fileSystem.lock(`${path}/${lockFileName}`)
  try {
    const found = identify(options)
    const damage = new DamageCounts()
    const syncHadFailed = fileSystem.exists(`${path}/${syncFailedFileName}`)
    const wasClean = await takeCleanMark(fileSystem, path)
    // What a killed process had renamed is seen, and may not be on the disk: nothing may be built on it before.
    if (!wasClean) await fileSystem.syncFolder(path)
    const state = {
      ...found,
      syncHadFailed,
      wasClean: wasClean && !syncHadFailed,
      folders: findFolders(options, damage),
      recoveryPoints: readCheckpoint(options, recoveryPointCheckpointFileName, damage),
      logStartOffsets: readCheckpoint(options, logStartOffsetCheckpointFileName, damage),
      damage,
    }
    return { state, lock }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Whose directory is it? A new one becomes ours. */
function identify({ fileSystem, path, clusterId, nodeId, random }: LogDirectoryOptions) {
  const found = readMetaProperties(fileSystem, path)
  if (found?.clusterId !== undefined && found.clusterId !== clusterId) {
    const message = `${path} belongs to cluster ${found.clusterId}, not ${clusterId}; use another log.dirs, or the right cluster id`
    throw new StorageError('WRONG_CLUSTER', path, message)
  }
  if (found?.nodeId !== undefined && found.nodeId !== nodeId) {
    const message = `${path} belongs to node ${found.nodeId}, not ${nodeId}; use another log.dirs, or node.id=${found.nodeId}`
    throw new StorageError('WRONG_CLUSTER', path, message)
  }
  const directoryId = found?.directoryId ?? random.uuid()
  if (found?.clusterId === undefined || found.nodeId === undefined || found.directoryId === undefined) {
    writeMetaProperties(fileSystem, path, { clusterId, nodeId, directoryId })
  }
  return { directoryId, clusterIdFound: found?.clusterId }
}

/** The mark is used up: it must be gone from the disk before anything is written, or a crash would look like a clean stop. */
async function takeCleanMark(fileSystem: FileSystem, path: string): Promise<boolean> {
  const mark = `${path}/${cleanShutdownFileName}`
  if (!fileSystem.exists(mark)) return false
  const wasClean = readCleanShutdown(fileSystem, mark) !== undefined
  fileSystem.unlink(mark)
  await fileSystem.syncFolder(path)
  return wasClean
}

function findFolders(options: LogDirectoryOptions, damage: DamageCounts): DirectoryFolder[] {
  const { fileSystem, path, logger } = options
  const folders: DirectoryFolder[] = []
  for (const { name, kind } of fileSystem.readdir(path)) {
    if (kind !== 'folder') continue
    if (isDeletedFolderName(name)) {
      fileSystem.removeFolder(`${path}/${name}`).catch((error: unknown) => {
        logger.warn({ folder: name, err: error }, 'leftover of a deleted partition cannot be removed')
      })
      continue
    }
    const parsed = parsePartitionFolderName(name)
    if (parsed === undefined) logger.warn({ folder: name, directory: path }, 'folder is not one of ours; left alone')
    else folders.push({ folder: name, ...parsed, topicId: readTopicId(options, `${path}/${name}`, damage) })
  }
  return folders
}

function readTopicId(
  { fileSystem, logger }: LogDirectoryOptions,
  folder: string,
  damage: DamageCounts,
): string | undefined {
  try {
    return readPartitionMetadata(fileSystem, `${folder}/${partitionMetadataFileName}`)?.topicId
  } catch (error) {
    if (!isStorageError(error, 'CORRUPT')) throw error
    damage.found('checkpoint')
    logger.warn({ folder, err: error }, 'partition.metadata is damaged; the folder belongs to no topic')
    return undefined
  }
}

/** Checkpoints only save time: without one, the logs themselves tell. */
function readCheckpoint(
  { fileSystem, path, logger }: LogDirectoryOptions,
  name: string,
  damage: DamageCounts,
): PartitionOffset[] {
  try {
    return readOffsetCheckpoint(fileSystem, `${path}/${name}`) ?? []
  } catch (error) {
    if (!isStorageError(error, 'CORRUPT')) throw error
    damage.found('checkpoint')
    logger.warn({ directory: path, err: error }, 'checkpoint is damaged; it is ignored')
    return []
  }
}
