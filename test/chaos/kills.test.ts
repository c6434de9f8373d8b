import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { runCampaign } from './campaign.ts'
import { explain } from './checker.ts'
import { FaultLibrary } from './faults/fault-library.ts'
import { killer } from './nemesis.ts'
import { report } from './report.ts'

/** ODRADEK_CHAOS_SEED repeats the choices of a run, ODRADEK_CHAOS_KILLS lengthens it; `make chaos` does 200. */
const seed = Number(process.env.ODRADEK_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const kills = Number(process.env.ODRADEK_CHAOS_KILLS ?? 25)

it(
  'LG-13, PR-25, FE-35, OC-10: a broker that is killed again and again under load keeps what it acknowledged and showed',
  async () => {
    const tools = mkdtempSync(join(tmpdir(), 'odradek-chaos-tools-'))
    onTestFinished(() => rmSync(tools, { recursive: true, force: true }))
    const compiled = FaultLibrary.compile(tools)
    console.log(`chaos: ${kills} kills, seed ${seed}`)
    if ('missing' in compiled) console.log(`without torn writes and power cuts: ${compiled.missing}`)
    const result = await runCampaign({
      seed,
      keepsEvidence: true,
      nemesis: killer({ kills }),
      ...('path' in compiled ? { faultLibrary: compiled.path } : {}),
    })
    console.log(report(result))
    const { verdict, evidence } = result
    expect(verdict.anomalies.size, `seed ${seed}, evidence ${evidence}\n${explain(verdict)}`).toBe(0)
    expect(verdict.figures.kills + verdict.figures.powerCuts).toBeGreaterThanOrEqual(kills)
    // A verdict that rests on nothing would be none.
    const { idempotent, once, retried } = verdict.figures.sends
    for (const { ok } of [idempotent, once, retried]) expect(ok).toBeGreaterThan(kills)
    expect(verdict.figures.commits).toBeGreaterThan(kills)
  },
  60_000 + kills * 10_000,
)
