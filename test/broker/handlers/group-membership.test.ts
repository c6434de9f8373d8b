import { describe, expect, it } from 'vitest'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../../../broker/handlers/group-membership.ts'
import { type ErrorName, errorCode, errorName } from '../../../protocol/errors.ts'
import { GroupHandlers } from '../../support/group-handlers.ts'

const asked = {
  groupId: 'g',
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 60_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
}

/** Joins and waits until the first round is over. */
async function join(
  handlers: GroupHandlers,
  version: number,
  request: Partial<typeof asked> & { groupInstanceId?: string } = {},
) {
  const answer = handlers.call(joinGroup, version, { ...asked, ...request })
  await new Promise((resolve) => setImmediate(resolve))
  handlers.clock.advance(0)
  return answer
}

const failsWith = (error: ErrorName) => ({ errorCode: errorCode(error) })

describe('JoinGroup on the wire', () => {
  it('JG-1: an empty group id is refused, in SyncGroup, Heartbeat and LeaveGroup too', async () => {
    const handlers = await GroupHandlers.open()
    expect(await handlers.call(joinGroup, 5, { ...asked, groupId: '' })).toMatchObject(failsWith('INVALID_GROUP_ID'))
    expect(await handlers.call(syncGroup, 3, {})).toMatchObject(failsWith('INVALID_GROUP_ID'))
    expect(await handlers.call(heartbeat, 3, {})).toMatchObject(failsWith('INVALID_GROUP_ID'))
    expect(await handlers.call(leaveGroup, 3, {})).toMatchObject(failsWith('INVALID_GROUP_ID'))
  })

  it('JG-3: v0-3 join directly, v4+ are given an id first', async () => {
    const handlers = await GroupHandlers.open()
    for (const version of [0, 3]) {
      expect((await join(handlers, version, { groupId: `g${version}` })).errorCode).toBe(0)
    }
    for (const version of [4, 9]) {
      const refused = await join(handlers, version, { groupId: `g${version}` })
      expect(errorName(refused.errorCode)).toBe('MEMBER_ID_REQUIRED')
      const { errorCode: code } = await join(handlers, version, { groupId: `g${version}`, memberId: refused.memberId })
      expect(code).toBe(0)
    }
  })

  it('JG-4: the id is the client id, a dash, and a UUID', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await handlers.call(joinGroup, 5, asked, { clientId: 'my client' })
    expect(memberId).toMatch(/^my client-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('JG-10: v0 has no rebalance timeout; the session timeout stands in for it', async () => {
    const handlers = await GroupHandlers.open()
    const first = await join(handlers, 0, { sessionTimeoutMs: 20_000 })
    await handlers.call(syncGroup, 0, { groupId: 'g', generationId: 1, memberId: first.memberId })
    const again = handlers.call(joinGroup, 0, { ...asked, sessionTimeoutMs: 20_000 })
    await new Promise((resolve) => setImmediate(resolve))
    handlers.clock.advance(20_000)
    expect(await again).toMatchObject({ errorCode: 0, generationId: 2 })
  })

  it('JG-21: the protocol name of an error is "" below v7 and null from there on', async () => {
    const handlers = await GroupHandlers.open()
    expect((await handlers.call(joinGroup, 6, { ...asked, memberId: 'x' })).protocolName).toBe('')
    expect((await handlers.call(joinGroup, 7, { ...asked, memberId: 'x' })).protocolName).toBeNull()
  })

  it('JG-22: v7+ returns the protocol type; v8+ may carry a reason, which changes nothing', async () => {
    const handlers = await GroupHandlers.open()
    expect((await join(handlers, 6, { groupId: 'six', groupInstanceId: 'i' })).protocolType).toBeNull()
    const reasoned = { groupId: 'eight', groupInstanceId: 'i', reason: 'because' }
    expect(await join(handlers, 8, reasoned)).toMatchObject({ errorCode: 0, protocolType: 'consumer' })
  })

  it('JG-12: answers the leader with members, metadata and instance ids', async () => {
    const handlers = await GroupHandlers.open()
    const joined = await join(handlers, 9, { groupInstanceId: 'one' })
    expect(joined).toMatchObject({
      generationId: 1,
      protocolName: 'range',
      leader: joined.memberId,
      skipAssignment: false,
    })
    expect(joined.members).toEqual([
      { memberId: joined.memberId, groupInstanceId: 'one', metadata: Buffer.from('topics') },
    ])
  })

  it('JG-19: v9 carries skip_assignment, v8 has no place for it', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 9, { groupInstanceId: 'one' })
    await handlers.call(syncGroup, 4, { groupId: 'g', generationId: 1, memberId, groupInstanceId: 'one' })
    expect(await join(handlers, 9, { groupInstanceId: 'one' })).toMatchObject({ skipAssignment: true, generationId: 1 })
    expect(await join(handlers, 8, { groupInstanceId: 'one' })).toMatchObject({
      skipAssignment: false,
      generationId: 1,
    })
  })

  it('needs READ on the group, and says so with 30; the other three too', async () => {
    const handlers = await GroupHandlers.open()
    handlers.allows = (operation, resource) => !(operation === 'READ' && resource === 'group')
    const refused = failsWith('GROUP_AUTHORIZATION_FAILED')
    expect(await handlers.call(joinGroup, 5, asked)).toMatchObject(refused)
    expect(await handlers.call(syncGroup, 3, { groupId: 'g' })).toMatchObject(refused)
    expect(await handlers.call(heartbeat, 3, { groupId: 'g' })).toMatchObject(refused)
    expect(await handlers.call(leaveGroup, 3, { groupId: 'g' })).toMatchObject(refused)
  })

  it('does not keep the bytes of the request, which belong to the connection', async () => {
    const handlers = await GroupHandlers.open()
    const metadata = Buffer.from('topics')
    const request = { ...asked, protocols: [{ name: 'range', metadata }] }
    const answer = handlers.call(joinGroup, 3, request)
    metadata.fill(0)
    await new Promise((resolve) => setImmediate(resolve))
    handlers.clock.advance(0)
    expect((await answer).members[0]?.metadata).toEqual(Buffer.from('topics'))
  })
})

