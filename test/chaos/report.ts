import type { CampaignResult } from './campaign.ts'
import type { Outcomes } from './checker.ts'

/** What a campaign did, in a few lines: how much the verdict rests on. */
export function report({ verdict: { figures, anomalies }, seconds }: CampaignResult): string {
  const { sends, startsMs, firstAcksMs } = figures
  const all = Object.values(sends).reduce(sum, { ok: 0, fail: 0, info: 0 })
  const total = all.ok + all.fail + all.info
  const unknown = total === 0 ? 0 : (all.info / total) * 100
  return [
    `${figures.kills + figures.powerCuts} kills (${figures.powerCuts} power cuts) in ${seconds.toFixed(1)} s`,
    `${all.ok} sends acknowledged (${figures.acknowledgedRecords} records), ${all.fail} refused, ${all.info} unknown (${unknown.toFixed(1)} %)`,
    `${figures.polledRecords} records polled, ${figures.commits} commits, ${figures.compactedAway} records compacted away`,
    `start: ${quantiles(startsMs)}; then to the first acknowledgement: ${quantiles(firstAcksMs)}`,
    anomalies.size === 0 ? 'no anomalies' : `${anomalies.size} kinds of anomalies`,
  ].join('\n')
}

const sum = (a: Outcomes, b: Outcomes): Outcomes => ({ ok: a.ok + b.ok, fail: a.fail + b.fail, info: a.info + b.info })

function quantiles(sorted: readonly number[]): string {
  if (sorted.length === 0) return 'none'
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`
}
