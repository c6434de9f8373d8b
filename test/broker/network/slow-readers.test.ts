import { describe, expect, it } from 'vitest'
import { AnswerBytes, SMALL_ANSWER_BYTES } from '../../../broker/network/answer-room.ts'
import { PIECE_BYTES } from '../../../broker/network/outgoing.ts'
import { MAX_READY_BYTES } from '../../../broker/network/request-queue.ts'
import { slowReaders } from '../../../broker/network/slow-readers.ts'
import { Heartbeat, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { echo, eventually, networkContext, waitingHeartbeat } from './network-context.ts'

const MiB = 1024 * 1024

/** As many bytes as `untaken`, none of which the client has taken for so long. */
const reader = (untakenBytes: number, stalled: number) => ({ untakenBytes, stalledMs: () => stalled })

describe('who has to go', () => {
  const used = (bytes: number) => {
    const answers = new AnswerBytes(400)
    answers.add('outgoing', bytes)
    return answers
  }

  it('nobody, however slow, while half of the budget is free', () => {
    expect(slowReaders([reader(200, 1e9)], used(200), 10_000, 0)).toEqual([])
  })

  it('those who took nothing for the whole time, the largest first, until a quarter of the budget is in use', () => {
    const [small, large, middle] = [reader(10, 20_000), reader(150, 10_000), reader(60, 30_000)]
    const slow = reader(500, 9_999)
    expect(slowReaders([small, large, slow, middle], used(201), 10_000, 0)).toEqual([large])
    expect(slowReaders([small, large, slow, middle], used(260), 10_000, 0)).toEqual([large, middle])
  })

  it('when all is used up: who took nothing for a second', () => {
    const [waits, takes] = [reader(300, 1_000), reader(100, 999)]
    expect(slowReaders([waits, takes], used(400), 10_000, 0)).toEqual([waits])
  })

  it('never one that has nothing to take', () => {
    expect(slowReaders([reader(0, 1e9)], used(400), 10_000, 0)).toEqual([])
  })
})

describe('clients that never read their answers', () => {
  /** Asks for more than the system's own buffers hold. */
  async function hang(client: RawClient, count: number): Promise<void> {
    client.stopReading()
    for (let i = 0; i < count; i++) client.send(SyncGroup, 5, { groupId: 'never read' })
  }

  it('cost no more than one answer above what may lie ready, however much they ask for', async () => {
    const { connect, server } = await networkContext([echo(3 * MiB).handler])
    const client = await connect()
    await hang(client, 100)
    await eventually(() => server.answers.bytes.outgoing > 0, 'its answers are held')
    const other = await connect()
    await other.call(SyncGroup, 5, { groupId: 'a round trip' })
    await eventually(() => client.socket.writableLength === 0, 'all its requests are sent')
    expect(server.answers.bytes.outgoing).toBeLessThan(3 * MiB + SMALL_ANSWER_BYTES + PIECE_BYTES)
  })

  it('are closed when memory for answers is short, with a line in the log; who reads goes on', async () => {
    const { connect, server, clock, metrics, logged } = await networkContext([echo(4 * MiB).handler], {
      'odradek.outgoing.max.bytes': String(20 * MiB),
      'odradek.slow.reader.timeout.ms': '5000',
    })
    const good = await connect()
    const hanging = await Promise.all([1, 2, 3, 4].map(connect))
    for (const client of hanging) await hang(client, 10)
    await eventually(() => server.answers.isShort, 'they hold more than half of it')
    clock.advance(2_000)
    const { assignment } = await good.call(SyncGroup, 5, { groupId: 'still served' })
    expect([assignment.length, metrics.closedByReason.get('slow_reader')]).toEqual([4 * MiB, undefined])

    clock.advance(4_000)
    await eventually(() => (metrics.closedByReason.get('slow_reader') ?? 0) > 0, 'somebody is closed')
    expect(server.answers.used).toBeLessThanOrEqual(10 * MiB)
    expect(logged).toMatchObject([
      {
        level: 'warn',
        fields: { peer: '127.0.0.1', reason: 'slow_reader', detail: expect.stringMatching(/nothing taken for \d+ ms/) },
        message: expect.stringMatching(/did not take its answers/),
      },
    ])
    await good.call(SyncGroup, 5, { groupId: 'still there' })
  })

  it('keep nobody else from writing, even when they hold all the memory that answers may have', async () => {
    const { connect, server } = await networkContext([echo(4 * MiB).handler], {
      'odradek.outgoing.max.bytes': String(4 * MiB),
    })
    const client = await connect()
    await hang(client, 10)
    await eventually(() => server.answers.isFull, 'all is used up')
    const writer = await connect()
    const written = await writer.call(SyncGroup, 5, {
      groupId: 'g',
      assignments: [{ memberId: 'm', assignment: Buffer.alloc(5 * MiB) }],
    })
    expect(written.errorCode).toBe(0)
  })

  it('give everything back when they go', async () => {
    const { connect, server } = await networkContext([echo(4 * MiB).handler])
    const client = await connect()
    await hang(client, 10)
    await eventually(() => server.answers.bytes.outgoing > 0, 'its answers are held')
    client.destroy()
    await eventually(() => server.connections === 0, 'the connection is gone')
    expect(server.answers.bytes).toEqual({ outgoing: 0, reading: 0 })
  })
})

describe('large answers', () => {
  it('come whole to a client that has closed its own side', async () => {
    const { connect } = await networkContext([echo(9 * MiB).handler])
    const client = await connect()
    const id = client.send(SyncGroup, 5, { groupId: 'the last' })
    client.socket.end()
    expect((await client.response(SyncGroup, 5, id)).assignment).toHaveLength(9 * MiB)
    await client.closed
  })

  it('come whole before the connection ends for what came after them', async () => {
    const { connect } = await networkContext([echo(9 * MiB).handler])
    const client = await connect()
    const id = client.send(SyncGroup, 5, { groupId: 'good' })
    client.sendBytes(Buffer.from('ffffffff', 'hex'))
    expect((await client.response(SyncGroup, 5, id)).assignment).toHaveLength(9 * MiB)
    await client.closed
  })

  it('that are ready before their turn are counted, and then nothing more is handled', async () => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { seen, handler: echoes } = echo(MAX_READY_BYTES)
    const { connect, server } = await networkContext([handler, echoes])
    const client = await connect()
    client.socket.cork()
    const first = client.send(Heartbeat, 4, {})
    const ids = ['1', '2', '3'].map((groupId) => client.send(SyncGroup, 5, { groupId }))
    client.socket.uncork()
    await eventually(() => seen.length > 0, 'the second is handled')
    const other = await connect()
    await other.call(SyncGroup, 5, { groupId: 'a round trip' })
    expect(seen).toEqual(['1', 'a round trip'])
    expect(server.answers.bytes.outgoing).toBeGreaterThan(MAX_READY_BYTES)

    calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await client.response(Heartbeat, 4, first)
    for (const id of ids) expect((await client.response(SyncGroup, 5, id)).assignment).toHaveLength(MAX_READY_BYTES)
    expect(server.answers.bytes).toEqual({ outgoing: 0, reading: 0 })
  })

  it('are made one at a time for a connection: a Fetch waits for the Fetch before it, others do not', async () => {
    const { calls, handler } = waitingHeartbeat('by other kinds')
    const { seen, handler: echoes } = echo()
    const { connect } = await networkContext([handler, echoes])
    const client = await connect()
    client.socket.cork()
    const [first, between, second, last] = [
      client.send(Heartbeat, 4, { generationId: 1 }),
      client.send(SyncGroup, 5, { groupId: 'between' }),
      client.send(Heartbeat, 4, { generationId: 2 }),
      client.send(SyncGroup, 5, { groupId: 'last' }),
    ]
    client.socket.uncork()
    await eventually(() => seen.length === 1, 'what is of another kind is handled')
    const other = await connect()
    await other.call(SyncGroup, 5, { groupId: 'a round trip' })
    expect([seen, calls.map(({ request }) => request.generationId)]).toEqual([['between', 'a round trip'], [1]])
    calls[0]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await client.response(Heartbeat, 4, first)
    await client.response(SyncGroup, 5, between)
    await eventually(() => calls.length === 2, 'the second of the kind is handled')
    calls[1]?.answer({ throttleTimeMs: 0, errorCode: 0 })
    await client.response(Heartbeat, 4, second)
    await client.response(SyncGroup, 5, last)
  })
})
