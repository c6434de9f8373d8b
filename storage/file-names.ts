import { assert } from '../protocol/assert.ts'

/**
 * Names of files and folders in a log directory, printed and parsed. They are Apache Kafka's own.
 *
 *   <log.dir>/<topic>-<partition>/00000000000000000042.log      a segment that begins at offset 42
 *   <log.dir>/<topic>-<partition>.<uniqueId>-delete             a partition on its way out
 *
 * Parsing trusts nothing: what is not exactly one of ours is `undefined`, and is left alone.
 */

export const lockFileName = '.lock'
export const cleanShutdownFileName = '.kafka_cleanshutdown'
export const metaPropertiesFileName = 'meta.properties'
export const recoveryPointCheckpointFileName = 'recovery-point-offset-checkpoint'
export const logStartOffsetCheckpointFileName = 'log-start-offset-checkpoint'
export const highWatermarkCheckpointFileName = 'replication-offset-checkpoint'
export const cleanerCheckpointFileName = 'cleaner-offset-checkpoint'
export const leaderEpochCheckpointFileName = 'leader-epoch-checkpoint'
export const partitionMetadataFileName = 'partition.metadata'

/** What a file of a segment holds. `.snapshot` is the producers' state before its offset. */
export type SegmentSuffix = '.log' | '.index' | '.timeindex' | '.txnindex' | '.snapshot'

/** Where it stands: in use; to be removed soon; being written by compaction; written, and about to replace others. */
export type SegmentFileState = '' | '.deleted' | '.cleaned' | '.swap'

export interface SegmentFileName {
  readonly baseOffset: number
  readonly suffix: SegmentSuffix
  readonly state: SegmentFileState
}

/** `00000000000000000042.log`; the offset is padded to 20 digits so that names sort as offsets do. */
export function segmentFileName(baseOffset: number, suffix: SegmentSuffix, state: SegmentFileState = ''): string {
  assert(Number.isSafeInteger(baseOffset) && baseOffset >= 0, `an offset in a file name: ${baseOffset}`)
  return baseOffset.toString().padStart(20, '0') + suffix + state
}

/** `undefined` for every other name, also for an offset above 2^53 - 1. */
export function parseSegmentFileName(name: string): SegmentFileName | undefined {
  const match = /^(\d{20})(\.log|\.index|\.timeindex|\.txnindex|\.snapshot)(\.deleted|\.cleaned|\.swap)?$/.exec(name)
  if (match === null) return undefined
  const baseOffset = Number(match[1])
  if (!Number.isSafeInteger(baseOffset)) return undefined
  return { baseOffset, suffix: match[2] as SegmentSuffix, state: (match[3] ?? '') as SegmentFileState }
}

/** Name for bytes that recovery cut off a segment at a position or offset: `00000000000000000042.log.cut-57`. */
export function cutFileName(baseOffset: number, cutOffset: number): string {
  return `${segmentFileName(baseOffset, '.log')}.cut-${cutOffset}`
}

export interface PartitionFolderName {
  readonly topic: string
  readonly partition: number
}

/** `orders-3`. The topic must be a legal name: nothing else ever becomes a path. */
export function partitionFolderName(topic: string, partition: number): string {
  assert(isTopicFileName(topic), 'a topic that becomes a folder has a legal name')
  assert(isPartitionNumber(partition), `a partition number: ${partition}`)
  return `${topic}-${partition}`
}

/** Topics may hold dashes: the partition is what follows the last one. */
export function parsePartitionFolderName(name: string): PartitionFolderName | undefined {
  const dash = name.lastIndexOf('-')
  if (dash < 0) return undefined
  return checkedPartition(name.slice(0, dash), name.slice(dash + 1))
}

/**
 * `orders-3.0b1f...-delete`: a partition's folder once its deletion is decided.
 * @param uniqueId letters and digits only (Kafka: a UUID as 32 hexadecimal digits), so that two deletions never meet
 */
export function deletedFolderName(topic: string, partition: number, uniqueId: string): string {
  assert(isTopicFileName(topic) && isPartitionNumber(partition), 'a legal topic and partition')
  assert(/^[A-Za-z0-9_]+$/.test(uniqueId), 'a unique id of letters and digits')
  const tail = `-${partition}.${uniqueId}-delete`
  // A file name has 255 bytes; the longest topics lose their end, as in Kafka. Nobody reads the topic back from it.
  return topic.slice(0, 255 - tail.length) + tail
}

/** Is it the folder of a deleted partition? Its topic may have been cut short, so it is not told. */
export function isDeletedFolderName(name: string): boolean {
  return /^[A-Za-z0-9._-]+-\d+\.[\w-]+-delete$/.test(name)
}

/** May this topic be a part of a file name: 1 to 249 of `A-Z a-z 0-9 . _ -`, and neither `.` nor `..`. */
export function isTopicFileName(topic: string): boolean {
  return topic !== '.' && topic !== '..' && /^[A-Za-z0-9._-]{1,249}$/.test(topic)
}

function checkedPartition(topic: string, partitionText: string): PartitionFolderName | undefined {
  // No leading zeros: two names must never stand for one partition.
  if (!/^(0|[1-9]\d{0,9})$/.test(partitionText) || !isTopicFileName(topic)) return undefined
  const partition = Number(partitionText)
  return isPartitionNumber(partition) ? { topic, partition } : undefined
}

function isPartitionNumber(partition: number): boolean {
  return Number.isInteger(partition) && partition >= 0 && partition < 2 ** 31
}
