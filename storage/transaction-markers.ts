import type { ErrorName } from '../protocol/errors.ts'
import * as batch from '../protocol/records/batch.ts'
import { readMarker } from '../protocol/records/control.ts'
import type { AppendedMarker, ProducerState } from './producer-state.ts'

/**
 * Appends a control batch of a producer: one that ends a transaction is noted, others are only counted as offsets.
 * @param stage takes the batch; called after the check and before the note
 * @returns why the marker is refused, if it is
 */
export function appendMarker(
  producers: ProducerState,
  buffer: Buffer,
  offset: number,
  stage: () => void,
): ErrorName | undefined {
  const marker = markerIn(buffer, 0, offset)
  const error = marker === undefined ? undefined : producers.checkMarker(marker)
  if (error !== undefined) return error
  stage()
  if (marker !== undefined) producers.appendMarker(marker)
  return undefined
}

/** Notes what a batch found in the log says of its producer, if it has one. The whole of a control batch must be there. */
export function replayProducer(producers: ProducerState, buffer: Buffer, at: number): void {
  const producerId = batch.producerId(buffer, at)
  if (producerId < 0) return
  if (batch.isControl(buffer, at)) {
    const marker = markerIn(buffer, at, batch.baseOffset(buffer, at))
    if (marker !== undefined) producers.replayMarker(marker)
    return
  }
  producers.replay({
    producerId,
    producerEpoch: batch.producerEpoch(buffer, at),
    baseSequence: batch.baseSequence(buffer, at),
    lastSequence: batch.lastSequence(buffer, at),
    isTransactional: batch.isTransactional(buffer, at),
    baseOffset: batch.baseOffset(buffer, at),
    lastOffset: batch.lastOffset(buffer, at),
    maxTimestamp: batch.maxTimestamp(buffer, at),
  })
}

function markerIn(buffer: Buffer, at: number, offset: number): AppendedMarker | undefined {
  const marker = readMarker(buffer, at)
  if (marker === undefined) return undefined
  const { producerId, producerEpoch, coordinatorEpoch, type } = marker
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    offset,
    timestamp: batch.maxTimestamp(buffer, at),
    isCommit: type === 'COMMIT',
  }
}