describe('SyncGroup, Heartbeat and LeaveGroup on the wire', () => {
  it('SY-1: the leader is answered with its assignment', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 3)
    const member = {
      groupId: 'g',
      generationId: 1,
      memberId,
      assignments: [{ memberId, assignment: Buffer.from([1, 2]) }],
    }
    expect(
      await handlers.call(syncGroup, 5, { ...member, protocolType: 'consumer', protocolName: 'range' }),
    ).toMatchObject({
      errorCode: 0,
      protocolType: 'consumer',
      protocolName: 'range',
      assignment: Buffer.from([1, 2]),
    })
  })

  it('SY-5: v5 must say protocol type and name, which are checked; before there are none', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 3)
    const request = { groupId: 'g', generationId: 1, memberId, protocolType: 'consumer', protocolName: 'range' }
    const refused = failsWith('INCONSISTENT_GROUP_PROTOCOL')
    for (const wrong of [
      { protocolName: 'sticky' },
      { protocolType: 'connect' },
      { protocolName: null },
      { protocolType: null },
    ]) {
      expect(await handlers.call(syncGroup, 5, { ...request, ...wrong })).toMatchObject(refused)
    }
    const old = { groupId: 'g', generationId: 1, memberId }
    expect(await handlers.call(syncGroup, 4, old)).toMatchObject({ errorCode: 0, protocolName: null })
    expect(await handlers.call(syncGroup, 5, request)).toMatchObject({ errorCode: 0, protocolName: 'range' })
  })

  it('HB-2: while the coordinator is loading, a heartbeat is answered with 0; the others are told to wait', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 3)
    await handlers.call(syncGroup, 3, { groupId: 'g', generationId: 1, memberId })
    const partition = handlers.coordinator.partitionFor('g')
    handlers.coordinator.unload(partition)
    expect(await handlers.call(heartbeat, 3, { groupId: 'g' })).toMatchObject(failsWith('NOT_COORDINATOR'))
    const loading = handlers.coordinator.load(partition)
    expect(await handlers.call(heartbeat, 3, { groupId: 'g', generationId: 1, memberId })).toMatchObject({
      errorCode: 0,
    })
    expect(await handlers.call(syncGroup, 3, { groupId: 'g' })).toMatchObject(failsWith('COORDINATOR_LOAD_IN_PROGRESS'))
    await loading
    expect(await handlers.call(heartbeat, 3, { groupId: 'g', generationId: 1, memberId })).toMatchObject({
      errorCode: 0,
    })
    expect(await handlers.call(heartbeat, 3, { groupId: 'g', generationId: 2, memberId })).toMatchObject(
      failsWith('ILLEGAL_GENERATION'),
    )
  })

  it('LV-2: v0-2 give the single error at the top level', async () => {
    const handlers = await GroupHandlers.open()
    expect(await handlers.call(leaveGroup, 2, { groupId: 'g', memberId: 'x' })).toMatchObject(
      failsWith('UNKNOWN_MEMBER_ID'),
    )
    const { memberId } = await join(handlers, 3)
    expect(await handlers.call(leaveGroup, 0, { groupId: 'g', memberId })).toMatchObject({ errorCode: 0 })
  })

  it('LV-2: v3+ takes several members and answers per member', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 3)
    const members = [
      { memberId, groupInstanceId: null, reason: 'enough' },
      { memberId: 'x', groupInstanceId: 'y', reason: null },
    ]
    expect(await handlers.call(leaveGroup, 5, { groupId: 'g', members })).toMatchObject({
      errorCode: 0,
      members: [
        { memberId, groupInstanceId: null, errorCode: 0 },
        { memberId: 'x', groupInstanceId: 'y', ...failsWith('UNKNOWN_MEMBER_ID') },
      ],
    })
  })

  it('KJ-1: the whole round works with the versions that kafkajs speaks', async () => {
    const handlers = await GroupHandlers.open()
    const { memberId } = await join(handlers, 5)
    const joined = await join(handlers, 5, { memberId })
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: memberId })
    const member = { groupId: 'g', generationId: 1, memberId }
    const assignments = [{ memberId, assignment: Buffer.from('all') }]
    expect(await handlers.call(syncGroup, 3, { ...member, assignments })).toMatchObject({
      assignment: Buffer.from('all'),
    })
    expect(await handlers.call(heartbeat, 3, member)).toMatchObject({ errorCode: 0 })
    const leaving = { groupId: 'g', members: [{ memberId, groupInstanceId: null, reason: null }] }
    expect(await handlers.call(leaveGroup, 3, leaving)).toMatchObject({ errorCode: 0, members: [{ errorCode: 0 }] })
  })
})
