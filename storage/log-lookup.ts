import * as batch from '../protocol/records/batch.ts'
import { openRecords } from '../protocol/records/record.ts'
import { RecordsError } from '../protocol/records/records-error.ts'
import { BatchWindow } from './batch-window.ts'
import { StorageError } from './errors.ts'
import { type FoundBatch, findBatch, loadChecked } from './log-read.ts'
import type { Segment } from './segment.ts'
import { readSoundly, Suspicion } from './segment-audit.ts'
import type { Segments } from './segments.ts'

/** A record found by its time. */
export interface FoundRecord {
  readonly offset: number
  /** Ms since the epoch. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface Lookup {
  readonly segments: Segments
  readonly logStartOffset: number
  readonly logEndOffset: number
  /** Exclusive: what lies at or above it does not exist for the one who asks. */
  readonly upTo: number
  /** The log is compacted: offsets may be missing. */
  readonly expectsGaps: boolean
}

/**
 * The first record from the log's start on whose timestamp is at least `timestamp`. Timestamps are the clients' and come
 * in any order, so this is the first one by offset. Opens the records of one batch.
 * @throws {StorageError} CORRUPT: the batches to be looked at are damaged
 */
export async function findTimestamp(lookup: Lookup, timestamp: number): Promise<FoundRecord | undefined> {
  const { segments, logStartOffset, upTo } = lookup
  for (let index = segments.indexFor(logStartOffset); index < segments.all.length; index++) {
    const segment = segments.all[index]!
    if (segment.baseOffset >= upTo) return undefined
    if (segment.maxTimestamp < timestamp) continue
    const record = await soundly(lookup, index, async () => {
      const before = segment.timeBefore(timestamp)
      const from = Math.max(logStartOffset, before.offset)
      let isProven = before.timestamp < 0 || from > before.offset
      for await (const { window, found } of batchesFrom(segment, from, upTo)) {
        const newest = batch.maxTimestamp(window.buffer, window.indexOf(found.position))
        if (!isProven && newest !== before.timestamp)
          throw new Suspicion(`the time index leads to offset ${from}, whose batch has another timestamp`)
        isProven = true
        if (newest < timestamp) continue
        await loadChecked(segment, window, found)
        const matches = (time: number, offset: number) => time >= timestamp && offset >= logStartOffset
        const record = firstRecord(segment, window, found, matches)
        if (record !== undefined) return record
      }
      return undefined
    })
    if (record !== undefined) return record.offset < upTo ? record : undefined
  }
  return undefined
}

/** The first of the records that have the largest timestamp of all; undefined if there is none with a timestamp. */
export async function findMaxTimestamp(lookup: Lookup): Promise<FoundRecord | undefined> {
  const { segments, logStartOffset, logEndOffset, upTo } = lookup
  let best: Candidate | undefined
  for (let index = segments.indexFor(logStartOffset); index < segments.all.length; index++) {
    const segment = segments.all[index]!
    if (segment.baseOffset >= upTo) break
    if (segment.maxTimestamp <= (best?.timestamp ?? -1)) continue
    // What the segment remembers counts only if all of it is between the log's start and `upTo`.
    const isWhole = segment.baseOffset >= logStartOffset && segments.endOffsetOf(index, logEndOffset) <= upTo
    const candidate = isWhole
      ? { index, timestamp: segment.maxTimestamp, offset: segment.maxTimestampOffset }
      : await soundly(lookup, index, () => scanForMax(segment, index, lookup))
    if (candidate !== undefined && candidate.timestamp > (best?.timestamp ?? -1)) best = candidate
  }
  if (best === undefined) return undefined
  const { index, offset, timestamp } = best
  const segment = segments.all[index]!
  return soundly(lookup, index, async () => {
    for await (const { window, found } of batchesFrom(segment, offset, upTo)) {
      await loadChecked(segment, window, found)
      return firstRecord(segment, window, found, (time, at) => time === timestamp && at >= logStartOffset)
    }
    return undefined
  })
}

/** Looks into the segment at `index`; see readSoundly. */
function soundly<T>(
  { segments, logEndOffset, expectsGaps }: Lookup,
  index: number,
  look: () => Promise<T>,
): Promise<T> {
  return readSoundly(segments.all[index]!, { endOffset: segments.endOffsetOf(index, logEndOffset), expectsGaps }, look)
}

interface Candidate {
  readonly index: number
  readonly timestamp: number
  /** An offset of the first batch with that timestamp. */
  readonly offset: number
}

async function scanForMax(segment: Segment, index: number, lookup: Lookup): Promise<Candidate | undefined> {
  let best: Candidate | undefined
  const from = Math.max(segment.baseOffset, lookup.logStartOffset)
  for await (const { window, found } of batchesFrom(segment, from, lookup.upTo)) {
    const at = window.indexOf(found.position)
    const offset = batch.lastOffset(window.buffer, at)
    let timestamp = batch.maxTimestamp(window.buffer, at)
    if (batch.baseOffset(window.buffer, at) < from && timestamp > (best?.timestamp ?? -1)) {
      // The log begins in the middle of this batch, whose newest record may lie before.
      await loadChecked(segment, window, found)
      timestamp = maxOfRecords(segment, window, found, from)
    }
    if (timestamp > (best?.timestamp ?? -1)) best = { index, timestamp, offset }
  }
  return best
}

/** The batches of a segment from the one that holds `from`, below `upTo`. Only their headers are loaded. */
async function* batchesFrom(
  segment: Segment,
  from: number,
  upTo: number,
): AsyncGenerator<{ window: BatchWindow; found: FoundBatch }> {
  const window = new BatchWindow(segment.file, segment.sizeBytes, WINDOW_BYTES)
  let found = await findBatch(segment, window, from)
  while (found !== undefined) {
    const next = batch.nextOffset(window.buffer, window.indexOf(found.position))
    if (next > upTo) return
    yield { window, found }
    const after = { position: found.position + found.size, expectedOffset: next }
    found = await findBatch(segment, window, next, after)
  }
}

function maxOfRecords(segment: Segment, window: BatchWindow, found: FoundBatch, from: number): number {
  let newest = -1
  firstRecord(segment, window, found, (timestamp, offset) => {
    if (offset >= from) newest = Math.max(newest, timestamp)
    return false
  })
  return newest
}

function firstRecord(
  segment: Segment,
  window: BatchWindow,
  { position, size }: FoundBatch,
  matches: (timestamp: number, offset: number) => boolean,
): FoundRecord | undefined {
  const at = window.indexOf(position)
  const whole = window.buffer.subarray(at, at + size)
  try {
    const cursor = openRecords(whole)
    while (cursor.next()) {
      if (!matches(cursor.timestamp, cursor.offset)) continue
      const leaderEpoch = batch.partitionLeaderEpoch(whole)
      return { offset: cursor.offset, timestamp: cursor.timestamp, leaderEpoch }
    }
    return undefined
  } catch (cause) {
    if (!(cause instanceof RecordsError)) throw cause
    const message = `records of the batch at ${position} of ${segment.file.path} cannot be read: ${cause.message}`
    throw new StorageError('CORRUPT', segment.file.path, message, { cause })
  }
}

const WINDOW_BYTES = 64 * 1024
