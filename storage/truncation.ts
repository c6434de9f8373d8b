import { assert } from '../protocol/assert.ts'
import * as batch from '../protocol/records/batch.ts'
import { plausibleBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import type { LogConfig } from './log-config.ts'
import { removeSegments } from './log-files.ts'
import type { LogParts } from './log-parts.ts'
import { rebuildProducersSync } from './producer-replay.ts'
import { Segment } from './segment.ts'

/**
 * Cuts the files of a log so that no batch ends after `offset`. Synchronous: it happens between two turns, when a replica
 * finds that its history is not the leader's. The next sync makes it safe, together with what was appended since.
 * @returns where the log ends now
 * @throws {StorageError} the disk failed; the log is not to be used on
 */
export function truncate(parts: LogParts, config: LogConfig, offset: number, logStartOffset: number): number {
  const { segments, host, path } = parts
  // Newest first: whatever a crash leaves of it, there is no gap.
  const removed = segments.removeFrom(offset).reverse()
  removeSegments(host, removed, config.fileDeleteDelayMs)
  const { active } = segments
  assert(active.baseOffset <= offset, 'a log is not cut below its first segment')
  let endOffset = cutActive(active, offset)
  if (endOffset < logStartOffset) {
    // The log began in the middle of the batch that went. An empty segment lets offsets go on from there.
    const created = Segment.create({ host, folder: path, baseOffset: logStartOffset, config })
    removeSegments(host, segments.replaceAll(created), config.fileDeleteDelayMs)
    endOffset = logStartOffset
  }
  // The names of the removed segments must not come back after a power cut, when other batches have their offsets.
  if (removed.length > 0) segments.active.nameIsSafe = false
  rebuildProducersSync(parts, config, endOffset)
  return endOffset
}

/** @returns the offset after the last batch that stays */
function cutActive(active: Segment, offset: number): number {
  const window = new BatchWindow(active.file, active.sizeBytes, WINDOW_BYTES)
  let position = active.positionBefore(offset - 1)
  let endOffset = active.baseOffset
  while (window.loadSync(position, batch.BATCH_HEADER_BYTES)) {
    const at = window.indexOf(position)
    const size = plausibleBatchSize(window.buffer, at, window.end - position, active.baseOffset)
    if (size < 0 || batch.nextOffset(window.buffer, at) > offset) break
    endOffset = batch.nextOffset(window.buffer, at)
    position += size
  }
  if (position < active.sizeBytes) {
    active.truncateTo(position, endOffset)
    noteTimestamps(active)
  }
  return endOffset
}

/** The cut took the newest index entries; the maximum since the last one is in the batches after it. */
function noteTimestamps(segment: Segment): void {
  const window = new BatchWindow(segment.file, segment.sizeBytes, WINDOW_BYTES)
  let position = segment.lastIndexedPosition
  while (window.loadSync(position, batch.BATCH_HEADER_BYTES)) {
    const at = window.indexOf(position)
    const size = plausibleBatchSize(window.buffer, at, window.end - position, segment.baseOffset)
    if (size < 0) return
    segment.noteTimestamp(batch.maxTimestamp(window.buffer, at), batch.lastOffset(window.buffer, at))
    position += size
  }
}

const WINDOW_BYTES = 64 * 1024
