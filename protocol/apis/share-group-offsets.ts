/** Start offsets of share groups, for administrators (KIP-1226). */
import { defineApi } from '../schema/api.ts'
import { array, int16, int32, int64, string, struct, uuid } from '../schema/field.ts'

/** DescribeShareGroupOffsets (key 90): where share groups begin to read. v1: lag (KIP-1226). */
export const DescribeShareGroupOffsets = defineApi({
  key: 90,
  name: 'DescribeShareGroupOffsets',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            partitions: array(int32),
          }),
        ).nullable(),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                startOffset: int64,
                leaderEpoch: int32,
                lag: int64.since(1).orElse(-1).ignorable(),
                errorCode: int16,
                errorMessage: string.nullable().orElse(null),
              }),
            ),
          }),
        ),
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
      }),
    ),
  },
})

/** AlterShareGroupOffsets (key 91): moves the start of a share group that has no members. */
export const AlterShareGroupOffsets = defineApi({
  key: 91,
  name: 'AlterShareGroupOffsets',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
          }),
        ),
      }),
    ),
  },
})

/** DeleteShareGroupOffsets (key 92): makes a share group forget topics. */
export const DeleteShareGroupOffsets = defineApi({
  key: 92,
  name: 'DeleteShareGroupOffsets',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
      }),
    ),
  },
})
