import { type PartitionOffset, readCleanShutdown, readOffsetCheckpoint } from '../checkpoints.ts'
import { StorageError } from '../errors.ts'
import {
  cleanerCheckpointFileName,
  cleanShutdownFileName,
  highWatermarkCheckpointFileName,
  isDeletedFolderName,
  leaderEpochCheckpointFileName,
  lockFileName,
  logStartOffsetCheckpointFileName,
  metaPropertiesFileName,
  parsePartitionFolderName,
  parseSegmentFileName,
  partitionFolderName,
  partitionMetadataFileName,
  recoveryPointCheckpointFileName,
} from '../file-names.ts'
import type { FileSystem } from '../file-system.ts'
import { readMetaProperties } from '../meta-properties.ts'
import { OpenFiles } from '../open-files.ts'
import { type Finding, type Inspection, Report, type Tally } from './report.ts'
import { attempt, type PartitionVerdict, verifyPartition } from './verify-partition.ts'
import { verifySegment } from './verify-segment.ts'

export interface VerifyOptions {
  readonly fileSystem: FileSystem
  /** A log directory, a partition's folder, or one of their files. */
  readonly path: string
  /** Told of each finding as it comes. */
  readonly tell: (finding: Finding) => void
  /** Who uses a log directory now: the process that holds this lock file. */
  readonly holderOf: (lockPath: string) => number | undefined
  /** What is wrong with the file of the metadata; storage knows nothing of it. */
  readonly metadataProblem?: (file: Buffer) => string | undefined
  /** Gaps are in order everywhere. */
  readonly compacted?: boolean
}

/** Where the metadata of a broker of ours lies, at the top of its first log directory. */
const METADATA_FILE = 'odradek.mdb'

/** Looks at all that there is, and writes nothing. @throws {StorageError} it cannot be read, or is nothing that we know */
export async function verify(options: VerifyOptions): Promise<Tally> {
  const { fileSystem, tell, holderOf, compacted = false } = options
  const path = options.path.replace(/(?<=.)\/+$/, '')
  const report = new Report(tell)
  const kind = fileSystem.stat(path)?.kind
  if (kind === undefined) throw new StorageError('NOT_FOUND', path, `${path} is not there`)
  const name = path.slice(path.lastIndexOf('/') + 1)
  const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.'
  const isPartition = kind === 'folder' && isPartitionFolder(fileSystem, path)
  const directory = kind === 'folder' ? (isPartition ? parent : path) : `${parent}/..`
  const holder = holderOf(`${kind === 'file' && isTopFile(name) ? parent : directory}/${lockFileName}`)
  if (holder !== undefined)
    report.note(path, `in use by a broker (process ${holder}); the ends of its logs are still being written`)
  const files = new OpenFiles(fileSystem, 16, true)
  const isClean = holder === undefined && wasStopped(fileSystem, directory)
  const inspection = { fileSystem, files, report, isRunning: holder !== undefined, isClean, allCompacted: compacted }
  if (kind === 'file') await verifyFile(inspection, path, name, parent, options)
  else if (isPartition) await verifyPartition(inspection, path, cleanedIn(inspection, parent).has(name))
  else await verifyDirectory(inspection, path, options)
  return report.tally
}

/** Is there the mark of a clean stop? */
function wasStopped(fileSystem: FileSystem, directory: string): boolean {
  return readCleanShutdown(fileSystem, `${directory}/${cleanShutdownFileName}`) !== undefined
}

function isPartitionFolder(fileSystem: FileSystem, path: string): boolean {
  return fileSystem.readdir(path).some(({ name }) => parseSegmentFileName(name)?.suffix === '.log')
}

const checkpoints: readonly string[] = [
  recoveryPointCheckpointFileName,
  logStartOffsetCheckpointFileName,
  highWatermarkCheckpointFileName,
  cleanerCheckpointFileName,
]

const isTopFile = (name: string): boolean =>
  checkpoints.includes(name) ||
  name === metaPropertiesFileName ||
  name === METADATA_FILE ||
  name === cleanShutdownFileName

/** One file alone: a segment with the indexes beside it, or a small file. */
async function verifyFile(
  inspection: Inspection,
  path: string,
  name: string,
  folder: string,
  options: VerifyOptions,
): Promise<void> {
  const parsed = parseSegmentFileName(name)
  if (parsed !== undefined && parsed.suffix !== '.snapshot') {
    const { baseOffset } = parsed
    const bases = inspection.fileSystem
      .readdir(folder)
      .flatMap(({ name: other }) => {
        const found = parseSegmentFileName(other)
        return found?.suffix === '.log' && found.state === '' ? [found.baseOffset] : []
      })
      .filter((base) => base > baseOffset)
    const nextBaseOffset = bases.length === 0 ? undefined : Math.min(...bases)
    // A file alone does not tell whether its topic is compacted; where the next segment begins, it does not matter.
    await verifySegment(inspection, { folder, baseOffset, nextBaseOffset, isCompacted: true, epochs: undefined })
  } else if (checkpoints.includes(name)) readCheckpoint(inspection, path)
  else if (name === metaPropertiesFileName)
    attempt(inspection, path, () => readMetaProperties(inspection.fileSystem, folder))
  else if (name === METADATA_FILE) verifyMetadata(inspection, path, options)
  else if (parsed !== undefined || name === leaderEpochCheckpointFileName || name === partitionMetadataFileName)
    await verifyPartition(inspection, folder, false)
  else throw new StorageError('CORRUPT', path, `${path} is not a file of a log`)
}

