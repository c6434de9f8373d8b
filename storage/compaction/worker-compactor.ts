import { assert } from '../../protocol/assert.ts'
import { StorageError, type StorageErrorCode } from '../errors.ts'
import type { CleanedFiles, CompactionJob, Compactor, Group, KeysFound } from './job.ts'
import { brokenOff } from './local-compactor.ts'

/** The other thread, as far as this one must know it: `Worker` of node:worker_threads is one. */
export interface CompactionThread {
  postMessage(request: ThreadRequest): void
  on(event: 'message', listener: (answer: ThreadAnswer) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  /** Ends it at once, whatever it does. */
  terminate(): Promise<unknown>
}

export type ThreadRequest =
  | { readonly kind: 'begin'; readonly job: CompactionJob }
  | { readonly kind: 'rewrite'; readonly group: Group }

export type ThreadAnswer =
  | { readonly kind: 'done'; readonly result: KeysFound | CleanedFiles }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure }

/** An error as it crosses threads. `code` is undefined for what is no StorageError: then it is a bug. */
export interface ThreadFailure {
  readonly code: StorageErrorCode | undefined
  readonly path: string
  readonly message: string
  readonly errno: string | undefined
}

/**
 * Lets a thread of its own do the work. The thread begins with a job and ends with it, and its memory with it: a broker
 * that has nothing to compact pays nothing, and work that is not wanted any more ends at once, in the middle of whatever.
 */
export class WorkerCompactor implements Compactor {
  readonly #begin: () => CompactionThread
  #thread: CompactionThread | undefined
  /** Why it will answer nothing any more. */
  #broken: Error | undefined
  #waiting: { resolve(result: KeysFound | CleanedFiles): void; reject(error: Error): void } | undefined

  /** @param begin starts the thread */
  constructor(begin: () => CompactionThread) {
    this.#begin = begin
  }

  begin(job: CompactionJob): Promise<KeysFound> {
    assert(this.#thread === undefined, 'one job at a time')
    const thread = this.#begin()
    this.#thread = thread
    this.#broken = undefined
    thread.on('message', (answer) => this.#answered(thread, answer))
    thread.on('error', (error) => this.#failed(thread, error))
    thread.on('exit', (code) => this.#failed(thread, new Error(`the compaction thread ended with code ${code}`)))
    return this.#ask({ kind: 'begin', job }) as Promise<KeysFound>
  }

  rewrite(group: Group): Promise<CleanedFiles> {
    return this.#ask({ kind: 'rewrite', group }) as Promise<CleanedFiles>
  }

  async end(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    this.#take()?.reject(brokenOff())
    await thread?.terminate()
  }

  #ask(request: ThreadRequest): Promise<KeysFound | CleanedFiles> {
    const thread = this.#thread
    if (thread === undefined || this.#broken !== undefined) return Promise.reject(this.#broken ?? brokenOff())
    assert(this.#waiting === undefined, 'one request at a time')
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      thread.postMessage(request)
    })
  }

  #answered(thread: CompactionThread, answer: ThreadAnswer): void {
    if (thread !== this.#thread) return
    const waiting = this.#take()
    if (answer.kind === 'done') waiting?.resolve(answer.result)
    else waiting?.reject(errorOf(answer.failure))
  }

  #failed(thread: CompactionThread, error: Error): void {
    if (thread !== this.#thread) return
    this.#broken = error
    this.#take()?.reject(error)
  }

  #take() {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }
}

/** For the thread: what to say of an error. */
export function failureOf(error: unknown): ThreadFailure {
  if (!(error instanceof StorageError))
    return {
      code: undefined,
      path: '',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      errno: undefined,
    }
  const { code, path, message, errno } = error
  return { code, path, message, errno }
}

function errorOf({ code, path, message, errno }: ThreadFailure): Error {
  if (code === undefined) return new Error(message)
  return new StorageError(code, path, message, errno === undefined ? {} : { errno })
}
