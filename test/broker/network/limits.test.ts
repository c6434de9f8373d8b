import { describe, expect, it } from 'vitest'
import { type ConnectionLimitOptions, ConnectionLimits } from '../../../broker/network/limits.ts'
import { SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { echo, eventually, networkContext } from './network-context.ts'

const unlimited: ConnectionLimitOptions = {
  maxConnections: 2 ** 31 - 1,
  maxConnectionsPerIp: 2 ** 31 - 1,
  perIpOverrides: new Map(),
  maxCreationRate: Number.POSITIVE_INFINITY,
  maxByDescriptors: () => Number.POSITIVE_INFINITY,
}

describe('limits of connections', () => {
  it('count all, and those of one address', () => {
    const overrides = new Map([['10.0.0.9', 0]])
    const limits = new ConnectionLimits(
      { ...unlimited, maxConnections: 3, maxConnectionsPerIp: 2, perIpOverrides: overrides },
      new FakeClock(),
    )
    expect(limits.enter('10.0.0.1')).toBeUndefined()
    expect(limits.enter('10.0.0.1')).toBeUndefined()
    expect(limits.enter('10.0.0.1')).toBe('max_connections_per_ip')
    expect(limits.enter('10.0.0.9')).toBe('max_connections_per_ip')
    expect(limits.enter('10.0.0.2')).toBeUndefined()
    expect(limits.enter('10.0.0.3')).toBe('max_connections')
    limits.leave('10.0.0.1')
    expect(limits.enter('10.0.0.3')).toBeUndefined()
    expect(limits.total).toBe(3)
  })

  it('leave file descriptors for others, which are counted once there are many connections', () => {
    let asked = 0
    const maxByDescriptors = () => {
      asked++
      return 20
    }
    const limits = new ConnectionLimits({ ...unlimited, maxByDescriptors }, new FakeClock())
    for (let i = 0; i < 16; i++) expect(limits.enter('10.0.0.1')).toBeUndefined()
    expect(asked).toBe(0)
    for (let i = 0; i < 4; i++) expect(limits.enter('10.0.0.2')).toBeUndefined()
    expect([limits.enter('10.0.0.3'), limits.enter('10.0.0.4')]).toEqual(['file_descriptors', 'file_descriptors'])
    expect(asked).toBe(1)
  })

  it('a creation rate lets a second’s worth come at once and spaces what follows', () => {
    const clock = new FakeClock()
    const limits = new ConnectionLimits({ ...unlimited, maxCreationRate: 4 }, clock)
    clock.advance(10_000)
    expect(Array.from({ length: 6 }, () => limits.delay())).toEqual([0, 0, 0, 0, 250, 500])
    clock.advance(10_000)
    expect(limits.delay()).toBe(0)
  })

  it('a creation rate of 0 lets nobody in', () => {
    const limits = new ConnectionLimits({ ...unlimited, maxCreationRate: 0 }, new FakeClock())
    expect(limits.enter('10.0.0.1')).toBe('max_connection_creation_rate')
    expect(limits.total).toBe(0)
  })

  it('max.connections.per.ip: the excess is closed at once, and a place that gets free is given away', async () => {
    const { connect, metrics, logged } = await networkContext([echo().handler], { 'max.connections.per.ip': '2' })
    const [first] = [await connect(), await connect()]
    const excess = await connect()
    expect(await excess.bytesUntilClosed()).toHaveLength(0)
    expect(metrics.rejectedByReason.get('max_connections_per_ip')).toBe(1)
    expect(logged).toMatchObject([{ level: 'warn', fields: { peer: '127.0.0.1' } }])
    first?.destroy()
    await eventually(() => metrics.network.connectionsActive === 1, 'a place is free')
    const next = await connect()
    expect((await next.call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
  })

  it('max.connections may be altered while the broker runs', async () => {
    const { connect, settings } = await networkContext([echo().handler])
    const stays = await connect()
    await stays.call(SyncGroup, 5, { groupId: 'g' })
    settings.setDynamic(new Map([['max.connections', '1']]), new Map())
    await (await connect()).closed
    settings.setDynamic(new Map(), new Map())
    expect((await (await connect()).call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
    expect((await stays.call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
  })

  it('max.connection.creation.rate: who comes too soon waits and is served then', async () => {
    const { connect, clock, metrics } = await networkContext([echo().handler], { 'max.connection.creation.rate': '1' })
    const waiting = metrics.gauges.get('odradek_connections_not_served')
    clock.advance(5_000)
    const first = await connect()
    await first.call(SyncGroup, 5, { groupId: 'first' })
    const second = await connect()
    const id = second.send(SyncGroup, 5, { groupId: 'second' })
    await first.call(SyncGroup, 5, { groupId: 'again' })
    expect([second.unread, waiting?.()]).toEqual([0, 1])
    clock.advance(1_000)
    expect((await second.response(SyncGroup, 5, id)).assignment.toString()).toBe('second')
    expect(waiting?.()).toBe(0)
  })
})
