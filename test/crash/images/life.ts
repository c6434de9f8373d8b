import type { Random } from '../../../broker/runtime/random.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { type FileSystem, type Log, type LogConfig, StorageError } from '../../../storage/index.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type Fault, FaultyFileSystem } from '../../support/faulty-file-system.ts'
import { batchesOf } from '../../support/log-context.ts'
import type { Crash } from './check-log.ts'
import { type FoundLog, openAndCheck, openDirectory, type Running } from './directory.ts'
import type { Expectation, Fact, Oracle } from './oracle.ts'
import type { RecordedDisk } from './recorded-disk.ts'
import { must } from './violation.ts'

/** Puts a deliberate bug between the log directory and the disk; the identity for the real thing. */
export type Wrap = (fileSystem: FileSystem) => FileSystem

/**
 * A broker's storage on a recorded disk: does what clients and timers make it do, notes what it was promised, and holds
 * each answer against what is known. Several starts may follow on each other, as long as the machine has power.
 */
export class Life {
  readonly disk: RecordedDisk<Fact>
  readonly oracle: Oracle
  readonly random: Random
  /** By topic id. */
  readonly logs = new Map<string, { log: Log; expected: Expectation }>()
  faults: FaultyFileSystem
  /** Calls of the disk that have failed since the last start. */
  struck = 0
  epoch = 0
  readonly #wrap: Wrap
  readonly #name: string
  #running: Running | undefined
  /** What only the process that made it may still tell. */
  #process = {}
  #topics = 0
  readonly #shown = new WeakMap<Log, string>()
  #failure: { error: unknown } | undefined

  /**
   * @param name differs between lives on the same disk: new topics get their ids from it
   * @param oracle what is known of the disk as it is; goes on with the life
   */
  constructor(name: string, disk: RecordedDisk<Fact>, oracle: Oracle, random: Random, wrap: Wrap) {
    this.#name = name
    this.disk = disk
    this.oracle = oracle
    this.random = random
    this.#wrap = wrap
    this.faults = new FaultyFileSystem(disk.boot())
  }

  get running(): Running {
    return this.#running!
  }

  get isOffline(): boolean {
    return this.#running?.directory.offline !== undefined
  }

  note(fact: Fact): void {
    this.disk.note(fact)
    this.oracle.apply(fact)
  }

