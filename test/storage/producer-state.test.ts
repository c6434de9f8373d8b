import { describe, expect, it } from 'vitest'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../storage/producer-snapshot.ts'
import type { AppendedBatch, AppendOrigin, ProducerVerdict } from '../../storage/producer-state.ts'
import { ProducerState } from '../../storage/producer-state.ts'

const maxSequence = 2 ** 31 - 1

/** A partition's producers, and the offset at which the next batch goes. Batches have ten records unless said otherwise. */
function partition() {
  const state = new ProducerState()
  let nextOffset = 0
  const send = (batch: Partial<AppendedBatch> = {}, records = 10, origin: AppendOrigin = 'client'): ProducerVerdict => {
    const baseSequence = batch.baseSequence ?? 0
    const last = baseSequence + records - 1
    const facts: AppendedBatch = {
      producerId: 1,
      producerEpoch: 0,
      baseSequence,
      lastSequence: last > maxSequence ? last - maxSequence - 1 : last,
      isTransactional: false,
      baseOffset: nextOffset,
      lastOffset: nextOffset + records - 1,
      maxTimestamp: 1000,
      ...batch,
    }
    const verdict = state.check(facts, origin)
    if (verdict.kind !== 'ok') return verdict
    state.append(facts)
    nextOffset = facts.lastOffset + 1
    return verdict
  }
  const mark = (
    isCommit: boolean,
    marker: { producerId?: number; producerEpoch?: number; coordinatorEpoch?: number } = {},
  ) =>
    state.appendMarker({
      producerId: 1,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: 2000,
      ...marker,
      isCommit,
      offset: nextOffset++,
    })
  return { state, send, mark, end: () => nextOffset }
}

const ok = { kind: 'ok' }
const refused = (error: string) => ({ kind: 'refused', error })
const outOfOrder = refused('OUT_OF_ORDER_SEQUENCE_NUMBER')

describe('What a partition accepts from a producer that numbers its batches', () => {
  it('PR-20: recognises a repeat of any of the last five batches and gives its first offset', () => {
    const { state, send } = partition()
    for (let n = 0; n < 6; n++) expect(send({ baseSequence: n * 10 })).toEqual(ok)
    for (let n = 1; n < 6; n++) {
      expect(send({ baseSequence: n * 10 })).toEqual({
        kind: 'duplicate',
        baseOffset: n * 10,
        lastOffset: n * 10 + 9,
        timestamp: 1000,
      })
    }
    expect(state.get(1)?.batches).toHaveLength(5)
  })

  it('PR-20: a repeat must have the same first and last sequence, and the same epoch', () => {
    const { send } = partition()
    send({ baseSequence: 0 })
    send({ baseSequence: 10 })
    expect(send({ baseSequence: 10 }, 9)).toEqual(outOfOrder)
    expect(send({ baseSequence: 11 }, 9)).toEqual(outOfOrder)
    expect(send({ baseSequence: 10, producerEpoch: 1 })).toEqual(outOfOrder)
  })

  it('PR-21: refuses a gap, and a repeat that is older than five batches', () => {
    const { send } = partition()
    for (let n = 0; n < 6; n++) send({ baseSequence: n * 10 })
    expect(send({ baseSequence: 61 })).toEqual(outOfOrder)
    expect(send({ baseSequence: 70 })).toEqual(outOfOrder)
    expect(send({ baseSequence: 0 })).toEqual(outOfOrder)
    expect(send({ baseSequence: 60 })).toEqual(ok)
  })

  it('PR-22: a higher epoch begins at sequence 0; a lower one is refused', () => {
    const { state, send } = partition()
    send({ producerEpoch: 3 })
    expect(send({ producerEpoch: 4, baseSequence: 10 })).toEqual(outOfOrder)
    expect(send({ producerEpoch: 2, baseSequence: 10 })).toEqual(refused('INVALID_PRODUCER_EPOCH'))
    expect(send({ producerEpoch: 2, baseSequence: 0 })).toEqual(refused('INVALID_PRODUCER_EPOCH'))
    expect(send({ producerEpoch: 4, baseSequence: 0 })).toEqual(ok)
    expect(state.get(1)?.batches).toHaveLength(1)
    expect(send({ producerEpoch: 3, baseSequence: 0 })).toEqual(refused('INVALID_PRODUCER_EPOCH'))
  })

  it('PR-23: accepts any first sequence of a producer that is not known, or no longer', () => {
    const { state, send } = partition()
    expect(send({ baseSequence: 4711 })).toEqual(ok)
    expect(send({ baseSequence: 5 })).toEqual(outOfOrder)
    state.settle(10)
    expect(state.expire(1000 + 86_400_000 - 1, 86_400_000)).toBe(0)
    expect(state.expire(1000 + 86_400_000, 86_400_000)).toBe(1)
    expect(send({ baseSequence: 5 })).toEqual(ok)
  })

  it('PR-24: after sequence 2^31 - 1 comes 0, between batches and within one', () => {
    const { send } = partition()
    send({ baseSequence: maxSequence - 9 })
    expect(send({ baseSequence: 1 })).toEqual(outOfOrder)
    expect(send({ baseSequence: 0 })).toEqual(ok)
    const within = partition()
    within.send({ baseSequence: maxSequence - 3 })
    expect(within.state.get(1)?.batches.at(-1)?.lastSequence).toBe(5)
    expect(within.send({ baseSequence: maxSequence - 3 })).toMatchObject({ kind: 'duplicate', baseOffset: 0 })
    expect(within.send({ baseSequence: 6 })).toEqual(ok)
  })

  it('PR-26: takes the batches of one producer in the order of their arrival, before any is written', () => {
    const { send } = partition()
    for (let n = 0; n < 5; n++) expect(send({ baseSequence: n * 10 })).toEqual(ok)
  })

  it('PR-27: refuses a batch outside of a transaction while the producer has one open', () => {
    const { send, mark } = partition()
    send({ isTransactional: true })
    expect(send({ baseSequence: 10 })).toEqual(refused('INVALID_TXN_STATE'))
    expect(send({ baseSequence: 10, isTransactional: true })).toEqual(ok)
    mark(true)
    expect(send({ baseSequence: 20 })).toEqual(ok)
  })

  it('keeps producers apart', () => {
    const { state, send } = partition()
    send({ producerId: 1 })
    expect(send({ producerId: 2 })).toEqual(ok)
    expect(send({ producerId: 2, baseSequence: 10 })).toEqual(ok)
    expect(send({ producerId: 1, baseSequence: 10 })).toEqual(ok)
    expect([...state.entries()].map(({ producerId }) => producerId)).toEqual([1, 2])
    expect(state.size).toBe(2)
  })

  it('does not look for sequences in batches of our own coordinators, but for their epoch', () => {
    const { send } = partition()
    const unnumbered = { baseSequence: -1, lastSequence: -1, isTransactional: true }
    expect(send({ ...unnumbered, producerEpoch: 2 }, 3, 'coordinator')).toEqual(ok)
    expect(send({ ...unnumbered, producerEpoch: 2 }, 3, 'coordinator')).toEqual(ok)
    expect(send({ ...unnumbered, producerEpoch: 1 }, 3, 'coordinator')).toEqual(refused('INVALID_PRODUCER_EPOCH'))
  })
})

