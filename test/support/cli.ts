import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const command = fileURLToPath(new URL('../../bin/odradek', import.meta.url))

export interface CommandOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** A process of the built command line. */
export class RunningCommand {
  readonly process: ChildProcess
  /** Settles when the process ended and all it said was read. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>
  stdout = ''
  stderr = ''
  #ended = false
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], { cwd = tmpdir(), environment = {} }: CommandOptions) {
    const env = { ...process.env, ...environment }
    this.process = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#wake()
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#wake()
    })
    this.exit = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        this.#ended = true
        this.#wake()
        resolve({ code, signal })
      })
    })
  }

  /** The match in what stdout says, as soon as it is there; fails with all that was said when the process ends without. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.stdout.match(pattern)
      if (match !== null) return match
      if (this.#ended) throw new Error(`it never said ${pattern}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** The address behind `listening PLAINTEXT://`, once it is printed. */
  async bootstrap(): Promise<string> {
    return (await this.says(/^listening PLAINTEXT:\/\/(\S+)/m))[1] ?? ''
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** Runs `odradek` with these arguments; killed at the end of the test if it is still there. */
export function odradek(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const running = new RunningCommand(args, options)
  onTestFinished(async () => {
    running.process.kill('SIGKILL')
    await running.exit
  })
  return running
}

/** An empty folder, removed at the end of the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'odradek-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
