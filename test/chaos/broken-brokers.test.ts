import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bug, bugs, type Proof } from './bugs.ts'
import { runCampaign } from './campaign.ts'
import type { AnomalyKind } from './checks/findings.ts'
import { FaultLibrary } from './faults/fault-library.ts'

/** A campaign that finds nothing proves something only if it finds what is there. So here each broker has a bug. */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

let folder: string
let entry: string
let compiled: ReturnType<typeof FaultLibrary.compile>

beforeAll(async () => {
  // Where node finds the packages.
  const cache = here('../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'chaos-'))
  entry = join(folder, 'broken-broker.js')
  await build({
    entryPoints: [here('./broken-broker.ts')],
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    logLevel: 'error',
  })
  compiled = FaultLibrary.compile(folder)
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe.concurrent('the campaign finds a broker that', () => {
  it.each(Object.entries<Proof>(bugs))('%s', { timeout: 180_000 }, async (bug, { nemesis, shows, needsFaults }) => {
    if (needsFaults && 'missing' in compiled) {
      console.log(`not tried: "${bug}": ${compiled.missing}`)
      return
    }
    const options = {
      nemesis,
      entry,
      environment: { ODRADEK_BUG: bug satisfies string as Bug },
      withKafkajs: false,
      ...('path' in compiled ? { faultLibrary: compiled.path } : {}),
    }
    // It is a matter of chance when a bug shows; three campaigns are enough for all of them.
    const found: AnomalyKind[] = []
    for (let seed = 1; seed <= 3 && !found.some((kind) => shows.includes(kind)); seed++) {
      const { verdict } = await runCampaign({ ...options, seed })
      found.push(...verdict.anomalies.keys())
    }
    expect(found.filter((kind) => shows.includes(kind))).not.toEqual([])
  })
})
