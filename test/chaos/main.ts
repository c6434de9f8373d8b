import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCampaign } from './campaign.ts'
import { explain } from './checker.ts'
import { FaultLibrary } from './faults/fault-library.ts'
import { killer } from './nemesis.ts'
import { report } from './report.ts'

/**
 * The campaign from the command line, as long as it is told: `npx tsx test/chaos/main.ts --kills 2000 --seed 7`.
 * Exit code 1 when something was found; the history is kept then, and its path printed.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})

const seed = Number(values.seed)
const kills = Number(values.kills)
console.log(`chaos: ${kills} kills, seed ${seed}`)
const tools = mkdtempSync(join(tmpdir(), 'odradek-chaos-tools-'))
try {
  const compiled = FaultLibrary.compile(tools)
  if ('missing' in compiled) console.log(`without torn writes and power cuts: ${compiled.missing}`)
  const result = await runCampaign({
    seed,
    keepsEvidence: true,
    nemesis: killer({ kills }),
    ...('path' in compiled ? { faultLibrary: compiled.path } : {}),
    log: (line) => console.log(line),
  })
  console.log(report(result))
  if (result.verdict.anomalies.size > 0) {
    console.log(explain(result.verdict))
    console.log(`evidence: ${result.evidence}`)
    console.log(`again: npx tsx test/chaos/main.ts --kills ${kills} --seed ${seed}`)
    process.exitCode = 1
  }
} finally {
  rmSync(tools, { recursive: true, force: true })
}
