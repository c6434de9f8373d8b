import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import type { Log } from '../../../storage/index.ts'
import type { SentBatch } from './oracle.ts'
import { must } from './violation.ts'

/** The last batch of each numbered producer among these, in the order in which they are in the log. */
export function lastOfEach(batches: readonly SentBatch[]): Map<number, SentBatch> {
  const last = new Map<number, SentBatch>()
  for (const one of batches) {
    const producerId = batch.producerId(one.bytes)
    if (producerId >= 0) last.set(producerId, one)
  }
  return last
}

/** PR-20 to PR-24: the log knows of each producer the last batch that it holds of it. */
export function checkProducers(log: Log, batches: readonly SentBatch[], isDamaged: boolean): void {
  for (const [producerId, { base, next, bytes }] of lastOfEach(batches)) {
    const entry = log.producer(producerId)
    must(entry !== undefined, () => `producer ${producerId} is forgotten, though the log has its batch at ${base}`)
    const newest = entry.batches.at(-1)
    // A snapshot may have outlived the batch that it was made of.
    if (isDamaged && newest !== undefined && newest.lastOffset >= next) continue
    must(
      entry.producerEpoch === batch.producerEpoch(bytes) &&
        newest?.firstSequence === batch.baseSequence(bytes) &&
        newest.lastSequence === batch.lastSequence(bytes) &&
        newest.lastOffset === next - 1 &&
        newest.offsetDelta === next - 1 - base,
      () => `of producer ${producerId} the last batch is at ${base}, but the log knows ${JSON.stringify(entry)}`,
    )
  }
  if (isDamaged) return
  // Whoever is known has a batch in the log, or had one before the log's start.
  for (const entry of log.producers()) {
    const lastOffset = entry.batches.at(-1)?.lastOffset ?? -1
    must(
      lastOffset < (batches[0]?.base ?? log.logEndOffset) || lastOfEach(batches).has(entry.producerId),
      () => `producer ${entry.producerId} is known for offset ${lastOffset}, which the log does not have`,
    )
  }
}

/**
 * The same by the answers to appends. Stages batches that are never written, so the log is of no use afterwards.
 * A repeat of the last batch is a duplicate, a gap is refused, an old epoch is refused, the next one is taken.
 */
export function probeProducers(log: Log, batches: readonly SentBatch[]): void {
  for (const [producerId, { base, next, bytes }] of lastOfEach(batches)) {
    const epoch = batch.partitionLeaderEpoch(bytes)
    const repeated = log.append(Buffer.from(bytes), epoch, 'client')
    const isSame = repeated.kind === 'duplicate' && repeated.baseOffset === base && repeated.lastOffset === next - 1
    must(isSame, () => `a repeat of the batch at ${base} was answered ${JSON.stringify(repeated)}`)
    const probe = (sequence: number, producerEpoch: number) =>
      log.append(
        buildBatch({
          records: [{ value: Buffer.from('probe'), timestamp: batch.maxTimestamp(bytes) }],
          producerId,
          producerEpoch,
          baseSequence: sequence % 2 ** 31,
        }),
        epoch,
        'client',
      )
    const [last, producerEpoch] = [batch.lastSequence(bytes), batch.producerEpoch(bytes)]
    const gap = probe(last + 2, producerEpoch)
    must(gap.kind === 'refused', () => `a gap in the sequence of producer ${producerId} was answered ${gap.kind}`)
    if (producerEpoch > 0) {
      const zombie = probe(0, producerEpoch - 1)
      must(zombie.kind === 'refused', () => `an old epoch of producer ${producerId} was answered ${zombie.kind}`)
    }
    const taken = probe(last + 1, producerEpoch)
    must(taken.kind === 'appended', () => `the next batch of producer ${producerId} was answered ${taken.kind}`)
  }
}
