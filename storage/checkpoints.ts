import { assert } from '../protocol/assert.ts'
import { crc32c } from '../protocol/records/crc32c.ts'
import { replaceFile, replaceFileSync } from './atomic-file.ts'
import { StorageError } from './errors.ts'
import { isTopicFileName } from './file-names.ts'
import type { FileSystem } from './file-system.ts'
import type { EpochEntry } from './leader-epochs.ts'

/**
 * Kafka's small text files. All are replaced atomically, and read with distrust: what is not exactly as it should be is
 * CORRUPT, what is missing is `undefined`, an empty file has no lines. None of it is trusted with more than it can
 * prove: the log decides.
 *
 *   0                        version
 *   2                        how many lines follow
 *   orders 0 1742            topic partition offset        (recovery-point-, log-start-, replication-, cleaner-offset-checkpoint)
 *   7 1500                   epoch start-offset            (leader-epoch-checkpoint, in each partition's folder)
 *
 * partition.metadata: `version: 0` and `topic_id: <uuid>`.
 *
 * Kafka's files have no checksum, and a flipped digit is a number like another: a log start that is too high hides
 * records, and has them deleted. So the last line that we write ends with 32 blanks, a bit of a CRC-32C each, which Kafka
 * passes over. Files without them are Kafka's own, and are believed.
 */

/** One line of an offset checkpoint. */
export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** @throws {StorageError} CORRUPT, or the disk failed */
export function readOffsetCheckpoint(fileSystem: FileSystem, path: string): PartitionOffset[] | undefined {
  return readLines(fileSystem, path)?.map((line) => {
    const [topic = '', partition = '', offset = '', ...more] = line.split(' ')
    if (more.length > 0 || !isTopicFileName(topic)) throw malformed(path, line)
    return { topic, partition: parseWhole(partition, path, 2 ** 31 - 1), offset: parseWhole(offset, path) }
  })
}

export function printOffsetCheckpoint(entries: readonly PartitionOffset[]): Buffer {
  return printLines(entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`))
}

export function writeOffsetCheckpoint(
  fileSystem: FileSystem,
  path: string,
  entries: readonly PartitionOffset[],
): Promise<void> {
  return replaceFile(fileSystem, path, printOffsetCheckpoint(entries))
}

/** In the order of the file; LeaderEpochs sees to their invariant. @throws {StorageError} CORRUPT, or the disk failed */
export function readLeaderEpochCheckpoint(fileSystem: FileSystem, path: string): EpochEntry[] | undefined {
  return readLines(fileSystem, path)?.map((line) => {
    const [epoch = '', startOffset = '', ...more] = line.split(' ')
    if (more.length > 0) throw malformed(path, line)
    return { epoch: parseWhole(epoch, path, 2 ** 31 - 1), startOffset: parseWhole(startOffset, path) }
  })
}

export function printLeaderEpochCheckpoint(entries: readonly EpochEntry[]): Buffer {
  return printLines(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`))
}

export function writeLeaderEpochCheckpoint(
  fileSystem: FileSystem,
  path: string,
  entries: readonly EpochEntry[],
): Promise<void> {
  return replaceFile(fileSystem, path, printLeaderEpochCheckpoint(entries))
}

/** The topic's id, 22 characters of base64url. @throws {StorageError} CORRUPT, or the disk failed */
export function readPartitionMetadata(fileSystem: FileSystem, path: string): { topicId: string } | undefined {
  const text = readText(fileSystem, path)
  if (text === undefined) return undefined
  const match = /^version: ?0\r?\ntopic_id: ?([A-Za-z0-9_-]{22})\s*$/.exec(text)
  if (match === null) throw malformed(path, text)
  return { topicId: match[1]! }
}

export function printPartitionMetadata(topicId: string): Buffer {
  assert(/^[A-Za-z0-9_-]{22}$/.test(topicId), 'a topic id has 22 characters of base64url')
  return Buffer.from(`version: 0\ntopic_id: ${topicId}`)
}

export function writePartitionMetadata(fileSystem: FileSystem, path: string, topicId: string): Promise<void> {
  return replaceFile(fileSystem, path, printPartitionMetadata(topicId))
}

/**
 * The mark of a clean stop, as Kafka 4 writes it. Whoever finds it may skip the scan of the logs, and must remove it
 * (and sync the folder) before the first write. An unreadable one counts as none: scanning is always right.
 * @returns the broker epoch that Kafka noted, -1 if none (older Kafkas leave the file empty)
 */
export function readCleanShutdown(fileSystem: FileSystem, path: string): { brokerEpoch: number } | undefined {
  const text = readText(fileSystem, path)
  if (text === undefined) return undefined
  if (text.trim() === '') return { brokerEpoch: -1 }
  const match = /^\{"version":0,"brokerEpoch":(-?\d+)\}\s*$/.exec(text)
  return match === null ? undefined : { brokerEpoch: Number(match[1]) }
}

/** Only after everything else is synced. Blocks until it is on the disk: the process ends next. */
export function writeCleanShutdown(fileSystem: FileSystem, path: string, brokerEpoch: number): void {
  replaceFileSync(fileSystem, path, Buffer.from(`{"version":0,"brokerEpoch":${brokerEpoch}}`))
}

/** More than this is not a checkpoint of ours: 100,000 partitions with the longest of names take 30 MB. */
const maxCheckpointBytes = 64 << 20

function readLines(fileSystem: FileSystem, path: string): string[] | undefined {
  const text = readText(fileSystem, path)
  if (text === undefined) return undefined
  // Kafka creates its checkpoints empty and fills them later.
  if (text === '') return []
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  lines.push(unsealed(path, lines))
  const [version = '', count = '', ...entries] = lines
  if (version !== '0') throw malformed(path, version)
  // The count is what a torn file cannot fake.
  if (parseWhole(count, path) !== entries.length) throw malformed(path, `${entries.length} lines instead of ${count}`)
  return entries
}

function printLines(lines: readonly string[]): Buffer {
  const text = ['0', String(lines.length), ...lines].join('\n')
  return Buffer.from(`${text}${lines.length === 0 ? '' : seal(text)}\n`)
}

/** The checksum of a text in blanks: highest bit first, a space for 0, a tab for 1. (No single bit makes one the other.) */
function seal(text: string): string {
  const bytes = Buffer.from(text)
  const bits = crc32c(bytes, 0, bytes.length).toString(2).padStart(32, '0')
  return [...bits].map((bit) => (bit === '0' ? ' ' : '\t')).join('')
}

/** Takes the last line away. @returns it without its seal, if it had one. @throws {StorageError} CORRUPT: a wrong one */
function unsealed(path: string, lines: string[]): string {
  const line = lines.pop() ?? ''
  const end = line.trimEnd().length
  if (end === line.length) return line
  const text = [...lines, line.slice(0, end)].join('\n')
  if (line.slice(end) !== seal(text)) throw malformed(path, 'its checksum does not match')
  return line.slice(0, end)
}

function readText(fileSystem: FileSystem, path: string): string | undefined {
  if (!fileSystem.exists(path)) return undefined
  return fileSystem.readFile(path, maxCheckpointBytes).toString('utf8')
}

function parseWhole(text: string, path: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > max) throw malformed(path, text)
  return value
}

function malformed(path: string, found: string): StorageError {
  return new StorageError('CORRUPT', path, `${path} is malformed: ${JSON.stringify(found.slice(0, 100))}`)
}
