/** `make bench`: runs the cells that the flags choose, prints tables, leaves a JSON file in bench/results. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { profilesIn } from './broker-process.ts'
import { type Cell, chooseCells, label } from './cells.ts'
import { type Row, summarize } from './figures.ts'
import { Generators } from './load/generators.ts'
import { parseOptions, usage } from './options.ts'
import { hottest, readProfile } from './profile.ts'
import { machine, type Result, tableHead, tableRow, writeResults } from './report.ts'
import { Rig } from './rig.ts'

const resultsFolder = join(import.meta.dirname, 'results')
/** How many functions of a profile are shown. */
const HOTTEST = 25

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv)
  if (options.help) return console.log(usage)
  const cells = chooseCells(options)
  if (options.list) return console.log(cells.map(label).join('\n'))
  if (cells.length === 0) throw new Error('no cell has such a name: --list shows them')

  mkdirSync(resultsFolder, { recursive: true })
  const profileFolder = options.profile ? join(resultsFolder, `profile-${Date.now()}`) : undefined
  const generators = await Generators.build(resultsFolder)
  const rig = new Rig({ ...options, profileFolder }, generators)
  const host = machine()
  console.log(`${host.cores} × ${host.cpu}, ${host.kernel}, Node ${host.node}, load ${host.loadAverage.toFixed(1)}`)
  const results: Result[] = []
  let finished = false
  try {
    for (const cell of cells) results.push(...(await runCell(rig, cell, results.at(-1))))
    finished = true
  } finally {
    await rig.stop()
    if (results.length > 0) console.log(`\n${writeResults(resultsFolder, options, host, results)}`)
    if (!finished) process.exitCode = 1
  }
  if (profileFolder !== undefined) for (const path of profilesIn(profileFolder)) printProfile(path)
}

async function runCell(rig: Rig, cell: Cell, before: Result | undefined): Promise<Result[]> {
  const { group, flush } = cell
  if (before?.group !== group || before.flush !== flush) console.log(tableHead(group, flush))
  const rows: Row[] = []
  for (let round = 0; round < rig.options.rounds; round++) rows.push(...(await cell.run(rig)))
  const results = summarize(rows).map((summary) => ({ ...summary, group, flush }))
  for (const result of results) console.log(tableRow(group, result))
  return results
}

function printProfile(path: string): void {
  const { busyMs, functions } = hottest(readProfile(path))
  console.log(`\n${path}: busy for ${busyMs.toFixed(0)} ms, of which in`)
  for (const { name, share } of functions.slice(0, HOTTEST)) {
    console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
