import * as batch from '../protocol/records/batch.ts'
import { plausibleBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import { readLeaderEpochCheckpoint } from './checkpoints.ts'
import { completeSwaps } from './compaction/swap-recovery.ts'
import { isStorageError } from './errors.ts'
import { leaderEpochCheckpointFileName, parseSegmentFileName } from './file-names.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import type { LogParts } from './log-parts.ts'
import { rebuildProducers } from './producer-replay.ts'
import { ProducerState } from './producer-state.ts'
import { Segment } from './segment.ts'
import { keepsBatches, rewriteSegment, type ScanOptions, scanSegment } from './segment-scan.ts'
import { Segments } from './segments.ts'

export interface OpenOptions {
  readonly host: LogHost
  /** Name of the folder, and its whole path. */
  readonly folder: string
  readonly path: string
  readonly topicId: string | undefined
  readonly config: LogConfig
  /** From the checkpoint; 0 if it has none. Believed only as far as the log bears it out. */
  readonly recoveryPoint: number
  /** From the checkpoint; 0 if it has none. */
  readonly logStartOffset: number
  /** The last run ended well: what is on the disk is whole. */
  readonly isClean: boolean
  /** The last run ended with a failed sync: what can be read need not be on the disk. */
  readonly rewritesTail: boolean
}

/**
 * Opens the log in a folder. After a clean stop that costs a look at names, sizes and the last few batches; else every
 * segment that reaches above the recovery point is read and checked (segment-scan.ts), and synced, so that all that the
 * log holds afterwards is durable. Doing it again, or being killed while doing it, changes nothing.
 * @throws {StorageError} the disk failed
 */
export async function openLogParts(options: OpenOptions): Promise<LogParts> {
  const { host, folder, path, topicId, config } = options
  await completeSwaps(host, path)
  const files = segmentFiles(host, path)
  const epochs = new LeaderEpochs(readEpochs(host, path))
  const opened = files.map(({ baseOffset, sizeBytes }, index) => {
    const endOffset = files[index + 1]?.baseOffset ?? Number.MAX_SAFE_INTEGER
    const isDoubtful = !options.isClean && endOffset > options.recoveryPoint
    const segmentOptions = { host, folder: path, baseOffset, config }
    // Where the recovery point is the very end of a segment, that may have been sealed since, and its indexes torn.
    const usesIndexes = options.isClean || endOffset < options.recoveryPoint
    return { ...Segment.open(segmentOptions, sizeBytes, endOffset, usesIndexes), sizeBytes, isDoubtful }
  })
  if (opened.length === 0) {
    const segment = Segment.create({ host, folder: path, baseOffset: options.logStartOffset, config })
    await host.fileSystem.syncFolder(path)
    segment.nameIsSafe = true
    opened.push({ segment, indexesTrusted: true, sizeBytes: 0, isDoubtful: false })
  }
  const { logEndOffset, recoveryPoint } = await settleSegments(options, opened, epochs)
  const segments = new Segments(opened.map(({ segment }) => segment))
  epochs.truncateFromEnd(logEndOffset)
  const logStartOffset = startOf(options, segments, logEndOffset)
  epochs.truncateFromStart(logStartOffset)
  const producers = new ProducerState()
  const parts = {
    host,
    folder,
    path,
    topicId,
    config,
    segments,
    producers,
    epochs,
    logStartOffset,
    logEndOffset,
    recoveryPoint,
  }
  await rebuildProducers(parts, config, logEndOffset)
  return parts
}

interface Opened {
  readonly segment: Segment
  readonly indexesTrusted: boolean
  readonly sizeBytes: number
  /** The last run may not have finished with it. */
  readonly isDoubtful: boolean
}

/** Brings every segment into a state in which it can be used, and finds where the log ends. */
async function settleSegments(
  options: OpenOptions,
  opened: Opened[],
  epochs: LeaderEpochs,
): Promise<{ logEndOffset: number; recoveryPoint: number }> {
  const { host, config, path, recoveryPoint } = options
  let endOffset = opened[0]!.segment.baseOffset
  let scannedFrom: number | undefined
  for (let index = 0; index < opened.length; index++) {
    const { segment, indexesTrusted, sizeBytes, isDoubtful } = opened[index]!
    const nextBaseOffset = opened[index + 1]?.segment.baseOffset
    const isLast = nextBaseOffset === undefined
    if (!isDoubtful && indexesTrusted) {
      const end = isLast ? await resume(segment) : nextBaseOffset
      if (end !== undefined) {
        endOffset = end
        continue
      }
    }
    if (isDoubtful && scannedFrom === undefined) {
      scannedFrom = segment.baseOffset
      // Epochs from here on are those of the batches that are there, not of some that a crash has taken.
      epochs.truncateFromEnd(scannedFrom)
    }
    const isFollowed = !isLast && (!isDoubtful || (await isFollowedByBatches(options, opened, index)))
    const scan = { host, config, epochs, fileBytes: sizeBytes, nextBaseOffset, isFollowed, recoveryPoint }
    endOffset = await scanSegment(segment, scan)
    if (isFollowed) segment.seal()
    segment.syncedBytes = isDoubtful ? 0 : segment.sizeBytes
    if (isDoubtful && options.rewritesTail && segment.sizeBytes > 0) await rewriteSegment(segment, host)
    await segment.sync(segment.sizeBytes)
    // Empty segments behind a torn one are of a roll that did not get to its first batch.
    if (!isLast && !isFollowed)
      await removeEmpty(
        host,
        opened.splice(index + 1).map(({ segment }) => segment),
      )
    else if (!isLast) {
      // Only under policy `os` can a power cut do that, or somebody who removes files. Readers go on after the gap.
      if (endOffset < nextBaseOffset && !config.compacts) {
        const gap = { folder: path, fromOffset: endOffset, toOffset: nextBaseOffset }
        host.logger.error(gap, 'records are missing between two segments')
      }
      endOffset = nextBaseOffset
    }
  }
  if (scannedFrom !== undefined) {
    await host.fileSystem.syncFolder(path)
    host.logger.info({ folder: path, from: scannedFrom, to: endOffset }, 'recovered a log')
  }
  if (recoveryPoint > endOffset) {
    const facts = { folder: path, recoveryPoint, logEndOffset: endOffset }
    host.logger.error(
      facts,
      'the log ends below its recovery point: synced records are missing, or the checkpoint is wrong',
    )
  }
  return { logEndOffset: endOffset, recoveryPoint: endOffset }
}

/** Is anything behind the segment at `index` that will be kept? Newest first, since each depends on what follows it. */
async function isFollowedByBatches(options: OpenOptions, opened: readonly Opened[], index: number): Promise<boolean> {
  const { host, config, recoveryPoint } = options
  let isFollowed = false
  for (let later = opened.length - 1; later > index && !isFollowed; later--) {
    const { segment, sizeBytes: fileBytes } = opened[later]!
    const nextBaseOffset = opened[later + 1]?.segment.baseOffset
    const scan: Omit<ScanOptions, 'epochs'> = { host, config, fileBytes, nextBaseOffset, isFollowed, recoveryPoint }
    isFollowed = fileBytes > 0 && (await keepsBatches(segment, scan))
  }
  return isFollowed
}

async function removeEmpty(host: LogHost, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    segment.drop()
    host.logger.warn({ segment: segment.file.path }, 'set aside a segment without a good batch behind a torn one')
    for (const suffix of ['.index', '.timeindex', '.snapshot'] as const)
      await host.fileSystem.removeFile(segment.pathOf(suffix))
    if (segment.sizeBytes === 0) await host.fileSystem.removeFile(segment.file.path)
    else host.fileSystem.rename(segment.file.path, `${segment.file.path}.cut-${segment.baseOffset}`)
  }
}

