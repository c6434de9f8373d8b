/** What the kernel says about a process (Linux's /proc). Elsewhere there are no figures, and the tables show dashes. */
import { readFileSync } from 'node:fs'

/** Ticks of /proc/<pid>/stat; USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of all threads so far, in steps of 10 ms. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = readProc(pid, 'stat')
  return stat === undefined ? undefined : parseCpuSeconds(stat)
}

/** The name, field 2, may hold spaces and parentheses: fields are counted from its end. */
export function parseCpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 14 and 15 of the whole line; `fields` begins at 3.
  return (Number(fields[14 - 3]) + Number(fields[15 - 3])) / TICKS_PER_SECOND
}

/** Memory that is resident now, in bytes. */
export function residentBytes(pid: number): number | undefined {
  const status = readProc(pid, 'status')
  const kilobytes = status === undefined ? null : /^VmRSS:\s+(\d+) kB$/m.exec(status)
  return kilobytes === null ? undefined : Number(kilobytes[1]) * 1_024
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Watches a process while a load runs: its CPU time between two moments, and its largest resident memory. */
export class ProcessWatch {
  readonly #pid: number | undefined
  readonly #timer: NodeJS.Timeout
  #cpuBegan: number | undefined
  #cpuEnded: number | undefined
  #mostBytes: number | undefined

  /** @param pid undefined when the process is not ours to see: then there are no figures */
  constructor(pid: number | undefined) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
    this.#timer.unref()
  }

  begin(): void {
    this.#cpuBegan = this.#cpu()
  }

  end(): void {
    this.#cpuEnded = this.#cpu()
    this.#sample()
  }

  /** Stops watching. */
  stop(): void {
    clearInterval(this.#timer)
  }

  get cpuSeconds(): number | undefined {
    if (this.#cpuBegan === undefined || this.#cpuEnded === undefined) return undefined
    return this.#cpuEnded - this.#cpuBegan
  }

  get mostResidentBytes(): number | undefined {
    return this.#mostBytes
  }

  #cpu(): number | undefined {
    return this.#pid === undefined ? undefined : cpuSeconds(this.#pid)
  }

  #sample(): void {
    const bytes = this.#pid === undefined ? undefined : residentBytes(this.#pid)
    if (bytes !== undefined) this.#mostBytes = Math.max(bytes, this.#mostBytes ?? 0)
  }
}

const SAMPLE_MS = 100
