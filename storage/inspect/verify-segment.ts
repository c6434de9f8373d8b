import * as batch from '../../protocol/records/batch.ts'
import { isStorageError } from '../errors.ts'
import { type SegmentSuffix, segmentFileName } from '../file-names.ts'
import { IndexAudit } from '../index-audit.ts'
import type { EpochEntry } from '../leader-epochs.ts'
import { OffsetIndex } from '../offset-index.ts'
import { PooledFile } from '../open-files.ts'
import { TimeIndex } from '../time-index.ts'
import type { Inspection } from './report.ts'
import { type WalkedBatch, walkSegment } from './segment-walk.ts'
import { readTransactionIndex } from './transaction-index-file.ts'

export interface SegmentToVerify {
  readonly folder: string
  readonly baseOffset: number
  /** Where the next one begins; undefined for the last. */
  readonly nextBaseOffset: number | undefined
  /** Records may be missing. */
  readonly isCompacted: boolean
  /** From `leader-epoch-checkpoint`; undefined if there is none. */
  readonly epochs: readonly EpochEntry[] | undefined
}

/**
 * Checks every batch of a segment, and its indexes against them.
 * @returns the offset after its last batch
 */
export async function verifySegment(inspection: Inspection, segment: SegmentToVerify): Promise<number> {
  const { fileSystem, files, report, isRunning } = inspection
  const { folder, baseOffset, nextBaseOffset } = segment
  const path = pathOf(segment, '.log')
  const sizeBytes = fileSystem.stat(path)?.sizeBytes ?? 0
  const indexes = openIndexes(inspection, segment)
  const epochs = new EpochCheck(inspection, segment, path)
  report.tally.segments++
  report.tally.bytes += sizeBytes
  let nextOffset = baseOffset
  // Whether the batch before is known, so that what begins with this one is seen to begin.
  let isContinued = false
  const file = new PooledFile(files, path)
  const endOffset = nextBaseOffset ?? Number.MAX_SAFE_INTEGER
  for await (const walked of walkSegment({ file, sizeBytes, baseOffset, endOffset })) {
    if (walked.kind === 'damage') {
      const { position, end, problem, fromOffset, toOffset } = walked
      const isTail = toOffset === undefined && nextBaseOffset === undefined
      if (isTail && isRunning) report.note(path, `${end - position} bytes at the end are being written`)
      else if (isTail)
        report.error(path, `${problem}; nothing good follows in the ${end - position} bytes to the end`, position)
      else
        report.error(
          path,
          `${problem}; offsets from ${fromOffset} on are lost, up to ${toOffset ?? endOffset}`,
          position,
        )
      indexes?.skip(end, toOffset ?? Number.MAX_SAFE_INTEGER)
      nextOffset = toOffset ?? nextBaseOffset ?? nextOffset
      isContinued = false
      continue
    }
    const { position, size, lastOffset, missing } = walked
    if (missing > 0 && !segment.isCompacted) report.error(path, gap(nextOffset, walked.baseOffset), position)
    countBatch(inspection, walked)
    const maxTimestamp = timestampOf(walked)
    indexes?.batch({ position, size, baseOffset: walked.baseOffset, lastOffset, maxTimestamp })
    epochs.batch(walked, isContinued)
    isContinued = true
    nextOffset = lastOffset + 1
  }
  file.close()
  indexes?.finish()
  for (const { index, entry, problem } of indexes?.problems ?? []) {
    const [suffix, entryBytes] = index === 'offset' ? (['.index', 8] as const) : (['.timeindex', 12] as const)
    report.error(pathOf(segment, suffix), `entry ${entry}: ${problem}`, entry * entryBytes)
  }
  verifyTransactionIndex(inspection, pathOf(segment, '.txnindex'), folder)
  if (nextBaseOffset !== undefined && nextOffset < nextBaseOffset && !segment.isCompacted)
    report.error(path, gap(nextOffset, nextBaseOffset), sizeBytes)
  return nextOffset
}

/** The segment's files that lie beside the log. */
export const pathOf = ({ folder, baseOffset }: { folder: string; baseOffset: number }, suffix: SegmentSuffix): string =>
  `${folder}/${segmentFileName(baseOffset, suffix)}`

const gap = (from: number, to: number): string =>
  `offsets ${from} to ${to - 1} are missing (if the topic is or was compacted, that is in order: --compacted)`

