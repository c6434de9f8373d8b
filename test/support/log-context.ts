import * as batch from '../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../protocol/records/batch-builder.ts'
import { readRecords } from '../../protocol/records/record.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import {
  type AppendResult,
  defaultLogConfig,
  type Log,
  type LogConfig,
  LogDirectory,
  type LogSlice,
  MemoryFileSystem,
  type StorageError,
  TailCache,
} from '../../storage/index.ts'
import type { StorageLogger } from '../../storage/storage-logger.ts'
import { FakeClock } from './fake-clock.ts'

export const TOPIC_ID = 'tOpIcIdAAAAAAAAAAAAAAA'
export const FOLDER = 'events-0'

export interface ContextOptions {
  readonly config?: Partial<LogConfig>
  readonly memory?: MemoryFileSystem
  /** What the log directory gets to see; `memory` by default. */
  readonly fileSystem?: FileSystem
  readonly clock?: FakeClock
  readonly tailCacheBytes?: number
  readonly maxOpenFiles?: number
  readonly reserveBytes?: () => number
}

/** A checkpoint without the checksums that we write behind its lines as white space, which Kafka skips. */
export const visible = (text: Buffer | string): string => String(text).replace(/[ \t]+$/gm, '')

/** A log directory with one log, `events-0`, and what a test does to it: made at the first start, opened at later ones. */
export class LogContext {
  readonly memory: MemoryFileSystem
  readonly fileSystem: FileSystem
  readonly clock: FakeClock
  readonly directory: LogDirectory
  readonly config: LogConfig
  readonly tailCache: TailCache
  /** What an operator would have read. */
  readonly messages: { level: 'info' | 'warn' | 'error'; message: string; fields: object }[] = []
  readonly losses: { fromOffset: number; error: StorageError }[] = []
  readonly #options: ContextOptions
  #log: Log | undefined

  private constructor(
    options: ContextOptions,
    parts: { clock: FakeClock; memory: MemoryFileSystem; directory: LogDirectory; tailCache: TailCache },
    messages: LogContext['messages'],
  ) {
    this.#options = options
    this.clock = parts.clock
    this.memory = parts.memory
    this.fileSystem = options.fileSystem ?? parts.memory
    this.directory = parts.directory
    this.tailCache = parts.tailCache
    this.config = { ...defaultLogConfig, ...options.config }
    this.messages = messages
  }

  static async open(options: ContextOptions = {}): Promise<LogContext> {
    const clock = options.clock ?? new FakeClock()
    const memory = options.memory ?? new MemoryFileSystem({ tracksCrashes: true, clock })
    const messages: LogContext['messages'] = []
    const tailCache = new TailCache(options.tailCacheBytes ?? 1 << 20)
    const directory = await LogDirectory.open({
      path: '/data',
      fileSystem: options.fileSystem ?? memory,
      clock,
      random: countingRandom(),
      clusterId: 'cluster',
      nodeId: 1,
      tailCache,
      maxOpenFiles: options.maxOpenFiles ?? 16,
      ...(options.reserveBytes === undefined ? {} : { reserveBytes: options.reserveBytes }),
      logger: collector(messages),
    })
    const context = new LogContext(options, { clock, memory, directory, tailCache }, messages)
    const known = directory.folders().some(({ folder }) => folder === FOLDER)
    context.#log = known
      ? await directory.openLog(FOLDER, context.config)
      : (await directory.createLogs([{ topic: 'events', partition: 0, topicId: TOPIC_ID }], context.config))[0]!
    context.log.onLoss = (fromOffset, error) => context.losses.push({ fromOffset, error })
    return context
  }

  get log(): Log {
    return this.#log!
  }

  /** Appends one batch with a record for each value. */
  append(...values: string[]): AppendResult {
    return this.appendBatch({
      records: values.map((value) => ({ value: Buffer.from(value), timestamp: this.clock.wallTime() })),
    })
  }

  appendBatch(built: BatchToWrite, leaderEpoch = 0, origin: 'client' | 'coordinator' = 'client'): AppendResult {
    return this.log.append(buildBatch(built), leaderEpoch, origin)
  }

