import { segmentFileName } from '../file-names.ts'
import type { LogHost } from '../log-host.ts'
import type { Segment } from '../segment.ts'
import type { Segments } from '../segments.ts'

/** What putting a cleaned segment in place needs of its log. */
export interface SwapContext {
  readonly host: LogHost
  readonly folder: string
  readonly segments: Segments
  /** `file.delete.delay.ms` */
  readonly fileDeleteDelayMs: number
  /** Deleted or closed meanwhile: then files are not ours any more. */
  readonly isClosed: boolean
  /** The log reads from other files from now on. */
  replaced(): void
}

/**
 * Puts a cleaned segment in the place of those that it was made of, so that a crash at any moment leaves either. Kafka's
 * names and order (LocalLog.replaceSegments), with the folder synced after each step, since a power cut may keep some
 * renames and lose others:
 *
 *   1. `.cleaned` -> `.swap`     undone by recovery while a `.cleaned` is there, completed from here on
 *   2. the old files -> `.deleted`, and readers go over to the new ones
 *   3. `.swap` -> the final name
 *   4. unlinked later: reads under way end on the files that they began with
 *
 * @param cleaned opened under its `.cleaned` names; all of it is synced
 * @param old neighbours in the log, the first of them with the base offset of `cleaned`
 * @throws {StorageError} before step 2 nothing has changed; later, the log is to be opened anew, and recovery completes it
 */
export async function swapIn(context: SwapContext, cleaned: Segment, old: readonly Segment[]): Promise<void> {
  const { host, folder, segments } = context
  const { fileSystem } = host
  cleaned.renameTo('.swap')
  await fileSystem.syncFolder(folder)
  if (context.isClosed || !segments.hasInARow(old)) throw new Interrupted()

  const removed = removeFiles(host, old, cleaned.baseOffset)
  segments.replace(old, cleaned)
  context.replaced()
  await fileSystem.syncFolder(folder)
  if (context.isClosed) return

  cleaned.renameTo('')
  await fileSystem.syncFolder(folder)
  host.later(context.fileDeleteDelayMs, () => {
    for (const path of removed) {
      fileSystem.removeFile(path).catch((error: unknown) => {
        host.logger.warn({ path, err: error }, 'a file that compaction replaced cannot be removed; the next start will')
      })
    }
  })
}

/** The segments to be replaced are not those of the log any more: retention, truncation or deletion was quicker. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** Renames the files of segments to `.deleted`. The snapshot at the base offset is as true as before, and stays. */
function removeFiles({ fileSystem }: LogHost, old: readonly Segment[], keptSnapshot: number): string[] {
  const removed: string[] = []
  for (const segment of old) {
    segment.isRemoved = true
    segment.drop()
    for (const suffix of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'] as const) {
      const path = segment.pathOf(suffix)
      if ((suffix === '.snapshot' && segment.baseOffset === keptSnapshot) || !fileSystem.exists(path)) continue
      fileSystem.rename(path, `${path}.deleted`)
      removed.push(`${path}.deleted`)
    }
  }
  return removed
}

/** Removes what a round left that was not put in place. */
export async function removeCleaned({ fileSystem }: LogHost, folder: string, baseOffset: number): Promise<void> {
  for (const suffix of ['.log', '.index', '.timeindex', '.txnindex'] as const) {
    for (const state of ['.cleaned', '.swap'] as const)
      await fileSystem.removeFile(`${folder}/${segmentFileName(baseOffset, suffix, state)}`)
  }
}
