import * as batch from '../../protocol/records/batch.ts'
import { readInt64 } from '../../protocol/records/int64.ts'
import { readLegacyMessages } from '../../protocol/records/legacy.ts'
import { RecordsError } from '../../protocol/records/records-error.ts'
import { findNextGoodBatch, goodBatchSize, hasGoodCrc } from '../batch-check.ts'
import { BatchWindow } from '../batch-window.ts'
import type { PooledFile } from '../open-files.ts'

/** What comes next in a segment's file. */
export type Walked = WalkedBatch | WalkedDamage

export interface WalkedBatch {
  readonly kind: 'batch'
  readonly position: number
  readonly size: number
  /** Valid until the next one is asked for. */
  readonly buffer: Buffer
  /** Where in `buffer` the batch begins. */
  readonly at: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Offsets that should be between it and what came before. */
  readonly missing: number
}

/** Bytes that are no good batch, up to the next one that is, or to the end of the file. */
export interface WalkedDamage {
  readonly kind: 'damage'
  readonly position: number
  readonly end: number
  readonly problem: string
  readonly fromOffset: number
  /** Offset of the good batch after it; undefined if there is none. */
  readonly toOffset: number | undefined
}

export interface WalkOptions {
  readonly file: PooledFile
  readonly sizeBytes: number
  readonly baseOffset: number
  /** No batch of the segment ends beyond it. */
  readonly endOffset: number
}

/** All batches of a segment, checked, and what is between them. Messages of magic 0 and 1 count as batches. */
export async function* walkSegment(options: WalkOptions): AsyncGenerator<Walked> {
  const { file, sizeBytes, endOffset } = options
  const window = new BatchWindow(file, sizeBytes, CHUNK_BYTES)
  let expectedOffset = options.baseOffset
  let position = 0
  while (position < sizeBytes) {
    // Looked into, so that a wrong offset is told from records that were compacted away.
    const due = { expectedOffset, endOffset, expectsGaps: false }
    const legacy = await legacyBatch(window, position, expectedOffset)
    const size = legacy?.size ?? (await goodBatchSize(window, position, due))
    if (size > 0) {
      const { buffer } = window
      const at = window.indexOf(position)
      const baseOffset = legacy?.baseOffset ?? batch.baseOffset(buffer, at)
      const lastOffset = legacy?.lastOffset ?? batch.lastOffset(buffer, at)
      const missing = baseOffset - expectedOffset
      yield { kind: 'batch', position, size, buffer, at, baseOffset, lastOffset, missing }
      expectedOffset = lastOffset + 1
      position += size
      continue
    }
    const problem = await problemAt(window, position, due)
    const next = await findNextGoodBatch(window, position + 1, expectedOffset, endOffset)
    const toOffset = next === undefined ? undefined : batch.baseOffset(window.buffer, window.indexOf(next))
    yield { kind: 'damage', position, end: next ?? sizeBytes, problem, fromOffset: expectedOffset, toOffset }
    expectedOffset = toOffset ?? expectedOffset
    position = next ?? sizeBytes
  }
}

/** A message from before Kafka 0.11, if there is a good one: plain, or with others in it that it has the last offset of. */
async function legacyBatch(window: BatchWindow, position: number, expectedOffset: number) {
  if (!(await window.load(position, batch.MAGIC_END))) return undefined
  const at = window.indexOf(position)
  const size = batch.batchSize(window.buffer, at)
  if (batch.magic(window.buffer, at) > 1 || size <= batch.MAGIC_END || !(await window.load(position, size)))
    return undefined
  const start = window.indexOf(position)
  const lastOffset = readInt64(window.buffer, start)
  try {
    const [first] = readLegacyMessages(window.buffer, start, start + size)
    if (first === undefined || first.offset < expectedOffset) return undefined
    return { size, baseOffset: first.offset, lastOffset }
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error
    return undefined
  }
}

/** Why there is no good batch at a position, in words. */
async function problemAt(
  window: BatchWindow,
  position: number,
  { expectedOffset, endOffset }: { readonly expectedOffset: number; readonly endOffset: number },
): Promise<string> {
  const room = window.end - position
  if (!(await window.load(position, batch.MAGIC_END))) return `the file ends after ${room} bytes of a batch`
  const magic = batch.magic(window.buffer, window.indexOf(position))
  if (magic > 2) return `a batch of magic ${magic}, which is not known`
  const smallest = magic === 2 ? batch.BATCH_HEADER_BYTES : batch.MAGIC_END
  if (!(await window.load(position, smallest))) return `the file ends after ${room} bytes of a batch`
  const at = window.indexOf(position)
  const size = batch.batchSize(window.buffer, at)
  const offset = batch.baseOffset(window.buffer, at)
  if (size < smallest) return `a batch that claims ${size} bytes`
  if (size > room) return `a batch of ${size} bytes, of which the file has ${room}`
  if (offset < expectedOffset) return `a batch of offset ${offset}, where ${expectedOffset} is due`
  if (magic < 2) return `the message at offset ${offset} does not match its checksum`
  const lastOffset = batch.lastOffset(window.buffer, at)
  if (lastOffset < offset) return `a batch from offset ${offset} to ${lastOffset}`
  if (lastOffset >= endOffset) return `a batch up to offset ${lastOffset}, where the segment ends before ${endOffset}`
  await window.load(position, size)
  if (!hasGoodCrc(window.buffer, window.indexOf(position), size))
    return `the batch at offset ${offset} does not match its checksum`
  return `a batch of offset ${offset}, and the next one begins below its end`
}

const CHUNK_BYTES = 4 * 1024 * 1024
