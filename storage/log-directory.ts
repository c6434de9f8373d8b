import { assert } from '../protocol/assert.ts'
import { CleanerCheckpoint } from './compaction/cleaner-checkpoint.ts'
import type { DamageCounts } from './damage.ts'
import { DirectoryCheckpoints } from './directory-checkpoints.ts'
import {
  type DirectoryFolder,
  type DirectoryState,
  type LogDirectoryOptions,
  openDirectory,
} from './directory-session.ts'
import { DiskSpace } from './disk-space.ts'
import { StorageError, toStorageError } from './errors.ts'
import { partitionFolderName } from './file-names.ts'
import type { DeviceSpace, FileLock } from './file-system.ts'
import { Flusher } from './flusher.ts'
import { inParallel } from './in-parallel.ts'
import { IndexMemory } from './index-file.ts'
import { Log } from './log.ts'
import type { LogConfig } from './log-config.ts'
import { createFolders, type NewLog } from './log-creation.ts'
import { deleteFolders } from './log-deletion.ts'
import type { LogHost, StagedLog, SyncedLog } from './log-host.ts'
import { OpenFiles } from './open-files.ts'
import { openLogParts } from './recovery.ts'

/**
 * One of `log.dirs`: a folder with a folder a partition, locked for this process, with the checkpoints that make the next
 * start quick. It writes what its logs have staged at the end of each turn, syncs them (flusher.ts), and ends its session
 * when the disk fails: then nothing is acknowledged here any more, and what was durable stays readable (D6).
 */
export class LogDirectory {
  readonly path: string
  /** This directory's own id, from `meta.properties`. */
  readonly directoryId: string
  /** The cluster that `meta.properties` named before this start; undefined if the folder was new. */
  readonly clusterIdFound: string | undefined
  /** The last run ended well, so nothing needs to be recovered. */
  readonly wasClean: boolean
  /** Called once when the session ends because of the disk. */
  onOffline: ((error: StorageError) => void) | undefined
  /** Called after each sync of a log: how long it took, and how many logs it covered. */
  onFlush: ((seconds: number, logs: number) => void) | undefined
  readonly #state: DirectoryState
  readonly #host: LogHost
  readonly #lock: FileLock
  readonly #logs = new Map<string, Log>()
  readonly #flusher: Flusher
  readonly #checkpoints: DirectoryCheckpoints
  readonly #timers = new Set<() => void>()
  #staged: StagedLog[] = []
  #offline: StorageError | undefined
  #isClosed = false

  private constructor(options: LogDirectoryOptions, state: DirectoryState, lock: FileLock) {
    this.path = options.path
    this.directoryId = state.directoryId
    this.clusterIdFound = state.clusterIdFound
    this.wasClean = state.wasClean
    this.#state = state
    this.#lock = lock
    this.#flusher = new Flusher(options.parallelSyncs)
    this.#host = this.#hostFor(options, new Set(state.folders.map(({ folder }) => folder)))
    this.#checkpoints = new DirectoryCheckpoints(this.#host, this.path, state)
  }

  /**
   * Creates the folder if need be, locks it, checks whose it is, and reads what the last run left. The mark of a clean
   * stop is removed, and that is on the disk, before anything else is written.
   * @throws {StorageError} LOCKED (names the pid), NOT_WRITABLE, WRONG_CLUSTER, CORRUPT (meta.properties), IO
   */
  static async open(options: LogDirectoryOptions): Promise<LogDirectory> {
    const { state, lock } = await openDirectory(options)
    return new LogDirectory(options, state, lock)
  }

  /** Why the session ended; undefined while all is well. */
  get offline(): StorageError | undefined {
    return this.#offline
  }

  get logCount(): number {
    return this.#logs.size
  }

  /** Only the reserve of the disk is left: clients' records are refused until there is room. */
  get isFull(): boolean {
    return this.#host.space.isFull
  }

  /** Bytes of the volume that are kept from clients' records; 0 before the first look. */
  get reserveBytes(): number {
    return this.#host.space.reserveBytes
  }

  /** What was found damaged here since the start. */
  get damage(): DamageCounts {
    return this.#host.damage
  }

  /** Logs that wait for a sync, or are in one. */
  get pendingSyncs(): number {
    return this.#flusher.pending
  }

  owns(log: Log): boolean {
    return this.#logs.get(log.folder) === log
  }

  /** The partitions' folders that were there at the start. */
  folders(): readonly DirectoryFolder[] {
    return this.#state.folders
  }

