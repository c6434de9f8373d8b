import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import type { FlushPolicy } from './broker-process.ts'
import type { Acks, Address } from './load/jobs.ts'

export interface Options {
  /** Cells whose `group name` contains one of these; all when empty. */
  readonly only: readonly string[]
  readonly list: boolean
  readonly help: boolean
  readonly warmupMs: number
  readonly measureMs: number
  readonly idleMs: number
  readonly rounds: number
  readonly flush: readonly FlushPolicy[]
  readonly dataFolder: string
  /** A broker that runs already, instead of ours. */
  readonly bootstrap: Address | undefined
  readonly pid: number | undefined
  readonly profile: boolean
  readonly set: readonly string[]
  readonly nodeFlags: readonly string[]
  readonly custom: CustomCell
}

/** Dimensions given on the command line: each combination becomes a cell. Undefined: not given. */
export interface CustomCell {
  readonly recordBytes: readonly number[] | undefined
  readonly acks: readonly Acks[] | undefined
  readonly batchBytes: readonly number[] | undefined
  readonly partitions: readonly number[] | undefined
  readonly connections: readonly number[] | undefined
  readonly window: readonly number[] | undefined
  readonly generators: number
}

export const usage = `make bench [ARGS='...']        all cells, some two minutes

Which cells
  --list                     name the cells and run none
  --only <text>              cells whose name contains it; may be repeated
  --flush os|commit          only under this flush policy
Cells of your own: lists make one cell of each combination (--only produce or consume chooses the kind)
  --record-size <bytes,...>  --acks 0|1|all,...  --batch-size <bytes,...>  --partitions <n,...>
  --connections <n,...>      --window <requests in flight per connection,...>
  --generators <n>           processes that send (default 1); each opens --connections
How long
  --seconds <s>  --warmup <s>  --idle-seconds <s>  --rounds <n>   (medians over rounds; default 1)
The broker
  --set <key=value>          a setting of the broker, may be repeated
  --node <flag>              a flag for the broker's Node, may be repeated: --node=--trace-gc
  --data-dir <folder>        on which disk its temporary data lies (default: the system's temporary folder)
  --bootstrap <host:port>    measure a broker that runs already; with --pid <n> its CPU and memory, too
  --profile                  profile the broker's CPU and show its hottest functions
`

/** @throws with one line that says what is wrong */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      list: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      flush: { type: 'string', default: 'os,commit' },
      'record-size': { type: 'string' },
      acks: { type: 'string' },
      'batch-size': { type: 'string' },
      partitions: { type: 'string' },
      connections: { type: 'string' },
      window: { type: 'string' },
      generators: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '2.5' },
      warmup: { type: 'string', default: '0.8' },
      'idle-seconds': { type: 'string', default: '10' },
      rounds: { type: 'string', default: '1' },
      set: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', multiple: true, default: [] },
      'data-dir': { type: 'string', default: tmpdir() },
      bootstrap: { type: 'string' },
      pid: { type: 'string' },
      profile: { type: 'boolean', default: false },
    },
  })
  const counts = (name: 'record-size' | 'batch-size' | 'partitions' | 'connections' | 'window') => {
    const text = values[name]
    return text === undefined ? undefined : listOf(text).map((one) => count(name, one))
  }
  return {
    only: values.only,
    list: values.list,
    help: values.help,
    warmupMs: milliseconds('warmup', values.warmup),
    measureMs: milliseconds('seconds', values.seconds),
    idleMs: milliseconds('idle-seconds', values['idle-seconds']),
    rounds: count('rounds', values.rounds),
    flush: listOf(values.flush).map(flushPolicy),
    dataFolder: values['data-dir'],
    bootstrap: values.bootstrap === undefined ? undefined : address(values.bootstrap),
    pid: values.pid === undefined ? undefined : count('pid', values.pid),
    profile: values.profile,
    set: values.set,
    nodeFlags: values.node,
    custom: {
      recordBytes: counts('record-size'),
      acks: values.acks === undefined ? undefined : listOf(values.acks).map(acks),
      batchBytes: counts('batch-size'),
      partitions: counts('partitions'),
      connections: counts('connections'),
      window: counts('window'),
      generators: count('generators', values.generators),
    },
  }
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a whole number from 1 on, got ${text}`)
  return value
}

function milliseconds(name: string, text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0)) throw new Error(`--${name}: expected seconds, got ${text}`)
  return seconds * 1_000
}

function flushPolicy(text: string): FlushPolicy {
  if (text === 'os' || text === 'commit') return text
  throw new Error(`--flush: expected os or commit, got ${text}`)
}

function acks(text: string): Acks {
  if (text === 'all' || text === '-1') return -1
  if (text === '0') return 0
  if (text === '1') return 1
  throw new Error(`--acks: expected 0, 1 or all, got ${text}`)
}

function address(text: string): Address {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (colon < 1 || !Number.isInteger(port)) throw new Error(`--bootstrap: expected host:port, got ${text}`)
  return { host: text.slice(0, colon), port }
}
