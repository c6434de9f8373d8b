/** State of share groups, between group coordinator and share coordinator (KIP-932). */
import { defineApi } from '../schema/api.ts'
import { array, int8, int16, int32, int64, string, struct, uuid } from '../schema/field.ts'

/** InitializeShareGroupState (key 83): begins the state of share partitions. */
export const InitializeShareGroupState = defineApi({
  key: 83,
  name: 'InitializeShareGroupState',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
  response: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
          }),
        ),
      }),
    ),
  },
})

/** ReadShareGroupState (key 84): the state of share partitions, when a leader takes them over. */
export const ReadShareGroupState = defineApi({
  key: 84,
  name: 'ReadShareGroupState',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            stateEpoch: int32,
            startOffset: int64,
            stateBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryState: int8,
                deliveryCount: int16,
              }),
            ),
          }),
        ),
      }),
    ),
  },
})

/** WriteShareGroupState (key 85): changes in the state of share partitions. v1: deliveries completed (KIP-1226). */
export const WriteShareGroupState = defineApi({
  key: 85,
  name: 'WriteShareGroupState',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.since(1).orElse(-1).ignorable(),
            stateBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryState: int8,
                deliveryCount: int16,
              }),
            ),
          }),
        ),
      }),
    ),
  },
  response: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
          }),
        ),
      }),
    ),
  },
})

/** DeleteShareGroupState (key 86): ends the state of share partitions. */
export const DeleteShareGroupState = defineApi({
  key: 86,
  name: 'DeleteShareGroupState',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
          }),
        ),
      }),
    ),
  },
})

/** ReadShareGroupStateSummary (key 87): start offsets only. v1: deliveries completed (KIP-1226). */
export const ReadShareGroupStateSummary = defineApi({
  key: 87,
  name: 'ReadShareGroupStateSummary',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
  response: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.since(1).orElse(-1).ignorable(),
          }),
        ),
      }),
    ),
  },
})
