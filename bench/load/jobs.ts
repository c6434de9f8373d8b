/** What a generator is asked to do, and what it hands back: plain data, since it crosses a process border. */
import type { LatencySummary } from './latency.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Topic {
  readonly name: string
  /** From CreateTopics; Produce 13 and Fetch 17 know nothing but ids. */
  readonly id: string
  readonly partitions: number
}

/** When a run ends: after a time of which the first part does not count, or after so much work. */
export type Stop =
  | { readonly kind: 'time'; readonly warmupMs: number; readonly measureMs: number }
  /** Produce: this many requests, over all connections. Consume: each connection reads this many records. */
  | { readonly kind: 'count'; readonly count: number }

/** Acks as the protocol says them; -1 is "all". */
export type Acks = 0 | 1 | -1

/** Closed loop: each connection keeps `window` requests in flight. */
export interface ProduceJob {
  readonly kind: 'produce'
  readonly broker: Address
  readonly topic: Topic
  readonly acks: Acks
  /** Size of each record's value; keys are null. */
  readonly recordBytes: number
  /** Most bytes of a batch on the wire, as `batch.size` of the Java client. At least one record goes in. */
  readonly batchBytes: number
  /** Partitions that one request carries a batch for. */
  readonly partitionsPerRequest: number
  readonly connections: number
  readonly window: number
  readonly stop: Stop
}

/** Each connection is a consumer without a group, with one Fetch in flight as clients have it. */
export interface ConsumeJob {
  readonly kind: 'consume'
  readonly broker: Address
  readonly topic: Topic
  /** What each record's value has, to count payload. */
  readonly recordBytes: number
  readonly connections: number
  /** `every`: each connection reads all partitions (fan-out). `share`: they divide the partitions among them. */
  readonly assignment: 'every' | 'share'
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly maxWaitMs: number
  /** At the end of a partition: read it again from its beginning, or wait for more. */
  readonly atEnd: 'again' | 'wait'
  /** Whether the CRC of each batch is checked, as most clients do. */
  readonly checkCrc: boolean
  readonly stop: Stop
}

/**
 * Open loop: batches leave by the clock, whatever the broker does, and each record is timed from the moment when it was
 * due, so that a broker that stalls is charged for all who would have waited (no coordinated omission).
 */
export interface EndToEndJob {
  readonly kind: 'endToEnd'
  readonly broker: Address
  readonly topic: Topic
  readonly acks: Acks
  readonly recordBytes: number
  readonly recordsPerBatch: number
  readonly batchesPerSecond: number
  /** Each of them reads everything. */
  readonly consumers: number
  readonly warmupMs: number
  readonly measureMs: number
}

/** kafkajs as its users run it: one `send` after the other. */
export interface KafkajsProduceJob {
  readonly kind: 'kafkajsProduce'
  readonly broker: Address
  readonly topic: Topic
  readonly acks: Acks
  readonly recordBytes: number
  readonly recordsPerSend: number
  readonly stop: Stop
}

/** A kafkajs consumer alone in its group, from the beginning up to `count` records. */
export interface KafkajsConsumeJob {
  readonly kind: 'kafkajsConsume'
  readonly broker: Address
  readonly topic: Topic
  readonly groupId: string
  readonly recordBytes: number
  readonly count: number
}

export type Job = ProduceJob | ConsumeJob | EndToEndJob | KafkajsProduceJob | KafkajsConsumeJob

export interface Count {
  readonly requests: number
  readonly records: number
  /** Bytes of record values. */
  readonly payloadBytes: number
  /** Bytes of record batches, headers included. */
  readonly batchBytes: number
}

export interface LoadResult {
  /** From the first request to the last answer; what the broker must agree with. */
  readonly total: Count
  /** What was completed in the measured time. */
  readonly measured: Count
  readonly seconds: number
  /** CPU time of the generator's process in the measured time. */
  readonly generatorCpuSeconds: number
  /** Named times in microseconds: `request`, `endToEnd`, `late` (how much behind its clock the generator sent). */
  readonly latenciesUs: Readonly<Record<string, LatencySummary>>
}

/** A job whose connections are open and whose bytes are prepared. */
export interface PreparedLoad {
  /** Runs once. `onPhase` is called when the measured time begins and when it ends. */
  run(onPhase?: (phase: Phase) => void): Promise<LoadResult>
}

export type Phase = 'measuring' | 'measured'
