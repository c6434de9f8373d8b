/** Members of a classic group: joining, sharing out, staying, leaving. */
import { defineApi } from '../schema/api.ts'
import { array, bool, bytes, int16, int32, string, struct } from '../schema/field.ts'

/**
 * JoinGroup (key 11): a member asks to be part of the next generation; the answer waits for the others.
 * v1: rebalance timeout. v4: MEMBER_ID_REQUIRED (KIP-394). v5: static members (KIP-345). v6: flexible.
 * v7: protocol type in the answer (KIP-559). v8: reason (KIP-800). v9: the leader may be told to skip the assignment
 * (KIP-814).
 */
export const JoinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    /** v0 has the session timeout only. */
    rebalanceTimeoutMs: int32.since(1).orElse(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().since(5).orElse(null),
    protocolType: string,
    protocols: array(
      struct({
        name: string,
        metadata: bytes,
      }),
    ),
    reason: string.nullable().since(8).orElse(null).ignorable(),
  },
  response: {
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.orElse(-1),
    protocolType: string.nullable().since(7).orElse(null).ignorable(),
    protocolName: string.nullableSince(7),
    leader: string,
    skipAssignment: bool.since(9),
    memberId: string,
    /** For the leader; empty for the others. */
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().since(5).orElse(null).ignorable(),
        metadata: bytes,
      }),
    ),
  },
})

/** Heartbeat (key 12): a member says that it is alive. v3: static members. v4: flexible. */
export const Heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleSince: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).orElse(null),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
  },
})

/** LeaveGroup (key 13): members leave. v3: many members at once (KIP-345). v4: flexible. v5: reason (KIP-800). */
export const LeaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string,
    memberId: string.until(2),
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().orElse(null),
        reason: string.nullable().since(5).orElse(null).ignorable(),
      }),
    ).since(3),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable(),
        errorCode: int16,
      }),
    ).since(3),
  },
})

/**
 * SyncGroup (key 14): the leader brings the assignments, everybody gets his own.
 * v3: static members. v4: flexible. v5: protocol type and name are checked (KIP-559).
 */
export const SyncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).orElse(null),
    protocolType: string.nullable().since(5).orElse(null).ignorable(),
    protocolName: string.nullable().since(5).orElse(null).ignorable(),
    assignments: array(
      struct({
        memberId: string,
        assignment: bytes,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.nullable().since(5).orElse(null).ignorable(),
    protocolName: string.nullable().since(5).orElse(null).ignorable(),
    assignment: bytes,
  },
})