  /** Appends one batch with one record at each of the timestamps. */
  appendAt(...timestamps: number[]): AppendResult {
    return this.appendBatch({
      records: timestamps.map((timestamp) => ({ value: Buffer.from(`at ${timestamp}`), timestamp })),
    })
  }

  /** Ends the turn of the event loop: what was appended is written. */
  endTurn(): void {
    this.clock.endTurn()
  }

  /** Ends the turn and waits until all is written and synced. */
  async settle(): Promise<void> {
    this.clock.endTurn()
    await this.log.flush()
    this.clock.endTurn()
  }

  /** The values of all records from `from` on that a reader may see. */
  async values(from = this.log.logStartOffset, upTo = this.log.durableOffset): Promise<string[]> {
    const values: string[] = []
    let next = from
    while (next < upTo) {
      const slice = await this.log.read(next, 1000, upTo, true)
      if (slice.sizeBytes === 0) break
      for (const whole of batchesOf(slice)) {
        for (const record of readRecords(whole)) if (record.offset >= from) values.push(String(record.value))
        next = batch.nextOffset(whole)
      }
    }
    return values
  }

  /** Stops well and starts again. */
  async restart(changes: Partial<ContextOptions> = {}): Promise<LogContext> {
    await this.close()
    return LogContext.open({ ...this.#options, memory: this.memory, clock: this.clock, ...changes })
  }

  /** kill -9: what was written is there, what was not is gone. */
  afterKill(changes: Partial<ContextOptions> = {}): Promise<LogContext> {
    return this.#after(this.memory.kill(), changes)
  }

  /** The power goes: what was not synced is gone, or may be. */
  afterPowerCut(
    outcome: Parameters<MemoryFileSystem['crash']>[0] = {},
    changes: Partial<ContextOptions> = {},
  ): Promise<LogContext> {
    return this.#after(this.memory.crash(outcome), changes)
  }

  async close(): Promise<void> {
    const closing = this.directory.close()
    this.clock.endTurn()
    await closing
  }

  /** A file of the log's folder. */
  path(name: string): string {
    return `/data/${FOLDER}/${name}`
  }

  files(): string[] {
    return this.memory.readdir(`/data/${FOLDER}`).map(({ name }) => name)
  }

  /** Changes the bytes of a file behind the broker's back. */
  tamper(name: string, change: (bytes: Buffer) => Buffer): void {
    tamper(this.memory, this.path(name), change)
  }

  said(part: string): boolean {
    return this.messages.some(({ message }) => message.includes(part))
  }

  #after(memory: MemoryFileSystem, changes: Partial<ContextOptions>): Promise<LogContext> {
    const { fileSystem: _, ...options } = this.#options
    return LogContext.open({ ...options, memory, clock: this.clock, ...changes })
  }
}

export function tamper(memory: MemoryFileSystem, path: string, change: (bytes: Buffer) => Buffer): void {
  const changed = change(Buffer.from(memory.readFile(path)))
  const file = memory.open(path, 'replace')
  if (changed.length > 0) file.writeSync([changed], 0)
  file.close()
}

/** The batches of a slice, each as a buffer of its own. */
export function batchesOf(slice: LogSlice): Buffer[] {
  const batches: Buffer[] = []
  for (const chunk of slice.chunks) {
    for (let at = 0; at < chunk.length; at += batch.batchSize(chunk, at)) {
      batches.push(chunk.subarray(at, at + batch.batchSize(chunk, at)))
    }
  }
  return batches
}

/** Lets everything that a file in memory does happen. */
export const nextTurn = () => new Promise<void>((done) => setImmediate(done))

/** 00000000000000000042.log */
export function logFile(baseOffset: number, suffix = '.log'): string {
  return String(baseOffset).padStart(20, '0') + suffix
}

function countingRandom() {
  let count = 0
  return {
    integer: (below: number) => Math.min(7, below - 1),
    uuid: () => Buffer.from(String(count++).padStart(16, '0')).toString('base64url'),
  }
}

function collector(messages: LogContext['messages']): StorageLogger {
  const at = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    messages.push({ level, message, fields })
  }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}
