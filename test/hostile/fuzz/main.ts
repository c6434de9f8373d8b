import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runFuzz } from './campaign.ts'
import { report, verdict } from './report.ts'

/**
 * The fuzzer from the command line: `make fuzz FUZZ_FRAMES=100000 FUZZ_SEED=7`. Exit code 1 when something was found; what
 * was sent is kept then, and its path printed.
 */
const frames = Number(process.env.FUZZ_FRAMES ?? 1_000_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log(`fuzz: ${frames} frames, seed ${seed}`)
const result = await runFuzz({ frames, seed, log: (line) => console.log(line) })
console.log(report(result))
const wrong = verdict(result)
if (wrong.length > 0) {
  const path = join(tmpdir(), `odradek-fuzz-${seed}.json`)
  writeFileSync(path, JSON.stringify(result, undefined, 1))
  console.log(wrong.map((line) => `found: ${line}`).join('\n'))
  console.log(`what was sent: ${path}\nagain: make fuzz FUZZ_FRAMES=${frames} FUZZ_SEED=${seed}`)
}
process.exit(wrong.length > 0 ? 1 : 0)
