import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * What the clients of a campaign did and saw, in the order in which they did and saw it: one process, which nobody
 * kills, holds all of them, so that the place in the list is real time. Each event is handed to the operating system
 * before the next operation begins.
 *
 * Outcomes are told apart as in Jepsen: `ok` happened, `fail` certainly had no effect, `info` may or may not have had
 * one (a timeout, a lost connection, an error of the disk). To call an unknown outcome a failure would accuse the
 * broker of what it did not do.
 */
export type HistoryEvent = SendEvent | ReadEvent | TrimEvent | GroupEvent | BrokerEvent

/**
 * How a producer deals with what it did not hear of.
 * - `idempotent`: numbered batches, sent again until they are acknowledged; each value may be in the log once
 * - `once`: never sent again, so that even without numbers each value may be in the log once
 * - `retried`: sent again without numbers: a value may be there more than once
 */
export type SendMode = 'idempotent' | 'once' | 'retried'

export type SendEvent =
  | {
      readonly f: 'send'
      readonly type: 'invoke'
      /** Of this send and its outcome; rises. */
      readonly op: number
      readonly proc: string
      /** `topic-0`. */
      readonly partition: string
      readonly acks: -1 | 1
      readonly mode: SendMode
      /** One batch, in order. Each value is sent by nobody else. */
      readonly values: readonly string[]
      /** Of each value, where the partition is compacted: then a value may be gone once its key has a newer one. */
      readonly keys?: readonly string[]
    }
  /** `offset` is that of the first value; `atMs` as in BrokerEvent. */
  | { readonly f: 'send'; readonly type: 'ok'; readonly op: number; readonly offset: number; readonly atMs: number }
  | { readonly f: 'send'; readonly type: 'fail' | 'info'; readonly op: number; readonly error: string }
  /** The broker gave out a producer id. */
  | { readonly f: 'producer'; readonly type: 'ok'; readonly proc: string; readonly id: number; readonly epoch: number }

export type ReadEvent =
  | {
      readonly f: 'poll'
      readonly type: 'ok'
      readonly proc: string
      /** Who goes on where its last poll ended: an assignment, or a whole group. */
      readonly reader: string
      /** A group may go back to what it committed; an assignment may not. */
      readonly rewinds: boolean
      readonly partition: string
      readonly from: number
      readonly records: readonly (readonly [offset: number, value: string])[]
      /** High watermark and log start in the same answer, where the client can tell. */
      readonly high?: number
      readonly low?: number
      /** How many events there were when the question was put. */
      readonly since: number
    }
  /** A position that was good became unreadable: OFFSET_OUT_OF_RANGE, or bytes whose checksum is wrong. */
  | {
      readonly f: 'poll'
      readonly type: 'fail'
      readonly proc: string
      readonly partition: string
      readonly from: number
      readonly error: string
    }
  /** ListOffsets. */
  | {
      readonly f: 'bounds'
      readonly type: 'ok'
      readonly partition: string
      readonly low: number
      readonly high: number
      readonly since: number
      /** The bounds within which the last phase has read everything. */
      readonly final?: boolean
    }

/** DeleteRecords up to `offset`; `ok` tells where the log begins now. */
export type TrimEvent =
  | {
      readonly f: 'trim'
      readonly type: 'invoke'
      readonly op: number
      readonly partition: string
      readonly offset: number
    }
  | { readonly f: 'trim'; readonly type: 'ok'; readonly op: number; readonly partition: string; readonly low: number }
  | { readonly f: 'trim'; readonly type: 'info'; readonly op: number; readonly error: string }

export type GroupEvent =
  | {
      readonly f: 'commit'
      readonly type: 'invoke'
      readonly op: number
      readonly group: string
      readonly partition: string
      readonly offset: number
    }
  | { readonly f: 'commit'; readonly type: 'ok'; readonly op: number }
  | { readonly f: 'commit'; readonly type: 'fail' | 'info'; readonly op: number; readonly error: string }
  /** OffsetFetch; -1 where nothing is committed. */
  | {
      readonly f: 'committed'
      readonly type: 'ok'
      readonly group: string
      readonly partition: string
      readonly offset: number
      readonly since: number
    }
  /** SyncGroup gave these partitions to a member. */
  | {
      readonly f: 'own'
      readonly type: 'ok'
      readonly group: string
      readonly generation: number
      readonly member: string
      readonly partitions: readonly string[]
    }
  /** A member was told that the group does not know it, though it had not left. */
  | { readonly f: 'expelled'; readonly type: 'ok'; readonly group: string; readonly member: string }

/** What was done to the broker, and what it said. `power`: killed, and what no sync covered was taken away. */
export interface BrokerEvent {
  readonly f: 'broker'
  readonly type: 'info'
  readonly what: 'start' | 'ready' | 'kill' | 'power' | 'exit' | 'pause' | 'go on' | 'fault' | 'healed'
  readonly detail?: string
  /** Milliseconds on a clock that never goes back. */
  readonly atMs: number
}

/** The list in memory, for the checker, and as JSON lines in a file, for people and for a run that is cut short. */
export class History {
  readonly events: HistoryEvent[] = []
  /** Sends and commits that were acknowledged so far: what progress is measured by. */
  acknowledgedSends = 0
  acknowledgedCommits = 0
  readonly #file: number | undefined
  #nextOp = 0

  /** @param path of a new file; none: in memory only */
  constructor(path?: string) {
    this.#file = path === undefined ? undefined : openSync(path, 'ax')
  }

  /** How many events there are: the time, for those that say `since`. */
  get now(): number {
    return this.events.length
  }

  newOp(): number {
    return this.#nextOp++
  }

  add(event: HistoryEvent): void {
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(event)}\n`)
    this.events.push(event)
    if (event.type !== 'ok') return
    if (event.f === 'send') this.acknowledgedSends++
    else if (event.f === 'commit') this.acknowledgedCommits++
  }

  broker(what: BrokerEvent['what'], detail?: string): void {
    this.add({ f: 'broker', type: 'info', what, ...(detail === undefined ? {} : { detail }), atMs: performance.now() })
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }

  /** The events of a file that an earlier run wrote. */
  static read(path: string): HistoryEvent[] {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as HistoryEvent)
  }
}