/** All of a log directory. */
async function verifyDirectory(inspection: Inspection, path: string, options: VerifyOptions): Promise<void> {
  const { fileSystem, report, isRunning, isClean } = inspection
  const meta = `${path}/${metaPropertiesFileName}`
  if (!fileSystem.exists(meta)) report.note(path, 'no meta.properties: not a log directory of a broker')
  attempt(inspection, meta, () => readMetaProperties(fileSystem, path))
  if (fileSystem.exists(`${path}/${cleanShutdownFileName}`) && !isClean && !isRunning)
    report.error(`${path}/${cleanShutdownFileName}`, 'the mark of a clean stop is not as brokers write it')
  else if (!isClean && !isRunning)
    report.note(path, 'the broker was not stopped cleanly; its next start checks the logs')
  const cleaned = cleanedIn(inspection, path)
  const verdicts = new Map<string, PartitionVerdict>()
  for (const { name, kind } of fileSystem.readdir(path)) {
    if (kind !== 'folder') continue
    if (isDeletedFolderName(name)) report.note(`${path}/${name}`, 'of a deleted partition; not looked at')
    else if (parsePartitionFolderName(name) === undefined)
      report.note(`${path}/${name}`, 'not a folder of a partition; not looked at')
    else verdicts.set(name, await verifyPartition(inspection, `${path}/${name}`, cleaned.has(name)))
  }
  compareCheckpoints(inspection, path, verdicts)
  compareTopicIds(inspection, path, verdicts)
  if (fileSystem.exists(`${path}/${METADATA_FILE}`)) verifyMetadata(inspection, `${path}/${METADATA_FILE}`, options)
}

/** Folders of partitions whose logs were compacted. */
function cleanedIn(inspection: Inspection, directory: string): Set<string> {
  const path = `${directory}/${cleanerCheckpointFileName}`
  const entries = attempt(inspection, path, () => readOffsetCheckpoint(inspection.fileSystem, path)) ?? []
  return new Set(entries.map(({ topic, partition }) => partitionFolderName(topic, partition)))
}

function readCheckpoint(inspection: Inspection, path: string): PartitionOffset[] {
  return attempt(inspection, path, () => readOffsetCheckpoint(inspection.fileSystem, path)) ?? []
}

/** A checkpoint that says more than the log bears out. While a broker runs, the two are not of one moment. */
function compareCheckpoints(
  inspection: Inspection,
  path: string,
  verdicts: ReadonlyMap<string, PartitionVerdict>,
): void {
  const { report, isRunning } = inspection
  for (const name of checkpoints.filter((one) => one !== cleanerCheckpointFileName)) {
    const file = `${path}/${name}`
    for (const { topic, partition, offset } of readCheckpoint(inspection, file)) {
      const folder = partitionFolderName(topic, partition)
      const verdict = verdicts.get(folder)
      if (verdict === undefined) report.note(file, `names ${folder}, which is not here`)
      else if (offset > verdict.endOffset && !isRunning)
        report.error(file, `says ${offset} for ${folder}, whose log ends at ${verdict.endOffset}`)
    }
  }
}

function compareTopicIds({ report }: Inspection, path: string, verdicts: ReadonlyMap<string, PartitionVerdict>): void {
  const ids = new Map<string, { id: string; folder: string }>()
  for (const [folder, { topicId }] of verdicts) {
    const topic = parsePartitionFolderName(folder)?.topic ?? ''
    const known = ids.get(topic)
    if (topicId === undefined) report.note(`${path}/${folder}`, 'no partition.metadata tells the id of its topic')
    else if (known === undefined) ids.set(topic, { id: topicId, folder })
    else if (known.id !== topicId)
      report.error(
        `${path}/${folder}/${partitionMetadataFileName}`,
        `topic id ${topicId}, but ${known.id} in ${known.folder}`,
      )
  }
}

function verifyMetadata(inspection: Inspection, path: string, { metadataProblem }: VerifyOptions): void {
  if (metadataProblem === undefined) return
  const { fileSystem, report, isRunning } = inspection
  let problem: string | undefined
  // A running broker may write while we read; damage is there each time.
  for (let tries = 0; tries < (isRunning ? 5 : 1); tries++) {
    problem = attempt(inspection, path, () => metadataProblem(fileSystem.readFile(path, 1 << 30)))
    if (problem === undefined) return
  }
  if (problem !== undefined) report.error(path, problem, Number(/position (\d+)/.exec(problem)?.[1] ?? 0))
}
