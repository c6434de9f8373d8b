import * as batch from '../protocol/records/batch.ts'
import { BatchWindow, findNextGoodBatch, hasGoodCrc, plausibleBatchSize } from './batch-window.ts'
import { StorageError } from './errors.ts'
import type { DamagedRange, Segment } from './segment.ts'

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
}

/**
 * Whole batches, as one buffer; empty if the first one does not fit or may not be seen.
 * @returns undefined if the segment holds nothing at or after `from`: look into the next one
 * @throws {StorageError} CORRUPT: the batch wanted is damaged; IO and others: the device refused
 */
export async function readSegment(segment: Segment, request: SegmentReadRequest): Promise<Buffer | undefined> {
  const chunkBytes = Math.min(Math.max(request.maxBytes, 0) + LOOK_AHEAD_BYTES, MAX_READ_BYTES)
  const window = new BatchWindow(segment.file, segment.sizeBytes, chunkBytes)
  const start = await findBatch(segment, window, request.from, request.endOffset)
  return start === undefined ? undefined : await collect(segment, window, start, request)
}

/** The first batch that ends after an offset: where it begins, its size, and the offset that was due there. */
export interface FoundBatch {
  readonly position: number
  readonly size: number
  readonly expectedOffset: number
}

/**
 * Finds the first batch of the segment that ends after `from`; its header is then in the window. Checksums are not looked at.
 * @param after where the batch before it ends, if that was found just now; else the index tells where to begin
 * @returns undefined if there is none
 * @throws {StorageError} CORRUPT if `from` lies in a damaged range
 */
export async function findBatch(
  segment: Segment,
  window: BatchWindow,
  from: number,
  endOffset: number,
  after?: { readonly position: number; readonly expectedOffset: number },
): Promise<FoundBatch | undefined> {
  let position = after?.position ?? segment.positionBefore(from)
  let expectedOffset = after?.expectedOffset ?? segment.baseOffset
  let knowsExpected = after !== undefined || position === 0
  while (position < window.end) {
    const damage = segment.damaged.find((range) => range.start === position)
    if (damage !== undefined) {
      if (from < damage.toOffset) throw damagedError(segment, damage)
      position = damage.end
      expectedOffset = damage.toOffset
      knowsExpected = true
      continue
    }
    const there = await window.load(position, batch.BATCH_HEADER_BYTES)
    const index = window.indexOf(position)
    const size = there ? plausibleBatchSize(window.buffer, index, window.end - position, expectedOffset) : -1
    if (size < 0 && !knowsExpected) {
      // Damage right at an index entry: only a walk from the start tells which offsets it has hit.
      position = 0
      knowsExpected = true
    } else if (size < 0) {
      await noteDamage(segment, position, expectedOffset, endOffset)
    } else {
      const next = batch.nextOffset(window.buffer, index)
      if (next > from) return { position, size, expectedOffset: knowsExpected ? expectedOffset : -1 }
      expectedOffset = next
      knowsExpected = true
      position += size
    }
  }
  return undefined
}

/** Makes the whole batch available and checks it, if nobody has before. @throws {StorageError} CORRUPT */
export async function loadChecked(
  segment: Segment,
  window: BatchWindow,
  { position, size, expectedOffset }: FoundBatch,
  endOffset: number,
): Promise<void> {
  const whole = await window.load(position, size)
  if (whole && isGood(segment, window, position, size)) return
  const from = expectedOffset >= 0 ? expectedOffset : batch.baseOffset(window.buffer, window.indexOf(position))
  throw damagedError(segment, await noteDamage(segment, position, from, endOffset))
}

async function collect(
  segment: Segment,
  window: BatchWindow,
  first: FoundBatch,
  { maxBytes, upTo, atLeastOne, endOffset }: SegmentReadRequest,
): Promise<Buffer> {
  const start = first.position
  if (first.size > maxBytes && !atLeastOne) return NOTHING
  let expectedOffset = batch.nextOffset(window.buffer, window.indexOf(start))
  if (expectedOffset > upTo) return NOTHING
  await loadChecked(segment, window, first, endOffset)
  let stop = start + first.size
  while (window.has(stop, batch.BATCH_HEADER_BYTES)) {
    const index = window.indexOf(stop)
    const size = plausibleBatchSize(window.buffer, index, window.end - stop, expectedOffset)
    // A damaged batch is told to whoever asks for it, not to whoever asks for those before it.
    if (size < 0 || stop + size - start > maxBytes || !window.has(stop, size)) break
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

/** Finds out how far the damage at `position` reaches, and remembers it. */
async function noteDamage(
  segment: Segment,
  position: number,
  expectedOffset: number,
  endOffset: number,
): Promise<DamagedRange> {
  const known = segment.damaged.find((range) => range.start === position)
  if (known !== undefined) return known
  const window = new BatchWindow(segment.file, segment.sizeBytes, SEARCH_BYTES)
  const next = await findNextGoodBatch(window, position + 1, expectedOffset, endOffset)
  const toOffset = next === undefined ? endOffset : batch.baseOffset(window.buffer, window.indexOf(next))
  const range = { start: position, end: next ?? window.end, fromOffset: expectedOffset, toOffset }
  segment.noteDamaged(range)
  return range
}

function damagedError(segment: Segment, { start, end, fromOffset, toOffset }: DamagedRange): StorageError {
  const { path } = segment.file
  const where = `bytes ${start} to ${end}, offsets ${fromOffset} to ${toOffset - 1}`
  return new StorageError('CORRUPT', path, `${path} is damaged: ${where}`)
}

const SEARCH_BYTES = 1024 * 1024

export const NOTHING: Buffer = Buffer.alloc(0)
