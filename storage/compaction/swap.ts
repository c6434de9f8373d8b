import { segmentFileName } from '../file-names.ts'
import type { LogHost } from '../log-host.ts'
import type { Segment } from '../segment.ts'
import type { Segments } from '../segments.ts'

/** What putting a cleaned segment in place needs of its log. */
export interface SwapContext {
  readonly host: LogHost
  readonly folder: string
  readonly segments: Segments
  /** Deleted or closed meanwhile: then files are not ours any more. */
  readonly isClosed: boolean
}

/**
 * Puts a cleaned segment in the place of those that it was made of, so that a crash at any moment leaves either. Kafka's
 * names and order (LocalLog.replaceSegments), with the folder synced after each step, since a power cut may keep some
 * renames and lose others:
 *
 *   1. `.cleaned` -> `.swap`     `prepareSwap`; undone by recovery while a `.cleaned` is there, completed from here on
 *   2. the old files -> `.deleted`, and readers go over to the new ones
 *   3. `.swap` -> the final name
 *   4. unlinked later: reads under way end on the files that they began with
 */
export async function prepareSwap({ host, folder }: SwapContext, cleaned: Segment): Promise<void> {
  cleaned.renameTo('.swap')
  await host.fileSystem.syncFolder(folder)
}

/**
 * Step 2. Readers go over at once; what they have under way they end, or begin anew.
 * @param old neighbours in the log, the first of them with the base offset of `cleaned`
 * @returns the files that may be unlinked
 * @throws {StorageError} nobody knows any more which files are whose: the log is to be opened anew, and recovery completes it
 */
export function replaceSegments(context: SwapContext, cleaned: Segment, old: readonly Segment[]): string[] {
  const { host, folder, segments } = context
  const removed: string[] = []
  segments.replace(old, cleaned)
  for (const segment of old) {
    segment.isRemoved = true
    segment.drop()
    for (const suffix of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'] as const) {
      // The producers' state before the first of them is what it was, whatever the segment holds now.
      if (suffix === '.snapshot' && segment.baseOffset === cleaned.baseOffset) continue
      const path = segment.pathOf(suffix)
      if (!host.fileSystem.exists(path)) continue
      const deleted = `${folder}/${segmentFileName(segment.baseOffset, suffix, '.deleted')}`
      host.fileSystem.rename(path, deleted)
      removed.push(deleted)
    }
  }
  return removed
}

/** Step 3. May be tried again; until then the segment is read under its `.swap` name. */
export async function completeSwap(context: SwapContext, cleaned: Segment): Promise<void> {
  const { host, folder } = context
  // The old names must be gone for good before one of them is given anew: a power cut could bring both back.
  await host.fileSystem.syncFolder(folder)
  if (context.isClosed || cleaned.isRemoved) return
  cleaned.renameTo('')
  await host.fileSystem.syncFolder(folder)
}

/** Step 4. */
export function unlinkLater(host: LogHost, paths: readonly string[], delayMs: number): void {
  host.later(delayMs, () => {
    for (const path of paths) {
      host.fileSystem.removeFile(path).catch((error: unknown) => {
        host.logger.warn({ path, err: error }, 'a file that compaction replaced cannot be removed; the next start will')
      })
    }
  })
}

/** Removes what a round wrote and did not put in place. */
export async function removeCleaned({ host, folder }: SwapContext, baseOffset: number): Promise<void> {
  for (const state of ['.swap', '.cleaned'] as const) {
    for (const suffix of ['.log', '.index', '.timeindex', '.txnindex'] as const)
      await host.fileSystem.removeFile(`${folder}/${segmentFileName(baseOffset, suffix, state)}`)
  }
}
