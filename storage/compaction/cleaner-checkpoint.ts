import { type PartitionOffset, readOffsetCheckpoint, writeOffsetCheckpoint } from '../checkpoints.ts'
import { StorageError, toStorageError } from '../errors.ts'
import { cleanerCheckpointFileName, parsePartitionFolderName, partitionFolderName } from '../file-names.ts'
import { type LogHost, passesByItself } from '../log-host.ts'

/**
 * `cleaner-offset-checkpoint` of a log directory: up to where each log was compacted. Only a note: without it, or with an
 * old one, the next round compares records again that were compared before, and comes to the same.
 */
export class CleanerCheckpoint {
  readonly #host: CheckpointHost
  readonly #path: string
  /** By folder. */
  readonly #offsets: Map<string, number>
  #writing: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  /** Reads what the last run noted. @param isThere does the directory (still) have this folder? */
  constructor(host: CheckpointHost, directory: string, isThere: (folder: string) => boolean) {
    this.#host = host
    this.#path = `${directory}/${cleanerCheckpointFileName}`
    this.#offsets = new Map(
      this.#read()
        .map(({ topic, partition, offset }) => [partitionFolderName(topic, partition), offset] as const)
        .filter(([folder]) => isThere(folder)),
    )
  }

  /** First offset of the log in this folder that was never compared; undefined if that is not known. */
  of(folder: string): number | undefined {
    return this.#offsets.get(folder)
  }

  /** @returns when it is on the disk, or could not be brought there. Never rejects. */
  set(folder: string, offset: number): Promise<void> {
    this.#offsets.set(folder, offset)
    return this.#writeSoon()
  }

  /** The log was cut: what comes next at these offsets is new. */
  truncateTo(folder: string, offset: number): void {
    if ((this.#offsets.get(folder) ?? 0) > offset) void this.set(folder, offset)
  }

  /** The log is gone; another that gets its name must not inherit this. */
  forget(folder: string): void {
    if (this.#offsets.delete(folder)) void this.#writeSoon()
  }

  /** Settles when nothing is being written any more. */
  idle(): Promise<void> {
    return this.#next ?? this.#writing
  }

  /** One writing at a time; who comes during one is served by the next. */
  #writeSoon(): Promise<void> {
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined
      this.#writing = this.#write()
      return this.#writing
    })
    return this.#next
  }

  async #write(): Promise<void> {
    const entries: PartitionOffset[] = []
    for (const [folder, offset] of this.#offsets) {
      const parsed = parsePartitionFolderName(folder)
      if (parsed !== undefined) entries.push({ ...parsed, offset })
    }
    try {
      await writeOffsetCheckpoint(this.#host.fileSystem, this.#path, entries)
    } catch (error) {
      const err = toStorageError(error, 'write', this.#path)
      if (!passesByItself(err)) this.#host.fail(err)
      else this.#host.logger.warn({ err }, 'could not note how far logs are compacted; they will be read again')
    }
  }

  #read(): PartitionOffset[] {
    try {
      return readOffsetCheckpoint(this.#host.fileSystem, this.#path) ?? []
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      this.#host.logger.warn(
        { err: error },
        'the checkpoint of compaction is unreadable; logs are read from their start',
      )
      return []
    }
  }
}

/** What it needs of its log directory. */
export type CheckpointHost = Pick<LogHost, 'fileSystem' | 'logger' | 'fail'>
