/** Generator processes: load that does not share an event loop with the broker, nor with the bench itself. */
import { type ChildProcess, fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { atExit } from '../at-exit.ts'
import type { FromGenerator, ToGenerator } from './generator.ts'
import type { Job, LoadResult, Phase } from './jobs.ts'

const root = join(import.meta.dirname, '../..')

export class Generators {
  readonly #script: string
  readonly #processes: GeneratorProcess[] = []
  readonly #forget: () => void

  private constructor(script: string) {
    this.#script = script
    // The processes themselves end when their parent does.
    this.#forget = atExit(() => rmSync(script, { force: true }))
  }

  /**
   * Bundles the generator: plain JavaScript runs on any Node, and without what on-the-fly compilers add to each function.
   * @param folder inside the project, so that the bundle finds the packages
   */
  static async build(folder: string): Promise<Generators> {
    const script = join(folder, `generator-${process.pid}.mjs`)
    await build({
      absWorkingDir: root,
      entryPoints: [join(import.meta.dirname, 'generator.ts')],
      outfile: script,
      bundle: true,
      packages: 'external',
      platform: 'node',
      target: 'node20.19',
      format: 'esm',
      logLevel: 'warning',
    })
    return new Generators(script)
  }

  /**
   * Runs the jobs side by side, each in a process of its own. They begin together when all are ready.
   * @param onPhase called when the first begins to measure, and when the first has measured
   * @throws when one of them fails; the others are ended
   */
  async run(jobs: readonly Job[], onPhase: (phase: Phase) => void = () => {}): Promise<LoadResult[]> {
    while (this.#processes.length < jobs.length) this.#processes.push(new GeneratorProcess(this.#script))
    const processes = this.#processes.slice(0, jobs.length)
    const told = new Set<Phase>()
    const tell = (phase: Phase) => {
      if (told.has(phase)) return
      told.add(phase)
      onPhase(phase)
    }
    try {
      await Promise.all(processes.map((one, index) => one.prepare(jobs[index]!)))
      return await Promise.all(processes.map((one) => one.run(tell)))
    } catch (error) {
      this.#end()
      throw error
    }
  }

  stop(): void {
    this.#end()
    this.#forget()
    rmSync(this.#script, { force: true })
  }

  #end(): void {
    for (const one of this.#processes) one.end()
    this.#processes.length = 0
  }
}

class GeneratorProcess {
  readonly #child: ChildProcess
  #onMessage: (message: FromGenerator) => void = () => {}
  #onEnd: (error: Error) => void = () => {}

  constructor(script: string) {
    this.#child = fork(script, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message) => this.#onMessage(message as FromGenerator))
    this.#child.on('exit', (code, signal) => this.#onEnd(new Error(`a generator ended with ${code ?? signal}`)))
  }

  prepare(job: Job): Promise<void> {
    return this.#ask({ kind: 'prepare', job }, (message) =>
      message.kind === 'ready' ? { value: undefined } : undefined,
    )
  }

  run(onPhase: (phase: Phase) => void): Promise<LoadResult> {
    return this.#ask({ kind: 'go' }, (message) => {
      if (message.kind === 'phase') onPhase(message.phase)
      return message.kind === 'result' ? { value: message.result } : undefined
    })
  }

  end(): void {
    this.#onEnd = () => {}
    this.#child.kill()
  }

  #ask<T>(question: ToGenerator, answer: (message: FromGenerator) => { value: T } | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onEnd = reject
      this.#onMessage = (message) => {
        if (message.kind === 'failed') reject(new Error(message.message))
        const found = answer(message)
        if (found !== undefined) resolve(found.value)
      }
      this.#child.send(question)
    })
  }
}
