import { assert } from '../../protocol/assert.ts'
import type { Clock } from '../clock.ts'
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../file-system.ts'
import { Compaction } from './compaction.ts'
import type { CleanedFiles, CompactionJob, Compactor, Group, KeysFound } from './job.ts'
import { run, type Steps } from './steps.ts'
import { Throttle } from './throttle.ts'

/**
 * Compacts on this thread, in slices between which others have their turn: for file systems that no other thread can see,
 * and inside the worker (there between slices messages are received).
 */
export class LocalCompactor implements Compactor {
  readonly #fileSystem: FileSystem
  readonly #breathe: () => Promise<void>
  readonly #throttle: Throttle
  #job: { readonly spec: CompactionJob; readonly work: Compaction } | undefined
  #underWay: Promise<unknown> | undefined

  /**
   * @param breathe settles when others have had their turn
   */
  constructor(fileSystem: FileSystem, clock: Pick<Clock, 'now' | 'schedule'>, breathe: () => Promise<void>) {
    this.#fileSystem = fileSystem
    this.#breathe = breathe
    this.#throttle = new Throttle(clock, (ms) => new Promise((resolve) => void clock.schedule(ms, resolve)))
  }

  begin(spec: CompactionJob): Promise<KeysFound> {
    assert(this.#job === undefined, 'one job at a time')
    this.#job = { spec, work: new Compaction(this.#fileSystem, spec) }
    return this.#run((work) => work.findKeys())
  }

  rewrite(group: Group): Promise<CleanedFiles> {
    return this.#run((work) => work.rewrite(group))
  }

  async end(): Promise<void> {
    this.#job = undefined
    await this.#underWay?.catch(() => undefined)
  }

  #run<T>(begin: (work: Compaction) => Steps<T>): Promise<T> {
    const job = this.#job
    assert(job !== undefined, 'a job was begun')
    const result = run(begin(job.work), async (bytes) => {
      await this.#breathe()
      await this.#throttle.take(bytes, job.spec.limits.maxBytesPerSecond)
      if (this.#job !== job) throw brokenOff()
    })
    this.#underWay = result
    return result
  }
}

/** What work that was broken off fails with: nobody's fault, and nothing to report. */
export function brokenOff(): StorageError {
  return new StorageError('CLOSED', '', 'compaction was broken off')
}
