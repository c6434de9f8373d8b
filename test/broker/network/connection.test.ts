import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serve } from '../../../broker/handlers/handler.ts'
import { SMALL_ANSWER_BYTES } from '../../../broker/network/answer-room.ts'
import { MAX_IN_FLIGHT } from '../../../broker/network/request-queue.ts'
import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { Heartbeat, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { encodeRequestFrame, filled } from '../../../protocol/schema/message.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { echo, eventually, networkContext, waitingHeartbeat } from './network-context.ts'

const sync = (client: RawClient, groupId: string) => client.send(SyncGroup, 5, { groupId })
const syncFrame = (groupId: string, correlationId: number) =>
  Buffer.concat(encodeRequestFrame(SyncGroup, 5, correlationId, 'raw', filled(SyncGroup.request, { groupId })))

describe('requests of one connection', () => {
  it('NET-1: are answered in the order in which they came, even when a later one is done first', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { seen, handler } = echo()
    const { connect } = await networkContext([heartbeat.handler, handler])
    const client = await connect()
    const slow = client.send(Heartbeat, 4, { groupId: 'slow' })
    const quick = sync(client, 'quick')
    await eventually(() => seen.length === 1, 'the later request is handled')
    // A whole round trip of somebody else: an answer to `quick` would have come by now.
    const other = await connect()
    await other.response(SyncGroup, 5, sync(other, 'other'))
    expect(client.unread).toBe(0)

    heartbeat.calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    expect(await client.response(Heartbeat, 4, slow)).toEqual({ throttleTimeMs: 0, errorCode: 0 })
    expect((await client.response(SyncGroup, 5, quick)).assignment.toString()).toBe('quick')
  })

  it('NET-2: take effect in order, and one that must not be overtaken is not', async () => {
    const heartbeat = waitingHeartbeat('never')
    const { seen, handler } = echo()
    const { connect } = await networkContext([heartbeat.handler, handler])
    const client = await connect()
    const first = client.send(Heartbeat, 4, {})
    const second = sync(client, 'second')
    await eventually(() => heartbeat.calls.length === 1, 'the first is handled')
    const other = await connect()
    await other.response(SyncGroup, 5, sync(other, 'other'))
    expect(seen).toEqual(['other'])

    heartbeat.calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await client.response(Heartbeat, 4, first)
    await client.response(SyncGroup, 5, second)
    expect(seen).toEqual(['other', 'second'])
  })

  it('NET-2: wait side by side up to a bound, the others stay unread until there is room', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { connect, metrics } = await networkContext([heartbeat.handler])
    const client = await connect()
    const ids = Array.from({ length: 100 }, (_, i) => client.send(Heartbeat, 4, { generationId: i }))
    await eventually(() => heartbeat.calls.length === MAX_IN_FLIGHT, 'the bound is reached')
    expect(metrics.gauges.get('odradek_paused_connections')?.()).toBe(1)
    for (let i = 0; i < ids.length; i++) {
      await eventually(() => heartbeat.calls.length > i, `request ${i} is handled`)
      expect(heartbeat.calls.length).toBeLessThanOrEqual(i + MAX_IN_FLIGHT)
      heartbeat.calls[i]?.answer({ throttleTimeMs: 0, errorCode: i })
    }
    for (const [i, id] of ids.entries()) expect((await client.response(Heartbeat, 4, id)).errorCode).toBe(i)
    expect(heartbeat.calls.map(({ request }) => request.generationId)).toEqual(ids.map((_, i) => i))
    expect(metrics.gauges.get('odradek_paused_connections')?.()).toBe(0)
  })

  it('NET-1, NET-2: hold for any mix of quick and slow requests, answered in any order', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { connect } = await networkContext([heartbeat.handler, echo().handler])
    const plans = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(plans, fc.infiniteStream(fc.nat()), async (slow, picks) => {
        heartbeat.calls.length = 0
        const client = await connect()
        const ids = slow.map((isSlow, i) =>
          isSlow ? client.send(Heartbeat, 4, { generationId: i }) : sync(client, String(i)),
        )
        const open = new Set<number>()
        let known = 0
        let left = slow.filter(Boolean).length
        while (left > 0) {
          await eventually(() => heartbeat.calls.length > known || open.size > 0, 'a slow request is handled')
          while (known < heartbeat.calls.length) open.add(known++)
          const chosen = [...open][(picks.next().value ?? 0) % open.size] as number
          open.delete(chosen)
          heartbeat.calls[chosen]?.answer({ throttleTimeMs: 0, errorCode: 0 })
          left--
          await Promise.resolve()
        }
        for (const [i, id] of ids.entries()) {
          if (slow[i]) await client.response(Heartbeat, 4, id)
          else expect((await client.response(SyncGroup, 5, id)).assignment.toString()).toBe(String(i))
        }
        client.destroy()
      }),
      { numRuns: 25 },
    )
  })

  it('leave no answer behind that is not due, and free its place', async () => {
    const silent = serve(Heartbeat, 'none', () => undefined)
    const { connect } = await networkContext([silent, echo().handler])
    const client = await connect()
    for (let i = 0; i < 40; i++) client.send(Heartbeat, 4, {})
    const id = sync(client, 'after')
    expect((await client.response(SyncGroup, 5, id)).assignment.toString()).toBe('after')
  })

  it('small answers of one turn leave the broker in one piece', async () => {
    const { connect } = await networkContext([echo().handler])
    const client = await connect()
    await client.response(SyncGroup, 5, sync(client, 'warm'))
    const chunks: Buffer[] = []
    client.socket.on('data', (chunk) => chunks.push(chunk))
    const ids = [100, 101, 102, 103, 104]
    client.sendBytes(Buffer.concat(ids.map((id) => syncFrame('together', id))))
    for (const id of ids) await client.response(SyncGroup, 5, id)
    expect(chunks).toHaveLength(1)
  })
})

