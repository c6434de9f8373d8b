import * as batch from '../protocol/records/batch.ts'
import { hasGoodCrc, plausibleBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import type { Segment } from './segment.ts'
import { damagedError, readSoundly, Suspicion } from './segment-audit.ts'

/**
 * Reading a segment's file: what is not in memory any more. One `pread` in the usual case, of what was asked for and of
 * the few kilobytes between an index entry and the batch wanted; batches are checked the first time that they are served.
 */

/** Bytes between two index entries, roughly, and a batch header: what a read may need before the batch that it wants. */
const LOOK_AHEAD_BYTES = 8 * 1024
/** A larger request is answered in pieces, so that one reader does not take the memory of all. */
const MAX_READ_BYTES = 8 * 1024 * 1024

export interface SegmentReadRequest {
  /** The batch that holds this offset, or else the next one in the segment, comes first. */
  readonly from: number
  readonly maxBytes: number
  /** No batch that ends beyond it. */
  readonly upTo: number
  /** The first batch comes even if it is larger than `maxBytes`. */
  readonly atLeastOne: boolean
  /** First offset after the segment. */
  readonly endOffset: number
  /** The log is compacted: offsets may be missing. Elsewhere a gap is looked into, once. */
  readonly expectsGaps: boolean
}

/**
 * Whole batches, as one buffer; empty if the first one does not fit or may not be seen.
 * @returns undefined if the segment holds nothing at or after `from`: look into the next one
 * @throws {StorageError} CORRUPT: the batch wanted is damaged; IO and others: the device refused
 */
export function readSegment(segment: Segment, request: SegmentReadRequest): Promise<Buffer | undefined> {
  return readSoundly(segment, request, () => readOnce(segment, request))
}

async function readOnce(segment: Segment, request: SegmentReadRequest): Promise<Buffer | undefined> {
  const { from, maxBytes, upTo, atLeastOne, endOffset, expectsGaps } = request
  const chunkBytes = Math.min(Math.max(maxBytes, 0) + LOOK_AHEAD_BYTES, MAX_READ_BYTES)
  const window = new BatchWindow(segment.file, segment.sizeBytes, chunkBytes, true)
  const first = await findBatch(segment, window, from)
  const at = first === undefined ? 0 : window.indexOf(first.position)
  const found = first === undefined ? endOffset : batch.baseOffset(window.buffer, at)
  if (found > from && !expectsGaps && !segment.isAudited) throw new Suspicion(`offset ${from} is not there`)
  if (first === undefined) return undefined
  if (first.size > maxBytes && !atLeastOne) return NOTHING
  const nextOffset = batch.nextOffset(window.buffer, at)
  await loadChecked(segment, window, first)
  if (nextOffset > upTo) return NOTHING
  return collect(segment, window, first, nextOffset, request)
}

/** Where a batch begins, and its size. */
export interface FoundBatch {
  readonly position: number
  readonly size: number
}

/**
 * Finds the first batch of the segment that ends after `from`; its header is then in the window. Checksums are not looked at.
 * @param after where the batch before it ends, if that was found just now; else the index tells where to begin
 * @returns undefined if there is none
 * @throws {StorageError} CORRUPT if `from` lies in a damaged range
 * @throws {Suspicion} bytes are no batch
 */
export async function findBatch(
  segment: Segment,
  window: BatchWindow,
  from: number,
  after?: { readonly position: number; readonly expectedOffset: number },
): Promise<FoundBatch | undefined> {
  const lost = segment.damaged.find(({ fromOffset, toOffset }) => from >= fromOffset && from < toOffset)
  if (lost !== undefined) throw damagedError(segment, lost)
  const hint = after === undefined ? segment.hintFor(from) : 0
  let position = after?.position ?? hint
  let expectedOffset = after?.expectedOffset ?? segment.baseOffset
  while (position < window.end) {
    const damage = segment.damaged.find(({ start, end }) => position >= start && position < end)
    if (damage !== undefined) {
      position = damage.end
      expectedOffset = damage.toOffset
      continue
    }
    const there = await window.load(position, batch.BATCH_HEADER_BYTES)
    const index = window.indexOf(position)
    const size = there ? plausibleBatchSize(window.buffer, index, window.end - position, expectedOffset) : -1
    if (size < 0) throw new Suspicion(`no batch at position ${position}`)
    if (position === hint && position > 0 && batch.baseOffset(window.buffer, index) > from)
      throw new Suspicion(`the index leads to position ${position}, beyond offset ${from}`)
    const nextOffset = batch.nextOffset(window.buffer, index)
    if (nextOffset > from) return { position, size }
    expectedOffset = nextOffset
    position += size
  }
  return undefined
}

/** Makes the whole batch available and checks it, if nobody has before. @throws {Suspicion} its checksum is wrong */
export async function loadChecked(
  segment: Segment,
  window: BatchWindow,
  { position, size }: FoundBatch,
): Promise<void> {
  if ((await window.load(position, size)) && isGood(segment, window, position, size)) return
  throw new Suspicion(`the checksum of the batch at position ${position} is wrong`)
}

/** The batches from the first one on that are in the window and wanted. */
function collect(
  segment: Segment,
  window: BatchWindow,
  first: FoundBatch,
  nextOffset: number,
  { maxBytes, upTo, expectsGaps }: SegmentReadRequest,
): Buffer {
  const start = first.position
  let stop = start + first.size
  let expectedOffset = nextOffset
  while (window.has(stop, batch.BATCH_HEADER_BYTES)) {
    const index = window.indexOf(stop)
    const size = plausibleBatchSize(window.buffer, index, window.end - stop, expectedOffset)
    // What is not right is told to whoever asks for it, not to whoever asks for what comes before it.
    if (size < 0 || stop + size - start > maxBytes || !window.has(stop, size)) break
    if (batch.baseOffset(window.buffer, index) > expectedOffset && !expectsGaps) break
    expectedOffset = batch.nextOffset(window.buffer, index)
    if (expectedOffset > upTo || !isGood(segment, window, stop, size)) break
    stop += size
  }
  return window.buffer.subarray(window.indexOf(start), window.indexOf(stop))
}

function isGood(segment: Segment, window: BatchWindow, position: number, size: number): boolean {
  if (segment.verified.covers(position, position + size)) return true
  if (!hasGoodCrc(window.buffer, window.indexOf(position), size)) return false
  segment.verified.add(position, position + size)
  return true
}

export const NOTHING: Buffer = Buffer.alloc(0)
