/** Creating, growing and deleting topics. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string, struct, uuid } from '../schema/field.ts'

/**
 * CreateTopics (key 19). v4: -1 partitions or replicas mean the broker's default (KIP-464). v5: flexible; the answer
 * tells what was made (KIP-525). v6: quota (KIP-599). v7: topic ids (KIP-516).
 */
export const CreateTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleSince: 5,
  request: {
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        /** Replicas by partition; empty if the broker shall choose. */
        assignments: array(
          struct({
            partitionIndex: int32,
            brokerIds: array(int32),
          }),
        ),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    timeoutMs: int32.orElse(60000),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        topicId: uuid.since(7).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable(),
        topicConfigErrorCode: int16.tagged(0, 5).ignorable(),
        numPartitions: int32.since(5).orElse(-1).ignorable(),
        replicationFactor: int16.since(5).orElse(-1).ignorable(),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: bool,
            configSource: int8.orElse(-1),
            isSensitive: bool,
          }),
        )
          .nullable()
          .since(5)
          .ignorable(),
      }),
    ),
  },
})

/** DeleteTopics (key 20). v4: flexible. v5: error messages, quota (KIP-599). v6: by topic id (KIP-516). */
export const DeleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleSince: 4,
  request: {
    topics: array(
      struct({
        name: string.nullable().orElse(null),
        topicId: uuid,
      }),
    ).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    responses: array(
      struct({
        name: string.nullableSince(6),
        topicId: uuid.since(6).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().since(5).orElse(null).ignorable(),
      }),
    ),
  },
})

/** CreatePartitions (key 37): raises the number of partitions (KIP-195). v2: flexible. v3: quota (KIP-599). */
export const CreatePartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleSince: 2,
  request: {
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: array(
          struct({
            brokerIds: array(int32),
          }),
        ).nullable(),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        name: string,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
      }),
    ),
  },
})
