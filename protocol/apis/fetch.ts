/** HOT PATH. Reading record batches. */
import { defineApi } from '../schema/api.ts'
import { array, int8, int16, int32, int64, int64Clamped, recordChunks, string, struct, uuid } from '../schema/field.ts'

/**
 * Fetch (key 1): record batches of many partitions, with a byte budget and a wait.
 * v7: sessions (KIP-227). v9: leader epochs (KIP-320). v11: nearest replica (KIP-392). v12: flexible, divergence.
 * v13: topic ids (KIP-516). v15: replica state. v16: endpoints of new leaders (KIP-951). v17: directory ids.
 * v18: the follower's high watermark.
 */
export const Fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleSince: 12,
  request: {
    clusterId: string.nullable().tagged(0, 12).orElse(null).ignorable(),
    replicaId: int32.until(14).orElse(-1),
    replicaState: struct({
      replicaId: int32.orElse(-1),
      replicaEpoch: int64.orElse(-1),
    }).tagged(1, 15),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.orElse(0x7fffffff),
    /** 0 read_uncommitted, 1 read_committed. */
    isolationLevel: int8,
    /** 0 for a new session or none. */
    sessionId: int32.since(7).ignorable(),
    /** -1 no session, 0 a new one. */
    sessionEpoch: int32.since(7).orElse(-1).ignorable(),
    topics: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.since(9).orElse(-1).ignorable(),
            fetchOffset: int64Clamped,
            lastFetchedEpoch: int32.since(12).orElse(-1),
            logStartOffset: int64Clamped.since(5).orElse(-1).ignorable(),
            partitionMaxBytes: int32,
            replicaDirectoryId: uuid.tagged(0, 17).ignorable(),
            highWatermark: int64Clamped.tagged(1, 18).orElse(Number.MAX_SAFE_INTEGER).ignorable(),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(int32),
      }),
    ).since(7),
    /** For fetching from the nearest replica. */
    rackId: string.since(11).ignorable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(7).ignorable(),
    /** 0 if no session was made. */
    sessionId: int32.since(7),
    responses: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64.orElse(-1),
            logStartOffset: int64.since(5).orElse(-1).ignorable(),
            divergingEpoch: struct({
              epoch: int32.orElse(-1),
              endOffset: int64.orElse(-1),
            }).tagged(0, 12),
            currentLeader: struct({
              leaderId: int32.orElse(-1),
              leaderEpoch: int32.orElse(-1),
            }).tagged(1, 12),
            snapshotId: struct({
              endOffset: int64.orElse(-1),
              epoch: int32.orElse(-1),
            }).tagged(2, 12),
            /** Null unless read_committed. */
            abortedTransactions: array(
              struct({
                producerId: int64,
                firstOffset: int64,
              }),
            ).nullable(),
            preferredReadReplica: int32.since(11).orElse(-1),
            records: recordChunks.nullable(),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null),
      }),
    ).tagged(0, 16),
  },
})
