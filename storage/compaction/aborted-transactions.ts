import * as batch from '../../protocol/records/batch.ts'
import { readMarker } from '../../protocol/records/control.ts'
import type { FileSystem } from '../file-system.ts'
import type { AbortedEntry } from '../transaction-index.ts'
import { BatchReader } from './batch-reader.ts'
import type { SourceFile } from './job.ts'
import type { Steps } from './steps.ts'

/**
 * Finds the aborted transactions of a log by its batches' headers. Kafka asks its transaction index, which is a summary of
 * just that; the log itself is never out of date, and is looked at only from the first transactional batch on, so a log
 * without transactions costs nothing.
 * @param from index of a source, and position in it, from which on transactions are looked for
 * @param upperBound transactions that begin at or above it do not matter
 * @returns in the order of their first offsets
 */
export function* findAborted(
  fileSystem: FileSystem,
  sources: readonly SourceFile[],
  from: { readonly source: number; readonly position: number },
  upperBound: number,
): Steps<AbortedEntry[]> {
  const found: AbortedEntry[] = []
  /** First offsets of open transactions by producer, in the order in which they began. */
  const open = new Map<number, number>()
  let position = from.position
  for (const source of sources.slice(from.source)) {
    const reader = new BatchReader(fileSystem, source, position, BUFFER_BYTES, { headersOnly: true })
    position = 0
    try {
      let told = 0
      while (reader.next()) {
        if (isOver(open, reader, upperBound)) return found.sort((a, b) => a.firstOffset - b.firstOffset)
        note(reader, open, found)
        if (reader.bytesRead - told < STEP_BYTES) continue
        yield reader.bytesRead - told
        told = reader.bytesRead
      }
      yield reader.bytesRead - told
    } finally {
      reader.close()
    }
  }
  return found.sort((a, b) => a.firstOffset - b.firstOffset)
}

function note({ buffer, at }: BatchReader, open: Map<number, number>, found: AbortedEntry[]): void {
  const producerId = batch.producerId(buffer, at)
  if (!batch.isControl(buffer, at)) {
    if (batch.isTransactional(buffer, at) && !open.has(producerId)) open.set(producerId, batch.baseOffset(buffer, at))
    return
  }
  const marker = readMarker(buffer, at)
  const firstOffset = open.get(producerId)
  if (marker === undefined || firstOffset === undefined) return
  open.delete(producerId)
  if (marker.type !== 'ABORT') return
  const lastOffset = batch.lastOffset(buffer, at)
  const lastStableOffset = open.values().next().value ?? lastOffset + 1
  found.push({ producerId, firstOffset, lastOffset, lastStableOffset })
}

/** Nothing that follows can end a transaction that began below the bound. */
function isOver(open: ReadonlyMap<number, number>, { buffer, at }: BatchReader, upperBound: number): boolean {
  if (batch.baseOffset(buffer, at) < upperBound) return false
  const oldest: number | undefined = open.values().next().value
  return oldest === undefined || oldest >= upperBound
}

/** Headers of large batches lie far apart: little is read beyond each. */
const BUFFER_BYTES = 16 * 1024
const STEP_BYTES = 512 * 1024
