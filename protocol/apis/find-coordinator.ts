/** Which broker coordinates a group or a transactional id. */
import { defineApi } from '../schema/api.ts'
import { array, int8, int16, int32, string, struct } from '../schema/field.ts'

/**
 * FindCoordinator (key 10): which broker to ask about a group or transactional id.
 * v1: key type (0 group, 1 transaction, 2 share partition). v3: flexible. v4: many keys at once (KIP-699).
 * v5: TRANSACTION_ABORTABLE. v6: share groups (KIP-932).
 */
export const FindCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleSince: 3,
  request: {
    key: string.until(3),
    /** 0 group, 1 transaction, 2 share partition. */
    keyType: int8.since(1),
    coordinatorKeys: array(string).since(4),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.nullable().since(1).until(3).ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ).since(4),
  },
})
