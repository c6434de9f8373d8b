import type { ReadEvent } from '../history.ts'
import { type Facts, HighestSoFar, isSuperseded, perKey } from './facts.ts'
import type { Findings } from './findings.ts'

type Poll = Extract<ReadEvent, { f: 'poll'; type: 'ok' }>

/** What consumers were given, one after another, and against what is in the log in the end. */
export function checkReads(facts: Facts, findings: Findings): void {
  checkPositions(facts, findings)
  checkContent(facts, findings)
  checkWatermarks(facts, findings)
}

/**
 * Offsets follow one another but where compaction, or DeleteRecords at the start, took some; and each poll begins where
 * the last one ended.
 */
function checkPositions({ events, finals }: Facts, findings: Findings): void {
  const ends = new Map<string, number>()
  /** Up to where somebody has wanted records to be deleted. */
  const trimmed = new Map<string, number>()
  for (const event of events) {
    if (event.f === 'trim' && event.type === 'invoke') {
      trimmed.set(event.partition, Math.max(event.offset, trimmed.get(event.partition) ?? 0))
    }
    if (event.f !== 'poll') continue
    const start = trimmed.get(event.partition) ?? 0
    if (event.type === 'fail') {
      if (event.error === 'OFFSET_OUT_OF_RANGE' && event.from < start) continue
      findings.add('position lost', `${event.proc} at ${event.partition} ${event.from}: ${event.error}`)
      continue
    }
    const key = `${event.reader} ${event.partition}`
    const mayLeap = finals.get(event.partition)?.isCompacted ?? false
    const end = endOf(event, ends.get(key), mayLeap ? Number.POSITIVE_INFINITY : start, findings)
    if (end !== undefined) ends.set(key, event.rewinds ? Math.max(end, ends.get(key) ?? 0) : end)
  }
}

/**
 * @param mayLeapTo up to this offset, records may be missing
 * @returns where the poll ended; undefined if it gave nothing
 */
function endOf(poll: Poll, expected: number | undefined, mayLeapTo: number, findings: Findings): number | undefined {
  const where = `${poll.reader} in ${poll.partition}`
  // An assignment asks for what it wants; a group begins where somebody committed.
  let next = poll.rewinds ? undefined : poll.from
  if (!poll.rewinds && expected !== undefined && poll.from !== expected) {
    throw new Error(`${where} asked for ${poll.from} after it had been given all below ${expected}`)
  }
  for (const [offset] of poll.records) {
    const due = next ?? Math.min(expected ?? offset, offset)
    if (offset > due && offset > mayLeapTo) findings.add('skip', `${where}: ${offset} though ${due} comes before`)
    else if (offset < due) findings.add('went back', `${where}: ${offset} after ${due - 1}`)
    next = offset + 1
  }
  return poll.records.length === 0 ? undefined : next
}

function checkContent(facts: Facts, findings: Findings): void {
  const { events, byValue, finals } = facts
  const seen = perKey(() => new Map<number, string>())
  for (const event of events) {
    if (event.f !== 'poll' || event.type !== 'ok') continue
    const { partition } = event
    const known = seen(partition)
    const final = finals.get(partition)
    for (const [offset, value] of event.records) {
      const before = known.get(offset)
      known.set(offset, value)
      if (before === value) continue
      if (before !== undefined) {
        findings.add('two values', `${partition} ${offset}: ${event.proc} was given ${value}, before it was ${before}`)
      } else if (byValue.get(value)?.partition !== partition) {
        findings.add('never sent', `${event.proc} was given ${JSON.stringify(value)} in ${partition} at ${offset}`)
      }
      if (final === undefined || offset < final.low) continue
      const there = final.at.get(offset)
      if (there === undefined) {
        if (isSuperseded(facts, final, value, offset)) continue
        findings.add('vanished', `${partition} ${offset}: ${event.proc} was given ${value}, now nothing is there`)
      } else if (there !== value) {
        findings.add('two values', `${partition} ${offset}: ${event.proc} was given ${value}, now it is ${there}`)
      }
    }
  }
}

function checkWatermarks({ events, sends }: Facts, findings: Findings): void {
  const highs = perKey(() => new HighestSoFar())
  /** What DeleteRecords answered binds for ever; a start that was only shown may come back with a crash, as in Kafka. */
  const promised = perKey(() => new HighestSoFar())
  let shown = perKey(() => new HighestSoFar())
  const acknowledged = perKey(() => new HighestSoFar())
  const wanted = new Map<string, number>()
  const settled = new Map(
    sends.filter(({ outcome, acks }) => outcome === 'ok' && acks === -1).map((s) => [s.settledAt, s]),
  )
  for (const [index, event] of events.entries()) {
    const send = settled.get(index)
    if (send !== undefined) acknowledged(send.partition).note(index, send.offset + send.values.length)
    if (event.f === 'trim' && event.type === 'invoke') {
      wanted.set(event.partition, Math.max(event.offset, wanted.get(event.partition) ?? 0))
    }
    if (event.f === 'trim' && event.type === 'ok') promised(event.partition).note(index, event.low)
    if (event.f === 'broker' && event.what === 'ready') shown = perKey(() => new HighestSoFar())
    if ((event.f !== 'poll' && event.f !== 'bounds') || event.type !== 'ok') continue
    const { partition, high, low, since } = event
    if (high !== undefined) {
      const least = highs(partition).before(since)
      if (high < least) findings.add('watermark went back', `${partition}: from ${least} to ${high}`)
      const end = acknowledged(partition).before(since)
      if (high < end) findings.add('acknowledged, invisible', `${partition}: ${end} was reached, the answer is ${high}`)
      highs(partition).note(index, high)
    }
    if (low !== undefined) {
      const least = Math.max(promised(partition).before(since), shown(partition).before(since))
      const most = wanted.get(partition) ?? 0
      if (low > most) findings.add('log start ran ahead', `${partition}: ${low}, deleted were those below ${most}`)
      if (low < least) findings.add('log start went back', `${partition}: from ${least} to ${low}`)
      shown(partition).note(index, low)
    }
    if (event.f === 'bounds' || high === undefined) continue
    const last = event.records.at(-1)?.[0]
    if (last !== undefined && last >= high) {
      findings.add('beyond the watermark', `${event.proc} was given ${partition} ${last} below a watermark of ${high}`)
    }
  }
}
