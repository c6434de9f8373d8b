import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../bin/odradek', import.meta.url))

export interface BrokerChildOptions {
  /** Default: one that the system chooses. */
  readonly port?: number
  /** `key=value`, as `--set` takes them. */
  readonly set?: readonly string[]
  /** A script that stands in for bin/odradek and takes the same command line. */
  readonly entry?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A built broker in a process of its own, which may be killed. Needs `npm run build` first. Knows nothing of vitest. */
export class BrokerChild {
  /** The port, once it listens. Rejects when the process ends before; says why. */
  readonly listening: Promise<number>
  /** When the process has ended, however it did, and all that it said is read. */
  readonly exit: Promise<Exit>
  /** What it said on stderr so far. */
  stderr = ''
  #port = 0
  #ended: Exit | undefined
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk
    })
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#ended = { code, signal }
        resolve(this.#ended)
      })
    })
    this.listening = new Promise((resolve, reject) => {
      let out = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk
        const listening = /listening PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/.exec(out)
        if (listening === null) return
        this.#port = Number(listening[1])
        resolve(this.#port)
      })
      child.once('error', reject)
      child.once('close', (code, signal) => {
        reject(new Error(`the broker ended with ${code ?? signal}: ${this.stderr}`))
      })
    })
    // Who kills it before it listens need not ask for the port.
    this.listening.catch(() => {})
  }

  /** Begins to start a broker. */
  static launch(folder: string, options: BrokerChildOptions = {}): BrokerChild {
    const settings = [
      `listeners=PLAINTEXT://127.0.0.1:${options.port ?? 0}`,
      `log.dirs=${folder}`,
      'group.initial.rebalance.delay.ms=0',
      ...(options.set ?? []),
    ]
    const args = [options.entry ?? command, 'start', ...settings.flatMap((setting) => ['--set', setting])]
    const env = { ...process.env, ...options.environment }
    return new BrokerChild(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env }))
  }

  /** Starts a broker and settles when it listens. */
  static async start(folder: string, options: BrokerChildOptions = {}): Promise<BrokerChild> {
    const broker = BrokerChild.launch(folder, options)
    await broker.listening
    return broker
  }

  /** 0 while it does not listen yet. */
  get port(): number {
    return this.#port
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.#port}`
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#ended === undefined
  }

  /** Sends a signal and does not wait for what comes of it. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ends the process with `signal`. @returns its exit code, null when the signal killed it */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal)
    return (await this.exit).code
  }
}
