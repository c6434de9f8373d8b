import type { Clock } from '../storage/clock.ts'
import type { BrokerConfig } from './config/broker-config.ts'
import type { GroupCoordinator } from './groups/group-coordinator.ts'
import type { Cluster } from './metadata/cluster.ts'
import type { Topics } from './metadata/topics.ts'
import type { FetchSessions } from './partitions/fetch-sessions.ts'
import type { ParkedFetches } from './partitions/parked-fetches.ts'
import type { Partitions } from './partitions/partitions.ts'
import type { Logger } from './runtime/logger.ts'
import type { BrokerMetrics } from './runtime/metrics.ts'
import type { Random } from './runtime/random.ts'
import type { Timers } from './runtime/timers.ts'
import type { Authorizer } from './security/requirements.ts'

/**
 * Everything that a handler may use. The composition root fills it in once, before the first connection is accepted;
 * nothing else is reachable from a handler, so this list is the whole of what an API can touch.
 */
export interface Services {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  /** Metadata of the cluster: the immutable image, and its changes. */
  readonly cluster: Cluster
  /** Rules of creating, growing and deleting topics. */
  readonly topics: Topics
  readonly partitions: Partitions
  readonly groups: GroupCoordinator
  readonly fetchSessions: FetchSessions
  readonly parkedFetches: ParkedFetches
  readonly producerIds: ProducerIds
  readonly answerRoom: AnswerRoom
  /** All deadlines of requests hang on one timer of the clock. */
  readonly timers: Timers
  readonly metrics: BrokerMetrics
  readonly logger: Logger
  readonly authorizer: Authorizer
  /** Where clients are sent to, one row a listener. Known once the sockets are bound. */
  readonly listeners: readonly ListenerAddress[]
}

/** Memory for answers: those that clients have not taken yet, and what is read from disk for more. */
export interface AnswerRoom {
  /** Bytes that the next answer should stay below; 0 when there is room for nothing but what must be. */
  readonly share: number
  /** Counts bytes while they are read, until they are an answer: `delta` positive, then as much negative. */
  reading(delta: number): void
}

/** Producer ids are given out once in the life of a cluster, from blocks that the metadata store reserves. */
export interface ProducerIds {
  /** A fresh id, at once while the block lasts. */
  next(): number | Promise<number>
}

/** One listener: the address that is bound, and the one that Metadata and FindCoordinator tell clients. */
export interface ListenerAddress {
  readonly name: string
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly advertisedHost: string
  readonly advertisedPort: number
}
