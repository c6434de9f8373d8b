import type { LogDirectory } from '../../storage/index.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { Logger } from '../runtime/logger.ts'

type Directory = Pick<LogDirectory, 'path' | 'folders'>

/**
 * Which of the folders that were there at the start is which partition's. A folder is a partition's if it has its name
 * and, in `partition.metadata`, its topic's id: a topic that was deleted and made again has another one.
 *
 * Logs are made, and are on the disk, before the metadata names their partition. So one that has no folder has lost it,
 * and whoever makes it anew must be sure that it is not merely somewhere else.
 */
export class FoundFolders<D extends Directory> {
  readonly #homes = new Map<string, D>()
  /** Why, in words, partitions that have a folder have no home. */
  readonly #obstacles = new Map<string, string>()

  constructor(directories: readonly D[], image: ClusterImage, logger: Logger) {
    const twins = new Map<string, string>()
    for (const directory of directories) {
      for (const { folder, topic, topicId } of directory.folders()) {
        const facts = { folder, directory: directory.path, topicId }
        const known = image.topicByName(topic)
        const other = this.#homes.get(folder)
        if (known === undefined) logger.warn(facts, 'folder of an unknown topic is left alone')
        else if (known.id !== topicId)
          this.#obstacles.set(folder, `its folder in ${directory.path} does not bear the id of the topic, ${known.id}`)
        else if (other !== undefined) twins.set(folder, `it has a folder in ${other.path} and one in ${directory.path}`)
        else this.#homes.set(folder, directory)
      }
    }
    // A stray folder of the same name does no harm to a partition that has its own.
    for (const folder of this.#homes.keys()) this.#obstacles.delete(folder)
    for (const [folder, why] of twins) {
      this.#homes.delete(folder)
      this.#obstacles.set(folder, why)
    }
  }

  /** Where the partition's log lies; undefined if it has none, or none that is surely the right one. */
  homeOf(folder: string): D | undefined {
    return this.#homes.get(folder)
  }

  /** Why a partition without a home must not get a new log, in words; undefined if nothing stands in the way. */
  obstacleTo(folder: string): string | undefined {
    return this.#obstacles.get(folder)
  }
}
