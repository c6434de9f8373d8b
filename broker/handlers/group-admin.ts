import { DeleteGroups, DescribeGroups, ListGroups } from '../../protocol/apis/group-admin.ts'
import { cutMessage, type ErrorName, errorCode } from '../../protocol/errors.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import type { Described, Listed, Refused } from '../groups/commands.ts'
import { authorizedOperations, CLUSTER_NAME, needs, OPERATIONS_NOT_ASKED } from '../security/requirements.ts'
import { serve } from './handler.ts'

type DescribedGroup = ResponseOf<typeof DescribeGroups>['groups'][number]

/** First version of DescribeGroups that has an error for groups that are not there (KIP-1043). */
const NOT_FOUND_SINCE = 6

/** DescribeGroups (key 15): state and members. */
export const describeGroups = serve(
  DescribeGroups,
  [needs('group', 'DESCRIBE')],
  (request, { apiVersion, connection: { principal } }, { groups, authorizer }) => {
    const described = request.groups.map((groupId): DescribedGroup | Promise<DescribedGroup> => {
      if (!authorizer.allows(principal, 'DESCRIBE', 'group', groupId)) {
        return describedGroup(groupId, { kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' }, apiVersion)
      }
      const answer = (reply: Described | Refused): DescribedGroup => {
        const group = describedGroup(groupId, reply, apiVersion)
        if (!request.includeAuthorizedOperations || group.errorCode !== 0) return group
        return { ...group, authorizedOperations: authorizedOperations(authorizer, principal, 'group', groupId) }
      }
      const reply = groups.submit<'describe'>({ kind: 'describe', groupId })
      return reply instanceof Promise ? reply.then(answer) : answer(reply)
    })
    return whenAll(described, (all) => ({ throttleTimeMs: 0, groups: all }))
  },
  'by all',
)

function describedGroup(groupId: string, reply: Described | Refused, apiVersion: number): DescribedGroup {
  const blank: DescribedGroup = {
    errorCode: 0,
    errorMessage: null,
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }
  if (reply.kind === 'refused') return { ...blank, errorCode: errorCode(reply.error) }
  if (reply.state === 'Dead' && apiVersion >= NOT_FOUND_SINCE) {
    const errorMessage = cutMessage(`Group ${groupId} not found.`)
    return { ...blank, groupState: 'Dead', errorCode: errorCode('GROUP_ID_NOT_FOUND'), errorMessage }
  }
  return {
    ...blank,
    groupState: reply.state,
    protocolType: reply.protocolType,
    protocolData: reply.protocolName,
    members: reply.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
  }
}

/** ListGroups (key 16): who may describe the cluster sees all groups, others those that they may describe. */
export const listGroups = serve(
  ListGroups,
  [needs('cluster', 'DESCRIBE'), needs('group', 'DESCRIBE')],
  (request, { connection: { principal } }, { groups, authorizer }) => {
    const seesAll = authorizer.allows(principal, 'DESCRIBE', 'cluster', CLUSTER_NAME)
    const states = lowerCased(request.statesFilter)
    const types = lowerCased(request.typesFilter)
    const answer = (reply: Listed | Refused): ResponseOf<typeof ListGroups> => {
      if (reply.kind === 'refused') return { throttleTimeMs: 0, errorCode: errorCode(reply.error), groups: [] }
      const listed = reply.groups.filter(
        ({ groupId, state }) =>
          (states.size === 0 || states.has(state.toLowerCase())) &&
          (types.size === 0 || types.has('classic')) &&
          (seesAll || authorizer.allows(principal, 'DESCRIBE', 'group', groupId)),
      )
      return {
        throttleTimeMs: 0,
        errorCode: 0,
        groups: listed.map(({ groupId, protocolType, state }) => ({
          groupId,
          protocolType,
          groupState: state,
          groupType: 'classic',
        })),
      }
    }
    const reply = groups.list()
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)

const lowerCased = (words: readonly string[]): ReadonlySet<string> => new Set(words.map((word) => word.toLowerCase()))

/** DeleteGroups (key 42): groups without members, and all that they have committed. */
export const deleteGroups = serve(
  DeleteGroups,
  [needs('group', 'DELETE')],
  (request, { connection: { principal } }, { groups, authorizer }) => {
    // A name that is said twice is one group, and has one result.
    const results = Array.from(new Set(request.groupsNames), (groupId) => {
      const answer = (error: ErrorName) => ({ groupId, errorCode: errorCode(error) })
      if (!authorizer.allows(principal, 'DELETE', 'group', groupId)) return answer('GROUP_AUTHORIZATION_FAILED')
      const reply = groups.submit<'deleteGroup'>({ kind: 'deleteGroup', groupId })
      return reply instanceof Promise ? reply.then((late) => answer(errorOf(late))) : answer(errorOf(reply))
    })
    return whenAll(results, (all) => ({ throttleTimeMs: 0, results: all }))
  },
  'by all',
)

const errorOf = (reply: { kind: 'done' } | Refused): ErrorName => (reply.kind === 'refused' ? reply.error : 'NONE')

/** `make` of all parts: at once if all are at hand. */
function whenAll<T, R>(parts: readonly (T | Promise<T>)[], make: (all: T[]) => R): R | Promise<R> {
  return parts.some((part) => part instanceof Promise) ? Promise.all(parts).then(make) : make(parts as T[])
}
