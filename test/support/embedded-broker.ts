import { onTestFinished } from 'vitest'
import { type Broker, type BrokerOptions, startBroker } from '../../broker/index.ts'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { CreateTopics } from '../../protocol/apis/topics.ts'
import { errorName } from '../../protocol/errors.ts'
import * as batch from '../../protocol/records/batch.ts'
import { type BatchToWrite, buildBatch } from '../../protocol/records/batch-builder.ts'
import { readRecords } from '../../protocol/records/record.ts'
import { RawClient } from './raw-client.ts'

/** A real broker on a real socket, and a client that says exactly what the test says. Both end with the test. */
export async function embeddedBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const broker = await startBroker(options)
  onTestFinished(() => broker.stop())
  const client = await RawClient.to(broker.bootstrap)
  onTestFinished(() => client.destroy())
  return new TestBroker(broker, client)
}

export interface ProducedPartition {
  readonly error: string
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  readonly message: string | null
  readonly recordErrors: readonly { readonly batchIndex: number }[]
}

/** Shorthand for what most tests do: make a topic, append a batch, read from an offset. */
export class TestBroker {
  readonly broker: Broker
  readonly client: RawClient

  constructor(broker: Broker, client: RawClient) {
    this.broker = broker
    this.client = client
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.to(this.broker.bootstrap)
    onTestFinished(() => client.destroy())
    return client
  }

  /** @returns the topic's id */
  async createTopic(name: string, numPartitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = {
      name,
      numPartitions,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }
    const { topics } = await this.client.call(CreateTopics, 7, { topics: [topic], timeoutMs: 5000 })
    const [made] = topics
    if (made === undefined || made.errorCode !== 0) throw new Error(`cannot create ${name}: ${made?.errorMessage}`)
    return made.topicId
  }

  /** Appends bytes, or a batch of these values. */
  async produce(
    topic: string,
    records: Buffer | null | readonly string[],
    options: ProduceOptions = {},
  ): Promise<ProducedPartition> {
    const { version = 9, acks = -1, partition = 0, timeoutMs = 5000, client = this.client } = options
    const bytes = records === null || Buffer.isBuffer(records) ? records : values(records)
    const name = version >= 13 ? '' : topic
    const { responses } = await client.call(Produce, version, {
      transactionalId: null,
      acks,
      timeoutMs,
      topicData: [
        { name, topicId: version >= 13 ? topic : NO_TOPIC, partitionData: [{ index: partition, records: bytes }] },
      ],
    })
    const answer = responses[0]!.partitionResponses[0]!
    return {
      error: errorName(answer.errorCode),
      baseOffset: answer.baseOffset,
      logAppendTimeMs: answer.logAppendTimeMs,
      logStartOffset: answer.logStartOffset,
      message: answer.errorMessage,
      recordErrors: answer.recordErrors,
    }
  }

  /** Fetches one partition. */
  async fetch(topic: string, fetchOffset: number, options: FetchOptions = {}): Promise<FetchedPartition> {
    const { version = 11, client = this.client, partition = 0, ...request } = options
    const response = await client.call(
      Fetch,
      version,
      fetchRequest([{ topic, partition, fetchOffset, ...request }], version, request),
    )
    const answer = response.responses[0]?.partitions[0]
    if (answer === undefined) throw new Error(`no answer for ${topic}, error ${errorName(response.errorCode)}`)
    return fetched(answer)
  }
}

export interface ProduceOptions {
  readonly version?: number
  readonly acks?: number
  readonly partition?: number
  readonly timeoutMs?: number
  readonly client?: RawClient
}

export interface FetchOptions {
  readonly version?: number
  readonly client?: RawClient
  readonly partition?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly rackId?: string
  readonly replicaId?: number
}

export interface AskedPartition {
  /** Name, or from version 13 on the id. */
  readonly topic: string
  readonly partition?: number
  readonly fetchOffset: number
  readonly partitionMaxBytes?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
}

/** A whole Fetch request; by default it does not wait. */
export function fetchRequest(asked: readonly AskedPartition[], version: number, options: FetchOptions = {}) {
  const { maxWaitMs = 0, minBytes = 1, maxBytes = 10_000_000, isolationLevel = 0 } = options
  return {
    replicaId: options.replicaId ?? -1,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    rackId: options.rackId ?? '',
    forgottenTopicsData: [],
    topics: asked.map((one) => ({
      topic: version >= 13 ? '' : one.topic,
      topicId: version >= 13 ? one.topic : NO_TOPIC,
      partitions: [
        {
          partition: one.partition ?? 0,
          currentLeaderEpoch: one.currentLeaderEpoch ?? -1,
          fetchOffset: one.fetchOffset,
          lastFetchedEpoch: one.lastFetchedEpoch ?? -1,
          logStartOffset: -1,
          partitionMaxBytes: one.partitionMaxBytes ?? 10_000_000,
          replicaDirectoryId: NO_TOPIC,
          highWatermark: Number.MAX_SAFE_INTEGER,
        },
      ],
    })),
  }
}

export interface FetchedPartition {
  readonly error: string
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly values: readonly (string | undefined)[]
  readonly offsets: readonly number[]
  /** Base offsets of the batches. */
  readonly batches: readonly number[]
  readonly bytes: Buffer
  readonly abortedTransactions: readonly unknown[] | null
  readonly preferredReadReplica: number
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number }
  readonly currentLeader: { readonly leaderId: number; readonly leaderEpoch: number }
}

type PartitionData = Awaited<ReturnType<typeof callFetch>>['responses'][number]['partitions'][number]
declare function callFetch(
  client: RawClient,
): ReturnType<typeof RawClient.prototype.call<typeof Fetch.request, typeof Fetch.response>>

export function fetched(answer: PartitionData): FetchedPartition {
  const bytes = Buffer.concat(answer.records ?? [])
  const records: { offset: number; value: string | undefined }[] = []
  const batches: number[] = []
  for (let at = 0; at < bytes.length; at += batch.batchSize(bytes, at)) {
    batches.push(batch.baseOffset(bytes, at))
    for (const { offset, value } of readRecords(bytes, at)) records.push({ offset, value: value?.toString() })
  }
  return {
    error: errorName(answer.errorCode),
    highWatermark: answer.highWatermark,
    lastStableOffset: answer.lastStableOffset,
    logStartOffset: answer.logStartOffset,
    values: records.map(({ value }) => value),
    offsets: records.map(({ offset }) => offset),
    batches,
    bytes,
    abortedTransactions: answer.abortedTransactions,
    preferredReadReplica: answer.preferredReadReplica,
    divergingEpoch: answer.divergingEpoch,
    currentLeader: answer.currentLeader,
  }
}

/** A batch as a plain producer sends it, with the time of now. */
export const values = (texts: readonly string[], options: Omit<BatchToWrite, 'records'> = {}): Buffer =>
  buildBatch({ baseTimestamp: Date.now(), ...options, records: texts.map((text) => ({ value: Buffer.from(text) })) })

export const NO_TOPIC = 'AAAAAAAAAAAAAAAAAAAAAA'