  /**
   * Starts the broker on the disk as it is (a running one is killed) and checks what it finds.
   * @param fault strikes during the start; if that fails of it, the disk is healed and the next start must do
   */
  async start(crash: Crash, wallTime: number, fault?: Fault): Promise<void> {
    this.#process = {}
    this.struck = 0
    this.logs.clear()
    this.faults = new FaultyFileSystem(this.disk.boot(), ({ operation, path }) => {
      this.struck++
      if (operation === 'datasync' || operation === 'sync') this.disk.syncFailed(path)
    })
    if (fault !== undefined) this.faults.fail(fault)
    this.#running = undefined
    try {
      const opening = openDirectory(this.#wrap(this.faults), new FakeClock(wallTime), this.random.integer(2 ** 31))
      this.#running = await this.finish(opening)
      const seed = this.random.integer(2 ** 31)
      const found = await this.finish(openAndCheck(this.#running, this.oracle, crash, seed))
      for (const [topicId, each] of found) this.#adopt(topicId, each.log, each)
      if (!this.isOffline) return
    } catch (error) {
      if (!(error instanceof StorageError) || this.struck === 0) throw error
    }
    await this.start(crash, wallTime)
  }

  /** A clean stop, if the disk lets it. */
  async stop(): Promise<void> {
    await this.finish(this.running.directory.close())
    this.show()
  }

  async create(folder: string, config: LogConfig): Promise<void> {
    const topicId = Buffer.from(`${this.#name}.${this.#topics++}`.padStart(16, '_')).toString('base64url')
    const dash = folder.lastIndexOf('-')
    const spec = { topic: folder.slice(0, dash), partition: Number(folder.slice(dash + 1)), topicId }
    this.note({ kind: 'creating', log: topicId, folder, config })
    try {
      const [log] = await this.finish(this.running.directory.createLogs([spec], config))
      this.note({ kind: 'created', log: topicId })
      this.#adopt(topicId, log!, undefined)
    } catch (error) {
      this.#tolerate(error)
      this.note({ kind: 'deleting', log: topicId })
    }
  }

  async delete(topicId: string): Promise<void> {
    const { log } = this.logs.get(topicId)!
    this.note({ kind: 'deleting', log: topicId })
    this.logs.delete(topicId)
    const before = this.struck
    await this.finish(this.running.directory.deleteLogs([log]))
    // A folder that could not be renamed is left for the next start, which knows from the metadata that it is nobody's.
    if (this.struck === before) this.note({ kind: 'deleted', log: topicId })
  }

  append(topicId: string, buffer: Buffer): 'appended' | 'duplicate' | 'refused' {
    const { log, expected } = this.logs.get(topicId)!
    const end = log.logEndOffset
    const result = log.append(buffer, this.epoch, 'client')
    if (result.kind === 'appended') {
      must(result.baseOffset === end, () => `an append at the end ${end} got offset ${result.baseOffset}`)
      must(
        log.logEndOffset === result.lastOffset + 1,
        () => `after offset ${result.lastOffset} the end is ${log.logEndOffset}`,
      )
      const sent = { base: end, next: result.lastOffset + 1, bytes: Buffer.from(buffer) }
      this.note({ kind: 'sent', log: topicId, batch: sent })
    } else if (result.kind === 'duplicate') {
      const original = expected.line[expected.indexOf(result.baseOffset)]
      // Behind damage a snapshot may know more than the log has.
      const isTrue =
        expected.isDamaged ||
        (original?.base === result.baseOffset &&
          original.next === result.lastOffset + 1 &&
          batch.producerId(original.bytes) === batch.producerId(buffer) &&
          batch.baseSequence(original.bytes) === batch.baseSequence(buffer))
      must(isTrue, () => `a batch was called a duplicate of ${result.baseOffset}, which it is not`)
    } else {
      // Ours are in sequence, so only the disk may be a reason.
      const isStorage = result.error === 'KAFKA_STORAGE_ERROR' || expected.isDamaged
      must(isStorage, () => `a batch in sequence at ${end} was refused: ${result.error}`)
    }
    return result.kind
  }

  /** DeleteRecords, beside whatever comes next. */
  deleteBefore(topicId: string, to: number): void {
    const { log } = this.logs.get(topicId)!
    this.note({ kind: 'startMoves', log: topicId, to })
    const process = this.#process
    const moved = log.deleteBefore(to).then((isSafe) => {
      if (isSafe && this.#process === process) this.note({ kind: 'startMoved', log: topicId, to })
    })
    this.aside(moved)
  }

  applyRetention(topicId: string): void {
    const { log } = this.logs.get(topicId)!
    const before = log.logStartOffset
    log.applyRetention(this.running.clock.wallTime(), log.durableOffset)
    must(log.logStartOffset >= before, () => `retention moved the log start back, from ${before}`)
    must(log.logStartOffset <= log.durableOffset, () => 'retention passed the high watermark')
    const to = log.logStartOffset
    if (to > this.oracle.logs.get(topicId)!.possibleStart) this.note({ kind: 'startMoves', log: topicId, to })
  }

  /** Reads at a random offset that is visible. */
  async read(topicId: string): Promise<void> {
    const { log, expected } = this.logs.get(topicId)!
    const [low, high] = [log.logStartOffset, log.durableOffset]
    if (high <= low) return
    const from = low + this.random.integer(high - low)
    const owner = expected.line.find(({ next }) => next > from)
    if (owner === undefined || owner.base > from) return
    try {
      const [first] = batchesOf(await this.finish(Promise.resolve(log.read(from, 300, high, true))))
      must(first?.equals(owner.bytes) ?? false, () => `a read at ${from} did not find the batch at ${owner.base}`)
    } catch (error) {
      this.#tolerate(error)
    }
  }

  /** What clients may see now. */
  show(): void {
    if (this.isOffline) return
    for (const [topicId, { log }] of this.logs) this.#show(topicId, log)
  }

  /** Lets something go on beside what comes next. */
  aside(work: Promise<unknown>): void {
    const process = this.#process
    work.catch((error: unknown) => {
      if (this.#process !== process) return
      if (!(error instanceof StorageError) || this.struck === 0) this.#failure ??= { error }
    })
  }

  /** Waits for something, letting calls of the disk end in random order meanwhile. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    for (let idle = 0; ; ) {
      await this.drain()
      if (isDone) return work
      if (this.disk.waiting > 0) {
        this.disk.releaseOne(this.random.integer(this.disk.waiting))
        idle = 0
      } else {
        this.#running?.clock.endTurn()
        must(++idle < 100, () => 'something never ends')
      }
    }
  }

  /** Lets one call of the disk end, if one waits. */
  async release(): Promise<void> {
    if (this.disk.waiting > 0) this.disk.releaseOne(this.random.integer(this.disk.waiting))
    await this.drain()
  }

  /** Everything that can go on without the disk has gone on. @throws what failed meanwhile */
  async drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #adopt(topicId: string, log: Log, found: FoundLog | undefined): void {
    if (found !== undefined) {
      const { batches, damaged } = found
      this.note({ kind: 'found', log: topicId, start: log.logStartOffset, batches, isDamaged: damaged > 0 })
    }
    const process = this.#process
    const isMine = () => this.#process === process && this.logs.get(topicId)?.log === log
    log.onAdvance = () => {
      if (isMine() && !this.isOffline) this.#show(topicId, log)
    }
    log.onLoss = (from) => {
      if (isMine()) this.note({ kind: 'lost', log: topicId, from })
    }
    this.logs.set(topicId, { log, expected: this.oracle.logs.get(topicId)! })
    this.epoch = Math.max(this.epoch, log.latestEpoch + 1)
    log.assignEpoch(this.epoch)
    this.#show(topicId, log)
  }

  #show(topicId: string, log: Log): void {
    const { durableOffset: durable, writtenOffset: written, recoveryPoint: safe } = log
    const expected = this.oracle.logs.get(topicId)!
    const fell = expected.config.flushPolicy === 'commit' && durable < expected.safe
    must(!fell, () => `the high watermark fell from ${expected.safe} to ${durable}`)
    const positions = `${durable} ${written} ${safe}`
    if (this.#shown.get(log) === positions) return
    this.#shown.set(log, positions)
    this.note({ kind: 'shown', log: topicId, durable, written, safe })
  }

  /** A disk that was told to fail may be the reason; anything else is not tolerated. */
  #tolerate(error: unknown): void {
    if (!(error instanceof StorageError) || this.struck === 0) throw error
  }
}
