import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

const bin = join(import.meta.dirname, '../../bin/odradek')

/** A built broker in a process of its own, which a test may kill. Needs `npm run build` first. */
export class BrokerProcess {
  readonly #child: ChildProcess
  readonly port: number

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Starts a broker and settles when it listens. It is killed when the test ends. */
  static async start(folder: string, options: { port?: number; set?: readonly string[] } = {}): Promise<BrokerProcess> {
    const settings = [
      `listeners=PLAINTEXT://127.0.0.1:${options.port ?? 0}`,
      `log.dirs=${folder}`,
      'group.initial.rebalance.delay.ms=0',
      ...(options.set ?? []),
    ]
    const child = spawn(bin, ['start', ...settings.flatMap((setting) => ['--set', setting])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
    })
    const port = await new Promise<number>((resolve, reject) => {
      let out = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk
        const listening = /listening PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/.exec(out)
        if (listening !== null) resolve(Number(listening[1]))
      })
      child.once('error', reject)
      child.once('exit', (code, signal) => reject(new Error(`the broker ended with ${code ?? signal}: ${said}`)))
    })
    return new BrokerProcess(child, port)
  }

  /** Ends the process with `signal`. @returns its exit code, null when the signal killed it */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) resolve(this.#child.exitCode)
      else {
        this.#child.once('exit', (code) => resolve(code))
        this.#child.kill(signal)
      }
    })
  }
}

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
