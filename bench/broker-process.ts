/** The broker under test: the built command in a process of its own, on loopback, with a folder that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'
import type { Address } from './load/jobs.ts'

const bin = join(import.meta.dirname, '../bin/odradek')

export type FlushPolicy = 'os' | 'commit'

export interface BrokerSettings {
  readonly flush: FlushPolicy
  /** Where the temporary data folder is made: the disk that is measured. */
  readonly parentFolder: string
  /** `key=value` as for `--set`. */
  readonly set?: readonly string[]
  readonly nodeFlags?: readonly string[]
  /** Where a CPU profile is left when the broker stops. */
  readonly profileFolder?: string
}

export interface BrokerUnderTest {
  readonly address: Address
  /** Undefined for a broker that somebody else runs. */
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** Topics of a finished cell leave the disk at once, and consumers get their partitions without a delay. */
const benchSettings = ['log.segment.delete.delay.ms=0', 'group.initial.rebalance.delay.ms=0']

/** @throws when the broker does not come up, with what it said */
export async function startBrokerProcess(settings: BrokerSettings): Promise<BrokerUnderTest> {
  const folder = mkdtempSync(join(settings.parentFolder, 'odradek-bench-'))
  const child = spawn(process.execPath, [...nodeFlags(settings), bin, 'start', ...brokerFlags(settings, folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: ownEnvironment(),
  })
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const forget = atExit(() => {
    child.kill('SIGKILL')
    remove()
  })
  const stop = async () => {
    await ended(child)
    forget()
    remove()
  }
  try {
    const port = await listeningPort(child)
    return { address: { host: '127.0.0.1', port }, pid: child.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function brokerFlags({ flush, set = [] }: BrokerSettings, folder: string): string[] {
  const own = ['listeners=PLAINTEXT://127.0.0.1:0', `log.dirs=${folder}`, `log.flush.policy=${flush}`]
  return [...own, ...benchSettings, ...set].flatMap((setting) => ['--set', setting])
}

const nodeFlags = ({ nodeFlags = [], profileFolder }: BrokerSettings): string[] => [
  ...nodeFlags,
  ...(profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]),
]

/** KAFKA_* variables of whoever runs the bench must not configure its brokers. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KAFKA_')))
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk
      const listening = /listening PLAINTEXT:\/\/127\.0\.0\.1:(\d+)\n/.exec(output)
      if (listening === null) return
      resolve(Number(listening[1]))
      // A broker says nothing more on stdout, but flags of V8 may make it.
      child.stdout?.removeAllListeners('data').pipe(process.stderr)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`the broker did not start: it ended with ${code ?? signal}`)))
  })
}

/** How long a broker may take to flush and stop before it is killed. */
const STOP_MS = 20_000

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

/** Profiles in a folder, oldest first. */
export function profilesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .map((name) => join(folder, name))
}
