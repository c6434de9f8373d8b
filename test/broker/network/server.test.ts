import { describe, expect, it } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { Dispatcher } from '../../../broker/network/dispatch.ts'
import { ListenError } from '../../../broker/network/listener.ts'
import { NetworkServer } from '../../../broker/network/server.ts'
import { silentLogger } from '../../../broker/runtime/logger.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import { Heartbeat, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { RawClient } from '../../support/raw-client.ts'
import { echo, eventually, networkContext, SocketClock, waitingHeartbeat } from './network-context.ts'

const plaintext = (port: number) => ({ name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port })

function unstarted() {
  const clock = new SocketClock()
  const metrics = new BrokerMetrics()
  const server = new NetworkServer({ config: BrokerConfig.of(), clock, metrics, logger: silentLogger })
  return { clock, metrics, server }
}

describe('listeners', () => {
  it('take a free port where 0 is asked for', async () => {
    const { server } = unstarted()
    const [a, b] = [await server.listen(plaintext(0)), await server.listen({ ...plaintext(0), name: 'SECOND' })]
    expect(a.port).toBeGreaterThan(0)
    expect(b.port).not.toBe(a.port)
    await server.close()
  })

  it('a taken port: says what, where and what to do', async () => {
    const [first, second] = [unstarted().server, unstarted().server]
    const { port } = await first.listen(plaintext(0))
    const failed = second.listen(plaintext(port))
    await expect(failed).rejects.toThrow(ListenError)
    await expect(failed).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(failed).rejects.toThrow(
      `cannot listen on PLAINTEXT://127.0.0.1:${port}: port ${port} is taken by another program; stop it, or choose`,
    )
    await Promise.all([first.close(), second.close()])
  })

  it.each([
    [{ host: '192.0.2.1' }, 'EADDRNOTAVAIL', /192\.0\.2\.1 is not an address of this machine/],
    [{ protocol: 'SASL_SSL' }, 'UNSUPPORTED_PROTOCOL', /SASL_SSL is not there yet/],
  ])('%o cannot be opened, and the reason is said', async (part, code, message) => {
    const { server } = unstarted()
    const failed = server.listen({ ...plaintext(0), ...part })
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await server.close()
  })

  it('connections that come before the start wait for it', async () => {
    const { server, clock, metrics } = unstarted()
    const { handler } = echo()
    const { port } = await server.listen(plaintext(0))
    const client = await RawClient.connect(port)
    const gone = await RawClient.connect(port)
    const id = client.send(SyncGroup, 5, { groupId: 'early' })
    await eventually(() => server.connections === 2, 'both are accepted')
    gone.destroy()
    const { services } = await networkContext([])
    server.start(new Dispatcher({ handlers: [handler], services, onFatal: () => {} }))
    expect((await client.response(SyncGroup, 5, id)).assignment.toString()).toBe('early')
    expect(metrics.network.connectionsAccepted).toBe(2)
    client.destroy()
    const closed = server.close()
    clock.advance(5_000)
    await closed
    expect(metrics.network.connectionsActive).toBe(0)
  })
})

describe('the end of the broker', () => {
  it('NET-14: idle connections are closed at once, new ones are not taken', async () => {
    const { connect, server, port, metrics } = await networkContext([echo().handler])
    const clients = await Promise.all(Array.from({ length: 3 }, connect))
    for (const client of clients) await client.call(SyncGroup, 5, { groupId: 'g' })
    await server.close()
    for (const client of clients) await client.closed
    expect(metrics.closedByReason.get('shutdown')).toBe(3)
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('NET-14: who waits is answered when its wait is ended, and then disconnected', async () => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { connect, server } = await networkContext([handler])
    const client = await connect()
    const id = client.send(Heartbeat, 4, {})
    await eventually(() => calls.length === 1, 'it waits')
    const closed = server.close()
    calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    expect((await client.response(Heartbeat, 4, id)).errorCode).toBe(0)
    await client.closed
    await closed
  })

  it('NET-14: what was read and not begun is not begun any more', async () => {
    const { calls, handler } = waitingHeartbeat('never')
    const { connect, server } = await networkContext([handler])
    const client = await connect()
    client.socket.cork()
    const ids = Array.from({ length: 5 }, () => client.send(Heartbeat, 4, {}))
    client.socket.uncork()
    await eventually(() => calls.length === 1, 'the first waits')
    const closed = server.close()
    calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    expect((await client.response(Heartbeat, 4, ids[0] ?? -1)).errorCode).toBe(0)
    await Promise.all([client.closed, closed])
    expect(calls).toHaveLength(1)
    expect(client.unread).toBe(0)
  })

  it('NET-14: after the grace nobody is left hanging', async () => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { connect, server, clock } = await networkContext([handler])
    const client = await connect()
    client.send(Heartbeat, 4, {})
    await eventually(() => calls.length === 1, 'it waits')
    const closed = server.close(3_000)
    clock.advance(3_000)
    await Promise.all([closed, client.closed])
    expect(server.connections).toBe(0)
  })
})
