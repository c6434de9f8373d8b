import { replaceFile } from './atomic-file.ts'
import { writeLeaderEpochCheckpoint } from './checkpoints.ts'
import { StorageError, toStorageError } from './errors.ts'
import { leaderEpochCheckpointFileName, type SegmentSuffix, segmentFileName } from './file-names.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { type LogHost, passesByItself } from './log-host.ts'
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

/** `leader-epoch-checkpoint`. @returns false if it could not be written */
export async function saveLeaderEpochs(host: LogHost, folder: string, epochs: LeaderEpochs): Promise<boolean> {
  const path = `${folder}/${leaderEpochCheckpointFileName}`
  const { entries } = epochs
  epochs.saved()
  return attempt(host, path, () => writeLeaderEpochCheckpoint(host.fileSystem, path, entries))
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
