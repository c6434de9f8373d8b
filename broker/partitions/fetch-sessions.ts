import type { ErrorName } from '../../protocol/errors.ts'
import type { Clock } from '../../storage/clock.ts'
import type { Random } from '../runtime/random.ts'

/** What one Fetch asks of one partition. A session keeps these from request to request (KIP-227). */
export interface FetchTarget {
  /** Name for Fetch up to v12, `''` from v13 on. */
  readonly topic: string
  /** Topic id from v13 on, the zero id before. */
  readonly topicId: string
  readonly partition: number
  currentLeaderEpoch: number
  fetchOffset: number
  lastFetchedEpoch: number
  maxBytes: number
  /** What the session's last answer said of it, -1 before the first; a change makes it part of the next answer. */
  answeredHighWatermark: number
  answeredLogStart: number
}

/** How a Fetch is to be served: all its targets in order, and what kind of answer its session wants. */
export type FetchPlan =
  | { readonly kind: 'refused'; readonly error: ErrorName }
  | { readonly kind: 'full'; readonly targets: readonly FetchTarget[]; readonly wantsSession: boolean }
  | { readonly kind: 'incremental'; readonly targets: readonly FetchTarget[]; readonly session: FetchSession }

/** The part of a Fetch request that concerns sessions. */
export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  /** v13+: topics are named by id. */
  readonly usesTopicIds: boolean
  readonly targets: readonly FetchTarget[]
  readonly forgotten: readonly {
    readonly topic: string
    readonly topicId: string
    readonly partitions: readonly number[]
  }[]
}

const NO_SESSION = 0
const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
/** How long a session is safe from being put out by a larger one, and may be idle in a full cache. Kafka's constant. */
const EVICTION_MS = 120_000
/**
 * Partitions of all sessions together, some 200 bytes each. One request may name a million, and a thousand sessions of such
 * would be all memory there is; Kafka has no such bound. A fetch beyond it is served without a session.
 */
export const MAX_SESSION_PARTITIONS = 500_000

/**
 * Incremental fetch sessions (KIP-227), bounded by `max.incremental.fetch.session.cache.slots`.
 * A full cache gives up the least recently used session once that is idle for two minutes,
 * else an old session smaller than the new one; else the new fetch stays sessionless (FE-23).
 */
export class FetchSessions {
  readonly #clock: Clock
  readonly #random: Random
  readonly #slots: number
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>()
  #partitionCount = 0
  evictions = 0

  constructor(options: { clock: Clock; random: Random; slots: number }) {
    this.#clock = options.clock
    this.#random = options.random
    this.#slots = options.slots
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Partitions that the sessions remember, in all. */
  get partitionCount(): number {
    return this.#partitionCount
  }

  /** Reads a request against its session, and moves the session on (FE-19, FE-20, FE-24, FE-25). */
  plan(request: SessionRequest): FetchPlan {
    const { sessionId, sessionEpoch, targets } = request
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.#remove(this.#sessions.get(sessionId))
      return { kind: 'full', targets, wantsSession: sessionEpoch === INITIAL_EPOCH }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return { kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' }
    if (session.epoch !== sessionEpoch) return { kind: 'refused', error: 'INVALID_FETCH_SESSION_EPOCH' }
    if (session.usesTopicIds !== request.usesTopicIds) return { kind: 'refused', error: 'FETCH_SESSION_TOPIC_ID_ERROR' }
    this.#remove(session)
    session.update(request)
    if (session.size === 0) return { kind: 'full', targets: [], wantsSession: false }
    // The client begins anew, with all that it wants in one request.
    if (!this.#holds(session.size)) return { kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' }
    session.lastUsed = this.#clock.now()
    this.#add(session)
    return { kind: 'incremental', targets: session.targets(), session }
  }

  /** Opens a session over what a full fetch asked for. @returns its id, 0 when no slot is free */
  open(targets: readonly FetchTarget[], usesTopicIds: boolean): number {
    if (targets.length === 0 || !this.#holds(targets.length) || !this.#makeRoom(targets.length)) return NO_SESSION
    let id = 0
    while (id === NO_SESSION || this.#sessions.has(id)) id = this.#random.integer(0x7fffffff)
    this.#add(new FetchSession(id, usesTopicIds, targets, this.#clock.now()))
    return id
  }

  #holds(newSize: number): boolean {
    return this.#partitionCount + newSize <= MAX_SESSION_PARTITIONS
  }

  #add(session: FetchSession): void {
    this.#sessions.set(session.id, session)
    this.#partitionCount += session.size
  }

  #remove(session: FetchSession | undefined): void {
    if (session !== undefined && this.#sessions.delete(session.id)) this.#partitionCount -= session.size
  }

  #makeRoom(newSize: number): boolean {
    if (this.#sessions.size < this.#slots) return true
    const now = this.#clock.now()
    const [oldest] = this.#sessions.values()
    if (oldest === undefined) return false
    if (now - oldest.lastUsed > EVICTION_MS) return this.#evict(oldest)
    let smallest: FetchSession | undefined
    for (const session of this.#sessions.values()) {
      if (now - session.created <= EVICTION_MS) continue
      if (smallest === undefined || session.size < smallest.size) smallest = session
    }
    return smallest !== undefined && smallest.size < newSize && this.#evict(smallest)
  }

  #evict(session: FetchSession): true {
    this.#remove(session)
    this.evictions++
    return true
  }
}

/** One session: the partitions it covers in the order in which they are served, and the epoch its next request must carry. */
export class FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly created: number
  lastUsed: number
  /** Of the next request; goes 1, 2, … and wraps to 1 (FE-22). */
  epoch = 1
  readonly #targets = new Map<string, FetchTarget>()

  constructor(id: number, usesTopicIds: boolean, targets: readonly FetchTarget[], now: number) {
    this.id = id
    this.usesTopicIds = usesTopicIds
    this.created = now
    this.lastUsed = now
    for (const target of targets) this.#targets.set(keyOf(target.topicId, target.topic, target.partition), target)
  }

  get size(): number {
    return this.#targets.size
  }

  targets(): readonly FetchTarget[] {
    return [...this.#targets.values()]
  }

  /** Applies what an incremental request changes, and what it forgets; the epoch goes up by one. */
  update(request: SessionRequest): void {
    for (const target of request.targets) {
      const key = keyOf(target.topicId, target.topic, target.partition)
      const known = this.#targets.get(key)
      if (known === undefined) {
        this.#targets.set(key, target)
      } else {
        known.currentLeaderEpoch = target.currentLeaderEpoch
        known.fetchOffset = target.fetchOffset
        known.lastFetchedEpoch = target.lastFetchedEpoch
        known.maxBytes = target.maxBytes
      }
    }
    for (const { topic, topicId, partitions } of request.forgotten) {
      for (const partition of partitions) this.#targets.delete(keyOf(topicId, topic, partition))
    }
    this.epoch = this.epoch === 0x7fffffff ? 1 : this.epoch + 1
  }

  /** Partitions that were served go to the end of the order, so that the others get their turn (FE-4, FE-24). */
  served(target: FetchTarget): void {
    const key = keyOf(target.topicId, target.topic, target.partition)
    if (this.#targets.delete(key)) this.#targets.set(key, target)
  }
}

/** Topic names hold no `:`, ids neither. */
const keyOf = (topicId: string, topic: string, partition: number): string => `${topicId}:${topic}:${partition}`
