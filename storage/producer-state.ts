import type { ErrorName } from '../protocol/errors.ts'
import type { CompletedTransaction } from './ongoing-transactions.ts'
import { OngoingTransactions } from './ongoing-transactions.ts'

/**
 * What a partition remembers of the producers that number their batches (idempotent and transactional ones): enough to
 * recognise a repeat, to refuse a gap, and to know which transactions are open.
 *
 * Rebuilt from the log: a snapshot (producer-snapshot.ts) and the batches after it. An append is checked and noted in
 * one go, before its bytes are written; `rollBackTo` takes back what a failed write lost.
 *
 * Cost per numbered batch: one lookup, one entry, one array of at most five, one undo step. Batches without a
 * producer id never come here.
 */
export class ProducerState {
  readonly #entries = new Map<number, ProducerEntry>()
  readonly #transactions = new OngoingTransactions()
  readonly #undo: UndoStep[] = []

  /** How many producers are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** What is known of each producer, in order of first appearance. */
  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values()
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  /**
   * May this batch of records be appended? Does not change anything. Kafka's rules, in Kafka's order:
   * 1. a repeat of one of the producer's last five batches (same epoch, same first and last sequence) is a duplicate;
   * 2. a lower epoch than the producer's: INVALID_PRODUCER_EPOCH;
   * 3. a higher epoch must begin at sequence 0, the same epoch must go on where it was (after 2^31 - 1 comes 0), else
   *    OUT_OF_ORDER_SEQUENCE_NUMBER; a producer that is not known may begin anywhere;
   * 4. outside of a transaction while the producer has one open here: INVALID_TXN_STATE.
   * @param origin `coordinator`: batches of our own coordinators carry no sequence, so 1 and 3 do not apply
   */
  check(batch: ProducerBatch, origin: AppendOrigin): ProducerVerdict {
    const entry = this.#entries.get(batch.producerId)
    if (entry === undefined) return ok
    if (origin === 'client') {
      const duplicate = findDuplicate(entry, batch)
      if (duplicate !== undefined) return duplicate
    }
    if (batch.producerEpoch < entry.producerEpoch) return staleEpoch
    if (origin === 'client' && !isInSequence(entry, batch)) return outOfOrder
    if (entry.currentTxnFirstOffset >= 0 && !batch.isTransactional) return invalidTxnState
    return ok
  }

  /** Notes a checked batch that is about to be written. Can be taken back until `settle`. */
  append(batch: AppendedBatch): void {
    const before = this.#entries.get(batch.producerId)
    this.#undo.push({ baseOffset: batch.baseOffset, producerId: batch.producerId, before })
    this.#note(batch, before)
  }

  /** Notes a batch found in the log at recovery, which was checked when it was written. */
  replay(batch: AppendedBatch): void {
    this.#note(batch, this.#entries.get(batch.producerId))
  }

  /**
   * May this marker end the producer's transaction?
   * @returns INVALID_PRODUCER_EPOCH: the producer has a newer epoch; TRANSACTION_COORDINATOR_FENCED: a newer
   *   coordinator has already spoken
   */
  checkMarker(marker: TransactionMarker): ErrorName | undefined {
    const entry = this.#entries.get(marker.producerId)
    if (entry === undefined) return undefined
    if (marker.producerEpoch < entry.producerEpoch) return 'INVALID_PRODUCER_EPOCH'
    if (marker.coordinatorEpoch < entry.coordinatorEpoch) return 'TRANSACTION_COORDINATOR_FENCED'
    return undefined
  }

  /** Notes a checked marker that is about to be written. @returns the transaction that it ends, if one was open here */
  appendMarker(marker: AppendedMarker): CompletedTransaction | undefined {
    const before = this.#entries.get(marker.producerId)
    this.#undo.push({ baseOffset: marker.offset, producerId: marker.producerId, before })
    return this.#noteMarker(marker, before)
  }

  /** Notes a marker found in the log at recovery. */
  replayMarker(marker: AppendedMarker): CompletedTransaction | undefined {
    return this.#noteMarker(marker, this.#entries.get(marker.producerId))
  }