describe('frames', () => {
  it('NET-7: may come one byte at a time', async () => {
    const { connect } = await networkContext([echo().handler])
    const client = await connect()
    for (const byte of syncFrame('drop by drop', 5)) {
      client.sendBytes(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await client.response(SyncGroup, 5, 5)).assignment.toString()).toBe('drop by drop')
  })

  it('NET-7: may come many at once, and cut anywhere', async () => {
    const { connect, metrics } = await networkContext([echo().handler])
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(200), { maxLength: 20 }),
        async (groups, cuts) => {
          const client = await connect()
          let rest = Buffer.concat(groups.map((group, i) => syncFrame(group, i)))
          for (const cut of cuts) {
            client.sendBytes(rest.subarray(0, cut))
            rest = rest.subarray(cut)
            await new Promise((resolve) => setImmediate(resolve))
          }
          client.sendBytes(rest)
          for (const [i, group] of groups.entries()) {
            expect((await client.response(SyncGroup, 5, i)).assignment.toString()).toBe(group)
          }
          client.destroy()
        },
      ),
      { numRuns: 25 },
    )
    expect(metrics.network.framesIn).toBeGreaterThan(0)
  })

  it('more of them than one turn may handle are all answered', async () => {
    const { connect } = await networkContext([echo().handler])
    const client = await connect()
    const ids = Array.from({ length: 1_000 }, (_, i) => i)
    client.sendBytes(Buffer.concat(ids.map((id) => syncFrame(String(id), id))))
    for (const id of ids) expect((await client.response(SyncGroup, 5, id)).assignment.toString()).toBe(String(id))
  })
})

describe('a client that does not read its answers', () => {
  it('is not read from either, and gets them all when it does', async () => {
    const { seen, handler } = echo(32 * 1024)
    const { connect, metrics, server } = await networkContext([handler])
    const client = await connect()
    client.stopReading()
    const count = 2_000
    const ids = Array.from({ length: count }, () => sync(client, 'big'))
    await eventually(() => metrics.gauges.get('odradek_paused_connections')?.() === 1, 'it is paused')
    const other = await connect()
    await other.response(SyncGroup, 5, sync(other, 'other'))
    expect(seen.length).toBeLessThan(count)
    expect(server.answers.bytes.outgoing).toBeGreaterThan(SMALL_ANSWER_BYTES)
    expect(server.answers.bytes.outgoing).toBeLessThan(SMALL_ANSWER_BYTES + 64 * 1024)

    client.socket.resume()
    for (const id of ids) expect((await client.response(SyncGroup, 5, id)).assignment).toHaveLength(32 * 1024)
    expect(server.held.bytes).toEqual({ partial: 0, requests: 0 })
    expect(server.answers.bytes).toEqual({ outgoing: 0, reading: 0 })
  })
})

