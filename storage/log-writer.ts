import { assert } from '../protocol/assert.ts'
import * as batch from '../protocol/records/batch.ts'
import { type StorageError, toStorageError } from './errors.ts'
import type { LogConfig } from './log-config.ts'
import { type LogHost, passesByItself } from './log-host.ts'
import type { ProducerEntry, ProducerState } from './producer-state.ts'
import { RollPlan } from './roll-plan.ts'
import { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import type { LogTail } from './tail-cache.ts'
import { writeBatches } from './write-batches.ts'

/**
 * The writing end of a log: staged batches, segments that roll, syncs, and the positions that follow from them.
 *
 * Hot path. Per batch: eight header reads, no object of its own, no promise. Per turn of the event loop and log: one
 * gathered write. What is appended in a turn gets its offsets at once and is written when the turn ends; nothing else
 * may be assumed of it. Whether a batch begins a new segment is decided when it is appended, so that the producers'
 * snapshot of that segment is of that very moment.
 *
 * Under `commit`, a roll waits until the old segment and the new name are on the disk; what is appended meanwhile stays
 * staged. Else a power cut could leave a whole new segment after a torn old one, which recovery would have to take for
 * damage. Under `os` nothing is promised about power cuts, so nothing waits.
 */
export class LogWriter {
  /** Next offset to be assigned. */
  logEndOffset: number
  /** Everything below was handed to the operating system. */
  writtenOffset: number
  /** Everything below is safe under the flush policy. Never falls but by `truncateTo`. */
  durableOffset: number
  /** Everything below was synced: recovery need not look at it. */
  recoveryPoint: number
  onAdvance: (() => void) | undefined
  onLoss: ((fromOffset: number, error: StorageError) => void) | undefined
  readonly #log: WriterContext
  readonly #host: LogHost
  /** In order; the first belongs to the active segment unless its base offset is another: then it begins a new one. */
  #runs: Run[] = []
  #stagedBytes = 0
  /** The segment to which the next batch goes, as it will be when all runs are written. */
  #plan: RollPlan
  readonly #wallNow = () => this.#host.clock.wallTime()
  #isListed = false
  #rolling: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #messagesSinceSync = 0
  #cancelTimedSync: (() => void) | undefined

  constructor(log: WriterContext, logEndOffset: number, recoveryPoint: number) {
    this.#log = log
    this.#host = log.host
    this.logEndOffset = logEndOffset
    this.writtenOffset = logEndOffset
    this.durableOffset = logEndOffset
    this.recoveryPoint = recoveryPoint
    this.#plan = RollPlan.of(log.segments.active)
  }

  /** No append is accepted now: too much waits for a roll. Ends by itself. */
  get isCongested(): boolean {
    return this.#stagedBytes > MAX_STAGED_BYTES
  }

  get hasStaged(): boolean {
    return this.#runs.length > 0
  }

  /** Stages a batch whose offsets begin at `logEndOffset`. */
  stage(buffer: Buffer, lastOffset: number): void {
    const { config } = this.#log
    let run = this.#runs[this.#runs.length - 1]
    if (this.#plan.mustRoll(buffer, lastOffset, config, this.#wallNow)) {
      run = this.#beginRun(this.logEndOffset)
      this.#plan = RollPlan.next(this.logEndOffset, this.#wallNow())
    } else run ??= this.#beginRun(this.#plan.baseOffset)
    run.batches.push(buffer)
    run.sizeBytes += buffer.length
    this.#stagedBytes += buffer.length
    this.#plan.note(buffer, config.indexIntervalBytes)
    this.logEndOffset = lastOffset + 1
    if (this.#isListed) return
    this.#isListed = true
    this.#host.writeAtEndOfTurn(this)
  }

  /** Nothing may be written any more; a log that is deleted with batches still staged has no use for them. */
  get #hasEnded(): boolean {
    return this.#host.offline !== undefined || this.#log.isClosed
  }

  /** Writes what is staged, as far as no roll stands in between; called at the end of the turn. */
  writeStaged(): void {
    this.#isListed = false
    const before = this.writtenOffset
    while (this.#rolling === undefined && this.#runs.length > 0 && !this.#hasEnded) {
      const run = this.#runs[0]!
      if (run.baseOffset !== this.#log.segments.active.baseOffset) {
        if (!this.#roll(run.baseOffset, run.producers)) break
      } else if (!this.#write(run)) break
    }
    if (this.writtenOffset > before) this.#written()
  }

  /**
   * Begins a new, empty segment at the end of the log, as soon as that is safe; used by retention.
   * @returns true if it is there already
   */
  rollNow(): boolean {
    this.writeStaged()
    const { active } = this.#log.segments
    if (this.#rolling !== undefined || this.hasStaged || this.#host.offline !== undefined || active.sizeBytes === 0)
      return false
    const before = active.baseOffset
    this.#plan = RollPlan.next(this.writtenOffset, this.#wallNow())
    this.#roll(this.writtenOffset, [...this.#log.producers.entries()])
    return this.#log.segments.active.baseOffset !== before
  }

  /**
   * Begins a new segment if the active one is older than `segment.ms` and nothing was written to it for as long: without
   * traffic no batch comes that would do it, and neither compaction nor retention looks into the active segment.
   */
  rollIfIdle(wallNow: number): void {
    const { active } = this.#log.segments
    const oldestMs = wallNow - (this.#log.config.segmentMs - active.rollJitterMs)
    // Timestamps are the clients' and may be of any time; the file's own time is not asked for before they say so.
    if (active.sizeBytes > 0 && active.firstTimestamp < oldestMs && active.modifiedMs < oldestMs) this.rollNow()
  }

  /** Makes all that is written now safe. Never rejects: a failure ends the directory's session. */
  sync(): Promise<void> {
    if (this.#syncing !== undefined) return this.#syncing.then(() => this.sync())
    // A failed sync is never tried again: the kernel may have dropped the pages, and would report success.
    if (this.#host.offline !== undefined || !this.#hasUnsynced()) return Promise.resolve()
    this.#syncing = this.#syncOnce().finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  /** Writes and syncs all that was appended before the call. Returns early if the directory is offline. */
  async flush(): Promise<void> {
    const target = this.logEndOffset
    this.writeStaged()
    while (this.#rolling !== undefined && this.writtenOffset < target) await this.#rolling
    await this.sync()
  }

  /** The log now ends at `offset`, by truncation. Nothing may be staged. */
  truncatedTo(offset: number): void {
    this.logEndOffset = offset
    this.writtenOffset = offset
    this.durableOffset = Math.min(this.durableOffset, offset)
    this.recoveryPoint = Math.min(this.recoveryPoint, offset)
    this.#plan = RollPlan.of(this.#log.segments.active)
  }

  /** The directory's session has ended: what is not durable is forgotten, and nothing is written any more. */
  wentOffline(error: StorageError): void {
    const kept = Math.min(this.durableOffset, this.writtenOffset)
    this.writtenOffset = kept
    this.#log.tail.dropFrom(kept)
    this.#cancelTimedSync?.()
    this.#lose(error)
  }

  /** Ends timers. What is staged and not flushed before is forgotten: the log is being deleted. */
  close(): void {
    this.#cancelTimedSync?.()
    this.#runs = []
    this.#stagedBytes = 0
  }

  #beginRun(baseOffset: number): Run {
    // A snapshot is cheap: entries are replaced, never changed, so the list alone is copied.
    const begins = baseOffset === this.logEndOffset && baseOffset !== this.#log.segments.active.baseOffset
    const run = { baseOffset, producers: begins ? [...this.#log.producers.entries()] : [], batches: [], sizeBytes: 0 }
    this.#runs.push(run)
    return run
  }

  /** @returns false if there is nothing more to do now: the roll goes on by itself, or it failed */
  #roll(baseOffset: number, producers: readonly ProducerEntry[]): boolean {
    assert(baseOffset === this.writtenOffset, 'a segment begins where the one before ends')
    if (this.#log.config.flushPolicy === 'commit' && this.#hasUnsynced()) {
      this.#rolling = this.#rollWhenSafe(baseOffset, producers)
      return false
    }
    return this.#replaceActive(baseOffset, producers)
  }

  async #rollWhenSafe(baseOffset: number, producers: readonly ProducerEntry[]): Promise<void> {
    await this.sync()
    this.#rolling = undefined
    // Its topic may have been deleted meanwhile: there is no folder to make a segment in.
    if (!this.#hasEnded && this.#replaceActive(baseOffset, producers)) this.writeStaged()
  }

  /** @returns false if it failed, or if the new name is not safe yet: then it goes on by itself */
  #replaceActive(baseOffset: number, producers: readonly ProducerEntry[]): boolean {
    const { segments, folder, config } = this.#log
    let created: Segment
    try {
      created = Segment.create({ host: this.#host, folder, baseOffset, config })
    } catch (error) {
      this.#failedToWrite(toStorageError(error, 'create', folder))
      return false
    }
    segments.active.seal()
    segments.push(created)
    if (this.#plan.baseOffset === baseOffset) this.#plan.rollJitterMs = created.rollJitterMs
    this.#log.rolled(baseOffset, producers)
    if (config.flushPolicy === 'os') {
      this.#host.syncSoon(this)
      return true
    }
    this.#rolling = this.sync().then(() => {
      this.#rolling = undefined
      this.writeStaged()
    })
    return false
  }

  /** @returns false if not all of it could be written; what could not is lost, and everything behind it */
  #write(run: Run): boolean {
    const { segments, tail, config } = this.#log
    const segment = segments.active
    const { batches } = run
    const { written, error } = writeBatches(segment.file, batches, run.sizeBytes, segment.sizeBytes)
    segment.file.dirty = true
    for (let i = 0; i < written; i++) {
      const buffer = batches[i]!
      const baseOffset = batch.baseOffset(buffer)
      assert(baseOffset >= this.writtenOffset, 'offsets rise from batch to batch')
      segment.appended(buffer, 0, buffer.length, config.indexIntervalBytes)
      this.writtenOffset = batch.nextOffset(buffer)
      this.#messagesSinceSync += this.writtenOffset - baseOffset
      tail.push(baseOffset, this.writtenOffset, buffer)
    }
    if (error !== undefined) {
      this.#failedToWrite(error)
      return false
    }
    this.#runs.shift()
    this.#stagedBytes -= run.sizeBytes
    return true
  }

  /** After bytes were handed over: moves what follows from it, has them synced, tells who listens. */
  #written(): void {
    const { config, producers } = this.#log
    producers.settle(this.writtenOffset)
    if (config.flushPolicy === 'commit') this.#host.syncSoon(this)
    else {
      this.durableOffset = Math.max(this.durableOffset, this.writtenOffset)
      if (this.#messagesSinceSync >= config.flushMessages) this.#host.syncSoon(this)
      else if (config.flushMs < MAX_TIMER_MS && this.#cancelTimedSync === undefined) this.#syncLater(config.flushMs)
    }
    this.onAdvance?.()
  }

  #syncLater(delayMs: number): void {
    this.#cancelTimedSync = this.#host.clock.schedule(delayMs, () => {
      this.#cancelTimedSync = undefined
      this.#host.syncSoon(this)
    })
  }

  #hasUnsynced(): boolean {
    const { active } = this.#log.segments
    return active.isUnsynced || this.#unsynced().length > 0
  }

  /** Oldest first. Syncs go in that order, so those that lack one are the newest. */
  #unsynced(): Segment[] {
    const { all } = this.#log.segments
    let first = all.length
    while (first > 0 && (all[first - 1]!.isUnsynced || first === all.length)) first--
    return all.slice(first).filter((segment) => segment.isUnsynced)
  }

  async #syncOnce(): Promise<void> {
    const { folder } = this.#log
    let target = this.writtenOffset
    let recoverable = target
    this.#messagesSinceSync = 0
    this.#cancelTimedSync?.()
    this.#cancelTimedSync = undefined
    const startedMs = this.#host.clock.now()
    // What is written from here on is not covered by `target`, so it must not count as synced either.
    const unsynced = this.#unsynced().map((segment) => ({ segment, size: segment.sizeBytes }))
    const newNames = unsynced.filter(({ segment }) => !segment.nameIsSafe)
    try {
      // Oldest first: what is durable has no gap, whenever the power goes.
      for (const { segment, size } of unsynced) {
        if (!(await syncSegment(segment, size))) recoverable = Math.min(recoverable, segment.baseOffset)
      }
      if (newNames.length > 0) await this.#host.fileSystem.syncFolder(folder)
    } catch (error) {
      return this.#failedToSync(toStorageError(error, 'sync', folder))
    }
    for (const { segment } of newNames) segment.nameIsSafe = true
    this.#host.synced(this.#host.clock.now() - startedMs)
    if (this.#host.offline !== undefined) return
    // The log may have been cut meanwhile.
    target = Math.min(target, this.writtenOffset)
    this.recoveryPoint = Math.max(this.recoveryPoint, Math.min(recoverable, target))
    // After a roll only the new segment needs to be recovered, once that is on the disk, too.
    if (newNames.length > 0) void this.#host.checkpointSoon()
    if (target <= this.durableOffset) return
    this.durableOffset = target
    this.onAdvance?.()
  }

  #failedToSync(error: StorageError): void {
    // No descriptor to sync with is no failed sync: nothing was asked of the disk.
    if (error.code === 'TOO_MANY_FILES') {
      this.#host.later(RETRY_MS, () => this.#host.syncSoon(this))
    } else if (!this.#log.isClosed) this.#host.fail(error)
  }

  /** Waits out a full disk and a lack of descriptors; everything else ends the directory's session (D6). */
  #failedToWrite(error: StorageError): void {
    if (error.code === 'NO_SPACE') this.#host.space.check()
    if (passesByItself(error)) this.#lose(error)
    else this.#host.fail(error)
  }

  /** Forgets all that was appended and not written. */
  #lose(error: StorageError): void {
    const from = this.writtenOffset
    this.#runs = []
    this.#stagedBytes = 0
    this.#plan = RollPlan.of(this.#log.segments.active)
    if (this.logEndOffset === from) return
    this.logEndOffset = from
    this.#log.lost(from)
    this.onLoss?.(from, error)
  }
}

/** What the writer shares with its log. */
export interface WriterContext {
  readonly host: LogHost
  readonly folder: string
  readonly config: LogConfig
  readonly segments: Segments
  readonly tail: LogTail
  readonly producers: ProducerState
  /** Deleted, or closed by us: files that are gone are nobody's failure. */
  readonly isClosed: boolean
  /** A new segment begins at `baseOffset`; `producers` is their state before it. */
  rolled(baseOffset: number, producers: readonly ProducerEntry[]): void
  /** The log ends at `offset` again; what was appended after it was never written. */
  lost(offset: number): void
}

/** Staged batches that go into one segment. */
interface Run {
  readonly baseOffset: number
  readonly producers: readonly ProducerEntry[]
  readonly batches: Buffer[]
  sizeBytes: number
}

/** Appends wait while a roll does. Four of the largest requests fit; beyond that the disk is hopelessly behind. */
const MAX_STAGED_BYTES = 256 * 1024 * 1024
/** Beyond what timers can count, `flush.ms` means never. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** How long a sync waits for a file descriptor. */
const RETRY_MS = 100

/** A segment that is removed meanwhile needs no sync. */
async function syncSegment(segment: Segment, size: number): Promise<boolean> {
  try {
    return await segment.sync(size)
  } catch (error) {
    if (segment.isRemoved) return true
    throw error
  }
}
