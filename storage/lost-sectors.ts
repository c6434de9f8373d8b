import * as batch from '../protocol/records/batch.ts'
import type { BatchWindow } from './batch-window.ts'

/**
 * Did a part of [position, next) never reach the disk? A power cut leaves any pages of what was not synced, and zeros for
 * those between: so it lies behind everything that was synced, and so does all that comes after it, whole or not.
 *
 * What lies behind such a gap may not be kept. No consumer would get past the gap, which nobody was ever promised; and a
 * producer that sends again what is missing would be told that it comes out of order, since the log has what it sent
 * after it (KIP-98). Damage by the disk is something else, and looks otherwise: it does not begin and end with a sector.
 * @param position where a batch is due that is not there
 * @param next where the next good batch begins
 * @param expectedOffset the offset that is due at `position`
 */
export async function lacksSectors(
  window: BatchWindow,
  position: number,
  next: number,
  expectedOffset: number,
): Promise<boolean> {
  for (let at = position; ; ) {
    const end = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES
    if (end > next || !(await window.load(at, end - at))) return false
    const from = window.indexOf(at)
    const isZero = isAllZero(window.buffer, from, from + end - at)
    // A batch begins with zeros in any case: those of its offset.
    if (isZero && (at > position || !isAllZero(beginning(expectedOffset), 0, Math.min(end - at, HEAD_BYTES))))
      return true
    at = end
  }
}

/** What is known of a batch's first bytes: its offset, and that its length is not zero. */
function beginning(offset: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES, 1)
  batch.setBaseOffset(bytes, 0, offset)
  return bytes
}

function isAllZero(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

/** The least that a disk writes as one; pages are whole numbers of it. */
const SECTOR_BYTES = 512
const HEAD_BYTES = batch.LOG_OVERHEAD_BYTES
