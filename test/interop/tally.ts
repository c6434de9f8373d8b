/** What drivers say, line by line, and the table that comes of it. */

/** The columns of the table, as the part of a case's name before the slash; `admin` is what only some clients have. */
export const capabilities = {
  codecs: 'codecs',
  acks: 'acks',
  beginning: 'from the beginning',
  group: 'group of two, one leaves',
  commit: 'commit and resume',
  time: 'offsets by time',
  headers: 'headers',
  nulls: 'null key and value',
  large: '1 MB',
  idempotence: 'idempotence',
  topics: 'topics',
  configs: 'configs',
  'delete-records': 'delete records',
  groups: 'groups',
  admin: 'other tools',
} as const
export type Capability = keyof typeof capabilities

export interface Failure {
  readonly name: string
  readonly why: string
}

/** Counts what one driver says. Its lines are described in README.md; others are noise. */
export class Tally {
  readonly passed: string[] = []
  readonly failed: Failure[] = []
  readonly lacking: Failure[] = []
  #running: string | undefined

  line(text: string): void {
    const [, word, name, why = ''] = /^(begin|ok|fail|lacks) (\S+)(?: (.*))?$/.exec(text) ?? []
    if (word === undefined || name === undefined) return
    if (word === 'begin') {
      this.#running = name
      return
    }
    this.#running = undefined
    if (!(capabilityOf(name) in capabilities)) this.failed.push({ name, why: 'belongs to no capability' })
    else if (word === 'ok') this.passed.push(name)
    else (word === 'fail' ? this.failed : this.lacking).push({ name, why })
  }

  /** The driver has ended: what it began must be done, and no capability left out. */
  end(exit: string | undefined): void {
    if (this.#running !== undefined) this.failed.push({ name: this.#running, why: exit ?? 'it ended in between' })
    else if (exit !== undefined) this.failed.push({ name: 'driver', why: exit })
    const all = [...this.passed, ...[...this.failed, ...this.lacking].map(({ name }) => name)].map(capabilityOf)
    for (const capability of Object.keys(capabilities)) {
      if (capability === 'admin' || all.includes(capability)) continue
      this.failed.push({ name: capability, why: 'the driver says nothing about it' })
    }
  }

  /** `3/3`, `2/3` or `–` for what the client lacks. */
  cell(capability: Capability): string {
    const passed = this.passed.filter((name) => capabilityOf(name) === capability).length
    const failed = this.failed.filter(({ name }) => capabilityOf(name) === capability).length
    return passed + failed === 0 ? '–' : `${passed}/${passed + failed}`
  }
}

const capabilityOf = (name: string): string => name.split('/')[0] ?? ''

/** The table in Markdown; a client that did not run has its reason in place of a tally. */
export function tableOf(rows: ReadonlyMap<string, Tally | string>): string {
  const names = Object.keys(capabilities) as Capability[]
  const cells = [...rows].map(([client, row]) =>
    typeof row === 'string' ? [client, ...names.map(() => '')] : [client, ...names.map((name) => row.cell(name))],
  )
  const all = [['client', ...Object.values(capabilities)], ...cells]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)))
  const lines = all.map((line) => `| ${line.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`)
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}
