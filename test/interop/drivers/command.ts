/** Programs as clients: run to their end, or kept running while a case looks at what they print. */
import { type ChildProcess, spawn } from 'node:child_process'

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Ended {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. @throws with what it said when it fails or takes more than 40 seconds */
export async function command(program: string, args: readonly string[], input: string | Buffer = ''): Promise<Ended> {
  const started = new Running(program, args)
  started.type(input)
  const timer = setTimeout(() => started.stop('SIGKILL'), 40_000)
  const code = await started.ended
  clearTimeout(timer)
  const { stdout, stderr } = started
  if (code !== 0) throw new Error(`${args.slice(-4).join(' ')} ended with ${code}: ${stderr || stdout}`)
  return { stdout, stderr }
}

/** A program that goes on running. */
export class Running {
  stdout = ''
  stderr = ''
  /** Its exit code, null when a signal ended it. */
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess

  constructor(program: string, args: readonly string[]) {
    const child = spawn(program, args, { stdio: 'pipe' })
    this.#child = child
    child.stdin.on('error', () => {}) // it need not read to the end
    child.stdout.on('data', (chunk: Buffer) => {
      this.stdout += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    running.add(child)
    child.once('close', () => running.delete(child))
  }

  /** Gives it all of its input. */
  type(input: string | Buffer): void {
    this.#child.stdin?.end(input)
  }

  get lines(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '')
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal)
    return this.ended
  }
}
