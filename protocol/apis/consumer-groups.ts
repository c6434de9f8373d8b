/** The consumer group protocol of KIP-848. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string, struct, uuid } from '../schema/field.ts'

const assignedPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
})

/**
 * ConsumerGroupHeartbeat (key 68): the one request of the new protocol: joins, stays, acknowledges, leaves (epoch -1).
 * v1: subscription by regular expression; the client makes the member id.
 */
export const ConsumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().orElse(null),
    rackId: string.nullable().orElse(null),
    rebalanceTimeoutMs: int32.orElse(-1),
    subscribedTopicNames: array(string).nullable().orElse(null),
    subscribedTopicRegex: string.nullable().since(1).orElse(null),
    serverAssignor: string.nullable().orElse(null),
    topicPartitions: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    )
      .nullable()
      .orElse(null),
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

/** ConsumerGroupDescribe (key 69): state and members of groups of the new protocol. v1: kind of member. */
export const ConsumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
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
            instanceId: string.nullable().orElse(null),
            rackId: string.nullable().orElse(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: string.nullable().orElse(null),
            assignment: assignment,
            targetAssignment: assignment,
            memberType: int8.since(1).orElse(-1).ignorable(),
          }),
        ),
        authorizedOperations: int32.orElse(-0x80000000),
      }),
    ),
  },
})
