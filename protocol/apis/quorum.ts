/** The voters of the metadata log (KIP-595, KIP-853). */
import { defineApi } from '../schema/api.ts'
import { array, bool, int16, int32, int64, string, struct, uint16, uuid } from '../schema/field.ts'

const replicaState = struct({
  replicaId: int32,
  replicaDirectoryId: uuid.since(2),
  logEndOffset: int64,
  lastFetchTimestamp: int64.since(1).orElse(-1).ignorable(),
  lastCaughtUpTimestamp: int64.since(1).orElse(-1).ignorable(),
})

/**
 * DescribeQuorum (key 55): leader, voters and observers of the metadata log.
 * v1: fetch times (KIP-836). v2: directory ids, endpoints, messages (KIP-853).
 */
export const DescribeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable().since(2).ignorable(),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().since(2).ignorable(),
            leaderId: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            currentVoters: array(replicaState),
            observers: array(replicaState),
          }),
        ),
      }),
    ),
    nodes: array(
      struct({
        nodeId: int32,
        listeners: array(
          struct({
            name: string,
            host: string,
            port: uint16,
          }),
        ),
      }),
    ).since(2),
  },
})

/** AddRaftVoter (key 80). v1: may be acknowledged before it is committed (KIP-1186). */
export const AddRaftVoter = defineApi({
  key: 80,
  name: 'AddRaftVoter',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array(
      struct({
        name: string,
        host: string,
        port: uint16,
      }),
    ),
    ackWhenCommitted: bool.since(1).orElse(true),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
})

/** RemoveRaftVoter (key 81). */
export const RemoveRaftVoter = defineApi({
  key: 81,
  name: 'RemoveRaftVoter',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    clusterId: string.nullable(),
    voterId: int32,
    voterDirectoryId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
})