function countBatch({ report: { tally } }: Inspection, { buffer, at }: WalkedBatch): void {
  tally.batches++
  tally.records += batch.magic(buffer, at) < 2 ? 1 : batch.recordCount(buffer, at)
}

/** Old messages carry theirs inside, where it is not looked for. */
const timestampOf = ({ buffer, at }: WalkedBatch): number | undefined =>
  batch.magic(buffer, at) < 2 ? undefined : batch.maxTimestamp(buffer, at)

/** The entries of both indexes, to be compared; undefined if that cannot be done. */
function openIndexes({ fileSystem, report }: Inspection, segment: SegmentToVerify): IndexAudit | undefined {
  const options = (suffix: SegmentSuffix) => ({
    fileSystem,
    path: pathOf(segment, suffix),
    baseOffset: segment.baseOffset,
    maxBytes: Number.MAX_SAFE_INTEGER,
  })
  const entriesOf = <E>(
    suffix: '.index' | '.timeindex',
    open: () => { entryCount: number; entry(at: number): E },
  ): E[] => {
    const path = pathOf(segment, suffix)
    try {
      const index = open()
      const bytes = fileSystem.stat(path)?.sizeBytes ?? 0
      const entryBytes = suffix === '.index' ? 8 : 12
      if (bytes % entryBytes !== 0)
        report.error(path, `the file ends within an entry, after ${bytes} bytes`, bytes - (bytes % entryBytes))
      return Array.from({ length: index.entryCount }, (_, at) => index.entry(at))
    } catch (error) {
      if (isStorageError(error, 'NOT_FOUND')) report.note(path, 'there is none; the next start builds it')
      else if (isStorageError(error, 'CORRUPT')) report.error(path, error.message)
      else throw error
      return []
    }
  }
  const offsets = entriesOf('.index', () => OffsetIndex.open(options('.index')))
  const times = entriesOf('.timeindex', () => TimeIndex.open(options('.timeindex')))
  return new IndexAudit(offsets, times)
}

function verifyTransactionIndex({ fileSystem, report }: Inspection, path: string, folder: string): void {
  if (!fileSystem.exists(path)) return
  try {
    readTransactionIndex(fileSystem, path)
  } catch (error) {
    if (!isStorageError(error, 'CORRUPT')) throw error
    report.error(path, `${error.message.replace(`${folder}/`, '')}`)
  }
}

/**
 * Compares the epochs in the batches with those before them, and with `leader-epoch-checkpoint`: no checksum covers them.
 * The checkpoint may lag behind in a folder that was not closed.
 */
class EpochCheck {
  readonly #inspection: Inspection
  readonly #segment: SegmentToVerify
  readonly #path: string
  #index = -1
  #latest = -1

  constructor(inspection: Inspection, segment: SegmentToVerify, path: string) {
    this.#inspection = inspection
    this.#segment = segment
    this.#path = path
  }

  batch({ buffer, at, position, baseOffset }: WalkedBatch, isContinued: boolean): void {
    const { epochs, isCompacted } = this.#segment
    const { report, isClean } = this.#inspection
    const epoch = batch.magic(buffer, at) < 2 ? -1 : batch.partitionLeaderEpoch(buffer, at)
    if (epoch < 0) return
    if (epoch < this.#latest)
      report.error(this.#path, `leader epoch ${epoch} at offset ${baseOffset}, after ${this.#latest}`, position)
    // Of the first batch that is there, nobody knows whether its epoch began with it.
    const began = epoch > this.#latest && isContinued && !isCompacted
    this.#latest = Math.max(this.#latest, epoch)
    if (epochs === undefined) return
    while ((epochs[this.#index + 1]?.startOffset ?? Number.POSITIVE_INFINITY) <= baseOffset) this.#index++
    const entry = epochs[this.#index]
    if (entry === undefined || entry.epoch === epoch) {
      if (began && entry !== undefined && entry.startOffset !== baseOffset)
        report.error(
          this.#path,
          `epoch ${epoch} begins at offset ${baseOffset}, not at ${entry.startOffset} as the checkpoint says`,
          position,
        )
      return
    }
    const isBehind = !isClean && this.#index === epochs.length - 1 && epoch > entry.epoch
    if (!isBehind)
      report.error(
        this.#path,
        `leader epoch ${epoch} at offset ${baseOffset}, and ${entry.epoch} in the checkpoint`,
        position,
      )
  }
}
