/** Looking at groups and deleting them. */
import { defineApi } from '../schema/api.ts'
import { array, bool, bytes, int16, int32, string, struct } from '../schema/field.ts'

/**
 * DescribeGroups (key 15): state and members of classic groups.
 * v3: authorized operations. v4: static members. v5: flexible. v6: GROUP_ID_NOT_FOUND with a message (KIP-1043).
 */
export const DescribeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleSince: 5,
  request: {
    groups: array(string),
    includeAuthorizedOperations: bool.since(3),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().since(6).orElse(null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: string.nullable().since(4).orElse(null).ignorable(),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: int32.since(3).orElse(-0x80000000),
      }),
    ),
  },
})

/**
 * ListGroups (key 16): the groups that this broker coordinates.
 * v3: flexible. v4: states (KIP-518). v5: types (KIP-848).
 */
export const ListGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: array(string).since(4),
    typesFilter: array(string).since(5),
  },
  response: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: string.since(4).ignorable(),
        groupType: string.since(5).ignorable(),
      }),
    ),
  },
})

/** DeleteGroups (key 42): deletes groups that have no members (KIP-229). v2: flexible. */
export const DeleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    groupsNames: array(string),
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        groupId: string,
        errorCode: int16,
      }),
    ),
  },
})