  /** Everything below `offset` is written and will not be taken back. Call it after each write: it frees memory. */
  settle(offset: number): void {
    let settled = 0
    while (settled < this.#undo.length && this.#undo[settled]!.baseOffset < offset) settled += 1
    if (settled > 0) this.#undo.splice(0, settled)
  }

  /** Takes back every append and marker at or above `offset` that was not settled: their bytes were lost. */
  rollBackTo(offset: number): void {
    if (this.#undo.length === 0 || this.#undo.at(-1)!.baseOffset < offset) return
    while (this.#undo.length > 0 && this.#undo.at(-1)!.baseOffset >= offset) {
      const { producerId, before } = this.#undo.pop()!
      if (before === undefined) this.#entries.delete(producerId)
      else this.#entries.set(producerId, before)
    }
    this.#transactions.rollBackTo(offset, this.#entries.values())
  }

  /** Has this producer a transaction open here, with exactly this epoch? */
  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    const entry = this.#entries.get(producerId)
    return entry !== undefined && entry.currentTxnFirstOffset >= 0 && entry.producerEpoch === producerEpoch
  }

  /** First offset of the oldest transaction that is open. */
  get oldestOpenTransaction(): number | undefined {
    return this.#transactions.oldestOpen
  }

  /**
   * First offset that a read_committed reader may not pass: that of the oldest transaction that is open, or whose
   * marker the high watermark has not passed yet. The last stable offset is this, or the high watermark if undefined
   * (or below it). The high watermark must not fall from call to call.
   */
  firstUnstableOffset(highWatermark: number): number | undefined {
    return this.#transactions.firstUnstableOffset(highWatermark)
  }

  /** Where the last stable offset stands once `completed` is durable: what its entry in the transaction index says. */
  lastStableOffsetAfter(completed: CompletedTransaction): number {
    return this.#transactions.lastStableOffsetAfter(completed)
  }

  /**
   * Forgets producers that have been silent for `expirationMs` (`producer.id.expiration.ms`) and have no open
   * transaction. As in Kafka, "silent" goes by the newest timestamp of the last batch.
   * @param wallNow ms since the epoch
   * @returns how many were forgotten
   */
  expire(wallNow: number, expirationMs: number): number {
    // A roll-back could bring these back, so they stay. They were used a moment ago anyway.
    const unsettled = new Set(this.#undo.map((step) => step.producerId))
    let expired = 0
    for (const [producerId, entry] of this.#entries) {
      if (!isExpired(entry, wallNow, expirationMs) || unsettled.has(producerId)) continue
      this.#entries.delete(producerId)
      expired += 1
    }
    return expired
  }

  /** Replaces everything by a snapshot's entries, without those that expired meanwhile. */
  restore(entries: Iterable<ProducerEntry>, wallNow: number, expirationMs: number): void {
    this.clear()
    for (const entry of entries) {
      if (!isExpired(entry, wallNow, expirationMs)) this.#entries.set(entry.producerId, entry)
    }
    this.#transactions.restore(this.#entries.values())
  }

  /** Forgets everything, as before the first append. */
  clear(): void {
    this.#entries.clear()
    this.#undo.length = 0
    this.#transactions.restore([])
  }

  #note(batch: AppendedBatch, before: ProducerEntry | undefined): void {
    const { producerId, producerEpoch, baseOffset, lastOffset, maxTimestamp: timestamp } = batch
    const noted = {
      firstSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      lastOffset,
      offsetDelta: lastOffset - baseOffset,
      timestamp,
    }
    const open = before?.currentTxnFirstOffset ?? -1
    const begins = open < 0 && batch.isTransactional
    if (begins) this.#transactions.begin(producerId, baseOffset)
    this.#entries.set(producerId, {
      producerId,
      producerEpoch,
      batches: before?.producerEpoch === producerEpoch ? withNewest(before.batches, noted) : [noted],
      coordinatorEpoch: before?.coordinatorEpoch ?? -1,
      currentTxnFirstOffset: begins ? baseOffset : open,
      lastTimestamp: timestamp,
    })
  }

  #noteMarker(marker: AppendedMarker, before: ProducerEntry | undefined): CompletedTransaction | undefined {
    const { producerId, producerEpoch, offset, isCommit } = marker
    const firstOffset = before?.currentTxnFirstOffset ?? -1
    this.#entries.set(producerId, {
      producerId,
      producerEpoch,
      // A marker with a higher epoch (a fenced producer's abort, or any under KIP-890) begins the sequence anew.
      batches: before?.producerEpoch === producerEpoch ? before.batches : [],
      coordinatorEpoch: marker.coordinatorEpoch,
      currentTxnFirstOffset: -1,
      lastTimestamp: marker.timestamp,
    })
    if (firstOffset < 0) return undefined
    const completed = { producerId, firstOffset, lastOffset: offset, isAborted: !isCommit }
    this.#transactions.complete(completed)
    return completed
  }
}

