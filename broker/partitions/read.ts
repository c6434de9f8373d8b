import type { ErrorName } from '../../protocol/errors.ts'
import type { LogSlice } from '../../storage/index.ts'
import { OffsetOutOfRange, StorageError } from '../../storage/index.ts'
import type { FetchTarget } from './fetch-sessions.ts'
import { EMPTY_SLICE, type Isolation, type Partition } from './partition.ts'
import { type ReadOptions, showsRecords, skipRecordless } from './record-less.ts'

/** What a Fetch found in one partition. */
export interface FetchOutcome {
  readonly target: FetchTarget
  readonly partition: Partition | undefined
  readonly error: ErrorName
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly slice: LogSlice
  /** There is no record in the slice: it is no reason to answer before the client's time is up (FE-17). */
  readonly isRecordless: boolean
  /** Where the client's log and ours part, when it told the epoch of its last record (FE-28). */
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | undefined
}

export interface FetchRead {
  readonly outcomes: readonly FetchOutcome[]
  /** Of batches with records. */
  readonly bytes: number
  /** An error or a divergence is to be told at once, however little data there is (FE-1). */
  readonly urgent: boolean
}

export interface ReadRequest {
  readonly targets: readonly FetchTarget[]
  readonly maxBytes: number
  readonly isolation: Isolation
  /** Finds the partition of a target, or says why there is none. */
  readonly find: (target: FetchTarget) => Partition | ErrorName
}

/**
 * Reads over many partitions with one byte budget, in the order of the targets (FE-4). The first partition with data
 * gives at least one whole batch, later ones obey what is left (FE-2).
 *
 * Hot path: one outcome object a partition; no promise while all data is in memory.
 */
export function readTargets(request: ReadRequest): FetchRead | Promise<FetchRead> {
  const progress: Progress = { outcomes: [], bytes: 0, urgent: false, left: request.maxBytes }
  for (let i = 0; i < request.targets.length; i++) {
    const outcome = readOne(request, request.targets[i]!, progress)
    if (outcome instanceof Promise) return readRest(request, i, outcome, progress)
    add(progress, outcome)
  }
  return progress
}

async function readRest(
  request: ReadRequest,
  from: number,
  first: Promise<FetchOutcome>,
  progress: Progress,
): Promise<FetchRead> {
  add(progress, await first)
  for (let i = from + 1; i < request.targets.length; i++) {
    const outcome = readOne(request, request.targets[i]!, progress)
    add(progress, outcome instanceof Promise ? await outcome : outcome)
  }
  return progress
}

interface Progress {
  readonly outcomes: FetchOutcome[]
  bytes: number
  urgent: boolean
  left: number
}

function add(progress: Progress, outcome: FetchOutcome): void {
  progress.outcomes.push(outcome)
  if (!outcome.isRecordless) progress.bytes += outcome.slice.sizeBytes
  progress.left -= outcome.slice.sizeBytes
  if (outcome.error !== 'NONE' || outcome.diverging !== undefined) progress.urgent = true
}

function readOne(request: ReadRequest, target: FetchTarget, progress: Progress): FetchOutcome | Promise<FetchOutcome> {
  const partition = request.find(target)
  if (typeof partition === 'string') return refused(target, undefined, partition)
  const epochError = partition.checkEpoch(target.currentLeaderEpoch)
  if (epochError !== undefined) return refused(target, partition, epochError)
  if (target.lastFetchedEpoch >= 0) {
    const diverging = divergence(partition, target)
    if (diverging === 'OFFSET_OUT_OF_RANGE') return refused(target, partition, diverging)
    if (diverging !== undefined) return { ...refused(target, partition, 'NONE'), ...watermarks(partition), diverging }
  }
  const { isolation } = request
  const atLeastOne = progress.bytes === 0
  const maxBytes = Math.max(0, Math.min(target.maxBytes, progress.left))
  try {
    const read = partition.read(target.fetchOffset, maxBytes, isolation, atLeastOne)
    if (read === 'OFFSET_OUT_OF_RANGE') return refused(target, partition, read)
    if (!(read instanceof Promise) && showsRecords(read, target.fetchOffset)) return found(target, partition, read)
    return readLate(target, partition, read, { maxBytes, isolation, atLeastOne })
  } catch (error) {
    return refused(target, partition, readError(error))
  }
}

async function readLate(
  target: FetchTarget,
  partition: Partition,
  read: LogSlice | Promise<LogSlice>,
  options: ReadOptions,
): Promise<FetchOutcome> {
  try {
    const slice = await read
    if (showsRecords(slice, target.fetchOffset)) return found(target, partition, slice)
    const behind = await skipRecordless(partition, target.fetchOffset, slice, options)
    // Nothing follows: then Java clients need the headers, or they would never come to the end of the log.
    return behind === undefined ? found(target, partition, slice, true) : found(target, partition, behind)
  } catch (error) {
    return refused(target, partition, readError(error))
  }
}

/**
 * The client's last record is of another history than ours, if its epoch ended earlier here (KIP-595's check); an epoch
 * that we never heard of is no place in our log at all.
 */
function divergence(partition: Partition, target: FetchTarget): FetchOutcome['diverging'] | 'OFFSET_OUT_OF_RANGE' {
  const end = partition.log.endOffsetForEpoch(target.lastFetchedEpoch)
  if (end.endOffset < 0) return 'OFFSET_OUT_OF_RANGE'
  return end.epoch < target.lastFetchedEpoch || end.endOffset < target.fetchOffset ? end : undefined
}

/** A damaged batch is CORRUPT_MESSAGE, a failing disk KAFKA_STORAGE_ERROR; a bug of ours goes on up. */
function readError(error: unknown): ErrorName {
  if (error instanceof OffsetOutOfRange) return 'OFFSET_OUT_OF_RANGE'
  if (error instanceof StorageError) return error.code === 'CORRUPT' ? 'CORRUPT_MESSAGE' : 'KAFKA_STORAGE_ERROR'
  throw error
}

function found(target: FetchTarget, partition: Partition, slice: LogSlice, isRecordless = false): FetchOutcome {
  return {
    target,
    partition,
    error: 'NONE',
    highWatermark: partition.highWatermark,
    lastStableOffset: partition.lastStableOffset,
    logStartOffset: partition.logStartOffset,
    slice,
    isRecordless,
    diverging: undefined,
  }
}

function watermarks(partition: Partition): Pick<FetchOutcome, 'highWatermark' | 'lastStableOffset' | 'logStartOffset'> {
  const { highWatermark, lastStableOffset, logStartOffset } = partition
  return { highWatermark, lastStableOffset, logStartOffset }
}

/** An answer without data; as in Kafka, it tells no watermarks either. */
function refused(target: FetchTarget, partition: Partition | undefined, error: ErrorName): FetchOutcome {
  return {
    target,
    partition,
    error,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    slice: EMPTY_SLICE,
    isRecordless: false,
    diverging: undefined,
  }
}
