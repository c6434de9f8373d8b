import { type Facts, factsOf, type Send } from './checks/facts.ts'
import { type Anomaly, type AnomalyKind, anomalyKinds, Findings } from './checks/findings.ts'
import { checkGroups } from './checks/groups.ts'
import { checkReads } from './checks/reads.ts'
import { checkSends } from './checks/sends.ts'
import type { HistoryEvent, SendMode } from './history.ts'

export interface Verdict {
  /** How often each kind was found; empty for a broker that keeps its word. */
  readonly anomalies: ReadonlyMap<AnomalyKind, number>
  /** The first few of each kind, in words. */
  readonly examples: readonly Anomaly[]
  readonly figures: Figures
}

/** How much a verdict is worth: one that rests on few acknowledgements, or on many unknown outcomes, proves little. */
export interface Figures {
  readonly sends: Readonly<Record<SendMode, Outcomes>>
  /** Records in acknowledged sends. */
  readonly acknowledgedRecords: number
  readonly polledRecords: number
  readonly commits: number
  /** Records that compaction has taken away. */
  readonly compactedAway: number
  /** Members that were told that their group does not know them. */
  readonly expelled: number
  readonly kills: number
  readonly powerCuts: number
  /** From the start of the process until it listened, milliseconds, sorted. */
  readonly startsMs: readonly number[]
  /** From when it listened until the first acknowledgement, milliseconds, sorted. */
  readonly firstAcksMs: readonly number[]
}

export interface Outcomes {
  readonly ok: number
  readonly fail: number
  /** Unknown, with those that the history ends before. */
  readonly info: number
}

/**
 * Judges a history: a pure function, so that it can be tested with histories made by hand, and run again on a file.
 * Linear but for sorting: a million events take seconds.
 */
export function check(events: readonly HistoryEvent[]): Verdict {
  const facts = factsOf(events)
  const findings = new Findings()
  checkSends(facts, findings)
  checkReads(facts, findings)
  checkGroups(facts, findings)
  return { anomalies: findings.counts, examples: findings.examples, figures: figuresOf(facts) }
}

/** Says in a few lines what was found; for the message of a test that fails. */
export function explain({ anomalies, examples }: Verdict): string {
  const lines = [...anomalies].map(([kind, count]) => `${count} x ${kind}: ${anomalyKinds[kind]}`)
  return [...lines, ...examples.map(({ kind, message }) => `  ${kind}: ${message}`)].join('\n')
}

function figuresOf({ events, sends, finals }: Facts): Figures {
  const startsMs: number[] = []
  const firstAcksMs: number[] = []
  let [polledRecords, commits, expelled, kills, powerCuts] = [0, 0, 0, 0, 0]
  let startedMs = 0
  let readyMs: number | undefined
  for (const event of events) {
    if (event.f === 'poll' && event.type === 'ok') polledRecords += event.records.length
    if (event.f === 'commit' && event.type === 'ok') commits++
    if (event.f === 'expelled') expelled++
    if (event.f === 'send' && event.type === 'ok' && readyMs !== undefined) {
      firstAcksMs.push(event.atMs - readyMs)
      readyMs = undefined
    }
    if (event.f !== 'broker') continue
    if (event.what === 'kill') kills++
    if (event.what === 'power') powerCuts++
    if (event.what === 'start') startedMs = event.atMs
    if (event.what === 'ready') {
      startsMs.push(event.atMs - startedMs)
      readyMs = event.atMs
    }
  }
  const ok = sends.filter(({ outcome }) => outcome === 'ok')
  return {
    sends: {
      idempotent: outcomesOf(sends, 'idempotent'),
      once: outcomesOf(sends, 'once'),
      retried: outcomesOf(sends, 'retried'),
    },
    acknowledgedRecords: ok.reduce((sum, { values }) => sum + values.length, 0),
    polledRecords,
    commits,
    compactedAway: [...finals.values()].reduce(
      (sum, { isCompacted, low, high, at }) => sum + (isCompacted ? high - low - at.size : 0),
      0,
    ),
    expelled,
    kills,
    powerCuts,
    startsMs: startsMs.sort((a, b) => a - b),
    firstAcksMs: firstAcksMs.sort((a, b) => a - b),
  }
}

function outcomesOf(sends: readonly Send[], mode: SendMode): Outcomes {
  const outcomes = { ok: 0, fail: 0, info: 0 }
  for (const send of sends) {
    if (send.mode === mode) outcomes[send.outcome === 'open' ? 'info' : send.outcome]++
  }
  return outcomes
}