  /**
   * Opens the log in one of `folders()`, recovering it if the last run did not end well. Several may be opened at a time.
   * @throws {StorageError} the disk failed, or the directory is offline
   */
  async openLog(folder: string, config: LogConfig): Promise<Log> {
    this.#checkUsable()
    const known = this.#state.folders.find((entry) => entry.folder === folder)
    assert(known !== undefined, 'a log is opened in a folder that is there')
    assert(!this.#logs.has(folder), 'a log is opened once')
    const parts = await openLogParts({
      host: this.#host,
      folder,
      path: `${this.path}/${folder}`,
      topicId: known.topicId,
      config,
      ...this.#checkpoints.of(folder),
      isClean: this.wasClean,
      rewritesTail: this.#state.syncHadFailed,
    })
    const log = new Log(parts)
    this.#logs.set(folder, log)
    return log
  }

  /**
   * Makes folders and first segments of new partitions, in the order of `specs`; when it returns they survive a power cut.
   * A folder that bears a new one's name, left by a creation that was not completed or by another topic, is set aside.
   * @throws {StorageError} then none of them exists
   */
  async createLogs(specs: readonly NewLog[], config: LogConfig): Promise<Log[]> {
    this.#checkUsable()
    for (const { topic, partition } of specs) {
      const folder = partitionFolderName(topic, partition)
      assert(!this.#logs.has(folder), 'a log is created once')
      this.#host.cleanedTo.forget(folder)
    }
    const folders = specs.map(({ topic, partition }) => partitionFolderName(topic, partition))
    if (!(await this.#checkpoints.makeWayFor(folders, () => this.#logs.values()))) {
      throw this.#offline ?? new StorageError('NO_SPACE', this.path, `no checkpoint can be written in ${this.path}`)
    }
    const created = await createFolders(this.#host, this.path, specs, config)
    return created.map((parts) => {
      const log = new Log(parts)
      this.#logs.set(log.folder, log)
      return log
    })
  }

  /** Renames the folders out of the way, and removes them later; reads under way end, later ones fail. */
  async deleteLogs(logs: readonly Log[]): Promise<void> {
    for (const log of logs) {
      assert(this.owns(log), 'a log is deleted by its own directory')
      this.#logs.delete(log.folder)
      this.#checkpoints.forget(log.folder)
      this.#host.cleanedTo.forget(log.folder)
      log.abandon()
    }
    await deleteFolders(this.#host, this.path, logs)
  }

  /**
   * Looks whether the folder is still there and how much room is left; to be called about once a second. Files that
   * were unlinked can be written and synced as if nothing were, so a folder that was removed, or whose volume was
   * unmounted, would take in records that nobody will ever read.
   */
  check(): void {
    if (this.#offline !== undefined || this.#isClosed) return
    try {
      if (!this.#host.fileSystem.exists(this.#lock.path)) {
        const message = `${this.path} was removed or unmounted while the broker used it`
        throw new StorageError('NOT_FOUND', this.path, message)
      }
      this.#host.space.check()
    } catch (error) {
      this.#fail(toStorageError(error, 'look at', this.path))
    }
  }

  /** Space on the device; zeros if the folder is gone. */
  usage(): { totalBytes: number; usableBytes: number } {
    try {
      return this.#host.fileSystem.statfs(this.path)
    } catch (error) {
      toStorageError(error, 'measure', this.path)
      return { totalBytes: 0, usableBytes: 0 }
    }
  }

  /**
   * Writes recovery points, log starts and high watermarks; to be called about once a minute. Never rejects.
   * @returns whether they are on the disk: not if that is full, or the directory offline
   */
  writeCheckpoints(): Promise<boolean> {
    return this.#checkpoints.writeSoon(() => this.#logs.values())
  }

  /** Flushes and closes all logs, marks the stop as clean (unless the disk did not take all of it), and gives the folder free. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const logs = [...this.#logs.values()]
    let isClean = true
    await inParallel(logs, async (log) => {
      if (!(await log.close())) isClean = false
    })
    if (!(await this.#checkpoints.writeSoon(() => logs))) isClean = false
    await this.#host.cleanedTo.idle()
    if (isClean && this.#offline === undefined) this.#checkpoints.markClean()
    for (const cancel of this.#timers) cancel()
    this.#flusher.clear()
    this.#logs.clear()
    this.#lock.release()
  }

  #checkUsable(): void {
    if (this.#offline !== undefined) throw this.#offline
    if (this.#isClosed) throw new StorageError('CLOSED', this.path, `${this.path} was closed`)
  }

  /** Undefined if the device does not answer; then the session is over. */
  #measure(): DeviceSpace | undefined {
    try {
      return this.#host.fileSystem.statfs(this.path)
    } catch (error) {
      this.#fail(toStorageError(error, 'measure', this.path))
      return undefined
    }
  }

  #endTurn(): void {
    const due = this.#staged
    this.#staged = []
    for (let i = 0; i < due.length; i++) due[i]!.writeStaged()
  }

  #fail(error: StorageError): void {
    if (this.#offline !== undefined) return
    this.#offline = error
    this.#host.logger.error(
      { directory: this.path, err: error },
      'log directory is offline; restart the broker to recover',
    )
    this.#flusher.clear()
    this.#checkpoints.markSyncFailed()
    for (const log of this.#logs.values()) log.wentOffline(error)
    this.onOffline?.(error)
  }

  #hostFor(options: LogDirectoryOptions, folders: ReadonlySet<string>): LogHost {
    const { fileSystem, clock, random, logger, tailCache } = options
    const directory = this
    const fail = (error: StorageError) => this.#fail(error)
    return {
      fileSystem,
      clock,
      random,
      logger,
      tailCache,
      files: new OpenFiles(fileSystem, options.maxOpenFiles),
      indexMemory: options.indexMemory ?? new IndexMemory(),
      damage: this.#state.damage,
      space: new DiskSpace({
        path: this.path,
        clock,
        logger,
        measure: () => this.#measure(),
        reserveBytes: options.reserveBytes ?? (() => 0),
      }),
      get offline() {
        return directory.#offline
      },
      writeAtEndOfTurn: (log) => {
        if (this.#staged.push(log) === 1) clock.afterTurn(() => this.#endTurn())
      },
      syncSoon: (log: SyncedLog) => {
        if (this.#offline === undefined) this.#flusher.add(log)
      },
      synced: (tookMs) => this.onFlush?.(tookMs / 1000, 1),
      cleanedTo: new CleanerCheckpoint({ fileSystem, logger, fail }, this.path, (folder) => folders.has(folder)),
      fail,
      checkpointSoon: () => this.writeCheckpoints(),
      later: (delayMs, run) => {
        const cancel = clock.schedule(delayMs, () => {
          this.#timers.delete(cancel)
          run()
        })
        this.#timers.add(cancel)
      },
    }
  }
}
