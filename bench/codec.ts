/**
 * What it costs to read and write the hot messages, in nanoseconds: `npx tsx bench/codec.ts`, some seconds.
 * The best of six rounds of each, so that a busy machine shows less.
 */
import { Fetch } from '../protocol/apis/fetch.ts'
import { Produce } from '../protocol/apis/produce.ts'
import { decodeRequest, encodeRequest, encodeResponseFrame } from '../protocol/schema/message.ts'
import { Reader, ZERO_UUID } from '../protocol/wire/reader.ts'
import { Writer } from '../protocol/wire/writer.ts'

const ROUNDS = 6
const PARTITIONS_PER_ROUND = 100_000
const topicId = Buffer.from('0123456789abcdef').toString('base64url')
const batch = Buffer.alloc(16_384)
const nobody = { leaderId: -1, leaderEpoch: -1 }

/** Names before version 13, ids from it on. */
const topicOf = (version: number) => (version < 13 ? { topic: 'orders', topicId: ZERO_UUID } : { topic: '', topicId })

for (const partitions of [1, 10, 100]) {
  const indexes = Array.from({ length: partitions }, (_, index) => index)
  for (const version of [9, 13]) produce(version, indexes)
  for (const version of [11, 17]) fetch(version, indexes)
}

function produce(version: number, indexes: readonly number[]): void {
  const { topic: name, topicId } = topicOf(version)
  const writer = new Writer()
  encodeRequest(Produce, version, writer, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name, topicId, partitionData: indexes.map((index) => ({ index, records: batch })) }],
  })
  const request = Buffer.concat(writer.finish())
  const outcome = { errorCode: 0, baseOffset: 1_000_000, logAppendTimeMs: -1, logStartOffset: 0, errorMessage: null }
  const partitionResponses = indexes.map((index) => ({ index, ...outcome, recordErrors: [], currentLeader: nobody }))
  const response = { responses: [{ name, topicId, partitionResponses }], throttleTimeMs: 0, nodeEndpoints: [] }
  measure(`Produce v${version} request`, indexes.length, () => decodeRequest(Produce, version, new Reader(request)))
  measure(`Produce v${version} response`, indexes.length, () => encodeResponseFrame(Produce, version, 1, response))
}

function fetch(version: number, indexes: readonly number[]): void {
  const writer = new Writer()
  encodeRequest(Fetch, version, writer, {
    clusterId: null,
    replicaId: -1,
    replicaState: { replicaId: -1, replicaEpoch: -1 },
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 50 << 20,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ ...topicOf(version), partitions: indexes.map(fetchPartition) }],
    forgottenTopicsData: [],
    rackId: '',
  })
  const request = Buffer.concat(writer.finish())
  const partitions = indexes.map((partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 1_000_000,
    lastStableOffset: 1_000_000,
    logStartOffset: 0,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: nobody,
    snapshotId: { endOffset: -1, epoch: -1 },
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: [batch],
  }))
  const responses = [{ ...topicOf(version), partitions }]
  const response = { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
  measure(`Fetch v${version} request`, indexes.length, () => decodeRequest(Fetch, version, new Reader(request)))
  measure(`Fetch v${version} response`, indexes.length, () => encodeResponseFrame(Fetch, version, 1, response))
}

function fetchPartition(partition: number) {
  return {
    partition,
    currentLeaderEpoch: 1,
    fetchOffset: 1_000_000,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1 << 20,
    replicaDirectoryId: ZERO_UUID,
    highWatermark: Number.MAX_SAFE_INTEGER,
  }
}

function measure(what: string, partitions: number, run: () => unknown): void {
  const times = PARTITIONS_PER_ROUND / partitions
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < times; i++) run()
    best = Math.min(best, Number(process.hrtime.bigint() - start) / times)
  }
  console.log(`${what.padEnd(22)} ${String(partitions).padStart(3)} partitions ${best.toFixed(0).padStart(8)} ns`)
}
