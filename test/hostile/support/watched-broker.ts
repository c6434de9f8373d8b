import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How a broker is doing, seen from inside its process. */
export interface Watched {
  readonly rssBytes: number
  readonly heapBytes: number
  /** Buffers and the like. */
  readonly externalBytes: number
  readonly loopDelayMaxMs: number
  readonly loopDelayP99Ms: number
  /** The longest turn of the event loop, by the time of the processor. */
  readonly longestTurnMs: number
  readonly framesIn: number
  readonly connections: number
  /** Bytes of requests and answers. */
  readonly heldBytes: number
  readonly inFlight: number
  readonly parkedFetches: number
  readonly fetchSessions: number
  readonly paused: number
  readonly closed: Readonly<Record<string, number>>
  readonly rejected: Readonly<Record<string, number>>
  /** What keeps the event loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
  readonly warnings: Readonly<Record<string, number>>
  /** Lines that the broker logged as errors: each is a bug of ours. */
  readonly errors: readonly string[]
}

export type Question = 'look' | 'collect' | 'reset' | 'stop'
export type Told =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'died'; readonly error: string }
  | { readonly kind: 'answer'; readonly id: number; readonly watched: Watched }

/** Nothing takes so long, also on a machine that has other things to do. */
const LONG_MS = 60_000

const program = fileURLToPath(new URL('watched-broker-main.ts', import.meta.url))

/** A broker in a process of its own, on data that is thrown away with it. Knows nothing of vitest. */
export class WatchedBroker {
  readonly port: number
  /** Why its process ended, as soon as it has although nobody told it to. */
  died: string | undefined
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #answers = new Map<number, { resolve: (watched: Watched) => void; reject: (error: Error) => void }>()
  #nextId = 1
  #stopping = false

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child
    this.#folder = folder
    this.port = port
    child.on('message', (told: Told) => this.#told(told))
    child.on('exit', (code, signal) => this.#ended(`the broker ended with ${signal ?? code}`))
  }

  static start(config: Readonly<Record<string, string>> = {}): Promise<WatchedBroker> {
    const folder = mkdtempSync(join(tmpdir(), 'odradek-watched-'))
    const child = fork(program, [folder, JSON.stringify(config)], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => {
        rmSync(folder, { recursive: true, force: true })
        reject(new Error(`the broker ended with ${code} before it listened`))
      })
      child.once('message', (told: Told) => {
        child.removeAllListeners()
        if (told.kind === 'listening') resolve(new WatchedBroker(child, folder, told.port))
        else reject(new Error(told.kind === 'died' ? told.error : 'an answer to no question'))
      })
    })
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  /** How it is doing now. `collect`: after garbage was collected. `reset`: delays count from now on. */
  look(question: 'look' | 'collect' | 'reset' = 'look'): Promise<Watched> {
    return this.#ask(question)
  }

  /** Stops the broker as SIGTERM does. */
  async stop(): Promise<Watched> {
    const watched = await this.#ask('stop')
    this.#stopping = true
    return watched
  }

  /** Ends the process, if it has not ended, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGKILL')
      await exit
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #ask(question: Question): Promise<Watched> {
    if (this.died !== undefined) return Promise.reject(new Error(this.died))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the event loop of the broker stands still')), LONG_MS)
      const done = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(late)
          settle(value)
        }
      }
      this.#answers.set(id, { resolve: done(resolve), reject: done(reject) })
      this.#child.send({ id, question })
    })
  }

  #told(told: Told): void {
    if (told.kind === 'died') this.#ended(told.error)
    else if (told.kind === 'answer') {
      this.#answers.get(told.id)?.resolve(told.watched)
      this.#answers.delete(told.id)
    }
  }

  #ended(why: string): void {
    if (!this.#stopping) this.died ??= why
    for (const { reject } of this.#answers.values()) reject(new Error(this.died ?? why))
    this.#answers.clear()
  }
}
