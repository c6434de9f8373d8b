import type { FileSystem } from './file-system.ts'
import { writeFully } from './file-system.ts'

/**
 * Replaces a small file so that a crash at any moment leaves the old content or the new, never a part of either:
 * write `<path>.tmp`, sync it, rename it over the old one, sync the folder. Kafka does the same for checkpoints.
 *
 * One call at a time for a path: two would share the `.tmp`. A crash or an error may leave the `.tmp` behind; the next
 * call replaces it, and nobody reads it.
 * @throws {StorageError} the old content is still there (or, if only the folder's sync failed, maybe the new)
 */
export async function replaceFile(fileSystem: FileSystem, path: string, content: Buffer): Promise<void> {
  const draft = path + draftSuffix
  const file = fileSystem.open(draft, 'replace')
  try {
    if (content.length > 0) writeFully(file, [content], 0)
    await file.sync()
  } finally {
    file.close()
  }
  fileSystem.rename(draft, path)
  await fileSystem.syncFolder(folderOf(path))
}

/** As `replaceFile`, for when nothing else may happen before it is done: at start and at the very end. */
export function replaceFileSync(fileSystem: FileSystem, path: string, content: Buffer): void {
  const draft = path + draftSuffix
  const file = fileSystem.open(draft, 'replace')
  try {
    if (content.length > 0) writeFully(file, [content], 0)
    file.syncSync()
  } finally {
    file.close()
  }
  fileSystem.rename(draft, path)
  fileSystem.syncFolderSync(folderOf(path))
}

/** What a file under construction is called. Leftovers may be removed at start. */
export const draftSuffix = '.tmp'

/** The folder that a path lies in; `.` if it names none. */
export function folderOf(path: string): string {
  const slash = Math.max(path.lastIndexOf('/'), process.platform === 'win32' ? path.lastIndexOf('\\') : -1)
  if (slash < 0) return '.'
  return slash === 0 ? '/' : path.slice(0, slash)
}
