import * as batch from '../../protocol/records/batch.ts'
import { isCodecReady, prepareCodec } from '../../protocol/records/compression.ts'
import { openRecords } from '../../protocol/records/record.ts'
import { RecordsError } from '../../protocol/records/records-error.ts'
import type { LogSlice } from '../../storage/index.ts'
import { EMPTY_SLICE, type Isolation, type Partition } from './partition.ts'

/**
 * Batches in which a reader finds nothing: compaction leaves headers without records, for the sake of producers, and
 * batches whose last records are gone. Java clients pass over them by the offsets in the header. kafkajs goes by records
 * alone: of the first kind it asks for the same offset again and again, of the second for one more each time. So what has
 * no record at or after the offset is skipped if there is something behind it that has (FE-17, FE-18).
 *
 * Hot path: `showsRecords` looks at one header in the usual case.
 */

/** Is there a record at or after `from`, as far as that can be told without taking a batch apart? True for an empty slice. */
export function showsRecords({ chunks }: LogSlice, from: number): boolean {
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i]!
    for (let at = 0; at < chunk.length; at += batch.batchSize(chunk, at)) {
      const count = batch.recordCount(chunk, at)
      if (count === 0) continue
      // It begins at or after the offset, or holds a record for each of its offsets.
      if (batch.baseOffset(chunk, at) >= from || count > batch.lastOffsetDelta(chunk, at)) return true
      if (mayShowRecord(chunk, at, from)) return true
    }
  }
  return chunks.length === 0
}

/** How a reader reads; see `Partition.read`. */
export interface ReadOptions {
  readonly maxBytes: number
  readonly isolation: Isolation
  readonly atLeastOne: boolean
}

/**
 * Goes on behind a slice in which there is nothing for a reader at `from`.
 * @returns the first slice that has something; an empty one if that does not fit; undefined if nothing follows
 */
export async function skipRecordless(
  partition: Partition,
  from: number,
  slice: LogSlice,
  { maxBytes, isolation, atLeastOne }: ReadOptions,
): Promise<LogSlice | undefined> {
  await prepareCodecs(slice)
  let seen = slice
  while (!showsRecords(seen, from)) {
    const next = endOffsetOf(seen)
    if (next >= partition.endFor(isolation)) return undefined
    const read = await partition.read(next, maxBytes, isolation, atLeastOne)
    if (read === 'OFFSET_OUT_OF_RANGE' || read.sizeBytes === 0) return EMPTY_SLICE
    await prepareCodecs(read)
    seen = read
  }
  return seen
}

/** The offset lies within this batch, and it has gaps: its records tell. */
function mayShowRecord(chunk: Buffer, at: number, from: number): boolean {
  const codec = batch.compression(chunk, at)
  if (codec === undefined) return true
  // Who finds nothing else comes again with the codec.
  if (!isCodecReady(codec)) return false
  try {
    const cursor = openRecords(chunk, at)
    while (cursor.next()) if (cursor.offset >= from) return true
    return false
  } catch (error) {
    // It is for clients to find that out.
    if (error instanceof RecordsError) return true
    throw error
  }
}

async function prepareCodecs({ chunks }: LogSlice): Promise<void> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += batch.batchSize(chunk, at)) {
      const codec = batch.compression(chunk, at)
      if (codec !== undefined && !isCodecReady(codec)) await prepareCodec(codec)
    }
  }
}

function endOffsetOf({ chunks }: LogSlice): number {
  const last = chunks[chunks.length - 1]!
  let end = 0
  for (let at = 0; at < last.length; at += batch.batchSize(last, at)) end = batch.nextOffset(last, at)
  return end
}
