import type { ErrorName } from '../../protocol/errors.ts'

/** One point in time on both clocks. */
export interface Moment {
  /** Monotonic milliseconds: for deadlines alone. */
  readonly mono: number
  /** Milliseconds since the epoch: for timestamps in records, and for what expires by them. */
  readonly wall: number
}

/**
 * Core of a coordinator: no sockets, no clock, no promises, no log. The shell (shard.ts) does all of that:
 * decide -> write -> apply -> answer. Replaying the log through `apply` is therefore the whole of recovery.
 */
export interface StateMachine<Command, Event, Output> {
  /**
   * Decides what to write, and what to send once that is durable. May change who waits, deadlines and a round in
   * progress, which a crash may forget; what has been written changes in `apply` alone.
   */
  decide(command: Command, now: Moment): Decision<Event, Output>
  /** Changes durable state by one written event, live and at recovery alike. Reads no clock, never fails. */
  apply(event: Event): void
  /** When `decide` has work by itself next (monotonic ms), or Infinity. The shell owns the one real timer. */
  nextDeadline(): number
}

export interface Decision<Event, Output> {
  /** In the order in which they are written and applied; together they are one batch, all or nothing. */
  readonly events: readonly Event[]
  /** Replies, also to requests that have been waiting, in the order in which they are sent. */
  readonly outputs: readonly Output[]
  /**
   * Present when the decision changed nothing but by its events: the replies that take the place of `outputs` if the
   * log refuses the write. Without it a refusal leaves memory ahead of the log, and the shell reads the log anew.
   */
  readonly refused?: (error: ErrorName) => readonly Output[]
}
