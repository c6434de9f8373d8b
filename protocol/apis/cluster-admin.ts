/** Replicas, leaders, log directories, features, brokers. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, int64, string, struct } from '../schema/field.ts'

/** AlterReplicaLogDirs (key 34): moves replicas between log directories (KIP-113). v2: flexible. */
export const AlterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexibleSince: 2,
  request: {
    dirs: array(
      struct({
        path: string,
        topics: array(
          struct({
            name: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
})

/**
 * DescribeLogDirs (key 35): sizes of log directories and of the partitions in them.
 * v2: flexible. v3: an error for the whole response. v4: size of the volume (KIP-827).
 * v5: whether the directory takes no new partitions (KIP-1066).
 */
export const DescribeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleSince: 2,
  request: {
    topics: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(3).ignorable(),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                partitionSize: int64,
                offsetLag: int64,
                isFutureKey: bool,
              }),
            ),
          }),
        ),
        totalBytes: int64.since(4).orElse(-1).ignorable(),
        usableBytes: int64.since(4).orElse(-1).ignorable(),
        isCordoned: bool.since(5).ignorable(),
      }),
    ),
  },
})

/** ElectLeaders (key 43): v0: preferred leaders (KIP-183). v1: unclean too (KIP-460). v2: flexible. */
export const ElectLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    /** 0 preferred, 1 unclean. */
    electionType: int8.since(1),
    topicPartitions: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ).nullable(),
    timeoutMs: int32.orElse(60000),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(
          struct({
            partitionId: int32,
            errorCode: int16,
            errorMessage: string.nullable(),
          }),
        ),
      }),
    ),
  },
})

/** AlterPartitionReassignments (key 45): moves replicas (KIP-455). v1: may forbid another replication factor. */
export const AlterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.orElse(60000),
    allowReplicationFactorChange: bool.since(1).orElse(true),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32).nullable().orElse(null),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    allowReplicationFactorChange: bool.since(1).orElse(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable(),
          }),
        ),
      }),
    ),
  },
})

/** ListPartitionReassignments (key 46): moves that are under way (KIP-455). */
export const ListPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.orElse(60000),
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    )
      .nullable()
      .orElse(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32),
          }),
        ),
      }),
    ),
  },
})

/**
 * UpdateFeatures (key 57): finalizes feature levels (KIP-584). v1: validation only, kinds of downgrade (KIP-778).
 * v2: no result for each feature.
 */
export const UpdateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.orElse(60000),
    featureUpdates: array(
      struct({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: bool.until(0),
        upgradeType: int8.since(1).orElse(1),
      }),
    ),
    validateOnly: bool.since(1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        feature: string,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    )
      .until(1)
      .ignorable(),
  },
})

/** UnregisterBroker (key 64): forgets a broker that is gone (KIP-631). */
export const UnregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    brokerId: int32,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
})
