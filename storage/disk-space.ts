import type { Clock } from './clock.ts'
import type { DeviceSpace } from './file-system.ts'
import type { StorageLogger } from './storage-logger.ts'

export interface DiskSpaceOptions {
  /** The log directory, for the log. */
  readonly path: string
  readonly clock: Clock
  readonly logger: StorageLogger
  /** What the device says now; undefined if it does not answer, which then is somebody else's concern. */
  readonly measure: () => DeviceSpace | undefined
  /** Bytes to keep free, asked for at each check; negative: as `defaultReserve` says, 0: none. */
  readonly reserveBytes: () => number
}

/**
 * The room on the volume of a log directory. Its last part is a reserve: what clients produce is refused before it is
 * touched, so that group commits, deletions, checkpoints and metadata still have room, and a full disk can be made
 * empty again through the broker itself. Apache Kafka has no such line: it writes until the disk is full, takes the log
 * directory offline, and stays so until somebody restarts it.
 *
 * Hot: `admits`, once a batch: one comparison and one subtraction. The device is asked (2 µs) each time that half of
 * what was left above the reserve may be used up, so the closer to the line, the closer we look; and from time to time
 * (`check`), since others write to the volume, too.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions
  #isFull = false
  #reserveBytes = 0
  /** Bytes that may be appended before the device is asked again. */
  #allowance = 0
  #checkedMs = Number.NEGATIVE_INFINITY

  constructor(options: DiskSpaceOptions) {
    this.#options = options
  }

  /** The reserve is reached: nothing from clients is taken in. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** As of the last check. */
  get reserveBytes(): number {
    return this.#reserveBytes
  }

  /** May a client's batch of so many bytes be appended? */
  admits(bytes: number): boolean {
    if (bytes > this.#allowance) {
      if (!this.#isFull || this.#options.clock.now() - this.#checkedMs >= RECHECK_MS) this.check()
      if (this.#isFull) return false
    }
    this.#allowance -= bytes
    return true
  }

  /** Would so many bytes leave half of the reserve? For compaction, which takes room before it gives any back. */
  leavesRoom(bytes: number): boolean {
    this.check()
    const space = this.#options.measure()
    return space === undefined || this.#reserveBytes === 0 || space.usableBytes - bytes >= this.#reserveBytes / 2
  }

  /**
   * Asks the device, and tells the operator when the answer has changed. A disk that is full has room again only a
   * quarter of the reserve above the line, so that it does not go to and fro with every segment that is deleted.
   */
  check(): void {
    const { measure, clock, logger, path } = this.#options
    this.#checkedMs = clock.now()
    const space = measure()
    if (space === undefined) return
    const wanted = this.#options.reserveBytes()
    this.#reserveBytes = wanted < 0 ? defaultReserve(space.totalBytes) : wanted
    const line = this.#isFull ? this.#reserveBytes * 1.25 : this.#reserveBytes
    const above = space.usableBytes - line
    // Without a reserve, the device itself says when it is full.
    const isFull = this.#reserveBytes > 0 && above <= 0
    this.#allowance = isFull ? 0 : Math.max(above / 2, SMALLEST_STEP)
    if (isFull === this.#isFull) return
    this.#isFull = isFull
    const facts = { directory: path, usableBytes: space.usableBytes, reserveBytes: this.#reserveBytes }
    if (isFull) {
      logger.error(facts, 'disk full: records are refused until there is room; fetches, commits and deletions go on')
    } else logger.info(facts, 'there is room on the disk again: records are taken')
  }
}

/**
 * The reserve where nobody says how large: 2 % of the volume, at least 256 MiB, but never more than 5 % of a small one.
 * A group commit takes some hundred bytes, a deletion none, so this lasts for days.
 */
export function defaultReserve(totalBytes: number): number {
  return Math.floor(Math.min(Math.max(256 * 1024 ** 2, totalBytes * 0.02), totalBytes * 0.05))
}

/** While the disk is full, clients that try again do not make us ask the device each time. */
const RECHECK_MS = 100
/** Near the line the device is asked about every batch or two, and no more often. */
const SMALLEST_STEP = 4096
