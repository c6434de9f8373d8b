/** HOT PATH. Appending record batches. */
import { defineApi } from '../schema/api.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../schema/field.ts'

/**
 * Produce (key 0): appends one record batch to each partition named. acks=0 has no response.
 * v9: flexible. v10: current leader (KIP-951). v11: transactional.id may be verified (KIP-890). v12: partitions join
 * the transaction by producing. v13: topic ids (KIP-516) instead of names.
 */
export const Produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  flexibleSince: 9,
  // The protocol says 3 to 13, but librdkafka drops compression codecs if Produce does not begin at 0 (AV-7).
  advertise: [0, 13],
  request: {
    /** Null outside a transaction. */
    transactionalId: string.nullable().orElse(null),
    /** 0 none, 1 the leader, -1 all in-sync replicas. */
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionData: array(
          struct({
            index: int32,
            records: records.nullable(),
          }),
        ),
      }),
    ),
  },
  response: {
    responses: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            /** -1 unless the topic uses LogAppendTime. */
            logAppendTimeMs: int64.orElse(-1),
            logStartOffset: int64.since(5).orElse(-1).ignorable(),
            recordErrors: array(
              struct({
                batchIndex: int32,
                batchIndexErrorMessage: string.nullable().orElse(null),
              }),
            )
              .since(8)
              .ignorable(),
            errorMessage: string.nullable().since(8).orElse(null).ignorable(),
            currentLeader: struct({
              leaderId: int32.orElse(-1),
              leaderEpoch: int32.orElse(-1),
            }).tagged(0, 10),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32,
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null),
      }),
    ).tagged(0, 10),
  },
})
