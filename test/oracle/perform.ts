import { DeleteTopics } from '../../protocol/apis/topics.ts'
import type { Pair } from './brokers.ts'
import { compareTranscripts, type Difference } from './compare.ts'
import { masked } from './masks.ts'
import type { Case } from './scenario.ts'
import { CannotSay, CaseOver, Stage } from './stage.ts'
import { stateAfter } from './state.ts'

export interface Result {
  /** The version has no words for the request: nothing was compared. */
  readonly cannotSay: boolean
  readonly differences: readonly Difference[]
  /** Differences that were not there the second time. */
  readonly unsteady: readonly Difference[]
  /** What Kafka answered, for those who want to read it. */
  readonly transcript: readonly { step: string; answer: unknown }[]
}

let runs = 0
/** So that a Kafka that lives on from an earlier time has none of our names. */
const tag = Date.now().toString(36).slice(-6)

/**
 * Runs a case in one version against both brokers and compares. Where they differ it is run once more under other names:
 * a difference counts when it is there both times, as brokers are also machines with a clock.
 */
export async function perform(pair: Pair, theCase: Case, version: number): Promise<Result> {
  const first = await once(pair, theCase, version)
  if (first === 'cannot say') return { cannotSay: true, differences: [], unsteady: [], transcript: [] }
  if (first.differences.length === 0) return { cannotSay: false, unsteady: [], ...first }
  const second = await once(pair, theCase, version)
  if (second === 'cannot say') throw new Error('a version that could say the request cannot any more')
  const again = new Set(second.differences.map((one) => JSON.stringify(one)))
  const steady = first.differences.filter((one) => again.has(JSON.stringify(one)))
  return {
    cannotSay: false,
    differences: steady,
    unsteady: first.differences.filter((one) => !steady.includes(one)),
    transcript: first.transcript,
  }
}

async function once(pair: Pair, theCase: Case, version: number) {
  const suffix = `-${tag}${String(++runs).padStart(5, '0')}`
  const stages = [new Stage(pair.kafka, suffix), new Stage(pair.odradek, suffix)] as const
  try {
    const said = await Promise.all(stages.map((stage) => playedOut(stage, theCase, version)))
    if (said.includes(false)) return 'cannot say' as const
    const [kafka, odradek] = stages.map((stage) => masked(stage, stage.transcript))
    const found = compareTranscripts(kafka!, odradek!)
    return { differences: [...found, ...(await stateDifferences(stages))], transcript: kafka! }
  } finally {
    await Promise.all(stages.map(removeTopics))
    await Promise.all(stages.map((stage) => stage.end()))
  }
}

/** @returns false when the version cannot say what the case asks */
async function playedOut(stage: Stage, theCase: Case, version: number): Promise<boolean> {
  try {
    await theCase.run(stage, version)
  } catch (error) {
    if (error instanceof CannotSay) return false
    if (!(error instanceof CaseOver))
      throw new Error(`${stage.side.name}: ${theCase.title} v${version}`, { cause: error })
  }
  return true
}

/** Thousands of topics are a burden to Kafka's small heap. */
async function removeTopics(stage: Stage): Promise<void> {
  const names = [...stage.topics].filter((name) => name.length < 250)
  if (names.length === 0) return
  await stage.quietly(DeleteTopics, 6, { topics: names.map((name) => ({ name })), timeoutMs: 10_000 })
}

const LOOKS = 8
const BETWEEN_LOOKS_MS = 100

/** Kafka's metadata and group state come a little after its answers: look until both agree, or for long enough. */
async function stateDifferences(stages: readonly [Stage, Stage]): Promise<Difference[]> {
  for (let looks = 1; ; looks++) {
    const [kafka, odradek] = await Promise.all(
      stages.map(async (stage) => {
        const entries = await stateAfter(stage)
        return masked(stage, entries)
      }),
    )
    const found = compareTranscripts(kafka!, odradek!)
    if (found.length === 0 || looks === LOOKS) return found
    await stages[0].pause(BETWEEN_LOOKS_MS)
  }
}
