/** Groups of Kafka Streams applications (KIP-1071). */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, int64, string, struct, uint16 } from '../schema/field.ts'

const keyValue = struct({
  key: string,
  value: string,
})

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
})

const endpoint = struct({
  host: string,
  port: uint16,
})

const taskOffset = struct({
  subtopologyId: string,
  partition: int32,
  offset: int64,
})

const taskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
})

const status = struct({
  statusCode: int8,
  statusDetail: string,
})

const topicPartition = struct({
  topic: string,
  partitions: array(int32),
})

/** StreamsGroupHeartbeat (key 88): joins, stays in and leaves a streams group; brings its topology. */
export const StreamsGroupHeartbeat = defineApi({
  key: 88,
  name: 'StreamsGroupHeartbeat',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: string.nullable().orElse(null),
    rackId: string.nullable().orElse(null),
    rebalanceTimeoutMs: int32.orElse(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array(
        struct({
          subtopologyId: string,
          sourceTopics: array(string),
          sourceTopicRegex: array(string),
          stateChangelogTopics: array(topicInfo),
          repartitionSinkTopics: array(string),
          repartitionSourceTopics: array(topicInfo),
          copartitionGroups: array(
            struct({
              sourceTopics: array(int16),
              sourceTopicRegex: array(int16),
              repartitionSourceTopics: array(int16),
            }),
          ),
        }),
      ),
    })
      .nullable()
      .orElse(null),
    activeTasks: array(taskIds).nullable().orElse(null),
    standbyTasks: array(taskIds).nullable().orElse(null),
    warmupTasks: array(taskIds).nullable().orElse(null),
    processId: string.nullable().orElse(null),
    userEndpoint: endpoint.nullable().orElse(null),
    clientTags: array(keyValue).nullable().orElse(null),
    taskOffsets: array(taskOffset).nullable().orElse(null),
    taskEndOffsets: array(taskOffset).nullable().orElse(null),
    shutdownApplication: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLag: int32,
    taskOffsetIntervalMs: int32,
    status: array(status).nullable(),
    activeTasks: array(taskIds).nullable().orElse(null),
    standbyTasks: array(taskIds).nullable().orElse(null),
    warmupTasks: array(taskIds).nullable().orElse(null),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array(
      struct({
        userEndpoint: endpoint,
        activePartitions: array(topicPartition),
        standbyPartitions: array(topicPartition),
      }),
    )
      .nullable()
      .orElse(null),
  },
})

const describedTaskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
})

const assignment = struct({
  activeTasks: array(describedTaskIds),
  standbyTasks: array(describedTaskIds),
  warmupTasks: array(describedTaskIds),
})

const describedTopicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
})

/** StreamsGroupDescribe (key 89): state, topology and members of streams groups. */
export const StreamsGroupDescribe = defineApi({
  key: 89,
  name: 'StreamsGroupDescribe',
  versions: [0, 0],
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
        topology: struct({
          epoch: int32,
          subtopologies: array(
            struct({
              subtopologyId: string,
              sourceTopics: array(string),
              repartitionSinkTopics: array(string),
              stateChangelogTopics: array(describedTopicInfo),
              repartitionSourceTopics: array(describedTopicInfo),
            }),
          )
            .nullable()
            .orElse(null),
        })
          .nullable()
          .orElse(null),
        members: array(
          struct({
            memberId: string,
            memberEpoch: int32,
            instanceId: string.nullable().orElse(null),
            rackId: string.nullable().orElse(null),
            clientId: string,
            clientHost: string,
            topologyEpoch: int32,
            processId: string,
            userEndpoint: endpoint.nullable().orElse(null),
            clientTags: array(keyValue),
            taskOffsets: array(taskOffset),
            taskEndOffsets: array(taskOffset),
            assignment: assignment,
            targetAssignment: assignment,
            isClassic: bool,
          }),
        ),
        authorizedOperations: int32.orElse(-0x80000000),
      }),
    ),
  },
})
