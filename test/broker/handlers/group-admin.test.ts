import { describe, expect, it } from 'vitest'
import { deleteGroups, describeGroups, listGroups } from '../../../broker/handlers/group-admin.ts'
import { joinGroup, syncGroup } from '../../../broker/handlers/group-membership.ts'
import { offsetCommit } from '../../../broker/handlers/group-offsets.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { GroupHandlers } from '../../support/group-handlers.ts'

/** A stable group of one static member, and a simple one. */
async function withGroups(): Promise<GroupHandlers> {
  const handlers = await GroupHandlers.open()
  const joining = handlers.call(joinGroup, 5, {
    groupId: 'stable',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    groupInstanceId: 'one',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
  })
  await new Promise((resolve) => setImmediate(resolve))
  handlers.clock.advance(0)
  const { memberId } = await joining
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  await handlers.call(syncGroup, 3, { groupId: 'stable', generationId: 1, memberId, assignments })
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null }]
  await handlers.call(offsetCommit, 5, {
    groupId: 'simple group/with any name',
    generationIdOrMemberEpoch: -1,
    topics: [{ name: 't', topicId: ZERO_UUID, partitions }],
  })
  return handlers
}

describe('DescribeGroups on the wire', () => {
  it('GA-1: an unknown group: error 0, state Dead, no members; from v6 error 69 and why', async () => {
    const handlers = await GroupHandlers.open()
    const [before] = (await handlers.call(describeGroups, 5, { groups: ['x'] })).groups
    expect(before).toMatchObject({ groupId: 'x', errorCode: 0, groupState: 'Dead', members: [] })
    const [now] = (await handlers.call(describeGroups, 6, { groups: ['x'] })).groups
    expect(now).toMatchObject({ errorCode: 69, errorMessage: 'Group x not found.', groupState: 'Dead', members: [] })
  })

  it('GA-3: members with client id, host as /ip, metadata and assignment', async () => {
    const handlers = await withGroups()
    const [group] = (await handlers.call(describeGroups, 5, { groups: ['stable'] })).groups
    expect(group).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [
        {
          groupInstanceId: 'one',
          clientId: 'client',
          clientHost: '/10.0.0.9',
          memberMetadata: Buffer.from('topics'),
          memberAssignment: Buffer.from('all'),
        },
      ],
    })
  })

  it('v3+ tells what the caller may do, if asked', async () => {
    const handlers = await withGroups()
    const asked = { groups: ['stable'], includeAuthorizedOperations: true }
    const [group] = (await handlers.call(describeGroups, 3, asked)).groups
    // READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
    expect(group?.authorizedOperations).toBe((1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11))
    const [silent] = (await handlers.call(describeGroups, 3, { groups: ['stable'] })).groups
    expect(silent?.authorizedOperations).toBe(-(2 ** 31))
  })

  it('needs DESCRIBE on each group (30)', async () => {
    const handlers = await withGroups()
    handlers.allows = (_operation, _resource, name) => name !== 'stable'
    const { groups } = await handlers.call(describeGroups, 5, { groups: ['stable', 'simple group/with any name'] })
    expect(groups).toMatchObject([
      { errorCode: 30, groupState: '', members: [] },
      { errorCode: 0, groupState: 'Empty' },
    ])
  })
})

describe('ListGroups on the wire', () => {
  const names = async (
    handlers: GroupHandlers,
    version: number,
    filters: { statesFilter?: string[]; typesFilter?: string[] } = {},
  ) => (await handlers.call(listGroups, version, filters)).groups.map(({ groupId }) => groupId).sort()

  it('GA-5, GA-7: a simple group lists with protocol type "", whatever its name is', async () => {
    const handlers = await withGroups()
    expect((await handlers.call(listGroups, 5, {})).groups).toContainEqual({
      groupId: 'simple group/with any name',
      protocolType: '',
      groupState: 'Empty',
      groupType: 'classic',
    })
  })

  it('GA-4: states_filter (v4+) is case-insensitive, types_filter is v5+; unknown states match nothing', async () => {
    const handlers = await withGroups()
    expect(await names(handlers, 3)).toHaveLength(2)
    expect(await names(handlers, 4, { statesFilter: ['sTaBlE'] })).toEqual(['stable'])
    expect(await names(handlers, 4, { statesFilter: ['Empty', 'Stable'] })).toHaveLength(2)
    expect(await names(handlers, 4, { statesFilter: ['Assigning'] })).toEqual([])
    expect(await names(handlers, 5, { typesFilter: ['Classic'] })).toHaveLength(2)
    expect(await names(handlers, 5, { typesFilter: ['consumer'] })).toEqual([])
    expect(await names(handlers, 5, { statesFilter: ['stable'], typesFilter: ['consumer', 'classic'] })).toEqual([
      'stable',
    ])
  })

  it('without DESCRIBE on the cluster lists what may be described', async () => {
    const handlers = await withGroups()
    handlers.allows = (_operation, resource, name) => resource === 'group' && name === 'stable'
    expect(await names(handlers, 5)).toEqual(['stable'])
  })

  it('says so while a part of the groups is still being read', async () => {
    const handlers = await withGroups()
    handlers.coordinator.unload(7)
    const loading = handlers.coordinator.load(7)
    expect((await handlers.call(listGroups, 5, {})).errorCode).toBe(14)
    await loading
    expect(await names(handlers, 5)).toHaveLength(2)
  })
})

describe('DeleteGroups on the wire', () => {
  it('GA-6: a result for each group, once: members present 68, missing 69, deleted 0', async () => {
    const handlers = await withGroups()
    const groupsNames = ['stable', 'missing', 'simple group/with any name', 'simple group/with any name']
    const { results } = await handlers.call(deleteGroups, 2, { groupsNames })
    expect(results.map(({ errorCode }) => errorCode)).toEqual([68, 69, 0])
  })

  it('needs DELETE on each group (30)', async () => {
    const handlers = await withGroups()
    handlers.allows = (operation) => operation !== 'DELETE'
    const { results } = await handlers.call(deleteGroups, 0, { groupsNames: ['stable'] })
    expect(results).toEqual([{ groupId: 'stable', errorCode: 30 }])
  })
})
