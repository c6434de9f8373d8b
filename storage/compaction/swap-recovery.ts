import * as batch from '../../protocol/records/batch.ts'
import { plausibleBatchSize } from '../batch-check.ts'
import { parseSegmentFileName, type SegmentFileName, segmentFileName } from '../file-names.ts'
import { readFullySync } from '../file-system.ts'
import type { LogHost } from '../log-host.ts'

/**
 * Completes or undoes what a crash left of putting a cleaned segment in place (swap.ts), ours or a Kafka's, as Kafka's
 * LogLoader does it: a `.swap` beside a `.cleaned` of the same offset or a lower one is incomplete, and both go, since the
 * old files are all there. Every other `.swap` is whole: what it was made of goes, and it gets its final name.
 * Doing it again, or being killed while doing it, changes nothing. @throws {StorageError} the disk failed
 */
export async function completeSwaps(host: LogHost, folder: string): Promise<void> {
  const { fileSystem, logger } = host
  const found = segmentFiles(host, folder)
  const cleaned = found.filter(({ state }) => state === '.cleaned')
  const swaps = found.filter(({ state }) => state === '.swap')
  if (cleaned.length === 0 && swaps.length === 0) return
  const pathOf = ({ baseOffset, suffix, state }: SegmentFileName) =>
    `${folder}/${segmentFileName(baseOffset, suffix, state)}`

  const firstCleaned = Math.min(...cleaned.map(({ baseOffset }) => baseOffset), Number.MAX_SAFE_INTEGER)
  const whole = swaps.filter(({ baseOffset }) => baseOffset < firstCleaned)
  // The incomplete `.swap` goes before the `.cleaned` that tells that it is one.
  for (const file of swaps) if (!whole.includes(file)) fileSystem.unlink(pathOf(file))
  await fileSystem.syncFolder(folder)
  for (const file of cleaned) fileSystem.unlink(pathOf(file))

  for (const swap of whole.filter(({ suffix }) => suffix === '.log')) {
    const end = endOffsetOf(host, pathOf(swap), swap.baseOffset)
    logger.info({ segment: pathOf(swap), endOffset: end }, 'completing a compaction that was interrupted')
    for (const file of found) {
      const isReplaced = file.state === '' && file.baseOffset >= swap.baseOffset && file.baseOffset < end
      // What the producers' state was before the segment is true whatever is in it.
      if (isReplaced && !(file.suffix === '.snapshot' && file.baseOffset === swap.baseOffset))
        fileSystem.unlink(pathOf(file))
    }
  }
  await fileSystem.syncFolder(folder)
  for (const file of whole) fileSystem.rename(pathOf(file), pathOf({ ...file, state: '' }))
  await fileSystem.syncFolder(folder)
}

function segmentFiles({ fileSystem }: LogHost, folder: string): SegmentFileName[] {
  return fileSystem.readdir(folder).flatMap(({ name, kind }) => {
    const parsed = kind === 'file' ? parseSegmentFileName(name) : undefined
    return parsed === undefined ? [] : [parsed]
  })
}

/** The offset after the last batch of a file; its base offset if it has none. Only headers are read. */
function endOffsetOf({ fileSystem }: LogHost, path: string, baseOffset: number): number {
  const file = fileSystem.open(path, 'read')
  try {
    const sizeBytes = file.size()
    const header = Buffer.allocUnsafe(batch.BATCH_HEADER_BYTES)
    let end = baseOffset
    for (let position = 0; position + header.length <= sizeBytes; ) {
      if (readFullySync(file, header, position) < header.length) break
      const size = plausibleBatchSize(header, 0, sizeBytes - position, end)
      if (size < 0) break
      end = batch.nextOffset(header)
      position += size
    }
    return end
  } finally {
    file.close()
  }
}
