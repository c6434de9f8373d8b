import * as batch from '../protocol/records/batch.ts'
import { plausibleBatchSize } from './batch-check.ts'
import { BatchWindow } from './batch-window.ts'
import { isStorageError } from './errors.ts'
import { parseSegmentFileName, segmentFileName } from './file-names.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import { readProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import { replayProducer } from './transaction-markers.ts'

/** What of a log the producers' state is rebuilt from. */
export interface ReplaySource {
  readonly host: LogHost
  readonly path: string
  readonly segments: Segments
  readonly producers: ProducerState
}

/**
 * The producers' state as of `endOffset`: the newest good snapshot at or below it, and the batches after that. Without a
 * good one everything that is there is replayed: starting empty would accept duplicates.
 */
export async function rebuildProducers(source: ReplaySource, config: LogConfig, endOffset: number): Promise<void> {
  const from = restoreSnapshot(source, config, endOffset)
  for (const { segment, window, start } of segmentsFrom(source, from, endOffset)) {
    const walk = replaySegment(source.producers, segment, window, start, from)
    let step = walk.next()
    while (!step.done) step = walk.next(await window.load(step.value.position, step.value.count))
  }
}

/** As `rebuildProducers`, at once. */
export function rebuildProducersSync(source: ReplaySource, config: LogConfig, endOffset: number): void {
  const from = restoreSnapshot(source, config, endOffset)
  for (const { segment, window, start } of segmentsFrom(source, from, endOffset)) {
    const walk = replaySegment(source.producers, segment, window, start, from)
    let step = walk.next()
    while (!step.done) step = walk.next(window.loadSync(step.value.position, step.value.count))
  }
}

/** @returns the offset from which on batches are to be replayed */
function restoreSnapshot(
  { host, path, producers, segments }: ReplaySource,
  config: LogConfig,
  endOffset: number,
): number {
  producers.clear()
  const offsets = host.fileSystem
    .readdir(path)
    .flatMap(({ name, kind }) => {
      const parsed = kind === 'file' ? parseSegmentFileName(name) : undefined
      return parsed?.suffix === '.snapshot' && parsed.state === '' ? [parsed.baseOffset] : []
    })
    .sort((a, b) => b - a)
  for (const offset of offsets) {
    const file = `${path}/${segmentFileName(offset, '.snapshot')}`
    // What is beyond the end is of a history that was cut off.
    if (offset > endOffset) host.fileSystem.unlink(file)
    else {
      try {
        const entries = readProducerSnapshot(host.fileSystem, file)
        producers.restore(entries, host.clock.wallTime(), config.producerIdExpirationMs)
        return offset
      } catch (error) {
        if (!isStorageError(error, 'CORRUPT')) throw error
        host.damage.found('snapshot')
        host.logger.warn({ err: error }, 'producer snapshot is damaged; an older one is used, or the log')
        host.fileSystem.unlink(file)
      }
    }
  }
  return segments.oldest.baseOffset
}

function* segmentsFrom({ segments }: ReplaySource, from: number, endOffset: number) {
  if (from >= endOffset) return
  for (const segment of segments.all.slice(segments.indexFor(from))) {
    const start = segment.baseOffset < from ? segment.positionBefore(from) : 0
    yield { segment, window: new BatchWindow(segment.file, segment.sizeBytes, WINDOW_BYTES), start }
  }
}

/** Asks for bytes, gets told whether they are there, and so is the same for files that are read at once and later. */
function* replaySegment(
  producers: ProducerState,
  segment: Segment,
  window: BatchWindow,
  start: number,
  from: number,
): Generator<{ position: number; count: number }, void, boolean> {
  let position = start
  while (position < window.end) {
    const damage = segment.damaged.find((range) => range.start === position)
    if (damage !== undefined) {
      position = damage.end
      continue
    }
    if (!(yield { position, count: batch.BATCH_HEADER_BYTES })) return
    const size = plausibleBatchSize(window.buffer, window.indexOf(position), window.end - position, segment.baseOffset)
    if (size < 0) return
    // The records of a marker are looked at, those of clients are not.
    if (batch.isControl(window.buffer, window.indexOf(position)) && !(yield { position, count: size })) return
    const at = window.indexOf(position)
    if (batch.baseOffset(window.buffer, at) >= from) replayProducer(producers, window.buffer, at)
    position += size
  }
}

const WINDOW_BYTES = 256 * 1024