describe('time', () => {
  it('NET-11: a connection that says nothing for connections.max.idle.ms is closed', async () => {
    const { connect, clock, metrics } = await networkContext([echo().handler], { 'connections.max.idle.ms': '5000' })
    const client = await connect()
    await client.response(SyncGroup, 5, sync(client, 'hello'))
    clock.advance(4_000)
    await client.response(SyncGroup, 5, sync(client, 'still here'))
    clock.advance(4_000)
    await client.response(SyncGroup, 5, sync(client, 'and here'))
    clock.advance(6_000)
    await client.closed
    await eventually(() => metrics.closedByReason.get('idle') === 1, 'the end is counted')
  })

  it('NET-11: a request that waits for its answer is activity', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { connect, clock } = await networkContext([heartbeat.handler], { 'connections.max.idle.ms': '5000' })
    const client = await connect()
    const id = client.send(Heartbeat, 4, {})
    await eventually(() => heartbeat.calls.length === 1, 'it is handled')
    clock.advance(60_000)
    heartbeat.calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await client.response(Heartbeat, 4, id)
    clock.advance(6_000)
    await client.closed
  })

  it('H05: a request that comes by drops is given up after half a minute', async () => {
    const { connect, clock, metrics, server } = await networkContext([echo().handler])
    const client = await connect()
    client.sendBytes(syncFrame('never whole', 1).subarray(0, 9))
    await eventually(() => server.held.bytes.partial === 9, 'the beginning has come')
    clock.advance(20_000)
    client.sendBytes(Buffer.of(0))
    await eventually(() => server.held.bytes.partial === 10, 'one more byte has come')
    clock.advance(11_500)
    await client.closed
    await eventually(() => metrics.closedByReason.get('slow_frame') === 1, 'the end is counted')
    expect(server.held.bytes.partial).toBe(0)
  })
})

describe('a connection that ends', () => {
  it('calls off the waits of its requests, once each', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { connect } = await networkContext([heartbeat.handler])
    const client = await connect()
    client.send(Heartbeat, 4, {})
    await eventually(() => heartbeat.calls.length === 1, 'it is handled')
    const { connection } = heartbeat.calls[0]!.context
    const ended: string[] = []
    const forget = connection.onClose(() => ended.push('forgotten'))
    connection.onClose(() => ended.push('wait'))
    forget()
    client.destroy()
    await eventually(() => ended.length > 0, 'the wait is called off')
    connection.onClose(() => ended.push('late'))
    expect(ended).toEqual(['wait', 'late'])
    expect(connection.closed).toBe(true)
  })

  it('drops answers that come too late', async () => {
    const heartbeat = waitingHeartbeat('by all')
    const { connect, logged, fatal, metrics } = await networkContext([heartbeat.handler])
    const client = await connect()
    client.send(Heartbeat, 4, {})
    await eventually(() => heartbeat.calls.length === 1, 'it is handled')
    client.destroy()
    await eventually(() => metrics.network.connectionsActive === 0, 'the connection is gone')
    heartbeat.calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    const other = await connect()
    const id = other.send(Heartbeat, 4, {})
    await eventually(() => heartbeat.calls.length === 2, 'the next one is handled')
    heartbeat.calls[1]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await other.response(Heartbeat, 4, id)
    expect([...logged, ...fatal]).toEqual([])
  })

  it('a request to an API it does not know names itself in the metrics, not in the table of APIs', async () => {
    const { connect, metrics } = await networkContext([echo().handler])
    const client = await connect()
    client.send(ApiVersions, 0, {})
    await client.closed
    await eventually(() => metrics.closedByReason.get('unknown_api') === 1, 'the end is counted')
    expect([...metrics.durations()]).toEqual([])
  })
})
