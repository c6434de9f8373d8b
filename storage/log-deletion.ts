import { StorageError } from './errors.ts'
import { deletedFolderName, parsePartitionFolderName } from './file-names.ts'
import type { Log } from './log.ts'
import { FOLDERS_PER_TURN } from './log-creation.ts'
import type { LogHost } from './log-host.ts'

/**
 * Renames the folders of deleted partitions to `<topic>-<partition>.<id>-delete`, makes that safe, and removes them after
 * their `file.delete.delay.ms`. A folder that cannot be renamed is reported and stays; its topic is gone, so the next
 * start finds a folder that belongs to nobody.
 */
export async function deleteFolders(host: LogHost, directory: string, logs: readonly Log[]): Promise<void> {
  const { fileSystem, logger, random } = host
  try {
    for (const [index, { folder, config }] of logs.entries()) {
      // Lets others have their turn.
      if (index > 0 && index % FOLDERS_PER_TURN === 0) await fileSystem.syncFolder(directory)
      const name = parsePartitionFolderName(folder)!
      const uniqueId = Buffer.from(random.uuid(), 'base64url').toString('hex')
      const deleted = `${directory}/${deletedFolderName(name.topic, name.partition, uniqueId)}`
      fileSystem.rename(`${directory}/${folder}`, deleted)
      host.later(config.fileDeleteDelayMs, () => {
        fileSystem.removeFolder(deleted).catch((error: unknown) => {
          logger.warn(
            { folder: deleted, err: error },
            'folder of a deleted partition cannot be removed; the next start will',
          )
        })
      })
    }
    await fileSystem.syncFolder(directory)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    logger.error({ directory, err: error }, 'folders of deleted partitions could not be renamed')
  }
}
