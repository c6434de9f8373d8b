import * as batch from '../protocol/records/batch.ts'
import { findNextGoodBatch, goodBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import { cutFileName } from './file-names.ts'
import { writeFully } from './file-system.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import { lacksSectors } from './lost-sectors.ts'
import type { Segment } from './segment.ts'

/**
 * What recovery does to one segment: reads every batch of it, checks checksums and the order of offsets, and rebuilds the
 * indexes on the way. What it finds at the first bad position decides : if good batches follow, in this file
 * or in later ones, the bad bytes are damage; they stay, and reads of them fail. If none follow, they are the torn tail of
 * the last write: they are copied aside and cut off. So is everything from where sectors never reached the disk, though
 * good batches follow in this file (lost-sectors.ts). Below the recovery point nothing is ever cut, since it was synced.
 */
export interface ScanOptions {
  readonly host: LogHost
  readonly config: LogConfig
  readonly epochs: LeaderEpochs
  /** Size of the file. */
  readonly fileBytes: number
  /** Where the next segment begins; undefined for the last one. */
  readonly nextBaseOffset: number | undefined
  /** A later segment has good batches: a bad tail here is damage. */
  readonly isFollowed: boolean
  /** What lies below was synced once, if the checkpoint can be believed. */
  readonly recoveryPoint: number
}

/** @returns the offset after the last batch of the segment, or after the damage at its end */
export async function scanSegment(segment: Segment, options: ScanOptions): Promise<number> {
  const { config, epochs, fileBytes, nextBaseOffset } = options
  segment.startOver(config)
  const window = new BatchWindow(segment.file, fileBytes, WINDOW_BYTES)
  const maxOffset = Math.min(nextBaseOffset ?? segment.maxEndOffset, segment.maxEndOffset)
  let expected = segment.baseOffset
  let position = 0
  while (position < fileBytes) {
    const due = { expectedOffset: expected, endOffset: maxOffset, expectsGaps: config.compacts }
    const size = await goodBatchSize(window, position, due)
    if (size > 0) {
      const at = window.indexOf(position)
      const epoch = batch.partitionLeaderEpoch(window.buffer, at)
      if (epoch > epochs.latestEpoch) epochs.assign(epoch, batch.baseOffset(window.buffer, at))
      segment.appended(window.buffer, at, size, config.indexIntervalBytes)
      expected = batch.nextOffset(window.buffer, at)
      position += size
      continue
    }
    const next = await findNextGoodBatch(window, position + 1, expected + 1, maxOffset)
    const wasSafe = options.isFollowed || wasSynced(options, position, expected)
    if (next === undefined || (!wasSafe && (await lacksSectors(window, position, next, expected))))
      return endOfSegment(segment, options, position, expected)
    const toOffset = batch.baseOffset(window.buffer, window.indexOf(next))
    segment.skipDamaged({ start: position, end: next, fromOffset: expected, toOffset })
    expected = toOffset
    position = next
  }
  return expected
}

/** Will `scanSegment` keep a batch of this file? Then what is bad in the segments before it is no torn tail. */
export async function keepsBatches(segment: Segment, options: Omit<ScanOptions, 'epochs'>): Promise<boolean> {
  const { config, fileBytes, nextBaseOffset, isFollowed } = options
  const window = new BatchWindow(segment.file, fileBytes, WINDOW_BYTES)
  const endOffset = Math.min(nextBaseOffset ?? segment.maxEndOffset, segment.maxEndOffset)
  const expectedOffset = segment.baseOffset
  if ((await goodBatchSize(window, 0, { expectedOffset, endOffset, expectsGaps: config.compacts })) > 0) return true
  const next = await findNextGoodBatch(window, 1, expectedOffset + 1, endOffset)
  if (next === undefined) return false
  return isFollowed || wasSynced(options, 0, expectedOffset) || !(await lacksSectors(window, 0, next, expectedOffset))
}

/**
 * After a failed sync the kernel may show bytes that the disk does not have (it marks failed pages as clean). Everything
 * above the recovery point is therefore written anew, to other pages: the segment is copied, synced, and put in its place.
 */
export async function rewriteSegment(segment: Segment, host: LogHost): Promise<void> {
  const path = `${segment.file.path}.rewritten`
  const copy = host.fileSystem.open(path, 'replace')
  try {
    const chunk = Buffer.allocUnsafe(WINDOW_BYTES)
    for (let position = 0; position < segment.sizeBytes; ) {
      const part = chunk.subarray(0, Math.min(chunk.length, segment.sizeBytes - position))
      const read = await segment.file.read(part, position)
      if (read === 0) break
      writeFully(copy, [part.subarray(0, read)], position)
      position += read
    }
    await copy.sync()
  } finally {
    copy.close()
  }
  segment.file.evictNow()
  host.fileSystem.rename(path, segment.file.path)
  await host.fileSystem.syncFolder(segment.folder)
  segment.syncedBytes = segment.sizeBytes
}

/** Nothing good comes after `position` in this file, or nothing that may be kept: damage, or a torn tail. */
async function endOfSegment(
  segment: Segment,
  options: ScanOptions,
  position: number,
  expected: number,
): Promise<number> {
  const { fileBytes, nextBaseOffset, isFollowed, recoveryPoint } = options
  if (isFollowed || wasSynced(options, position, expected)) {
    const toOffset = isFollowed ? nextBaseOffset! : recoveryPoint
    segment.skipDamaged({ start: position, end: fileBytes, fromOffset: expected, toOffset })
    return toOffset
  }
  await cutTail(segment, options, position, expected)
  return expected
}

/** A record takes seven bytes at least, so a checkpoint that speaks of more than could have been here is no proof. */
function wasSynced(options: Omit<ScanOptions, 'epochs'>, position: number, expected: number): boolean {
  const { recoveryPoint, fileBytes } = options
  return recoveryPoint > expected && recoveryPoint - expected <= (fileBytes - position) / SMALLEST_RECORD_BYTES
}

/** Copies the tail to a file beside the segment, and cuts it off. */
async function cutTail(
  segment: Segment,
  { host, fileBytes }: ScanOptions,
  position: number,
  offset: number,
): Promise<void> {
  const path = `${segment.folder}/${cutFileName(segment.baseOffset, offset)}`
  const chunk = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, fileBytes - position))
  let copy: ReturnType<typeof host.fileSystem.open> | undefined
  try {
    for (let at = position; at < fileBytes; ) {
      const read = await segment.file.read(chunk.subarray(0, Math.min(chunk.length, fileBytes - at)), at)
      if (read === 0) break
      const part = chunk.subarray(0, read)
      // A tail of zeros is room that was set aside and never written.
      if (copy !== undefined || part.some((byte) => byte !== 0)) {
        copy ??= host.fileSystem.open(path, 'replace')
        writeFully(copy, [part], at - position)
      }
      at += read
    }
    await copy?.sync()
  } finally {
    copy?.close()
  }
  if (copy !== undefined) await host.fileSystem.syncFolder(segment.folder)
  segment.file.get().truncate(position)
  await segment.file.get().sync()
  const cut = { segment: segment.file.path, position, bytes: fileBytes - position, nextOffset: offset }
  host.logger.warn({ ...cut, kept: copy === undefined ? null : path }, 'cut the torn tail of a segment')
}

const SMALLEST_RECORD_BYTES = 7
const WINDOW_BYTES = 4 * 1024 * 1024
