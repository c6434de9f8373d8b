/** Identities of idempotent producers. */
import { defineApi } from '../schema/api.ts'
import { array, int16, int32, int64, int64Clamped, string, struct } from '../schema/field.ts'

/**
 * InitProducerId (key 22): a producer id and epoch, for a transactional id or for idempotence alone (KIP-98).
 * v2: flexible. v3: a producer may renew the identity it has (KIP-360). v4: PRODUCER_FENCED (KIP-588).
 * v5: TRANSACTION_ABORTABLE (KIP-890). (v6 of Kafka 4.3 is unstable: two-phase commit, KIP-939.)
 */
export const InitProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleSince: 2,
  request: {
    transactionalId: string.nullable(),
    /** Of a transaction; ignored without a transactional id. */
    transactionTimeoutMs: int32,
    producerId: int64Clamped.since(3).orElse(-1),
    producerEpoch: int16.since(3).orElse(-1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.orElse(-1),
    producerEpoch: int16,
  },
})

/** DescribeProducers (key 61): the producers that partitions remember (KIP-664). */
export const DescribeProducers = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: int32.orElse(-1),
                lastTimestamp: int64.orElse(-1),
                coordinatorEpoch: int32,
                currentTxnStartOffset: int64.orElse(-1),
              }),
            ),
          }),
        ),
      }),
    ),
  },
})
