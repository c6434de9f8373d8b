import type { Clock } from './clock.ts'
import type { CleanerCheckpoint } from './compaction/cleaner-checkpoint.ts'
import type { DamageCounts } from './damage.ts'
import type { DiskSpace } from './disk-space.ts'
import type { StorageError } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import type { IndexMemory } from './index-file.ts'
import type { OpenFiles } from './open-files.ts'
import type { StorageLogger } from './storage-logger.ts'
import type { TailCache } from './tail-cache.ts'

/** What a log needs of the directory that it lives in. One object for all logs of a directory. */
export interface LogHost {
  readonly fileSystem: FileSystem
  readonly files: OpenFiles
  readonly clock: Clock
  readonly random: StorageRandom
  readonly logger: StorageLogger
  readonly tailCache: TailCache
  readonly indexMemory: IndexMemory
  /** How far the logs here are compacted. */
  readonly cleanedTo: CleanerCheckpoint
  /** How much room there is, and what may still be taken in. */
  readonly space: DiskSpace
  /** What was found damaged here. */
  readonly damage: DamageCounts
  /** Why nothing can be written here any more; undefined while all is well. */
  readonly offline: StorageError | undefined
  /** Calls `log.writeStaged()` once, when the events of this turn of the event loop have been handled. */
  writeAtEndOfTurn(log: StagedLog): void
  /** Calls `log.sync()` as soon as a sync is free, once for all calls until it begins. */
  syncSoon(log: SyncedLog): void
  /** A sync took so long. */
  synced(tookMs: number): void
  /** Ends the directory's session: every log drops what is not durable and refuses appends. */
  fail(error: StorageError): void
  /** Writes the checkpoints soon. @returns whether they are on the disk: not if that is full, or offline; never rejects */
  checkpointSoon(): Promise<boolean>
  /** Calls `run` once, `delayMs` from now, unless the directory is closed before. */
  later(delayMs: number, run: () => void): void
}

/** Does this pass by itself, when others give space or descriptors back? Then the session goes on. */
export function passesByItself({ code }: StorageError): boolean {
  return code === 'NO_SPACE' || code === 'TOO_MANY_FILES'
}

export interface StagedLog {
  writeStaged(): void
}

export interface SyncedLog {
  /** Makes all written bytes safe; never rejects: a failure ends the directory's session. */
  sync(): Promise<void>
}

export interface StorageRandom {
  /** A whole number from 0 up to, not including, `below`. */
  integer(below: number): number
  /** A new version-4 UUID in Kafka's text form: 22 characters of base64url. */
  uuid(): string
}
