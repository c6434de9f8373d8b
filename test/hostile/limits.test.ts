import { describe, expect, it, onTestFinished } from 'vitest'
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { IncrementalAlterConfigs } from '../../protocol/apis/configs.ts'
import { Fetch } from '../../protocol/apis/fetch.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { Heartbeat, JoinGroup } from '../../protocol/apis/group-membership.ts'
import { DescribeTopicPartitions } from '../../protocol/apis/metadata.ts'
import { errorName } from '../../protocol/errors.ts'
import { fetchRequest } from '../support/embedded-broker.ts'
import type { RawClient } from '../support/raw-client.ts'
import { Attacked, eventually } from './support/attacked.ts'

/** A broker with these settings, for one test. */
async function limited(config: Readonly<Record<string, string>>): Promise<Attacked> {
  const attacked = await Attacked.start(config)
  onTestFinished(() => attacked.stop())
  return attacked
}

const rejected = ({ test }: Attacked, reason: string) => test.broker.metrics.rejectedByReason.get(reason) ?? 0
const greets = async (client: RawClient) => (await client.call(ApiVersions, 0)).errorCode

/** Each limit of Kafka by its name: what is beyond it is turned away, counted, and what is within it is served. */
describe('limits', () => {
  it('max.connections: one more is closed at once, counted, and let in when there is room', async () => {
    const attacked = await limited({ 'max.connections': '3' })
    const [first] = [await attacked.connect(), await attacked.connect()]
    const excess = await attacked.connect()
    await excess.closed
    expect(rejected(attacked, 'max_connections')).toBe(1)
    first?.destroy()
    await eventually(() => attacked.test.broker.metrics.network.connectionsActive === 2)
    expect(await greets(await attacked.connect())).toBe(0)
  })

  it('max.connections.per.ip, and max.connections.per.ip.overrides before it', async () => {
    const attacked = await limited({
      'max.connections.per.ip': '1',
      'max.connections.per.ip.overrides': '127.0.0.1:2,10.0.0.1:7',
    })
    expect(await greets(await attacked.connect())).toBe(0)
    await (await attacked.connect()).closed
    expect(rejected(attacked, 'max_connections_per_ip')).toBe(1)
  })

  it('max.connections is altered while the broker runs, as in Kafka', async () => {
    const attacked = await limited({})
    const alter = (value: string | null) =>
      attacked.test.client.call(IncrementalAlterConfigs, 1, {
        resources: [
          {
            resourceType: 4,
            resourceName: '',
            configs: [{ name: 'max.connections', configOperation: value === null ? 1 : 0, value }],
          },
        ],
      })
    expect((await alter('1')).responses[0]?.errorCode).toBe(0)
    await (await attacked.connect()).closed
    await alter(null)
    expect(await greets(await attacked.connect())).toBe(0)
  })

  it('max.connection.creation.rate: who comes too soon waits, is counted, and is served', async () => {
    const attacked = await limited({ 'max.connection.creation.rate': '5' })
    const clients = await Promise.all(Array.from({ length: 7 }, () => attacked.connect()))
    await eventually(() => attacked.gauge('odradek_connections_not_served') > 0)
    expect(attacked.gauge('odradek_connections_not_served')).toBeGreaterThan(0)
    for (const client of clients) expect(await greets(client)).toBe(0)
    expect(attacked.gauge('odradek_connections_not_served')).toBe(0)
  })

  it('socket.request.max.bytes: a longer request closes its connection, counted as malformed', async () => {
    const attacked = await limited({ 'socket.request.max.bytes': '10000' })
    await attacked.survives(async () => {
      const client = await attacked.connect()
      client.sendBytes(Buffer.from('00002711', 'hex'))
      await client.closed
    })
    expect(attacked.closedAs('malformed')).toBe(1)
    const line = attacked.logged.find(({ fields }) => fields.reason === 'malformed')
    expect(line?.message).toMatch(/socket\.request\.max\.bytes \(10000\)/)
  })

  it('queued.max.request.bytes: beyond it nobody is read from, and nobody is forgotten', async () => {
    const attacked = await limited({ 'queued.max.request.bytes': '200000' })
    await attacked.survives(async () => {
      const clients: RawClient[] = []
      for (let i = 0; i < 6; i++) clients.push(await attacked.connect())
      const half = Buffer.alloc(150_000)
      half.writeInt32BE(300_000, 0)
      for (const client of clients) client.sendBytes(half)
      await eventually(() => attacked.gauge('odradek_paused_connections') > 0)
      expect(attacked.gauge('odradek_held_bytes')).toBeLessThan(6 * 150_000)
      // The rest of each makes it a request, which is none.
      for (const client of clients) client.sendBytes(Buffer.alloc(150_004))
      await Promise.all(clients.map((client) => client.closed))
    })
  })

  it('requests in flight: sixteen of a connection wait at a time, and are counted', async () => {
    const attacked = await limited({})
    await attacked.test.client.call(FindCoordinator, 2, { key: 'g', keyType: 0 })
    await attacked.survives(async () => {
      const client = await attacked.connect()
      // Each waits for the members of a round that has begun: nobody has been given a place yet.
      const join = { groupId: 'g', sessionTimeoutMs: 5_000, rebalanceTimeoutMs: 5_000, protocolType: 'consumer' }
      const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
      for (let i = 0; i < 40; i++) client.send(JoinGroup, 3, { ...join, groupId: `g${i}`, protocols })
      client.send(Fetch, 11, fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { maxWaitMs: 60_000 }))
      client.send(Fetch, 11, fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { maxWaitMs: 60_000 }))
      for (let i = 0; i < 40; i++) client.send(Heartbeat, 3, { groupId: 'nobody' })
      await eventually(() => attacked.gauge('odradek_waiting_requests') === 1)
      await attacked.serves()
      expect(attacked.gauge('odradek_waiting_requests')).toBe(1)
      expect(attacked.gauge('odradek_requests_in_flight')).toBeLessThanOrEqual(16)
      client.destroy()
    })
  })

  it('connections.max.idle.ms: who says nothing is disconnected, and counted', async () => {
    const attacked = await limited({ 'connections.max.idle.ms': '1500' })
    const silent = await attacked.connect()
    await silent.closed
    await eventually(() => attacked.closedAs('idle') > 0)
    expect(attacked.closedAs('idle')).toBeGreaterThan(0)
  })

  it('group.max.size: one member more is refused, and counted by its error', async () => {
    const attacked = await limited({ 'group.max.size': '1' })
    const { client } = attacked.test
    await client.call(FindCoordinator, 2, { key: 'g', keyType: 0 })
    const join = {
      groupId: 'g',
      sessionTimeoutMs: 5_000,
      rebalanceTimeoutMs: 100,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    }
    expect(errorName((await client.call(JoinGroup, 3, join)).errorCode)).toBe('NONE')
    expect(errorName((await client.call(JoinGroup, 3, join)).errorCode)).toBe('GROUP_MAX_SIZE_REACHED')
    const errors = new Map(attacked.test.broker.metrics.errors())
    expect(errors.get(JoinGroup.key)?.get('GROUP_MAX_SIZE_REACHED')).toBe(1)
  })

  it('max.incremental.fetch.session.cache.slots: a fetch beyond it goes without a session', async () => {
    const attacked = await limited({ 'max.incremental.fetch.session.cache.slots': '2' })
    const asked = fetchRequest([{ topic: 't', fetchOffset: 3 }], 11, { sessionEpoch: 0 })
    const ids: number[] = []
    for (let i = 0; i < 3; i++) ids.push((await attacked.test.client.call(Fetch, 11, asked)).sessionId)
    expect(ids.map((id) => id !== 0)).toEqual([true, true, false])
    expect(attacked.gauge('odradek_fetch_sessions')).toBe(2)
    expect(attacked.gauge('odradek_fetch_session_partitions')).toBe(2)
  })

  it('max.request.partition.size.limit: a description goes no further, and says where to go on', async () => {
    const attacked = await limited({ 'max.request.partition.size.limit': '3' })
    await attacked.test.createTopic('wide', 5)
    const describe = (cursor: { topicName: string; partitionIndex: number } | null) =>
      attacked.test.client.call(DescribeTopicPartitions, 0, {
        topics: [{ name: 'wide' }],
        responsePartitionLimit: 1_000_000,
        cursor,
      })
    const first = await describe(null)
    expect(first.topics[0]?.partitions).toHaveLength(3)
    expect(first.nextCursor).toEqual({ topicName: 'wide', partitionIndex: 3 })
    expect((await describe(first.nextCursor)).topics[0]?.partitions).toHaveLength(2)
  })

  it('fetch.max.bytes: an answer is no larger, whatever the client asks for', async () => {
    const attacked = await limited({ 'fetch.max.bytes': '3000' })
    for (let i = 0; i < 10; i++) await attacked.test.produce('t', ['x'.repeat(1_000)])
    const { bytes } = await attacked.test.fetch('t', 3, { maxBytes: 2 ** 31 - 1, partitionMaxBytes: 2 ** 31 - 1 })
    expect(bytes.length).toBeGreaterThan(1_000)
    expect(bytes.length).toBeLessThanOrEqual(3_000)
  })
})
