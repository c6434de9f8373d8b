import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../broker/runtime/random.ts'
import { SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { echo, eventually, networkContext } from './network-context.ts'

describe('lengths that cannot be', () => {
  it.each([
    ['H01: -1', 'ffffffff'],
    ['H01: the smallest number', '80000000'],
    ['H02: two gigabytes', '7fffffff'],
    ['H02: one more than the limit', '06400001'],
  ])('NET-3: %s closes the connection before anything is kept', async (_what, hex) => {
    const { connect, metrics, logged, server } = await networkContext([echo().handler])
    const client = await connect()
    const bystander = await connect()
    client.sendBytes(Buffer.from(hex, 'hex'))
    expect(await client.bytesUntilClosed()).toHaveLength(0)
    await eventually(() => metrics.closedByReason.get('malformed') === 1, 'the end is counted')
    expect(server.held.bytes).toEqual({ partial: 0, requests: 0 })
    expect(logged).toMatchObject([
      { level: 'warn', fields: { peer: '127.0.0.1' }, message: expect.stringMatching(/socket\.request\.max\.bytes/) },
    ])
    expect((await bystander.call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
  })

  it('NET-3: the limit is socket.request.max.bytes', async () => {
    const { connect } = await networkContext([echo().handler], { 'socket.request.max.bytes': '100' })
    const client = await connect()
    expect((await client.call(SyncGroup, 5, { groupId: 'g'.repeat(50) })).errorCode).toBe(0)
    client.send(SyncGroup, 5, { groupId: 'g'.repeat(100) })
    await client.closed
  })

  it('NET-3: requests that came whole before one are answered', async () => {
    const { connect } = await networkContext([echo().handler])
    const client = await connect()
    client.socket.cork()
    const id = client.send(SyncGroup, 5, { groupId: 'good' })
    client.sendBytes(Buffer.from('ffffffff', 'hex'))
    client.socket.uncork()
    expect((await client.response(SyncGroup, 5, id)).assignment.toString()).toBe('good')
    await client.closed
  })

  it('H02, H05: a length alone costs nothing, however big and however often', async () => {
    const { connect, server } = await networkContext([echo().handler])
    const clients = await Promise.all(Array.from({ length: 50 }, connect))
    for (const client of clients) client.sendBytes(Buffer.from('06400000', 'hex'))
    await eventually(() => server.held.bytes.partial === 200, 'all lengths have come')
    expect(server.held.bytes).toEqual({ partial: 200, requests: 0 })
  })
})

describe('noise', () => {
  it('of any kind ends its connection or is answered, and harms nobody else', async () => {
    const { connect, fatal, server, logged } = await networkContext([echo().handler])
    const random = seededRandom(20_241_101)
    const bystander = await connect()
    for (let round = 0; round < 200; round++) {
      const client = await connect()
      const noise = random.bytes(random.integer(300))
      // Half of the time it looks like a request to an API that is served.
      if (round % 2 === 0 && noise.length > 8) {
        noise.writeInt32BE(noise.length - 4, 0)
        noise.writeInt16BE(14, 4)
        noise.writeInt16BE(random.integer(6), 6)
      }
      client.socket.end(noise)
      await client.closed
    }
    expect((await bystander.call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
    expect(fatal).toEqual([])
    expect(logged.filter(({ level }) => level === 'error')).toEqual([])
    // One line of each kind in ten seconds, however much comes.
    expect(logged.length).toBeLessThan(10)
    expect(server.held.bytes).toEqual({ partial: 0, requests: 0 })
    expect(server.connections).toBe(1)
  })
})
