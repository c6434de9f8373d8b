import type { FileSystem } from '../file-system.ts'
import type { OpenFiles } from '../open-files.ts'

/** Something that an inspection came upon. */
export interface Finding {
  /** `error`: not as it should be. `note`: worth knowing, and no damage. */
  readonly level: 'error' | 'note'
  readonly file: string
  /** Where in the file, if it is about a place in it. */
  readonly position?: number
  readonly message: string
}

/** What was looked at. */
export interface Tally {
  partitions: number
  segments: number
  batches: number
  records: number
  bytes: number
  errors: number
}

/** Takes the findings of one inspection, and counts. */
export class Report {
  readonly tally: Tally = { partitions: 0, segments: 0, batches: 0, records: 0, bytes: 0, errors: 0 }
  readonly #tell: (finding: Finding) => void
  readonly #perFile = new Map<string, number>()

  constructor(tell: (finding: Finding) => void) {
    this.#tell = tell
  }

  error(file: string, message: string, position?: number): void {
    this.tally.errors++
    const count = (this.#perFile.get(file) ?? 0) + 1
    this.#perFile.set(file, count)
    if (count <= MAX_PER_FILE)
      this.#tell({ level: 'error', file, message, ...(position === undefined ? {} : { position }) })
    if (count === MAX_PER_FILE) this.note(file, 'there may be more; no more of this file is told')
  }

  note(file: string, message: string): void {
    this.#tell({ level: 'note', file, message })
  }
}

/** A file that is wrong everywhere is told of so often. */
const MAX_PER_FILE = 20

/** What the parts of an inspection share. Nothing is ever written. */
export interface Inspection {
  readonly fileSystem: FileSystem
  /** Opened for reading only. */
  readonly files: OpenFiles
  readonly report: Report
  /** A broker is at work in the folder: what is at the ends of its logs is still being written. */
  readonly isRunning: boolean
  /** The last one was stopped well: nothing lags behind. */
  readonly isClean: boolean
  /** All topics may have gaps, for whoever knows. */
  readonly allCompacted: boolean
}
