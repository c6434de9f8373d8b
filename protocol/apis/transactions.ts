/** Transactions (KIP-98), from joining a partition to its markers. */
import { defineApi } from '../schema/api.ts'
import { array, bigint64, bool, int8, int16, int32, int64, int64Clamped, string, struct } from '../schema/field.ts'

const addPartitionsToTxnTopic = struct({
  name: string,
  partitions: array(int32),
})

const addPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16,
})

const addPartitionsToTxnTopicResult = struct({
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
})

/**
 * AddPartitionsToTxn (key 24): partitions join a transaction before they are written to.
 * v3: flexible. v4: brokers ask for many transactions at once, and may only verify (KIP-890); clients stay below.
 * v5: TRANSACTION_ABORTABLE.
 */
export const AddPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactions: array(
      struct({
        transactionalId: string,
        producerId: int64,
        producerEpoch: int16,
        verifyOnly: bool,
        topics: array(addPartitionsToTxnTopic),
      }),
    ).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).until(3),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array(
      struct({
        transactionalId: string,
        topicResults: array(addPartitionsToTxnTopicResult),
      }),
    ).since(4),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).until(3),
  },
})

/** AddOffsetsToTxn (key 25): a group's offsets join a transaction. v3: flexible. v4: TRANSACTION_ABORTABLE. */
export const AddOffsetsToTxn = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
  },
})

/**
 * EndTxn (key 26): commits or aborts. v3: flexible. v4: TRANSACTION_ABORTABLE. v5: the epoch is bumped with each
 * transaction, and the answer tells the new one (KIP-890).
 */
export const EndTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.since(5).orElse(-1).ignorable(),
    producerEpoch: int16.since(5).orElse(-1).ignorable(),
  },
})

/**
 * WriteTxnMarkers (key 27): a coordinator closes transactions in partitions. v1: flexible.
 * v2: the version of the transaction (KIP-1228).
 */
export const WriteTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 2],
  flexibleSince: 1,
  request: {
    markers: array(
      struct({
        producerId: int64,
        producerEpoch: int16,
        transactionResult: bool,
        topics: array(
          struct({
            name: string,
            partitionIndexes: array(int32),
          }),
        ),
        coordinatorEpoch: int32,
        transactionVersion: int8.since(2).ignorable(),
      }),
    ),
  },
  response: {
    markers: array(
      struct({
        producerId: int64,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                errorCode: int16,
              }),
            ),
          }),
        ),
      }),
    ),
  },
})

/**
 * TxnOffsetCommit (key 28): commits offsets that count when the transaction commits.
 * v2: leader epochs. v3: flexible; member and generation, so that zombies are fenced (KIP-447).
 * v4: TRANSACTION_ABORTABLE. v5: the group joins the transaction by committing (KIP-890).
 */
export const TxnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.since(3).orElse(-1),
    memberId: string.since(3),
    groupInstanceId: string.nullable().since(3).orElse(null),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            /** Any int64 is stored as it was sent (OC-8). */
            committedOffset: bigint64,
            committedLeaderEpoch: int32.since(2).orElse(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
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
          }),
        ),
      }),
    ),
  },
})

/** DescribeTransactions (key 65): state of transactional ids (KIP-664). */
export const DescribeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    transactionalIds: array(string),
  },
  response: {
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(
          struct({
            topic: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  },
})

/**
 * ListTransactions (key 66): transactional ids by state and producer (KIP-664).
 * v1: by duration (KIP-994). v2: by pattern (KIP-1152).
 */
export const ListTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64Clamped),
    durationFilter: int64Clamped.since(1).orElse(-1),
    transactionalIdPattern: string.nullable().since(2).orElse(null),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({
        transactionalId: string,
        producerId: int64,
        transactionState: string,
      }),
    ),
  },
})