/** Who appends: a client's Produce, or our own coordinator (group and transaction records, markers). */
export type AppendOrigin = 'client' | 'coordinator'

/** What of a batch's header decides whether it may be appended. `producerId` is not negative. */
export interface ProducerBatch {
  readonly producerId: number
  readonly producerEpoch: number
  /** -1 in batches of coordinators. */
  readonly baseSequence: number
  readonly lastSequence: number
  readonly isTransactional: boolean
}

export interface AppendedBatch extends ProducerBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  /** Ms since the epoch. */
  readonly maxTimestamp: number
}

export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

export interface AppendedMarker extends TransactionMarker {
  readonly offset: number
  readonly timestamp: number
  readonly isCommit: boolean
}

/** A producer's state; replaced, never changed. */
export interface ProducerEntry {
  readonly producerId: number
  readonly producerEpoch: number
  /** The last batches of this epoch, oldest first, at most five: what a client may have in flight. */
  readonly batches: readonly BatchEntry[]
  /** Of the last marker; -1 without one. */
  readonly coordinatorEpoch: number
  /** First offset of the open transaction; -1 without one. */
  readonly currentTxnFirstOffset: number
  /** Of the last batch or marker, ms since the epoch. */
  readonly lastTimestamp: number
}

export interface BatchEntry {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly lastOffset: number
  /** Last offset minus base offset. */
  readonly offsetDelta: number
  readonly timestamp: number
}

export type ProducerVerdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number; readonly lastOffset: number; readonly timestamp: number }
  | { readonly kind: 'refused'; readonly error: ErrorName }

/** Sequence of the newest batch; -1 if none is known in this epoch. */
export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.batches.at(-1)?.lastSequence ?? -1
}

interface UndoStep {
  readonly baseOffset: number
  readonly producerId: number
  readonly before: ProducerEntry | undefined
}

/** KIP-98: clients keep at most five batches in flight, so a retry repeats one of the last five. */
export const rememberedBatches = 5

const ok: ProducerVerdict = { kind: 'ok' }
const staleEpoch: ProducerVerdict = { kind: 'refused', error: 'INVALID_PRODUCER_EPOCH' }
const outOfOrder: ProducerVerdict = { kind: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }
const invalidTxnState: ProducerVerdict = { kind: 'refused', error: 'INVALID_TXN_STATE' }

function findDuplicate(entry: ProducerEntry, batch: ProducerBatch): ProducerVerdict | undefined {
  if (entry.producerEpoch !== batch.producerEpoch) return undefined
  for (const { firstSequence, lastSequence, lastOffset, offsetDelta, timestamp } of entry.batches) {
    if (firstSequence === batch.baseSequence && lastSequence === batch.lastSequence) {
      return { kind: 'duplicate', baseOffset: lastOffset - offsetDelta, lastOffset, timestamp }
    }
  }
  return undefined
}

function isInSequence(entry: ProducerEntry, batch: ProducerBatch): boolean {
  if (batch.producerEpoch !== entry.producerEpoch) return batch.baseSequence === 0 || entry.producerEpoch === -1
  const last = lastSequenceOf(entry)
  return batch.baseSequence === last + 1 || (last === 0x7fffffff && batch.baseSequence === 0)
}

function withNewest(batches: readonly BatchEntry[], newest: BatchEntry): readonly BatchEntry[] {
  const kept = batches.length < rememberedBatches ? batches.slice() : batches.slice(1)
  kept.push(newest)
  return kept
}

function isExpired(entry: ProducerEntry, wallNow: number, expirationMs: number): boolean {
  return entry.currentTxnFirstOffset < 0 && wallNow - entry.lastTimestamp >= expirationMs
}
