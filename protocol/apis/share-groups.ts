/** Share groups (KIP-932): records handed out one by one. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, int64, recordChunks, string, struct, uuid } from '../schema/field.ts'

const assignedPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
})

/** ShareGroupHeartbeat (key 76): joins, stays in and leaves a share group (KIP-932). */
export const ShareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: [1, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable().orElse(null),
    subscribedTopicNames: array(string).nullable().orElse(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    memberId: string.nullable().orElse(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array(assignedPartitions),
    })
      .nullable()
      .orElse(null),
  },
})

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
})

const assignment = struct({
  topicPartitions: array(topicPartitions),
})

/** ShareGroupDescribe (key 77): state and members of share groups. */
export const ShareGroupDescribe = defineApi({
  key: 77,
  name: 'ShareGroupDescribe',
  versions: [1, 1],
  flexibleSince: 0,
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
  },
  response: {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            rackId: string.nullable().orElse(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment: assignment,
          }),
        ),
        authorizedOperations: int32.orElse(-0x80000000),
      }),
    ),
  },
})

/**
 * ShareFetch (key 78): acquires records, and acknowledges others on the way.
 * v2: strict bounds (KIP-1206), renewal of the lock (KIP-1222).
 */
export const ShareFetch = defineApi({
  key: 78,
  name: 'ShareFetch',
  versions: [1, 2],
  flexibleSince: 0,
  request: {
    groupId: string.nullable().orElse(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.orElse(0x7fffffff),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: int8.since(2).ignorable(),
    isRenewAck: bool.since(2),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            acknowledgementBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                acknowledgeTypes: array(int8),
              }),
            ),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    acquisitionLockTimeoutMs: int32,
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            acknowledgeErrorCode: int16,
            acknowledgeErrorMessage: string.nullable().orElse(null),
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32,
            }),
            records: recordChunks,
            acquiredRecords: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryCount: int16,
              }),
            ),
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
    ),
  },
})

/** ShareAcknowledge (key 79): accepts, releases, rejects or (v2, KIP-1222) renews acquired records. */
export const ShareAcknowledge = defineApi({
  key: 79,
  name: 'ShareAcknowledge',
  versions: [1, 2],
  flexibleSince: 0,
  request: {
    groupId: string.nullable().orElse(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: bool.since(2),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            acknowledgementBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                acknowledgeTypes: array(int8),
              }),
            ),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    acquisitionLockTimeoutMs: int32.since(2).ignorable(),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32,
            }),
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
    ),
  },
})
