import * as batch from '../protocol/records/batch.ts'
import { findNextGoodBatch, goodBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import { StorageError } from './errors.ts'
import type { DamagedRange, Segment } from './segment.ts'

/** Something is not as it should be; an audit of the segment will tell what. */
export class Suspicion extends Error {
  override readonly name = 'Suspicion'
}

/**
 * Runs something that reads batches of a segment. If it comes upon bytes that cannot be right, the whole segment is
 * checked, which tells exactly which offsets are lost, and it is run again with that knowledge.
 * @throws {StorageError} CORRUPT: what was wanted is damaged
 */
export async function readSoundly<T>(
  segment: Segment,
  bounds: { readonly endOffset: number; readonly expectsGaps: boolean },
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Suspicion)) throw error
  }
  await segment.auditOnce(() => audit(segment, bounds.endOffset, bounds.expectsGaps))
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Suspicion)) throw error
    throw new StorageError('CORRUPT', segment.file.path, `${segment.file.path} cannot be read: ${error.message}`)
  }
}

/** The error of a reader that asked for what a damaged range has taken. */
export function damagedError(segment: Segment, { start, end, fromOffset, toOffset }: DamagedRange): StorageError {
  const { path } = segment.file
  const where = `bytes ${start} to ${end}, offsets ${fromOffset} to ${toOffset - 1}`
  return new StorageError('CORRUPT', path, `${path} is damaged: ${where}`)
}

/** Reads all of a segment, and notes all damage in it. */
async function audit(segment: Segment, endOffset: number, expectsGaps: boolean): Promise<void> {
  const window = new BatchWindow(segment.file, segment.sizeBytes, WINDOW_BYTES)
  const indexes = segment.auditIndexes()
  const isVerified = (start: number, end: number) => segment.verified.covers(start, end)
  let expectedOffset = segment.baseOffset
  let position = 0
  while (position < window.end) {
    const known = segment.damaged.find((range) => range.start === position)
    if (known !== undefined) {
      indexes.skip(known.end, known.toOffset)
      position = known.end
      expectedOffset = known.toOffset
      continue
    }
    const size = await goodBatchSize(window, position, { expectedOffset, endOffset, expectsGaps }, isVerified)
    if (size > 0) {
      segment.verified.add(position, position + size)
      const { buffer } = window
      const at = window.indexOf(position)
      const [baseOffset, lastOffset] = [batch.baseOffset(buffer, at), batch.lastOffset(buffer, at)]
      indexes.batch({ position, size, baseOffset, lastOffset, maxTimestamp: batch.maxTimestamp(buffer, at) })
      expectedOffset = lastOffset + 1
      position += size
      continue
    }
    const next = await findNextGoodBatch(window, position + 1, expectedOffset + 1, endOffset)
    const toOffset = next === undefined ? endOffset : batch.baseOffset(window.buffer, window.indexOf(next))
    indexes.skip(next ?? window.end, toOffset)
    segment.noteDamaged({ start: position, end: next ?? window.end, fromOffset: expectedOffset, toOffset })
    position = next ?? window.end
    expectedOffset = toOffset
  }
  // Entries behind `window.end` were added meanwhile.
  segment.settleIndexes(indexes)
}

const WINDOW_BYTES = 1024 * 1024
