import { replaceFile } from './atomic-file.ts'
import { writeLeaderEpochCheckpoint } from './checkpoints.ts'
import { StorageError, toStorageError } from './errors.ts'
import { leaderEpochCheckpointFileName, type SegmentSuffix, segmentFileName } from './file-names.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { type LogHost, passesByItself } from './log-host.ts'
import type { LogParts } from './log-parts.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { Segment } from './segment.ts'

/**
 * The small files of a log's folder, and the end of large ones. Snapshots and epochs are not needed for the log to be
 * right: what cannot be written for lack of space is rebuilt at the next start.
 */

/** `<offset>.snapshot`: the producers' state before that offset; recovery goes on from there. */
export async function saveProducers(
  host: LogHost,
  folder: string,
  offset: number,
  producers: readonly ProducerEntry[],
): Promise<void> {
  const path = `${folder}/${segmentFileName(offset, '.snapshot')}`
  await attempt(host, path, () => replaceFile(host.fileSystem, path, encodeProducerSnapshot(producers)))
}

/** `leader-epoch-checkpoint` of one log. */
export class EpochsFile {
  readonly #host: LogHost
  readonly #path: string
  readonly #epochs: LeaderEpochs
  #saving = Promise.resolve(true)

  constructor(host: LogHost, folder: string, epochs: LeaderEpochs) {
    this.#host = host
    this.#path = `${folder}/${leaderEpochCheckpointFileName}`
    this.#epochs = epochs
  }

  /**
   * Writes the epochs, if they have changed. One writing at a time: two would share the draft, and who finds nothing new
   * must still wait for the one before.
   * @returns false if they could not be written
   */
  save(): Promise<boolean> {
    this.#saving = this.#saving.then(() => !this.#epochs.isDirty || this.#write())
    return this.#saving
  }

  async #write(): Promise<boolean> {
    const { entries } = this.#epochs
    this.#epochs.saved()
    const write = () => writeLeaderEpochCheckpoint(this.#host.fileSystem, this.#path, entries)
    const isSaved = await attempt(this.#host, this.#path, write)
    if (!isSaved) this.#epochs.notSaved()
    return isSaved
  }
}

/**
 * For a clean stop: producers, epochs and indexes are complete and on the disk. The segments are of no use afterwards.
 * @returns false if the disk did not take all of it
 */
export async function completeFiles(parts: LogParts, epochs: EpochsFile, endOffset: number): Promise<boolean> {
  const { host, path, producers, segments } = parts
  await saveProducers(host, path, endOffset, [...producers.entries()])
  let isComplete = await epochs.save()
  try {
    for (const segment of segments.all) {
      if (!(await segment.close(segment === segments.active))) isComplete = false
    }
    return isComplete
  } catch (error) {
    const failure = toStorageError(error, 'close', path)
    if (!passesByItself(failure)) host.fail(failure)
    return false
  }
}

/**
 * Renames the files of segments that are out of use to `.deleted`, in the order given, and unlinks them after `delayMs`.
 * @throws {StorageError} a file could not be renamed; those before it are
 */
export function removeSegments(host: LogHost, segments: readonly Segment[], delayMs: number): void {
  const renamed: string[] = []
  try {
    for (const segment of segments) {
      const { folder, baseOffset } = segment
      segment.isRemoved = true
      segment.drop()
      for (const suffix of segmentSuffixes) {
        const path = segment.pathOf(suffix)
        if (!host.fileSystem.exists(path)) continue
        // Compaction may not have given it its final name yet.
        const deleted = `${folder}/${segmentFileName(baseOffset, suffix, '.deleted')}`
        host.fileSystem.rename(path, deleted)
        renamed.push(deleted)
      }
    }
  } finally {
    if (renamed.length > 0) {
      host.later(delayMs, () => {
        for (const path of renamed) void attempt(host, path, () => host.fileSystem.removeFile(path))
      })
    }
  }
}

const segmentSuffixes: readonly SegmentSuffix[] = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot']

async function attempt(host: LogHost, path: string, run: () => void | Promise<void>): Promise<boolean> {
  try {
    await run()
    return true
  } catch (error) {
    const failure = error instanceof StorageError ? error : toStorageError(error, 'write', path)
    // The folder of a deleted partition was renamed meanwhile: nothing is left to be done.
    if (failure.code === 'NOT_FOUND') return false
    // A failed sync of a folder is reported once: who swallows it lets later ones succeed that should not.
    if (passesByItself(failure))
      host.logger.warn({ path, err: failure }, 'a file beside the log could not be written yet')
    else host.fail(failure)
    return false
  }
}
