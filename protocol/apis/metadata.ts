/** Where topics and brokers are. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string, struct, uuid } from '../schema/field.ts'

/**
 * Metadata (key 3): brokers, topics, partitions, leaders.
 * v1: null asks for all topics, [] for none (v0: [] asks for all). v2: cluster id. v4: auto-creation may be declined.
 * v7: leader epochs. v8: authorized operations, v11 drops those of the cluster. v9: flexible. v10: topic ids (KIP-516).
 * v12: topics may be asked for by id. v13: an error for the whole response (KIP-1102).
 */
export const Metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    topics: array(
      struct({
        topicId: uuid.since(10).ignorable(),
        name: string.nullableSince(10),
      }),
    ).nullableSince(1),
    allowAutoTopicCreation: bool.since(4).orElse(true),
    includeClusterAuthorizedOperations: bool.since(8).until(10),
    includeTopicAuthorizedOperations: bool.since(8),
  },
  response: {
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().since(1).orElse(null).ignorable(),
      }),
    ),
    clusterId: string.nullable().since(2).orElse(null).ignorable(),
    controllerId: int32.since(1).orElse(-1).ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullableSince(12),
        topicId: uuid.since(10).ignorable(),
        isInternal: bool.since(1).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.since(7).orElse(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: array(int32).since(5).ignorable(),
          }),
        ),
        /** Bit field of operations, or the smallest int32 if not asked for. */
        topicAuthorizedOperations: int32.since(8).orElse(-0x80000000),
      }),
    ),
    clusterAuthorizedOperations: int32.since(8).until(10).orElse(-0x80000000),
    errorCode: int16.since(13).ignorable(),
  },
})

/**
 * DescribeCluster (key 60): brokers, controller and cluster id (KIP-700).
 * v1: brokers or controllers (KIP-919). v2: fenced brokers too.
 */
export const DescribeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    includeClusterAuthorizedOperations: bool,
    endpointType: int8.since(1).orElse(1),
    includeFencedBrokers: bool.since(2),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    endpointType: int8.since(1).orElse(1),
    clusterId: string,
    controllerId: int32.orElse(-1),
    brokers: array(
      struct({
        brokerId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null),
        isFenced: bool.since(2),
      }),
    ),
    clusterAuthorizedOperations: int32.orElse(-0x80000000),
  },
})

/** DescribeTopicPartitions (key 75): the partitions of topics, page by page (KIP-966). */
export const DescribeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: array(
      struct({
        name: string,
      }),
    ),
    responsePartitionLimit: int32.orElse(2000),
    cursor: struct({
      topicName: string,
      partitionIndex: int32,
    })
      .nullable()
      .orElse(null),
  },
  response: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(),
        topicId: uuid,
        isInternal: bool,
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.orElse(-1),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            eligibleLeaderReplicas: array(int32).nullable().orElse(null),
            lastKnownElr: array(int32).nullable().orElse(null),
            offlineReplicas: array(int32),
          }),
        ),
        topicAuthorizedOperations: int32.orElse(-0x80000000),
      }),
    ),
    nextCursor: struct({
      topicName: string,
      partitionIndex: int32,
    })
      .nullable()
      .orElse(null),
  },
})
