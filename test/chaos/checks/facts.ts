import type { HistoryEvent, SendMode } from '../history.ts'

/** Who reads in the last phase, when faults are over: its polls are what the log holds in the end. */
export const FINAL_READER = 'final'

/** A send with what came of it. `open`: the history ends before its outcome. */
export interface Send {
  readonly op: number
  readonly proc: string
  readonly partition: string
  readonly acks: -1 | 1
  readonly mode: SendMode
  readonly values: readonly string[]
  /** Of each value, in a compacted partition. */
  readonly keys: readonly string[] | undefined
  outcome: 'ok' | 'fail' | 'info' | 'open'
  /** Of the first value; of an `ok` send. */
  offset: number
  /** Place of the outcome in the history. */
  settledAt: number
  error: string
  /** acks=1 promises nothing for the case that the power goes before the next start has synced what it found. */
  mayBeLost: boolean
}

/** What the last phase found in one partition. */
export interface FinalLog {
  low: number
  high: number
  readonly at: Map<number, string>
  /** Of a compacted partition: the largest offset of each key. */
  readonly newest: Map<string, number>
  isCompacted: boolean
}

/** The history as the checks want it. */
export interface Facts {
  readonly events: readonly HistoryEvent[]
  readonly sends: readonly Send[]
  /** Each value with the send that it is of. */
  readonly byValue: ReadonlyMap<string, Send>
  readonly finals: ReadonlyMap<string, FinalLog>
}

export function factsOf(events: readonly HistoryEvent[]): Facts {
  const sends = new Map<number, Send>()
  const byValue = new Map<string, Send>()
  const finals = new Map<string, FinalLog>()
  const finalOf = (partition: string): FinalLog => {
    let final = finals.get(partition)
    if (final === undefined) {
      final = { low: 0, high: 0, at: new Map(), newest: new Map(), isCompacted: false }
      finals.set(partition, final)
    }
    return final
  }
  // acks=1 sends since the broker was last ready: what a power cut may take.
  let unsafe: Send[] = []
  for (const [index, event] of events.entries()) {
    if (event.f === 'send' && event.type === 'invoke') {
      const { op, proc, partition, acks, mode, values, keys } = event
      const known = { outcome: 'open', offset: -1, settledAt: -1, error: '', mayBeLost: false } as const
      const send: Send = { op, proc, partition, acks, mode, values, keys, ...known }
      sends.set(op, send)
      for (const value of values) byValue.set(value, send)
    } else if (event.f === 'send') {
      const send = sends.get(event.op)
      if (send === undefined) throw new Error(`the history has an outcome of send ${event.op}, which never began`)
      send.outcome = event.type
      send.settledAt = index
      if (event.type === 'ok') send.offset = event.offset
      else send.error = event.error
      if (event.type === 'ok' && send.acks === 1) unsafe.push(send)
    } else if (event.f === 'broker' && event.what === 'power') {
      for (const send of unsafe) send.mayBeLost = true
    } else if (event.f === 'broker' && event.what === 'ready') {
      unsafe = []
    } else if (event.f === 'poll' && event.type === 'ok' && event.reader === FINAL_READER) {
      const { at } = finalOf(event.partition)
      for (const [offset, value] of event.records) at.set(offset, value)
    } else if (event.f === 'bounds' && event.final === true) {
      const final = finalOf(event.partition)
      final.low = event.low
      final.high = event.high
    }
  }
  for (const { partition, keys } of sends.values()) if (keys !== undefined) finalOf(partition).isCompacted = true
  for (const final of finals.values()) {
    for (const [offset, value] of final.at) {
      const key = keyOf(byValue, value)
      if (key !== undefined) final.newest.set(key, Math.max(offset, final.newest.get(key) ?? -1))
    }
  }
  return { events, sends: [...sends.values()], byValue, finals }
}

/** The key of a value in a compacted partition. */
function keyOf(byValue: ReadonlyMap<string, Send>, value: string): string | undefined {
  const send = byValue.get(value)
  return send?.keys?.[send.values.indexOf(value)]
}

/** Whether compaction may have taken this value from this offset: its key has another one at a larger offset. */
export function isSuperseded({ byValue }: Facts, final: FinalLog, value: string, offset: number): boolean {
  const key = keyOf(byValue, value)
  const newest = (key === undefined ? undefined : final.newest.get(key)) ?? -1
  if (newest <= offset) return false
  // The same one only if it may have been written twice.
  return final.at.get(newest) !== value || byValue.get(value)?.mode === 'retried'
}

/** Where each value lies in the end, in the order of the offsets. */
export function placesOf({ at }: FinalLog): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (const offset of [...at.keys()].sort((a, b) => a - b)) {
    const value = at.get(offset) ?? ''
    const known = places.get(value)
    if (known === undefined) places.set(value, [offset])
    else known.push(offset)
  }
  return places
}

/**
 * The largest number that was seen before a question was put. Answers that were under way at the same time may come in
 * any order; only what was answered before the question binds the answer.
 */
export class HighestSoFar {
  readonly #steps: { readonly index: number; readonly highest: number }[] = []

  /** Something at this place in the history shows that it is at least `value`. Places rise. */
  note(index: number, value: number): void {
    const last = this.#steps.at(-1)
    if (last === undefined || value > last.highest) this.#steps.push({ index, highest: value })
  }

  /** What an answer to a question put when there were `since` events may not fall below. */
  before(since: number): number {
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]
      if (step !== undefined && step.index < since) return step.highest
    }
    return Number.NEGATIVE_INFINITY
  }
}

/** One value for each key, made when first asked for. */
export function perKey<T>(make: () => T): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    let value = made.get(key)
    if (value === undefined) {
      value = make()
      made.set(key, value)
    }
    return value
  }
}
