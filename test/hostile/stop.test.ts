import { describe, expect, it } from 'vitest'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { JoinGroup } from '../../protocol/apis/group-membership.ts'
import { fetchRequest } from '../support/embedded-broker.ts'
import { Attacked, eventually } from './support/attacked.ts'

describe('NET-14: a broker that stops', () => {
  it('ends the waits of Fetch and JoinGroup: clients are answered or disconnected, none hangs', async () => {
    const attacked = await Attacked.start()
    const [fetching, joining, silent, half] = [
      await attacked.connect(),
      await attacked.connect(),
      await attacked.connect(),
      await attacked.connect(),
    ]
    const wait = fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { maxWaitMs: 600_000 })
    fetching.send(Fetch, 11, wait)
    await joining.call(FindCoordinator, 2, { key: 'g', keyType: 0 })
    const member = {
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    }
    // The first gets its place at once; the second waits for the first to come again.
    await joining.call(JoinGroup, 3, { groupId: 'g', ...member })
    joining.send(JoinGroup, 3, { groupId: 'g', ...member })
    half.sendBytes(Buffer.from('0000ffff0000', 'hex'))
    await eventually(() => attacked.gauge('odradek_requests_in_flight') === 2)
    expect(attacked.gauge('odradek_waiting_requests')).toBe(1)

    await attacked.stop()
    await Promise.all([fetching.closed, joining.closed, silent.closed, half.closed])
    expect(attacked.test.broker.state).toBe('stopped')
    await expect(attacked.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(attacked.logged.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('does not wait for a client that does not read its answers', async () => {
    const attacked = await Attacked.start()
    const value = 'x'.repeat(900_000)
    for (let i = 0; i < 20; i++) await attacked.test.produce('t', [value])
    const hanging = await attacked.connect()
    hanging.stopReading()
    for (let i = 0; i < 5; i++) hanging.send(Fetch, 11, fetchRequest([{ topic: 't', fetchOffset: 3 }], 11))
    await eventually(() => attacked.gauge('odradek_held_bytes') > 0)
    expect(attacked.gauge('odradek_held_bytes')).toBeGreaterThan(0)
    // After a grace of five seconds: Docker grants ten, then kills.
    await attacked.stop()
    await eventually(() => attacked.test.broker.metrics.network.connectionsActive === 0)
    expect(attacked.test.broker.state).toBe('stopped')
    expect(attacked.test.broker.metrics.network.connectionsActive).toBe(0)
    hanging.destroy()
  })
})
