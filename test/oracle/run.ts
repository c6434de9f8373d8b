/**
 * `make oracle`: the same requests to Apache Kafka and to Odradek, and what is answered compared.
 *
 *     npx tsx test/oracle/run.ts [words of case titles...] [--kafka host:port] [--verbose] [--transcripts]
 *
 * `--verbose` shows every difference, `--transcripts` what Kafka answered to every request.
 * Ends with `N passed, N failed`; fails on a difference that docs/differences.md does not list, and, when all cases
 * ran, on a line there that no difference needs any more. Without Java and Maven it says so and ends well.
 */
import { parseArgs } from 'node:util'
import { kafkaTools } from '../support/apache-kafka.ts'
import { startPair } from './brokers.ts'
import { listedDifferences } from './listed.ts'
import { perform } from './perform.ts'
import { Report } from './report.ts'
import type { Case, Theme } from './scenario.ts'
import { themes } from './themes/index.ts'

const AT_ONCE = 6

interface Run {
  readonly title: string
  readonly theCase: Case
  readonly version: number
}

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    kafka: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    transcripts: { type: 'boolean', default: false },
  },
})

if (kafkaTools === undefined) {
  console.log('oracle: skipped, there is no Java 17 or no Maven here to run Apache Kafka with')
  console.log('0 passed, 0 failed')
} else {
  process.exitCode = (await main()) ? 0 : 1
}

async function main(): Promise<boolean> {
  const runs = themes.flatMap(runsOf).filter(({ title }) => words.every((word) => title.includes(word)))
  const report = new Report(listedDifferences(), flags)
  const pair = await startPair(flags.kafka)
  try {
    const one = async ({ title, theCase, version }: Run) => {
      try {
        report.add(title, theCase, version, await perform(pair, theCase, version))
      } catch (error) {
        report.addBroken(title, theCase, version, error)
      }
    }
    await inParallel(
      runs.filter(({ theCase }) => !theCase.alone),
      one,
    )
    for (const run of runs.filter(({ theCase }) => theCase.alone)) await one(run)
  } finally {
    await pair.stop()
  }
  return report.print(words.length === 0)
}

function runsOf({ name, cases }: Theme): Run[] {
  return cases.flatMap((theCase) =>
    theCase.versions.map((version) => ({ title: `${name} / ${theCase.title}`, theCase, version })),
  )
}

/** Some at once: most of the time is spent waiting for Kafka. */
async function inParallel(runs: readonly Run[], each: (run: Run) => Promise<void>): Promise<void> {
  const waiting = runs[Symbol.iterator]()
  const lane = async () => {
    for (const run of waiting) await each(run)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}
