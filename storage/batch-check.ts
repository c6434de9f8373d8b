import * as batch from '../protocol/records/batch.ts'
import { crc32c } from '../protocol/records/crc32c.ts'
import type { BatchWindow } from './batch-window.ts'

/**
 * Telling batches from other bytes. The checksum does not cover base offset, length and leader epoch, so a batch is good
 * only where it stands: its offset must be due, and the next one's must follow. (A flipped leader epoch cannot be told.)
 */

/**
 * The size of a batch whose header is at `at`, if the header can be one: magic 2, a length that fits, offsets from
 * `minOffset` on. -1 otherwise. The header must be there, the rest of the batch need not be.
 * @param room bytes from `at` to the end of the file
 */
export function plausibleBatchSize(buffer: Buffer, at: number, room: number, minOffset: number): number {
  const size = batch.batchSize(buffer, at)
  if (size < batch.BATCH_HEADER_BYTES || size > room) return -1
  if (batch.magic(buffer, at) !== 2) return -1
  const base = batch.baseOffset(buffer, at)
  if (base < minOffset || batch.lastOffsetDelta(buffer, at) < 0) return -1
  return size
}

/** Do the bytes of this whole batch match their checksum? */
export function hasGoodCrc(buffer: Buffer, at: number, size: number): boolean {
  return crc32c(buffer, at + batch.ATTRIBUTES_AT, at + size) === batch.crc(buffer, at)
}

/**
 * The next position at or after `position` at which a whole batch begins whose header is sane, whose offset is at least
 * `minOffset` and below `maxOffset`, and whose checksum is good; undefined if there is none before the window's end.
 * Only bytes that look like a header are checked further, so this is a search for two bytes most of the time.
 */
export async function findNextGoodBatch(
  window: BatchWindow,
  position: number,
  minOffset: number,
  maxOffset: number,
): Promise<number | undefined> {
  let at = position
  while (await window.load(at, batch.BATCH_HEADER_BYTES)) {
    // Positions whose whole header is in the buffer now.
    const { buffer } = window
    const base = window.indexOf(0)
    const last = buffer.length - batch.BATCH_HEADER_BYTES - base
    for (; at <= last; at++) {
      const index = at + base
      if (buffer[index + MAGIC_AT] !== 2) continue
      const size = plausibleBatchSize(buffer, index, window.end - at, minOffset)
      if (size < 0 || batch.baseOffset(buffer, index) >= maxOffset) continue
      if (window.has(at, size)) {
        if (hasGoodCrc(buffer, index, size)) return at
        continue
      }
      if (await batchIsGood(window, at, size)) return at
      break
    }
    if (at <= last) at++
  }
  return undefined
}

/** What is due at a position. */
export interface Due {
  /** No batch begins below it; one that begins above it leaves a gap. */
  readonly expectedOffset: number
  /** No batch ends above it. */
  readonly endOffset: number
  /** Compaction leaves gaps; elsewhere one is a reason to look twice. */
  readonly expectsGaps: boolean
}

/**
 * The size of the batch at `position` if it is whole, good, and due there; else -1. It is then in the window.
 * @param isVerified the checksum of these bytes is known to be good
 */
export async function goodBatchSize(
  window: BatchWindow,
  position: number,
  { expectedOffset, endOffset, expectsGaps }: Due,
  isVerified: (start: number, end: number) => boolean = () => false,
): Promise<number> {
  if (!(await window.load(position, batch.BATCH_HEADER_BYTES))) return -1
  const size = plausibleBatchSize(window.buffer, window.indexOf(position), window.end - position, expectedOffset)
  if (size < 0 || !(await window.load(position, size))) return -1
  const at = window.indexOf(position)
  const nextOffset = batch.nextOffset(window.buffer, at)
  if (nextOffset > endOffset) return -1
  if (!isVerified(position, position + size) && !hasGoodCrc(window.buffer, at, size)) return -1
  const leavesGap = batch.baseOffset(window.buffer, at) > expectedOffset
  if (leavesGap && !expectsGaps && (await nextBatchOverlaps(window, position + size, expectedOffset, nextOffset)))
    return -1
  return (await window.load(position, size)) ? size : -1
}

/** Does a batch follow that begins before this one ends? Then it is this one's offset that is wrong. */
async function nextBatchOverlaps(
  window: BatchWindow,
  position: number,
  minOffset: number,
  nextOffset: number,
): Promise<boolean> {
  if (!(await window.load(position, batch.BATCH_HEADER_BYTES))) return false
  const at = window.indexOf(position)
  return (
    plausibleBatchSize(window.buffer, at, window.end - position, minOffset) > 0 &&
    batch.baseOffset(window.buffer, at) < nextOffset
  )
}

const MAGIC_AT = batch.MAGIC_END - 1

async function batchIsGood(window: BatchWindow, position: number, size: number): Promise<boolean> {
  return (await window.load(position, size)) && hasGoodCrc(window.buffer, window.indexOf(position), size)
}
