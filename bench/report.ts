/** Tables for people, JSON for programs. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { FlushPolicy } from './broker-process.ts'
import type { Group } from './cells.ts'
import type { Figures, Summary } from './figures.ts'
import type { Options } from './options.ts'

interface Column {
  readonly title: string
  readonly value: (figures: Figures) => string
}

const NAME_WIDTH = 52

const plain = (title: string, figure: string, digits: number, scale = 1): Column => ({
  title,
  value: (figures) => {
    const value = figures[figure]
    return value === undefined ? '-' : (value * scale).toFixed(digits)
  },
})

const rate = [plain('MB/s', 'payloadMibPerSecond', 1), plain('k rec/s', 'recordsPerSecond', 1, 1e-3)]
const requests = plain('req/s', 'requestsPerSecond', 0)
const milliseconds = [
  plain('p50 ms', 'p50Us', 2, 1e-3),
  plain('p99 ms', 'p99Us', 2, 1e-3),
  plain('p99.9', 'p999Us', 2, 1e-3),
]
const cost = [
  plain('CPU-s/GB', 'brokerCpuSecondsPerGib', 2),
  plain('/M req', 'brokerCpuSecondsPerMillionRequests', 1),
  plain('cores', 'brokerCores', 2),
  plain('RSS MB', 'brokerMostResidentMib', 0),
  plain('gen.', 'generatorCores', 2),
]
const load = [...rate, requests, ...milliseconds, ...cost]

const tables: Record<Group, { readonly title: string; readonly columns: readonly Column[] }> = {
  start: {
    title: 'Time to start',
    columns: [
      plain('median ms', 'medianMs', 1),
      plain('min', 'minMs', 1),
      plain('max', 'maxMs', 1),
      plain('× node', 'timesBareNode', 2),
    ],
  },
  idle: {
    title: 'Idle',
    columns: [plain('RSS MB', 'residentMib', 1), plain('CPU % of a core', 'cpuPercentOfCore', 2)],
  },
  produce: { title: 'Produce, closed loop', columns: load },
  consume: { title: 'Consume', columns: load },
  latency: {
    title: 'End to end, open loop: from the time a record was due to its arrival at a consumer',
    columns: [
      plain('p50 µs', 'p50Us', 0),
      plain('p99', 'p99Us', 0),
      plain('p99.9', 'p999Us', 0),
      plain('max', 'maxUs', 0),
      plain('late p99', 'lateP99Us', 0),
      plain('k rec/s', 'recordsPerSecond', 1, 1e-3),
      plain('cores', 'brokerCores', 2),
      plain('gen.', 'generatorCores', 2),
    ],
  },
  'kafkajs produce': { title: 'kafkajs, producing', columns: load },
  'kafkajs consume': { title: 'kafkajs, consuming', columns: [...rate, ...cost] },
}

export interface Result extends Summary {
  readonly group: Group
  readonly flush: FlushPolicy | undefined
}

/** The head of a group's table. */
export function tableHead(group: Group, flush: FlushPolicy | undefined): string {
  const { title, columns } = tables[group]
  const policy = flush === undefined ? '' : ` (flush policy ${flush})`
  return `\n${title}${policy}\n${line(
    '',
    columns.map((column) => column.title),
    columns,
  )}`
}

/** One row of it, for rows that come one by one. */
export function tableRow(group: Group, { name, figures }: Summary): string {
  const { columns } = tables[group]
  return line(
    name,
    columns.map(({ value }) => value(figures)),
    columns,
  )
}

function line(name: string, texts: readonly string[], columns: readonly Column[]): string {
  const aligned = texts.map((text, index) => text.padStart(Math.max(8, columns[index]!.title.length + 1)))
  return `${name.padEnd(NAME_WIDTH)}${aligned.join('')}`
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryMib: number
  readonly kernel: string
  readonly node: string
  readonly loadAverage: number
  readonly commit: string | undefined
}

export function machine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryMib: Math.round(totalmem() / 1024 ** 2),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
    commit: commitOfSources(),
  }
}

/** Undefined in a copy that is not a git repository. */
function commitOfSources(): string | undefined {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

/** @returns the path of the file */
export function writeResults(folder: string, options: Options, machine: Machine, results: readonly Result[]): string {
  mkdirSync(folder, { recursive: true })
  const time = new Date().toISOString()
  const path = join(folder, `${time.replaceAll(':', '-').slice(0, 19)}.json`)
  writeFileSync(path, `${JSON.stringify({ time, machine, options, results }, null, 2)}\n`)
  return path
}
