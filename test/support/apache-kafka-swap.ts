import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as batch from '../../protocol/records/batch.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import { parsePartitionFolderName } from '../../storage/file-names.ts'

/** Topics by name, with their ids (22 characters of base64url). */
export type TopicIds = ReadonlyMap<string, string>

/** The id of a topic, from the folder of its first partition in a log directory. */
export function topicIdIn(directory: string, topic: string): string {
  const text = readFileSync(join(directory, `${topic}-0`, 'partition.metadata'), 'utf8')
  return /topic_id: (\S+)/.exec(text)?.[1] ?? ''
}

/**
 * Gives topics of an Apache Kafka that is stopped other ids. Its admin API makes up an id for each new topic, so a folder
 * that has one already could not be put under it; but its metadata is a log like any other, uncompressed, in which an
 * id is 16 bytes.
 */
export function renameTopicIds(data: string, wanted: TopicIds): void {
  const bytesOf = (id: string) => Buffer.from(id, 'base64url')
  const ids = [...wanted].map(([topic, id]) => [bytesOf(topicIdIn(data, topic)), bytesOf(id)] as const)
  const folder = join(data, '__cluster_metadata-0')
  for (const name of readdirSync(folder).filter((file) => /\.(?:log|checkpoint)$/.test(file))) {
    const bytes = readFileSync(join(folder, name))
    for (let at = 0; at + batch.BATCH_HEADER_BYTES <= bytes.length; at += batch.batchSize(bytes, at)) {
      const end = at + batch.batchSize(bytes, at)
      for (const [from, to] of ids) {
        for (let found = bytes.indexOf(from, at); found >= 0 && found < end; found = bytes.indexOf(from, found + 1))
          to.copy(bytes, found)
      }
      batch.setCrc(bytes, at, crc32c(bytes, at + batch.ATTRIBUTES_AT, end))
    }
    writeFileSync(join(folder, name), bytes)
  }
}

/** Puts the folders of these topics, and the checkpoints of all logs, from one log directory in the place of another's. */
export function replaceLogs(from: string, to: string, topics: readonly string[]): void {
  const isTheirs = (name: string) => topics.includes(parsePartitionFolderName(name)?.topic ?? '')
  for (const name of readdirSync(to).filter(isTheirs)) rmSync(join(to, name), { recursive: true })
  for (const name of readdirSync(from).filter((file) => isTheirs(file) || file.endsWith('-offset-checkpoint')))
    cpSync(join(from, name), join(to, name), { recursive: true })
}
