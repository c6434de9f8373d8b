import { describe, expect, it } from 'vitest'
import { GROUP_TOPIC } from '../../../broker/groups/group-coordinator.ts'
import { findCoordinator } from '../../../broker/handlers/find-coordinator.ts'
import { errorCode } from '../../../protocol/errors.ts'
import { GroupHandlers } from '../../support/group-handlers.ts'

const nobody = { nodeId: -1, host: '', port: -1 }

describe('FindCoordinator', () => {
  it('FC-1: v0 is for groups only', async () => {
    const handlers = await GroupHandlers.open()
    expect(await handlers.call(findCoordinator, 0, { key: 'g' })).toMatchObject({
      errorCode: 0,
      nodeId: 1,
      host: 'broker',
      port: 9092,
    })
  })

  it('FC-1: from v1 on the key says its type; the share type is known from v6 on, else 42', async () => {
    const handlers = await GroupHandlers.open()
    const find = async (keyType: number, version: number) => {
      const { coordinators } = await handlers.call(findCoordinator, version, { keyType, coordinatorKeys: ['g'] })
      return coordinators[0]?.errorCode
    }
    expect(await handlers.call(findCoordinator, 1, { key: 'g', keyType: 0 })).toMatchObject({ errorCode: 0, nodeId: 1 })
    expect(await find(2, 5)).toBe(errorCode('INVALID_REQUEST'))
    expect(await find(2, 6)).toBe(errorCode('UNSUPPORTED_VERSION'))
    expect(await find(9, 6)).toBe(errorCode('INVALID_REQUEST'))
  })

  it('says in words that transactions are not served', async () => {
    const handlers = await GroupHandlers.open()
    const found = await handlers.call(findCoordinator, 3, { key: 'tx', keyType: 1 })
    expect(found).toMatchObject({ ...nobody, errorCode: errorCode('UNSUPPORTED_VERSION') })
    expect(found.errorMessage).toMatch(/transactions/i)
  })

  it('FC-2: v4+ takes a list and answers an error per key', async () => {
    const handlers = await GroupHandlers.open()
    handlers.allows = (_operation, _resource, name) => name !== 'secret'
    const { coordinators } = await handlers.call(findCoordinator, 4, { coordinatorKeys: ['g', 'secret', ''] })
    expect(coordinators).toMatchObject([
      { key: 'g', nodeId: 1, errorCode: 0 },
      { key: 'secret', ...nobody, errorCode: errorCode('GROUP_AUTHORIZATION_FAILED') },
      { key: '', nodeId: 1, errorCode: 0 },
    ])
  })

  it('FC-3: the first one ever makes the internal topic and is answered with a live node', async () => {
    const handlers = new GroupHandlers()
    expect(handlers.image.topicByName(GROUP_TOPIC)).toBeUndefined()
    const both = await Promise.all([
      handlers.call(findCoordinator, 2, { key: 'g' }),
      handlers.call(findCoordinator, 2, { key: 'h' }),
    ])
    expect(both).toMatchObject([
      { errorCode: 0, nodeId: 1 },
      { errorCode: 0, nodeId: 1 },
    ])
    expect(handlers.coordinator.loaded).toBe(true)
  })

  it('FC-4: where nobody leads the partition, node id is -1, host empty, port -1', async () => {
    const handlers = new GroupHandlers()
    handlers.addTopic(GROUP_TOPIC, 50, -1)
    expect(await handlers.call(findCoordinator, 1, { key: 'g' })).toMatchObject({
      ...nobody,
      errorCode: errorCode('COORDINATOR_NOT_AVAILABLE'),
    })
  })

  it('FC-5: tells of another node where that one leads, by the listener that the client came on', async () => {
    const handlers = new GroupHandlers()
    handlers.addTopic(GROUP_TOPIC, 50, 2)
    expect(await handlers.call(findCoordinator, 1, { key: 'g' })).toMatchObject({ nodeId: 2, host: 'other', port: 2 })
    const inside = await handlers.call(findCoordinator, 1, { key: 'g' }, { listener: 'INSIDE' })
    expect(inside).toMatchObject({ ...nobody, errorCode: errorCode('COORDINATOR_NOT_AVAILABLE') })
    const own = await GroupHandlers.open()
    expect(await own.call(findCoordinator, 1, { key: 'g' }, { listener: 'INSIDE' })).toMatchObject({
      host: 'inside',
      port: 9093,
    })
  })
})
