import { readLeaderEpochCheckpoint, readPartitionMetadata } from '../checkpoints.ts'
import { isStorageError, type StorageError } from '../errors.ts'
import {
  leaderEpochCheckpointFileName,
  parsePartitionFolderName,
  parseSegmentFileName,
  partitionMetadataFileName,
} from '../file-names.ts'
import type { EpochEntry } from '../leader-epochs.ts'
import { readProducerSnapshot } from '../producer-snapshot.ts'
import type { Inspection } from './report.ts'
import { pathOf, verifySegment } from './verify-segment.ts'

/** What a partition's folder turned out to hold. */
export interface PartitionVerdict {
  /** Where its first segment begins; undefined without any. */
  readonly startOffset: number | undefined
  readonly endOffset: number
  readonly topicId: string | undefined
}

/** Topics that brokers keep for themselves, all of them compacted. */
const compactedTopics: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
])

/** Files of Kafka beside the logs that hold nothing of the logs. */
const otherFiles = /^(?:quorum-state|leader-epoch-checkpoint|partition\.metadata|.*\.checkpoint|.*\.tmp)$/

/**
 * Checks a partition's folder: all segments and their indexes, snapshots, epochs, and the order of it all.
 * @param cleaned the partition is in `cleaner-offset-checkpoint`
 */
export async function verifyPartition(
  inspection: Inspection,
  folder: string,
  cleaned: boolean,
): Promise<PartitionVerdict> {
  const { report } = inspection
  report.tally.partitions++
  const topic = parsePartitionFolderName(folder.slice(folder.lastIndexOf('/') + 1))?.topic ?? ''
  const isCompacted = inspection.allCompacted || cleaned || compactedTopics.has(topic)
  const bases = listSegments(inspection, folder)
  const epochs = readEpochs(inspection, `${folder}/${leaderEpochCheckpointFileName}`)
  let endOffset = bases[0] ?? 0
  for (const [index, baseOffset] of bases.entries()) {
    const segment = { folder, baseOffset, nextBaseOffset: bases[index + 1], isCompacted, epochs }
    try {
      endOffset = await verifySegment(inspection, segment)
    } catch (error) {
      // Retention takes files away while a broker runs.
      if (!inspection.isRunning || !isStorageError(error, 'NOT_FOUND')) throw error
      report.note(pathOf(segment, '.log'), 'was removed meanwhile')
    }
  }
  for (const { epoch, startOffset } of epochs ?? []) {
    if (startOffset > endOffset && !inspection.isRunning)
      report.error(
        `${folder}/${leaderEpochCheckpointFileName}`,
        `epoch ${epoch} begins at ${startOffset}, beyond the log's end ${endOffset}`,
      )
  }
  return {
    startOffset: bases[0],
    endOffset,
    topicId: readTopicId(inspection, `${folder}/${partitionMetadataFileName}`),
  }
}

/** Base offsets in order. Checks snapshots on the way, and names what else is there. */
function listSegments(inspection: Inspection, folder: string): number[] {
  const { fileSystem, report } = inspection
  const bases: number[] = []
  for (const { name, kind } of fileSystem.readdir(folder)) {
    const path = `${folder}/${name}`
    const parsed = parseSegmentFileName(name)
    if (parsed === undefined) {
      if (!otherFiles.test(name))
        report.note(
          path,
          /\.cut-\d+$/.test(name) ? 'a torn tail that a recovery cut off' : 'not a file of a log; not looked at',
        )
    } else if (kind !== 'file') report.error(path, 'has the name of a file, and is none')
    else if (parsed.state !== '') report.note(path, `a leftover (${parsed.state}); the next start deals with it`)
    else if (parsed.suffix === '.log') bases.push(parsed.baseOffset)
    else if (parsed.suffix === '.snapshot') verifySnapshot(inspection, path, parsed.baseOffset)
  }
  return bases.sort((a, b) => a - b)
}

function verifySnapshot(inspection: Inspection, path: string, offset: number): void {
  attempt(inspection, path, () => {
    for (const { producerId, batches } of readProducerSnapshot(inspection.fileSystem, path)) {
      const last = batches.at(-1)?.lastOffset ?? -1
      if (last >= offset)
        inspection.report.error(path, `producer ${producerId} wrote offset ${last}, which is not below ${offset}`)
    }
  })
}

function readEpochs(inspection: Inspection, path: string): readonly EpochEntry[] | undefined {
  return attempt(inspection, path, () => {
    const entries = readLeaderEpochCheckpoint(inspection.fileSystem, path)
    for (const [index, { epoch, startOffset }] of (entries ?? []).entries()) {
      const before = entries?.[index - 1]
      if (before !== undefined && (before.epoch >= epoch || before.startOffset >= startOffset))
        inspection.report.error(
          path,
          `epoch ${epoch} from offset ${startOffset} follows epoch ${before.epoch} from ${before.startOffset}`,
        )
    }
    return entries
  })
}

function readTopicId(inspection: Inspection, path: string): string | undefined {
  return attempt(inspection, path, () => readPartitionMetadata(inspection.fileSystem, path)?.topicId)
}

/** Runs it; what is CORRUPT is reported, what was removed by a running broker is not missed. */
export function attempt<T>({ report, isRunning }: Inspection, path: string, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isRunning && isStorageError(error, 'NOT_FOUND')) return undefined
    if (!isStorageError(error, 'CORRUPT')) throw error
    report.error(path, withoutPath(error, path))
    return undefined
  }
}

/** The file is told beside the message. */
const withoutPath = ({ message }: StorageError, path: string): string =>
  message.startsWith(path) ? message.slice(path.length).replace(/^:? (?:is )?/, '') : message
