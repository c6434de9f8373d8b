import { replaceFileSync } from './atomic-file.ts'
import { type PartitionOffset, writeCleanShutdown, writeOffsetCheckpoint } from './checkpoints.ts'
import { type DirectoryState, syncFailedFileName } from './directory-session.ts'
import { StorageError, toStorageError } from './errors.ts'
import {
  cleanShutdownFileName,
  highWatermarkCheckpointFileName,
  logStartOffsetCheckpointFileName,
  parsePartitionFolderName,
  partitionFolderName,
  recoveryPointCheckpointFileName,
} from './file-names.ts'
import type { Log } from './log.ts'
import { type LogHost, passesByItself } from './log-host.ts'

/**
 * The offset checkpoints of a directory and its mark of a clean stop: read by the next start, ours or a Kafka's.
 * One writing at a time; who asks during one is served by the next, together with all others who ask.
 */
export class DirectoryCheckpoints {
  readonly #host: LogHost
  readonly #path: string
  /** By folder; also of folders that this run has not opened, so that they are not lost. */
  readonly #recoveryPoints: Map<string, number>
  readonly #logStarts: Map<string, number>
  /** Folders of the last run that are not open yet. While there are some, a failed sync is not made good. */
  readonly #unopened: Set<string>
  #writing: Promise<boolean> = Promise.resolve(true)
  #next: Promise<boolean> | undefined

  constructor(host: LogHost, path: string, state: DirectoryState) {
    this.#host = host
    this.#path = path
    this.#recoveryPoints = byFolder(state.recoveryPoints)
    this.#logStarts = byFolder(state.logStartOffsets)
    this.#unopened = new Set(state.syncHadFailed ? state.folders.map(({ folder }) => folder) : [])
  }

  /** What the last run knew of a log. */
  of(folder: string): { recoveryPoint: number; logStartOffset: number } {
    return {
      recoveryPoint: this.#recoveryPoints.get(folder) ?? 0,
      logStartOffset: this.#logStarts.get(folder) ?? 0,
    }
  }

  /** The log is gone. */
  forget(folder: string): void {
    this.#recoveryPoints.delete(folder)
    this.#logStarts.delete(folder)
    this.#unopened.delete(folder)
  }

  /** Writes what the logs have come to. @returns whether it is on the disk now; never rejects */
  writeSoon(logs: () => Iterable<Log>): Promise<boolean> {
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined
      this.#writing = this.#write([...logs()])
      return this.#writing
    })
    return this.#next
  }

  /** Everything is synced and closed: the next start need not look. */
  markClean(): void {
    this.#attempt(() => {
      writeCleanShutdown(this.#host.fileSystem, `${this.#path}/${cleanShutdownFileName}`, -1)
    })
  }

  /** A sync failed: what the next start reads need not be on the disk. Best effort: the disk is failing. */
  markSyncFailed(): void {
    this.#attempt(() => {
      replaceFileSync(this.#host.fileSystem, `${this.#path}/${syncFailedFileName}`, Buffer.alloc(0))
    })
  }

  async #write(logs: readonly Log[]): Promise<boolean> {
    if (this.#host.offline !== undefined) return false
    const highWatermarks = new Map<string, number>()
    // Taken first: what is saved beside a log (its epochs) must reach as far as the recovery point that is written.
    for (const log of logs) {
      this.#recoveryPoints.set(log.folder, log.recoveryPoint)
      this.#logStarts.set(log.folder, log.logStartOffset)
      this.#unopened.delete(log.folder)
      highWatermarks.set(log.folder, log.durableOffset)
    }
    try {
      for (const log of logs) await log.saveEpochs()
      await this.#replace(recoveryPointCheckpointFileName, this.#recoveryPoints)
      await this.#replace(logStartOffsetCheckpointFileName, this.#logStarts)
      await this.#replace(highWatermarkCheckpointFileName, highWatermarks)
      if (this.#unopened.size === 0) await this.#host.fileSystem.removeFile(`${this.#path}/${syncFailedFileName}`)
      return true
    } catch (error) {
      const failure = toStorageError(error, 'write checkpoints in', this.#path)
      if (passesByItself(failure)) this.#report(failure)
      else this.#host.fail(failure)
      return false
    }
  }

  #replace(name: string, offsets: ReadonlyMap<string, number>): Promise<void> {
    const entries: PartitionOffset[] = []
    for (const [folder, offset] of offsets) {
      const parsed = parsePartitionFolderName(folder)
      if (parsed !== undefined) entries.push({ ...parsed, offset })
    }
    return writeOffsetCheckpoint(this.#host.fileSystem, `${this.#path}/${name}`, entries)
  }

  #attempt(write: () => void): void {
    try {
      write()
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      this.#report(error)
    }
  }

  #report(error: StorageError): void {
    this.#host.logger.warn(
      { directory: this.#path, err: error },
      'could not note how far the logs are; the next start takes longer',
    )
  }
}

function byFolder(offsets: readonly PartitionOffset[]): Map<string, number> {
  return new Map(offsets.map(({ topic, partition, offset }) => [partitionFolderName(topic, partition), offset]))
}
