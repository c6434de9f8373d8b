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
  /** Folders that the files on the disk may name. */
  readonly #named: Set<string>
  /** Folders of the last run that are not open yet. While there are some, a failed sync is not made good. */
  readonly #unopened: Set<string>
  #writing: Promise<boolean> = Promise.resolve(true)
  #syncHadFailed: boolean
  #next: Promise<boolean> | undefined

  constructor(host: LogHost, path: string, state: DirectoryState) {
    this.#host = host
    this.#path = path
    this.#recoveryPoints = byFolder(state.recoveryPoints)
    this.#logStarts = byFolder(state.logStartOffsets)
    this.#named = new Set([...this.#recoveryPoints.keys(), ...this.#logStarts.keys()])
    this.#syncHadFailed = state.syncHadFailed
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

  /**
   * New logs are about to get these folders. Where the files on the disk tell of others that had them before, they are
   * written anew first: after a crash, a new log must not begin where an old one of its name did.
   * @returns false if that could not be brought about
   */
  async makeWayFor(folders: readonly string[], logs: () => Iterable<Log>): Promise<boolean> {
    for (const folder of folders) this.forget(folder)
    return !folders.some((folder) => this.#named.has(folder)) || this.writeSoon(logs)
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
    const recoveryPoints = logs.map(({ recoveryPoint }) => recoveryPoint)
    for (const log of logs) {
      this.#logStarts.set(log.folder, log.logStartOffset)
      this.#unopened.delete(log.folder)
      highWatermarks.set(log.folder, log.durableOffset)
    }
    try {
      // What is saved beside a log (its epochs) must reach as far as the recovery point that is written.
      for (const [index, log] of logs.entries()) {
        const isSaved = await log.saveEpochs()
        // It may have been deleted meanwhile.
        if (isSaved && this.#logStarts.has(log.folder)) this.#recoveryPoints.set(log.folder, recoveryPoints[index]!)
      }
      const named = new Set([...this.#recoveryPoints.keys(), ...this.#logStarts.keys()])
      for (const folder of named) this.#named.add(folder)
      await this.#replace(recoveryPointCheckpointFileName, this.#recoveryPoints)
      await this.#replace(logStartOffsetCheckpointFileName, this.#logStarts)
      await this.#replace(highWatermarkCheckpointFileName, highWatermarks)
      for (const folder of this.#named) if (!named.has(folder)) this.#named.delete(folder)
      this.#forgetFailedSync()
      return true
    } catch (error) {
      const failure = toStorageError(error, 'write checkpoints in', this.#path)
      if (passesByItself(failure)) this.#report(failure)
      else this.#host.fail(failure)
      return false
    }
  }

  /** All logs that may have met with it were recovered. A sync that failed meanwhile is another matter, so this happens at once. */
  #forgetFailedSync(): void {
    const mark = `${this.#path}/${syncFailedFileName}`
    if (!this.#syncHadFailed || this.#unopened.size > 0 || this.#host.offline !== undefined) return
    this.#syncHadFailed = false
    if (this.#host.fileSystem.exists(mark)) this.#host.fileSystem.unlink(mark)
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
