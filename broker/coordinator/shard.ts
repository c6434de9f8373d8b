import { AssertionError, assert } from '../../protocol/assert.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { Cancel, Clock } from '../../storage/clock.ts'
import type { Timers } from '../runtime/timers.ts'
import type { EventFormat, LogRecord, ShardLog } from './shard-log.ts'
import type { Moment, StateMachine } from './state-machine.ts'

/** A reply to the request that waits under the token `to`. */
export interface ShardOutput<Reply> {
  readonly to: number
  readonly reply: Reply
}

/** What the shell runs of its own accord. */
export type ShellCommand = { readonly kind: 'loaded' } | { readonly kind: 'tick' }

export interface ShardOptions<Command, Event, Reply> {
  /** Fresh, without state. */
  readonly machine: StateMachine<Command | ShellCommand, Event, ShardOutput<Reply>>
  readonly format: EventFormat<Event>
  readonly log: ShardLog
  readonly clock: Clock
  readonly timers: Timers
  /** Events that need more are written as several batches: only deletions come to that, and each stands alone. */
  readonly maxBatchBytes: number
  /** What a request hears that the machine can no longer answer. */
  readonly refusal: (error: ErrorName) => Reply
  /** Memory and log have parted, and the shard has closed itself: it is to be loaded anew. */
  readonly onFailure: (cause: unknown) => void
}

/**
 * The shell around one coordinator's core, the same for groups and for what comes later: it reads the log, runs one
 * command after the other, writes their events, and keeps every reply back until all that it could rest on is durable.
 * Nobody is told what a power cut could take back; where nothing is pending that costs nothing, not even a promise.
 */
export class CoordinatorShard<Command, Event, Reply> {
  readonly #options: ShardOptions<Command, Event, Reply>
  /** Requests without an answer yet, by token. */
  readonly #open = new Map<number, (reply: Reply) => void>()
  /** Replies that wait for the log, oldest first; `end` is what must be durable. */
  readonly #held: { end: number; outputs: readonly ShardOutput<Reply>[] }[] = []
  #state: 'loading' | 'active' | 'closed' = 'loading'
  #lastToken = 0
  /** The log's end after our newest batch; 0 while we have written none. */
  #writtenTo = 0
  /** Batches of which the log has not said yet whether they stay. */
  #unsettled = 0
  readonly #onSettled: (() => void)[] = []
  #cancelTimer: Cancel | undefined
  #timerDue = Infinity

  constructor(options: ShardOptions<Command, Event, Reply>) {
    this.#options = options
  }

  get state(): 'loading' | 'active' | 'closed' {
    return this.#state
  }

  /** Requests that have not been answered yet. */
  get waiting(): number {
    return this.#open.size
  }

  /** Reads the whole log; commands are taken from then on. Other work gets its turn between the log's pieces. */
  async load(): Promise<void> {
    const { log, format, machine } = this.#options
    for await (const batches of log.readAll()) {
      if (this.#state !== 'loading') return
      format.read(batches, (event) => machine.apply(event))
    }
    if (this.#state !== 'loading') return
    this.#state = 'active'
    this.#run({ kind: 'loaded' })
  }

  /**
   * Runs the command that `make` builds around its token.
   * @returns its one reply: at once if there is nothing to wait for, else a promise, which never rejects.
   */
  ask(make: (to: number) => Command): Reply | Promise<Reply> {
    assert(this.#state === 'active', 'commands go to a loaded shard')
    const to = ++this.#lastToken
    let answered: { readonly reply: Reply } | undefined
    this.#open.set(to, (reply) => {
      answered = { reply }
    })
    this.#run(make(to))
    if (answered !== undefined) return answered.reply
    return new Promise((resolve) => this.#open.set(to, resolve))
  }

  /** Ends the shard; who waits hears `error`. */
  close(error: ErrorName): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelTimer?.()
    this.#held.length = 0
    const waiting = [...this.#open.values()]
    this.#open.clear()
    for (const answer of waiting) answer(this.#options.refusal(error))
  }

  /** Resolves when it is known of all that the shard has written whether it stays: then reading the log shows it. */
  settled(): Promise<void> {
    if (this.#unsettled === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onSettled.push(resolve))
  }

  #run(command: Command | ShellCommand, mono = this.#options.clock.now()): void {
    const { machine } = this.#options
    const now: Moment = { mono, wall: this.#options.clock.wallTime() }
    const decision = machine.decide(command, now)
    let { outputs } = decision
    try {
      if (decision.events.length > 0) this.#write(decision.events, now)
    } catch (cause) {
      if (cause instanceof AssertionError) throw cause
      if (decision.refused === undefined) {
        this.#fail(cause)
        return
      }
      outputs = decision.refused('COORDINATOR_NOT_AVAILABLE')
    }
    if (outputs.length > 0) this.#sendWhenDurable(outputs)
    this.#arm()
  }

  #write(events: readonly Event[], now: Moment): void {
    const { log, format, machine, maxBatchBytes } = this.#options
    const records = events.map((event) => format.write(event))
    for (let from = 0, to = 0; from < events.length; from = to) {
      to = batchEnd(records, from, maxBatchBytes)
      this.#writtenTo = log.append(records.slice(from, to), now.wall)
      for (const event of events.slice(from, to)) machine.apply(event)
      const end = this.#writtenTo
      if (log.isDurable(end)) continue
      this.#unsettled++
      log.whenDurable(end, (error) => this.#onSettledTo(end, error))
    }
  }

  #onSettledTo(end: number, error: ErrorName | undefined): void {
    this.#unsettled--
    if (this.#unsettled === 0) for (const resolve of this.#onSettled.splice(0)) resolve()
    if (this.#state !== 'active') return
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    while (this.#held.length > 0 && this.#held[0]!.end <= end) this.#send(this.#held.shift()!.outputs)
  }

  #sendWhenDurable(outputs: readonly ShardOutput<Reply>[]): void {
    if (this.#unsettled === 0) this.#send(outputs)
    else this.#held.push({ end: this.#writtenTo, outputs })
  }

  #send(outputs: readonly ShardOutput<Reply>[]): void {
    for (const { to, reply } of outputs) {
      const answer = this.#open.get(to)
      assert(answer !== undefined, 'a request is answered once')
      this.#open.delete(to)
      answer(reply)
    }
  }

  #fail(cause: unknown): void {
    this.close('COORDINATOR_NOT_AVAILABLE')
    this.#options.onFailure(cause)
  }

  #arm(): void {
    if (this.#state !== 'active') return
    const due = this.#options.machine.nextDeadline()
    if (due >= this.#timerDue) return
    this.#cancelTimer?.()
    this.#timerDue = due
    this.#cancelTimer = this.#options.timers.at(due, (now) => {
      this.#timerDue = Infinity
      if (this.#state === 'active') this.#run({ kind: 'tick' }, now)
    })
  }
}

/** The first index that no longer fits into a batch with the records from `from` on; always one more than `from`. */
function batchEnd(records: readonly LogRecord[], from: number, maxBatchBytes: number): number {
  let bytes = 0
  for (let at = from; at < records.length; at++) {
    const { key, value } = records[at]!
    // Lengths, deltas and attributes of a record take at most 30 bytes, the header of the batch 61.
    bytes += key.length + (value?.length ?? 0) + 30
    if (bytes + 61 > maxBatchBytes && at > from) return at
  }
  return records.length
}
