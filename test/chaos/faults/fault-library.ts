import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, realpathSync, writeFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What can be struck; the bits are those of faults.c. */
const operations = {
  write: 1,
  sync: 2,
  truncate: 4,
  rename: 8,
  unlink: 16,
  create: 32,
  'sync folder': 64,
} as const
export type Operation = keyof typeof operations
export const allOperations = Object.keys(operations) as Operation[]

/**
 * - `fail` with an errno, nothing done
 * - `short` a half is written, and reported as written; other operations are as always
 * - `torn` a half is written, then the process is killed
 * - `kill before`, `kill after` the operation
 * - `delay` by some milliseconds
 */
const actions = { fail: 1, short: 2, torn: 3, 'kill before': 4, 'kill after': 5, delay: 6 } as const

export interface Fault {
  readonly on: Operation
  readonly action: keyof typeof actions
  /** Strikes the n-th from now on; 1, the default, is the next. */
  readonly nth?: number
  /** How often; once by default. */
  readonly times?: number
  /** Of `fail`; EIO by default. */
  readonly errno?: 'EIO' | 'ENOSPC' | 'EROFS' | 'EDQUOT'
  readonly delayMs?: number
  /** Only files whose path ends so, such as `.log`. */
  readonly suffix?: string
}

/** `struct control` of faults.c: six int32, and 64 bytes of suffix. */
const CONTROL_BYTES = 6 * 4 + 64

/** A library that is preloaded into a broker, so that its disk fails when the test wants it to. */
export class FaultLibrary {
  readonly journal: string
  readonly environment: Readonly<Record<string, string>>
  readonly #control: number

  /**
   * @param library as `compile` made it
   * @param folder for its files; not below `root`
   * @param root only files below it are touched; must exist
   */
  constructor(library: string, folder: string, root: string) {
    const control = join(folder, 'control')
    this.journal = join(folder, 'journal')
    writeFileSync(control, Buffer.alloc(CONTROL_BYTES))
    writeFileSync(this.journal, '')
    this.#control = openSync(control, 'r+')
    this.environment = {
      LD_PRELOAD: library,
      CHAOS_ROOT: realpathSync(root),
      CHAOS_CONTROL: control,
      CHAOS_JOURNAL: this.journal,
    }
  }

  /**
   * Compiles the library into `folder`.
   * @returns its path, or in words why there is none
   */
  static compile(folder: string): { readonly path: string } | { readonly missing: string } {
    if (process.platform !== 'linux') return { missing: `preloading is written for linux, not for ${process.platform}` }
    const path = join(folder, 'faults.so')
    const source = fileURLToPath(new URL('./faults.c', import.meta.url))
    try {
      const args = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', path, source, '-ldl', '-lpthread']
      execFileSync('cc', args, { stdio: ['ignore', 'ignore', 'pipe'] })
      return { path }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        return { missing: 'cc is not installed' }
      throw error
    }
  }

  arm(fault: Fault): void {
    const { on, action, nth = 1, times = 1, errno = 'EIO', delayMs = 0, suffix = '' } = fault
    const control = Buffer.alloc(CONTROL_BYTES)
    control.writeInt32LE(actions[action], 4)
    control.writeInt32LE(nth, 8)
    control.writeInt32LE(times, 12)
    control.writeInt32LE(action === 'delay' ? delayMs : constants.errno[errno], 16)
    control.write(suffix, 24)
    writeSync(this.#control, control, 0, control.length, 0)
    // Last, in a write of its own: from now on the rest counts.
    control.writeInt32LE(operations[on], 0)
    writeSync(this.#control, control, 0, 4, 0)
  }

  /** Nothing fails any more. */
  disarm(): void {
    writeSync(this.#control, Buffer.alloc(8), 0, 8, 0)
  }

  /** How often the fault of the last `arm` has struck. */
  get struck(): number {
    const struck = Buffer.alloc(4)
    readSync(this.#control, struck, 0, 4, 20)
    return struck.readInt32LE()
  }

  close(): void {
    closeSync(this.#control)
  }
}
