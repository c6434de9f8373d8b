import * as batch from '../protocol/records/batch.ts'
import { BatchWindow, plausibleBatchSize } from './batch-window.ts'
import type { LogParts } from './log.ts'
import type { LogConfig } from './log-config.ts'
import { rebuildProducersSync } from './producer-replay.ts'
import { Segment } from './segment.ts'

/**
 * Cuts the files of a log so that they end before `offset`. Synchronous: it happens between two turns, when a replica
 * finds that its history is not the leader's.
 * @returns the segments that are out of use now; their files are still there
 */
export function truncate(parts: LogParts, config: LogConfig, offset: number, logStartOffset: number): Segment[] {
  const { segments, host, path } = parts
  const removed = segments.removeFrom(offset)
  const { active } = segments
  if (active.baseOffset > offset) {
    // All of the log lies above: an empty segment takes its place, so that offsets go on from here (Kafka's way, too).
    const created = Segment.create({ host, folder: path, baseOffset: offset, config })
    removed.unshift(...segments.replaceAll(created))
  } else cutActive(active, offset)
  rebuildProducersSync(parts, config, offset, logStartOffset)
  return removed
}

function cutActive(active: Segment, offset: number): void {
  const window = new BatchWindow(active.file, active.sizeBytes, WINDOW_BYTES)
  let position = active.positionBefore(offset)
  while (window.loadSync(position, batch.BATCH_HEADER_BYTES)) {
    const at = window.indexOf(position)
    const size = plausibleBatchSize(window.buffer, at, window.end - position, active.baseOffset)
    if (size < 0 || batch.nextOffset(window.buffer, at) > offset) break
    position += size
  }
  if (position >= active.sizeBytes) return
  active.truncateTo(position, offset)
  noteTimestamps(active)
}

/** The cut took the newest index entries; the maximum since the last one is in the batches after it. */
function noteTimestamps(segment: Segment): void {
  const window = new BatchWindow(segment.file, segment.sizeBytes, WINDOW_BYTES)
  let position = segment.indexEntryCount === 0 ? 0 : segment.lastIndexedPosition
  while (window.loadSync(position, batch.BATCH_HEADER_BYTES)) {
    const at = window.indexOf(position)
    const size = plausibleBatchSize(window.buffer, at, window.end - position, segment.baseOffset)
    if (size < 0) return
    segment.noteTimestamp(batch.maxTimestamp(window.buffer, at), batch.lastOffset(window.buffer, at))
    position += size
  }
}

const WINDOW_BYTES = 64 * 1024
