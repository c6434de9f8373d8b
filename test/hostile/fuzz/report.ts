import { type CampaignResult, isQuiet } from './campaign.ts'

/** Memory may differ by so much before and after: what a garbage collector leaves lying, caches that fill. */
const MEMORY_SLACK_BYTES = 64 * 1024 * 1024

/** What must not be, in sentences. Empty when all is well. */
export function verdict({ findings, looks }: CampaignResult): string[] {
  const wrong = findings.map(({ what }) => what)
  if (looks === undefined) return wrong
  const { before, after } = looks
  wrong.push(...after.errors.map((line) => `the broker logged an error: ${line}`))
  if (!isQuiet(after)) {
    const { connections, inFlight, parkedFetches, heldBytes } = after
    wrong.push(`something is left: ${JSON.stringify({ connections, inFlight, parkedFetches, heldBytes })}`)
  }
  const grown = after.heapBytes + after.externalBytes - before.heapBytes - before.externalBytes
  if (grown > MEMORY_SLACK_BYTES) wrong.push(`${mib(grown)} more memory in use than before`)
  return wrong
}

/** The figures of a run, for people. */
export function report({ frames, seconds, looks }: CampaignResult): string {
  if (looks === undefined) return `the broker ended after ${frames} frames`
  const { before, during, after } = looks
  const closed = Object.entries(after.closed)
  return [
    `${frames} frames in ${Math.round(seconds)} s, ${after.framesIn} of them whole requests to the broker`,
    `connections closed: ${closed.map(([reason, count]) => `${reason} ${count}`).join(', ')}`,
    `memory: heap ${mib(before.heapBytes)} before, ${mib(after.heapBytes)} after; buffers ${mib(before.externalBytes)}, ${mib(after.externalBytes)}; resident ${mib(before.rssBytes)}, ${mib(after.rssBytes)}`,
    `event loop: ${Math.round(during.loopDelayP99Ms)} ms delay in 99 of 100 cases, ${Math.round(during.loopDelayMaxMs)} ms at most; longest turn by processor time ${Math.round(during.longestTurnMs)} ms`,
    `timers and sockets: ${JSON.stringify(before.resources)} before, ${JSON.stringify(after.resources)} after`,
  ].join('\n')
}

const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`
