import type { Difference } from './compare.ts'
import { isListed, type ListedDifference, shown } from './listed.ts'
import type { Result } from './perform.ts'
import type { Case } from './scenario.ts'

interface Found {
  readonly title: string
  readonly difference: Difference
  readonly versions: string[]
}

/** Counts the runs, and tells each difference once with all the versions that show it. */
export class Report {
  readonly #listed: readonly ListedDifference[]
  readonly #verbose: boolean
  readonly #transcripts: boolean
  readonly #used = new Set<ListedDifference>()
  readonly #unlisted = new Map<string, Found>()
  readonly #unsteady = new Map<string, Found>()
  readonly #cases = new Set<Case>()
  readonly #runsByApi = new Map<string, number>()
  #passed = 0
  #failed = 0
  #listedCount = 0

  constructor(
    listed: readonly ListedDifference[],
    shows: { readonly verbose: boolean; readonly transcripts: boolean },
  ) {
    this.#listed = listed
    this.#verbose = shows.verbose
    this.#transcripts = shows.transcripts
  }

  add(title: string, theCase: Case, version: number, result: Result): void {
    if (result.cannotSay) return
    this.#cases.add(theCase)
    const theme = title.slice(0, title.indexOf(' / '))
    this.#runsByApi.set(theme, (this.#runsByApi.get(theme) ?? 0) + 1)
    const said = theCase.version(version)
    if (this.#transcripts) console.log(`${title} ${said}\n${JSON.stringify(result.transcript, null, 1)}`)
    let failed = false
    for (const difference of result.differences) {
      const rows = this.#listed.filter((row) => isListed(row, title, difference))
      for (const row of rows) this.#used.add(row)
      if (rows.length > 0) {
        this.#listedCount++
      } else {
        note(this.#unlisted, title, difference, said)
        failed = true
      }
    }
    for (const difference of result.unsteady) {
      if (!this.#listed.some((row) => isListed(row, title, difference))) note(this.#unsteady, title, difference, said)
    }
    if (failed) this.#failed++
    else this.#passed++
  }

  /** A run that could not be made: what it stands on was not there, or an answer could not be read. */
  addBroken(title: string, theCase: Case, version: number, error: unknown): void {
    this.#cases.add(theCase)
    this.#failed++
    const kafka = error instanceof Error ? `${error.message} ${error.cause ?? ''}` : String(error)
    note(this.#unlisted, title, { at: '(broken off)', kafka, odradek: kafka }, theCase.version(version))
  }

  /** @returns whether all is well */
  print(complete: boolean): boolean {
    printFound('DIFFERENT', [...this.#unlisted.values()], this.#verbose ? Number.POSITIVE_INFINITY : SHOWN_OF_A_CASE)
    printFound('unsteady (not there the second time)', [...this.#unsteady.values()], SHOWN_OF_A_CASE)
    const stale = complete ? this.#listed.filter((row) => !this.#used.has(row)) : []
    for (const { line } of stale) console.log(`\ndocs/differences.md, line ${line}: no difference needs it any more`)
    const runs = this.#passed + this.#failed
    console.log(`\noracle: ${this.#cases.size} cases in ${runs} runs over the versions of their APIs`)
    for (const [theme, count] of this.#runsByApi) console.log(`  ${String(count).padStart(5)}  ${theme}`)
    console.log(
      `${this.#unlisted.size} differences unlisted, ${this.#listedCount} found that are listed, ${this.#unsteady.size} unsteady`,
    )
    const failed = this.#failed + stale.length
    console.log(`${this.#passed} passed, ${failed} failed`)
    return failed === 0
  }
}

const SHOWN_OF_A_CASE = 6

function printFound(what: string, found: readonly Found[], most: number): void {
  for (const title of new Set(found.map((one) => one.title))) {
    const ofCase = found.filter((one) => one.title === title)
    console.log(`\n${what} ${title}`)
    for (const { difference, versions } of ofCase.slice(0, most)) {
      console.log(`  ${difference.at} ${versions.join(' ')}`)
      console.log(`      Kafka   ${shown(difference.kafka)}\n      Odradek ${shown(difference.odradek)}`)
    }
    if (ofCase.length > most) console.log(`  and ${ofCase.length - most} more (--verbose shows them)`)
  }
}

function note(into: Map<string, Found>, title: string, difference: Difference, version: string): void {
  const key = `${title} ${difference.at} ${shown(difference.kafka)} ${shown(difference.odradek)}`
  const found = into.get(key)
  if (found === undefined) into.set(key, { title, difference, versions: [version] })
  else found.versions.push(version)
}
