import { type Facts, type FinalLog, isSuperseded, placesOf, type Send } from './facts.ts'
import type { Findings } from './findings.ts'

/** What was sent against what is in the log in the end. */
export function checkSends(facts: Facts, findings: Findings): void {
  checkOutcomes(facts, findings)
  checkOrder(facts.sends, findings)
  for (const [partition, final] of facts.finals) checkLog(partition, final, facts, findings)
  for (const send of facts.sends) checkSend(send, facts, findings)
}

/** A producer that numbers its batches rightly, and sends them again in order, is never told that they are out of order. */
const sequenceErrors = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'INVALID_PRODUCER_EPOCH', 'UNKNOWN_PRODUCER_ID'])

function checkOutcomes({ events, sends }: Facts, findings: Findings): void {
  for (const send of sends) {
    if (send.mode === 'idempotent' && send.outcome === 'fail' && sequenceErrors.has(send.error)) {
      findings.add('sequence refused', `${name(send)} was refused with ${send.error}`)
    }
  }
  const ids = new Map<string, string>()
  for (const event of events) {
    if (event.f !== 'producer') continue
    const identity = `${event.id}/${event.epoch}`
    const other = ids.get(identity)
    if (other !== undefined) findings.add('producer id reused', `${other} and ${event.proc} both got ${identity}`)
    ids.set(identity, event.proc)
  }
}

/** Acknowledgements of one producer in one partition rise. What may be lost may have its offset given anew. */
function checkOrder(sends: readonly Send[], findings: Findings): void {
  const last = new Map<string, Send>()
  for (const send of sends) {
    if (send.outcome !== 'ok' || send.mode === 'retried' || send.mayBeLost) continue
    const key = `${send.proc} ${send.partition}`
    const before = last.get(key)
    if (before !== undefined && send.offset <= before.offset) {
      findings.add('reordered', `${name(before)} got offset ${before.offset}, then ${name(send)} ${send.offset}`)
    }
    last.set(key, send)
  }
}

function checkLog(partition: string, final: FinalLog, { byValue }: Facts, findings: Findings): void {
  for (const [value, offsets] of placesOf(final)) {
    const send = byValue.get(value)
    const where = `${partition} at ${offsets.join(' and ')}`
    if (send === undefined) findings.add('never sent', `${JSON.stringify(value)} is in ${where}`)
    else if (send.partition !== partition) findings.add('never sent', `${name(send)} is in ${where}`)
    else {
      if (send.outcome === 'fail') findings.add('refused yet there', `${name(send)} (${send.error}) is in ${where}`)
      if (offsets.length > 1 && send.mode !== 'retried') findings.add('duplicate', `${value} is in ${where}`)
    }
  }
  // Compaction leaves gaps, but the last record is the newest of its key.
  const first = final.isCompacted ? Math.max(final.low, final.high - 1) : final.low
  for (let offset = first; offset < final.high; offset++) {
    if (!final.at.has(offset)) findings.add('unread', `${partition} has nothing at ${offset} of ${final.high}`)
  }
}

function checkSend(send: Send, facts: Facts, findings: Findings): void {
  const { finals } = facts
  const final = finals.get(send.partition)
  if (final === undefined) {
    if (send.outcome === 'ok') findings.add('unread', `nobody read ${send.partition} in the end`)
    return
  }
  if (send.outcome === 'ok') checkAcknowledged(send, final, facts, findings)
  if (send.mode !== 'retried' && !final.isCompacted) checkBatch(send, final, findings)
}

function checkAcknowledged(send: Send, final: FinalLog, facts: Facts, findings: Findings): void {
  for (const [i, value] of send.values.entries()) {
    const offset = send.offset + i
    if (offset < final.low) continue
    const there = final.at.get(offset)
    if (there === value || (there === undefined && isSuperseded(facts, final, value, offset))) continue
    if (there !== undefined && !send.mayBeLost) {
      findings.add('two values', `${send.partition} ${offset}: ${value} was acknowledged, ${there} is there`)
    }
    if (!send.mayBeLost && !isThere(final, value)) {
      findings.add('lost', `${value} of ${name(send)} (acks=${send.acks}) at ${send.partition} ${offset}`)
    }
  }
}

/** A batch is one piece: all of it is there, side by side, or nothing. The log start may lie within it. */
function checkBatch(send: Send, final: FinalLog, findings: Findings): void {
  const places = send.values.map((value) => placeOf(final, value))
  const first = places.findIndex((place) => place !== undefined)
  const start = places[first]
  if (start === undefined || places.length < 2) return
  const whole = places.slice(first).every((place, i) => place === start + i)
  const cutAtStart = first === 0 || (start === final.low && start >= first)
  if (!whole || !cutAtStart) {
    findings.add('torn batch', `${name(send)} lies at ${places.map((place) => place ?? '-').join(' ')}`)
  }
}

const indexes = new WeakMap<FinalLog, Map<string, number[]>>()

function placeOf(final: FinalLog, value: string): number | undefined {
  let index = indexes.get(final)
  if (index === undefined) {
    index = placesOf(final)
    indexes.set(final, index)
  }
  return index.get(value)?.[0]
}

const isThere = (final: FinalLog, value: string): boolean => placeOf(final, value) !== undefined

const name = (send: Send): string => `send ${send.op} of ${send.proc} [${send.values[0] ?? ''}]`