describe('What a partition knows of transactions', () => {
  it('tells the oldest one that is open, and what the last stable offset must not pass', () => {
    const { state, send, mark, end } = partition()
    expect(state.firstUnstableOffset(0)).toBeUndefined()
    send({ producerId: 1 })
    send({ producerId: 2, isTransactional: true })
    send({ producerId: 3, isTransactional: true })
    expect(state.oldestOpenTransaction).toBe(10)
    expect(state.hasOngoingTransaction(2, 0)).toBe(true)
    expect(state.hasOngoingTransaction(2, 1)).toBe(false)
    expect(state.hasOngoingTransaction(1, 0)).toBe(false)

    const completed = mark(false, { producerId: 2 })
    expect(completed).toEqual({ producerId: 2, firstOffset: 10, lastOffset: 30, isAborted: true })
    expect(state.lastStableOffsetAfter(completed!)).toBe(20)
    expect(state.oldestOpenTransaction).toBe(20)
    // The marker is at 30: until the high watermark has passed it, readers may not see the transaction's end.
    expect(state.firstUnstableOffset(30)).toBe(10)
    expect(state.firstUnstableOffset(31)).toBe(20)

    const last = mark(true, { producerId: 3 })
    expect(state.lastStableOffsetAfter(last!)).toBe(end())
    expect(state.oldestOpenTransaction).toBeUndefined()
    expect(state.firstUnstableOffset(end())).toBeUndefined()
  })

  it('ends nothing by a marker for a producer that has nothing open here', () => {
    const { state, mark } = partition()
    expect(mark(true, { producerId: 9, producerEpoch: 5 })).toBeUndefined()
    expect(state.get(9)).toMatchObject({ producerEpoch: 5, batches: [], currentTxnFirstOffset: -1 })
  })

  it('KIP-890: a marker that raises the epoch begins the sequence anew', () => {
    const { send, mark } = partition()
    send({ isTransactional: true })
    mark(true, { producerEpoch: 1 })
    expect(send({ producerEpoch: 0, baseSequence: 10, isTransactional: true })).toEqual(
      refused('INVALID_PRODUCER_EPOCH'),
    )
    expect(send({ producerEpoch: 1, baseSequence: 10, isTransactional: true })).toEqual(outOfOrder)
    expect(send({ producerEpoch: 1, baseSequence: 0, isTransactional: true })).toEqual(ok)
  })

  it('a marker of the same epoch goes on with the sequence', () => {
    const { send, mark } = partition()
    send({ isTransactional: true })
    mark(true)
    expect(send({ baseSequence: 0, isTransactional: true })).toMatchObject({ kind: 'duplicate', baseOffset: 0 })
    expect(send({ baseSequence: 10, isTransactional: true })).toEqual(ok)
  })

  it('refuses markers of an older producer epoch or an older coordinator', () => {
    const { state, send, mark } = partition()
    send({ producerEpoch: 3, isTransactional: true })
    const marker = { producerId: 1, producerEpoch: 3, coordinatorEpoch: 7 }
    expect(state.checkMarker({ ...marker, producerEpoch: 2 })).toBe('INVALID_PRODUCER_EPOCH')
    expect(state.checkMarker(marker)).toBeUndefined()
    mark(true, marker)
    expect(state.checkMarker({ ...marker, coordinatorEpoch: 6 })).toBe('TRANSACTION_COORDINATOR_FENCED')
    expect(state.checkMarker({ ...marker, producerId: 99 })).toBeUndefined()
  })

  it('does not expire a producer whose transaction is open', () => {
    const { state, send } = partition()
    send({ isTransactional: true })
    state.settle(10)
    expect(state.expire(10 ** 12, 1)).toBe(0)
  })
})

