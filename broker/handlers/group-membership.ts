import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/apis/group-membership.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import type { Joined, Left, Refused, Synced } from '../groups/commands.ts'
import { needs } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

const requires = [needs('group', 'READ')]

/** JoinGroup (key 11): answered when the round's join phase ends. */
export const joinGroup = serve(
  JoinGroup,
  requires,
  (request, context, services) => {
    const answer = (reply: Joined | Refused) => joinAnswer(reply, context.apiVersion)
    if (!mayRead(services, context, request.groupId)) {
      return answer({ kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' })
    }
    const reply = services.groups.submit<'join'>({
      kind: 'join',
      groupId: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId: context.clientId,
      clientHost: `/${context.connection.peer}`,
      protocolType: request.protocolType,
      // The frame's bytes go back to the socket: what is kept is copied.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: context.apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      needsMemberId: context.apiVersion >= 4,
      canSkipAssignment: context.apiVersion >= 9,
    })
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)

function joinAnswer(reply: Joined | Refused, apiVersion: number): ResponseOf<typeof JoinGroup> {
  if (reply.kind === 'refused') {
    return {
      throttleTimeMs: 0,
      errorCode: errorCode(reply.error),
      generationId: -1,
      protocolType: null,
      // Null is allowed from v7 on; older clients, kafkajs among them, need a string (JG-21).
      protocolName: apiVersion >= 7 ? null : '',
      leader: '',
      skipAssignment: false,
      memberId: reply.memberId ?? '',
      members: [],
    }
  }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    generationId: reply.generation,
    protocolType: reply.protocolType,
    protocolName: reply.protocolName,
    leader: reply.leader,
    skipAssignment: reply.skipAssignment,
    memberId: reply.memberId,
    members: reply.members.map(({ memberId, instanceId, metadata }) => ({
      memberId,
      groupInstanceId: instanceId,
      metadata,
    })),
  }
}

/** SyncGroup (key 14): answered when the leader's assignments are written down. */
export const syncGroup = serve(
  SyncGroup,
  requires,
  (request, context, services) => {
    if (!mayRead(services, context, request.groupId)) {
      return syncAnswer({ kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' })
    }
    // From v5 on both must be said (KIP-559), although the fields may be null.
    if (context.apiVersion >= 5 && (request.protocolType === null || request.protocolName === null)) {
      return syncAnswer({ kind: 'refused', error: 'INCONSISTENT_GROUP_PROTOCOL' })
    }
    const reply = services.groups.submit<'sync'>({
      kind: 'sync',
      groupId: request.groupId,
      generation: request.generationId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignments: request.assignments.map(({ memberId, assignment }) => ({
        memberId,
        assignment: Buffer.from(assignment),
      })),
    })
    return reply instanceof Promise ? reply.then(syncAnswer) : syncAnswer(reply)
  },
  'by all',
)

const syncAnswer = (reply: Synced | Refused): ResponseOf<typeof SyncGroup> =>
  reply.kind === 'refused'
    ? {
        throttleTimeMs: 0,
        errorCode: errorCode(reply.error),
        protocolType: null,
        protocolName: null,
        assignment: Buffer.alloc(0),
      }
    : {
        throttleTimeMs: 0,
        errorCode: 0,
        protocolType: reply.protocolType,
        protocolName: reply.protocolName,
        assignment: reply.assignment,
      }

/** Heartbeat (key 12). */
export const heartbeat = serve(
  Heartbeat,
  requires,
  (request, context, services) => {
    const answer = (reply: { kind: 'done' } | Refused): ResponseOf<typeof Heartbeat> => ({
      throttleTimeMs: 0,
      errorCode: reply.kind === 'refused' ? errorCode(reply.error) : 0,
    })
    if (!mayRead(services, context, request.groupId)) {
      return answer({ kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' })
    }
    const reply = services.groups.submit<'heartbeat'>({
      kind: 'heartbeat',
      groupId: request.groupId,
      generation: request.generationId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
    })
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)

/** LeaveGroup (key 13): one member up to v2, any number from v3 on. */
export const leaveGroup = serve(
  LeaveGroup,
  requires,
  (request, context, services) => {
    const answer = (reply: Left | Refused) => leaveAnswer(reply, context.apiVersion)
    if (!mayRead(services, context, request.groupId)) {
      return answer({ kind: 'refused', error: 'GROUP_AUTHORIZATION_FAILED' })
    }
    const members = context.apiVersion >= 3 ? request.members : [{ memberId: request.memberId, groupInstanceId: null }]
    const reply = services.groups.submit<'leave'>({
      kind: 'leave',
      groupId: request.groupId,
      members: members.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId })),
    })
    return reply instanceof Promise ? reply.then(answer) : answer(reply)
  },
  'by all',
)

/** Up to v2 the one member's error stands at the top. */
function leaveAnswer(reply: Left | Refused, apiVersion: number): ResponseOf<typeof LeaveGroup> {
  if (reply.kind === 'refused') return { throttleTimeMs: 0, errorCode: errorCode(reply.error), members: [] }
  if (apiVersion < 3) {
    return { throttleTimeMs: 0, errorCode: errorCode(reply.members[0]?.error ?? 'NONE'), members: [] }
  }
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    members: reply.members.map(({ memberId, instanceId, error }) => ({
      memberId,
      groupInstanceId: instanceId,
      errorCode: errorCode(error),
    })),
  }
}

const mayRead = (services: Services, context: RequestContext, groupId: string): boolean =>
  services.authorizer.allows(context.connection.principal, 'READ', 'group', groupId)
