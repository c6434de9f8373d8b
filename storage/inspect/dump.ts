import * as batch from '../../protocol/records/batch.ts'
import { prepareCodec } from '../../protocol/records/compression.ts'
import { type ControlType, controlType } from '../../protocol/records/control.ts'
import { type BatchRecord, readRecords } from '../../protocol/records/record.ts'
import { RecordsError } from '../../protocol/records/records-error.ts'
import {
  readCleanShutdown,
  readLeaderEpochCheckpoint,
  readOffsetCheckpoint,
  readPartitionMetadata,
} from '../checkpoints.ts'
import { StorageError } from '../errors.ts'
import {
  cleanerCheckpointFileName,
  cleanShutdownFileName,
  highWatermarkCheckpointFileName,
  leaderEpochCheckpointFileName,
  logStartOffsetCheckpointFileName,
  metaPropertiesFileName,
  parseSegmentFileName,
  partitionMetadataFileName,
  recoveryPointCheckpointFileName,
} from '../file-names.ts'
import type { FileSystem } from '../file-system.ts'
import { readMetaProperties } from '../meta-properties.ts'
import { OffsetIndex } from '../offset-index.ts'
import { OpenFiles, PooledFile } from '../open-files.ts'
import { readProducerSnapshot } from '../producer-snapshot.ts'
import { lastSequenceOf } from '../producer-state.ts'
import { TimeIndex } from '../time-index.ts'
import { type WalkedBatch, walkSegment } from './segment-walk.ts'
import { readTransactionIndex } from './transaction-index-file.ts'

/** One thing in a file. `type` says what; numbers are as they stand there, timestamps in ms since the epoch. */
export type DumpItem =
  | { readonly type: 'batch'; readonly position: number; readonly header: BatchHeader }
  | { readonly type: 'record'; readonly record: BatchRecord; readonly control: ControlType | undefined }
  | { readonly type: 'damage'; readonly position: number; readonly end: number; readonly problem: string }
  | { readonly type: 'entry'; readonly kind: EntryKind; readonly fields: Readonly<Record<string, number | string>> }

export type EntryKind =
  | 'offset index'
  | 'time index'
  | 'aborted transaction'
  | 'producer'
  | 'checkpoint'
  | 'leader epoch'
  | 'properties'

export interface BatchHeader {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly records: number
  readonly size: number
  readonly magic: number
  readonly crc: number
  readonly codec: string
  readonly timestampType: string
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly leaderEpoch: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastSequence: number
  readonly transactional: boolean
  /** Type of the control record in it. */
  readonly control: ControlType | undefined
  /** Set by compaction: from when on tombstones and markers in it may go. */
  readonly deleteHorizon: number | undefined
}

export interface DumpOptions {
  readonly fileSystem: FileSystem
  /** The records in the batches, too. */
  readonly records: boolean
}

/**
 * The files of a log directory or of a partition that have something to be told, in order; for a file itself.
 * @throws {StorageError} NOT_FOUND
 */
export function filesToDump(fileSystem: FileSystem, path: string): string[] {
  const kind = fileSystem.stat(path)?.kind
  if (kind === undefined) throw new StorageError('NOT_FOUND', path, `${path} is not there`)
  if (kind !== 'folder') return [path]
  return fileSystem.readdir(path).flatMap((entry) => {
    const inside = `${path}/${entry.name}`
    if (entry.kind === 'folder') return filesToDump(fileSystem, inside)
    return entry.kind === 'file' && readerOf(entry.name) !== undefined ? [inside] : []
  })
}

/**
 * What is in one file. Damage comes as an item where it can be passed over.
 * @throws {StorageError} CORRUPT: nothing of the file can be told, or it is none of a log
 */
export async function* dumpFile(path: string, options: DumpOptions): AsyncGenerator<DumpItem> {
  const slash = path.lastIndexOf('/')
  const read = readerOf(path.slice(slash + 1))
  if (read === undefined) throw new StorageError('CORRUPT', path, `${path} is not a file of a log`)
  yield* read(path, options, path.slice(0, Math.max(slash, 0)))
}

type Read = (path: string, options: DumpOptions, folder: string) => Iterable<DumpItem> | AsyncIterable<DumpItem>

function readerOf(name: string): Read | undefined {
  const parsed = parseSegmentFileName(name)
  if (parsed !== undefined) return segmentReaders[parsed.suffix]
  return smallFileReaders.get(name)
}

const baseOffsetOf = (path: string): number =>
  parseSegmentFileName(path.slice(path.lastIndexOf('/') + 1))?.baseOffset ?? 0

const segmentReaders: Readonly<Record<NonNullable<ReturnType<typeof parseSegmentFileName>>['suffix'], Read>> = {
  '.log': dumpSegment,
  '.index': (path, { fileSystem }) =>
    entriesOf(
      'offset index',
      OffsetIndex.open({ fileSystem, path, baseOffset: baseOffsetOf(path), maxBytes: Number.MAX_SAFE_INTEGER }),
    ),
  '.timeindex': (path, { fileSystem }) =>
    entriesOf(
      'time index',
      TimeIndex.open({ fileSystem, path, baseOffset: baseOffsetOf(path), maxBytes: Number.MAX_SAFE_INTEGER }),
    ),
  '.txnindex': (path, { fileSystem }) =>
    readTransactionIndex(fileSystem, path).map((one) => entry('aborted transaction', one)),
  '.snapshot': (path, { fileSystem }) =>
    readProducerSnapshot(fileSystem, path).map((producer) => {
      const { producerId, producerEpoch, coordinatorEpoch, currentTxnFirstOffset, lastTimestamp, batches } = producer
      const lastOffset = batches.at(-1)?.lastOffset ?? -1
      const lastSequence = lastSequenceOf(producer)
      return entry('producer', {
        producerId,
        producerEpoch,
        lastSequence,
        lastOffset,
        lastTimestamp,
        coordinatorEpoch,
        currentTxnFirstOffset,
      })
    }),
}