/**
 * After a clean stop: walks the headers from the last index entry to the end of the file.
 * @returns the offset after the last batch; undefined if the file does not end with a whole batch, so was not closed well
 */
async function resume(segment: Segment): Promise<number | undefined> {
  const window = new BatchWindow(segment.file, segment.sizeBytes, TAIL_BYTES)
  let expected = segment.baseOffset
  let position = segment.lastIndexedPosition
  const start = position
  while (position < segment.sizeBytes) {
    if (!(await window.load(position, batch.BATCH_HEADER_BYTES))) return undefined
    const at = window.indexOf(position)
    const size = plausibleBatchSize(window.buffer, at, segment.sizeBytes - position, expected)
    if (size < 0 || batch.nextOffset(window.buffer, at) > segment.maxEndOffset) return undefined
    segment.noteTimestamp(batch.maxTimestamp(window.buffer, at), batch.lastOffset(window.buffer, at))
    expected = batch.nextOffset(window.buffer, at)
    position += size
  }
  segment.resumed(start)
  return expected
}

/** The checkpointed start, if the log reaches that far; else where its first segment begins. */
function startOf({ host, path, logStartOffset }: OpenOptions, segments: Segments, logEndOffset: number): number {
  const first = segments.oldest.baseOffset
  if (logStartOffset <= logEndOffset) return Math.max(first, logStartOffset)
  host.logger.error(
    { folder: path, logStartOffset, logEndOffset },
    'the checkpointed log start lies beyond the log; it is ignored',
  )
  return first
}

function readEpochs(host: LogHost, path: string) {
  try {
    return readLeaderEpochCheckpoint(host.fileSystem, `${path}/${leaderEpochCheckpointFileName}`)
  } catch (error) {
    if (!isStorageError(error, 'CORRUPT')) throw error
    host.damage.found('checkpoint')
    host.logger.warn({ err: error }, 'leader epochs are damaged; those that are still in the log will be found there')
    return undefined
  }
}

interface SegmentFile {
  readonly baseOffset: number
  readonly sizeBytes: number
}

/** The segments of a folder in the order of their offsets. Leftovers of removed files go; what is not ours stays. */
function segmentFiles({ fileSystem, logger }: LogHost, path: string): SegmentFile[] {
  const found: SegmentFile[] = []
  const indexes: { name: string; baseOffset: number }[] = []
  for (const { name, kind } of fileSystem.readdir(path)) {
    const parsed = parseSegmentFileName(name)
    if (parsed === undefined) continue
    const { baseOffset, suffix, state } = parsed
    if (kind !== 'file')
      logger.warn({ path: `${path}/${name}`, kind }, 'not a file, though its name is that of one; left alone')
    else if (state === '.deleted') fileSystem.unlink(`${path}/${name}`)
    else if (suffix === '.log')
      found.push({ baseOffset, sizeBytes: fileSystem.stat(`${path}/${name}`)?.sizeBytes ?? 0 })
    else if (suffix === '.index' || suffix === '.timeindex') indexes.push({ name, baseOffset })
  }
  const bases = new Set(found.map(({ baseOffset }) => baseOffset))
  for (const { name, baseOffset } of indexes) if (!bases.has(baseOffset)) fileSystem.unlink(`${path}/${name}`)
  return found.sort((a, b) => a.baseOffset - b.baseOffset)
}

const TAIL_BYTES = 64 * 1024