describe('Appends that a failed write has lost', () => {
  it('are taken back as if they had not been, those that were written are kept', () => {
    const { state, send, mark } = partition()
    send({ baseSequence: 0, isTransactional: true })
    state.settle(10)
    const before = [...state.entries()]
    send({ baseSequence: 10, isTransactional: true })
    mark(true)
    send({ producerId: 2, isTransactional: true })
    state.rollBackTo(10)
    expect([...state.entries()]).toEqual(before)
    expect(state.oldestOpenTransaction).toBe(0)
    expect(state.firstUnstableOffset(0)).toBe(0)
    expect(send({ baseSequence: 0, isTransactional: true })).toMatchObject({ kind: 'duplicate' })
    state.rollBackTo(0)
    expect(state.size).toBe(1)
  })

  it('are taken back one by one from the end', () => {
    const { state, send } = partition()
    for (let n = 0; n < 8; n++) send({ baseSequence: n * 10 })
    state.rollBackTo(30)
    expect(state.get(1)?.batches.map(({ lastOffset }) => lastOffset)).toEqual([9, 19, 29])
    state.rollBackTo(0)
    expect(state.size).toBe(0)
  })

  it('keep a producer from being forgotten until they are settled', () => {
    const { state, send } = partition()
    send()
    expect(state.expire(10 ** 12, 1)).toBe(0)
    state.settle(10)
    expect(state.expire(10 ** 12, 1)).toBe(1)
  })
})

describe('After a restart', () => {
  const restart = (state: ProducerState, wallNow = 5000) => {
    const restarted = new ProducerState()
    restarted.restore(decodeProducerSnapshot(encodeProducerSnapshot([...state.entries()]), '/s'), wallNow, 86_400_000)
    return restarted
  }
  const batch = (baseSequence: number, more: Partial<AppendedBatch> = {}): AppendedBatch => ({
    producerId: 1,
    producerEpoch: 0,
    baseSequence,
    lastSequence: baseSequence + 9,
    isTransactional: false,
    baseOffset: baseSequence,
    lastOffset: baseSequence + 9,
    maxTimestamp: 1000,
    ...more,
  })

  it('PR-20, PR-25: the last five batches are still recognised, and the sequence goes on', () => {
    const { state, send } = partition()
    for (let n = 0; n < 7; n++) send({ baseSequence: n * 10 })
    const restarted = restart(restart(state))
    for (const n of [2, 3, 4, 5, 6]) {
      const offsets = { baseOffset: n * 10, lastOffset: n * 10 + 9 }
      expect(restarted.check(batch(n * 10), 'client')).toMatchObject({ kind: 'duplicate', ...offsets })
    }
    expect(restarted.check(batch(70), 'client')).toEqual(ok)
    expect(restarted.check(batch(80), 'client')).toEqual(outOfOrder)
    expect(restarted.check(batch(10), 'client')).toEqual(outOfOrder)
  })

  it('PR-25: what was replayed from the log counts as what was appended', () => {
    const { state, send } = partition()
    const replayed = new ProducerState()
    for (let n = 0; n < 7; n++) {
      send({ baseSequence: n * 10 })
      replayed.replay(batch(n * 10))
    }
    expect([...replayed.entries()]).toEqual([...state.entries()])
    replayed.rollBackTo(0)
    expect(replayed.size).toBe(1)
  })

  it('open transactions are open, and replayed markers end them', () => {
    const { state, send } = partition()
    send({ producerId: 2, isTransactional: true })
    send({ producerId: 1, isTransactional: true })
    const restarted = restart(state)
    expect(restarted.oldestOpenTransaction).toBe(0)
    const marker = { producerId: 2, producerEpoch: 0, coordinatorEpoch: 0, offset: 20, timestamp: 1, isCommit: true }
    expect(restarted.replayMarker(marker)).toMatchObject({ firstOffset: 0, lastOffset: 20, isAborted: false })
    expect(restarted.oldestOpenTransaction).toBe(10)
  })

  it('producers that expired meanwhile are not brought back', () => {
    const { state, send } = partition()
    send()
    send({ producerId: 2, isTransactional: true })
    const restarted = restart(state, 1000 + 86_400_000)
    expect([...restarted.entries()].map(({ producerId }) => producerId)).toEqual([2])
  })
})