const dumpOffsets: Read = (path, { fileSystem }) =>
  (readOffsetCheckpoint(fileSystem, path) ?? []).map(({ topic, partition, offset }) =>
    entry('checkpoint', { topic, partition, offset }),
  )

const smallFileReaders: ReadonlyMap<string, Read> = new Map<string, Read>([
  [recoveryPointCheckpointFileName, dumpOffsets],
  [logStartOffsetCheckpointFileName, dumpOffsets],
  [highWatermarkCheckpointFileName, dumpOffsets],
  [cleanerCheckpointFileName, dumpOffsets],
  [
    leaderEpochCheckpointFileName,
    (path, { fileSystem }) =>
      (readLeaderEpochCheckpoint(fileSystem, path) ?? []).map(({ epoch, startOffset }) =>
        entry('leader epoch', { epoch, startOffset }),
      ),
  ],
  [partitionMetadataFileName, (path, { fileSystem }) => properties(readPartitionMetadata(fileSystem, path))],
  [metaPropertiesFileName, (_path, { fileSystem }, folder) => properties(readMetaProperties(fileSystem, folder))],
  [cleanShutdownFileName, (path, { fileSystem }) => properties(readCleanShutdown(fileSystem, path))],
])

function properties(found: object | undefined): DumpItem[] {
  const fields = Object.entries(found ?? {}).filter((pair): pair is [string, string | number] => pair[1] !== undefined)
  return [entry('properties', Object.fromEntries(fields))]
}

const entry = (kind: EntryKind, fields: object): DumpItem => ({
  type: 'entry',
  kind,
  fields: fields as Readonly<Record<string, number | string>>,
})

function* entriesOf(
  kind: EntryKind,
  index: { readonly entryCount: number; entry(at: number): object },
): Generator<DumpItem> {
  for (let at = 0; at < index.entryCount; at++) yield entry(kind, index.entry(at))
}

async function* dumpSegment(path: string, { fileSystem, records }: DumpOptions): AsyncGenerator<DumpItem> {
  const file = new PooledFile(new OpenFiles(fileSystem, 1, true), path)
  const sizeBytes = fileSystem.stat(path)?.sizeBytes ?? 0
  const walk = walkSegment({ file, sizeBytes, baseOffset: baseOffsetOf(path), endOffset: Number.MAX_SAFE_INTEGER })
  try {
    for await (const walked of walk) {
      if (walked.kind === 'damage') {
        const { position, end, problem } = walked
        yield { type: 'damage', position, end, problem }
        continue
      }
      const header = headerOf(walked)
      yield { type: 'batch', position: walked.position, header }
      if (records) yield* recordsOf(walked, header)
    }
  } finally {
    file.close()
  }
}

async function* recordsOf({ buffer, at, position, size }: WalkedBatch, header: BatchHeader): AsyncGenerator<DumpItem> {
  const codec = header.magic === 2 ? batch.compression(buffer, at) : undefined
  if (codec !== undefined) await prepareCodec(codec)
  try {
    for (const record of readRecords(buffer, at)) yield { type: 'record', record, control: header.control }
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error
    yield { type: 'damage', position, end: position + size, problem: `its records cannot be read: ${error.message}` }
  }
}

/** Messages of magic 0 and 1 have few of these fields; what they lack is -1. */
function headerOf({ buffer, at, size, baseOffset, lastOffset }: WalkedBatch): BatchHeader {
  const magic = batch.magic(buffer, at)
  if (magic < 2) {
    const none = { leaderEpoch: -1, producerId: -1, producerEpoch: -1, baseSequence: -1, lastSequence: -1 }
    const records = lastOffset - baseOffset + 1
    const times = { codec: 'none', timestampType: 'CreateTime', baseTimestamp: -1, maxTimestamp: -1 }
    const flags = { transactional: false, control: undefined, deleteHorizon: undefined }
    return {
      baseOffset,
      lastOffset,
      records,
      size,
      magic,
      crc: buffer.readUInt32BE(at + 12),
      ...times,
      ...none,
      ...flags,
    }
  }
  return {
    baseOffset,
    lastOffset,
    records: batch.recordCount(buffer, at),
    size,
    magic,
    crc: batch.crc(buffer, at),
    codec: batch.compression(buffer, at) ?? 'unknown',
    timestampType: batch.timestampType(buffer, at),
    baseTimestamp: batch.baseTimestamp(buffer, at),
    maxTimestamp: batch.maxTimestamp(buffer, at),
    leaderEpoch: batch.partitionLeaderEpoch(buffer, at),
    producerId: batch.producerId(buffer, at),
    producerEpoch: batch.producerEpoch(buffer, at),
    baseSequence: batch.baseSequence(buffer, at),
    lastSequence: batch.lastSequence(buffer, at),
    transactional: batch.isTransactional(buffer, at),
    control: batch.isControl(buffer, at) ? typeOfControl(buffer, at) : undefined,
    deleteHorizon: batch.hasDeleteHorizon(buffer, at) ? batch.baseTimestamp(buffer, at) : undefined,
  }
}

/** Compaction may have taken the record out. */
function typeOfControl(buffer: Buffer, at: number): ControlType {
  try {
    return batch.recordCount(buffer, at) === 0 ? 'UNKNOWN' : controlType(buffer, at)
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error
    return 'UNKNOWN'
  }
}
