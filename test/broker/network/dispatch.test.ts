import { describe, expect, it } from 'vitest'
import { apiVersions } from '../../../broker/handlers/api-versions.ts'
import { type AnyHandler, CloseConnection, serve } from '../../../broker/handlers/handler.ts'
import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { Heartbeat, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { AssertionError } from '../../../protocol/assert.ts'
import { Writer } from '../../../protocol/wire/writer.ts'
import { echo, eventually, networkContext, waitingHeartbeat } from './network-context.ts'

const fine = { throttleTimeMs: 0, errorCode: 0 }
const heartbeat = (handle: () => unknown): AnyHandler =>
  serve(Heartbeat, 'none', () => handle() as typeof fine | Promise<typeof fine>)

/** A request frame without its length, by hand. */
function requestBytes(apiKey: number, version: number, write: (writer: Writer) => void = () => {}): Buffer {
  const writer = new Writer()
  writer.int16(apiKey)
  writer.int16(version)
  writer.int32(77)
  write(writer)
  return Buffer.concat(writer.finish())
}

/** Sends a frame, expects the connection to end without a byte of answer and a second one to be served. */
async function closesOn(frame: Buffer, handlers: readonly AnyHandler[] = []) {
  const context = await networkContext([...handlers, echo().handler])
  const client = await context.connect()
  const bystander = await context.connect()
  client.sendFrame(frame)
  expect(await client.bytesUntilClosed()).toEqual(Buffer.alloc(0))
  expect((await bystander.call(SyncGroup, 5, { groupId: 'still here' })).assignment.toString()).toBe('still here')
  await eventually(() => context.metrics.closedByReason.size > 0, 'the end is counted')
  expect(context.fatal).toEqual([])
  return { ...context, reasons: [...context.metrics.closedByReason.keys()] }
}

describe('the request header', () => {
  it.each([0, 1, 2, 4, 7])('H06, H03: %i bytes are no header: the connection is closed', async (size) => {
    expect((await closesOn(requestBytes(14, 5).subarray(0, size))).reasons).toEqual(['malformed'])
  })

  it.each([0x7fff, -1, -32768, 999, 12])('NET-4: API key %i is not served: closed without a response', async (key) => {
    const { reasons, logged } = await closesOn(requestBytes(key, 0, (writer) => writer.nullableString('x')))
    expect(reasons).toEqual(['unknown_api'])
    expect(logged).toMatchObject([{ level: 'warn', fields: { peer: '127.0.0.1', detail: `API key ${key}` } }])
  })

  it.each([0x7fff, 6, -1])('NET-5: version %i of an API is not served: closed without a response', async (version) => {
    const { reasons } = await closesOn(requestBytes(14, version, (writer) => writer.nullableString('x')))
    expect(reasons).toEqual(['unsupported_version'])
  })

  it.each([-2, 0x7fff])('H07: a client id of length %i: closed', async (length) => {
    expect((await closesOn(requestBytes(14, 5, (writer) => writer.int16(length)))).reasons).toEqual(['malformed'])
  })

  it.each([0, 3, 4])('NET-8: a null client id is accepted and read as the empty string (v%i)', async (version) => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { connect } = await networkContext([handler])
    const client = await connect()
    const id = client.send(Heartbeat, version, {}, null)
    await eventually(() => calls.length === 1, 'it is handled')
    expect(calls[0]?.context.clientId).toBe('')
    calls[0]?.answer(fine)
    expect(await client.response(Heartbeat, version, id)).toEqual(fine)
  })

  it('NET-9: flexible versions are answered with tagged fields in the header, others without', async () => {
    const { connect } = await networkContext([heartbeat(() => fine)])
    const client = await connect()
    const write = (writer: Writer, flexible: boolean) => {
      // The client id is not compact, not even in header version 2.
      writer.nullableString('client')
      if (flexible) writer.uvarint(0)
      const text = (value: string) => (flexible ? writer.compactString(value) : writer.string(value))
      text('group')
      writer.int32(1)
      text('member')
      if (flexible) {
        writer.compactNullableString(null)
        writer.uvarint(0)
      } else writer.nullableString(null)
    }
    client.sendFrame(requestBytes(12, 4, (writer) => write(writer, true)))
    // Correlation id, tags of the header, throttle time, error code, tags of the body.
    expect((await client.frame()).toString('hex')).toBe('0000004d000000000000'.concat('00', '00'))
    client.sendFrame(requestBytes(12, 3, (writer) => write(writer, false)))
    expect((await client.frame()).toString('hex')).toBe('0000004d000000000000')
  })

  it('NET-10: unknown tagged fields in header and body are skipped', async () => {
    const { connect } = await networkContext([heartbeat(() => fine)])
    const client = await connect()
    const unknownTags = (writer: Writer) => {
      writer.uvarint(2)
      for (const tag of [5, 9_000]) {
        writer.uvarint(tag)
        writer.uvarint(3)
        for (const byte of [1, 2, 3]) writer.int8(byte)
      }
    }
    client.sendFrame(
      requestBytes(12, 4, (writer) => {
        writer.nullableString('client')
        unknownTags(writer)
        writer.compactString('group')
        writer.int32(1)
        writer.compactString('member')
        writer.compactNullableString(null)
        unknownTags(writer)
      }),
    )
    expect((await client.frame()).readInt32BE(0)).toBe(77)
  })
})

describe('the request body', () => {
  const body = (write: (writer: Writer) => void) =>
    requestBytes(14, 5, (writer) => {
      writer.nullableString('x')
      writer.uvarint(0)
      write(writer)
    })

  it('NET-6: one that cannot be read closes its connection and no other', async () => {
    const { reasons, logged } = await closesOn(body((writer) => writer.uvarint(40)))
    expect(reasons).toEqual(['malformed'])
    expect(logged).toHaveLength(1)
    expect(logged[0]?.fields.detail).toMatch(/^SyncGroup v5: /)
  })

  it.each([
    ['H08: an array of two billion', [0xff, 0xff, 0xff, 0xff, 0x07]],
    ['H08, H09: an array of four billion', [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['H10: a length of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['H10: a length beyond 32 bits', [0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['H12: null where null is not allowed', [0x00]],
  ])('%s', async (_what, bytes) => {
    const frame = body((writer) => {
      writer.compactString('group')
      writer.int32(1)
      writer.compactString('member')
      for (let i = 0; i < 3; i++) writer.compactNullableString(null)
      for (const byte of bytes) writer.int8(byte)
    })
    expect((await closesOn(frame)).reasons).toEqual(['malformed'])
  })

  it('H11: more tagged fields than anybody sends, or tags that do not rise', async () => {
    const tags = (list: readonly number[], count = list.length) =>
      requestBytes(14, 5, (writer) => {
        writer.nullableString('x')
        writer.uvarint(count)
        for (const tag of list) {
          writer.uvarint(tag)
          writer.uvarint(0)
        }
      })
    expect((await closesOn(tags([], 0xffff_ffff))).reasons).toEqual(['malformed'])
    expect((await closesOn(tags(Array.from({ length: 5_000 }, (_, i) => i)))).reasons).toEqual(['malformed'])
    expect((await closesOn(tags([4, 4]))).reasons).toEqual(['malformed'])
    expect((await closesOn(tags([4, 3]))).reasons).toEqual(['malformed'])
  })

  it('H13: bytes left over after it are accepted, as in Kafka', async () => {
    const { connect } = await networkContext([heartbeat(() => fine)])
    const client = await connect()
    client.sendFrame(
      requestBytes(12, 0, (writer) => {
        writer.nullableString('x')
        writer.string('group')
        writer.int32(1)
        writer.string('member')
        for (let i = 0; i < 100; i++) writer.int8(i)
      }),
    )
    expect((await client.frame()).readInt32BE(0)).toBe(77)
  })

  it('H16: no string of a client means anything to the broker', async () => {
    const { connect, metrics } = await networkContext([echo().handler])
    const client = await connect()
    for (const name of ['__proto__', 'constructor', 'toString', '\u001b[31m\n', 'x'.repeat(32_000)]) {
      expect((await client.call(SyncGroup, 5, { groupId: name }, name)).assignment.toString()).toBe(name)
    }
    expect([...metrics.durations()].map(([key, { count }]) => [key, count])).toEqual([[14, 5]])
  })
})

describe('ApiVersions', () => {
  const handlers: readonly AnyHandler[] = [apiVersions(() => handlers.map(({ api }) => api))]

  it.each([5, 6, 200, 0x7fff, -1])(
    'AV-2, AV-12: version %i is answered in version 0 with 35 and its own range; the connection goes on',
    async (version) => {
      const { connect, metrics } = await networkContext(handlers)
      const client = await connect()
      const flexible = version >= 3
      client.sendFrame(
        requestBytes(18, version, (writer) => {
          writer.nullableString('from the future')
          if (flexible) writer.uvarint(0)
          // A body that no present version could read.
          for (let i = 0; i < 20; i++) writer.int8(0xff)
        }),
      )
      expect((await client.frame()).toString('hex')).toBe('0000004d002300000001001200000004')
      const again = await client.call(ApiVersions, 4, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })
      expect(again.errorCode).toBe(0)
      expect([...metrics.closedByReason]).toEqual([])
    },
  )
})

describe('a handler', () => {
  it.each([
    [
      'at once',
      () => {
        throw new CloseConnection('acks=0 and the topic is gone')
      },
    ],
    ['later', () => Promise.reject(new CloseConnection('acks=0 and the topic is gone'))],
  ])('may end the connection without a response, %s', async (_when, handle) => {
    const { connect, metrics, logged } = await networkContext([heartbeat(handle)])
    const client = await connect()
    client.send(Heartbeat, 4, {})
    expect(await client.bytesUntilClosed()).toEqual(Buffer.alloc(0))
    await eventually(() => metrics.closedByReason.get('refused') === 1, 'the end is counted')
    expect(logged).toMatchObject([{ level: 'info', message: 'connection closed: acks=0 and the topic is gone' }])
  })

  it.each([
    [
      'at once',
      () => {
        throw new TypeError('undefined is not a function')
      },
    ],
    ['later', () => Promise.reject(new TypeError('undefined is not a function'))],
  ])('that fails %s costs its connection, and only that', async (_when, handle) => {
    const { connect, logged, metrics, fatal } = await networkContext([heartbeat(handle), echo().handler])
    const client = await connect()
    client.send(Heartbeat, 4, {})
    expect(await client.bytesUntilClosed()).toEqual(Buffer.alloc(0))
    await eventually(() => metrics.closedByReason.get('error') === 1, 'the end is counted')
    expect(logged).toMatchObject([{ level: 'error', fields: { api: 'Heartbeat v4', error: expect.any(TypeError) } }])
    const other = await connect()
    expect((await other.call(SyncGroup, 5, { groupId: 'others' })).errorCode).toBe(0)
    expect(fatal).toEqual([])
  })

  it.each([
    [
      'at once',
      () => {
        throw new AssertionError('the log end went back')
      },
    ],
    ['later', () => Promise.reject(new AssertionError('the log end went back'))],
  ])('that breaks an invariant %s stops the broker: nothing is handled any more', async (_when, handle) => {
    const { seen, handler } = echo()
    const { connect, fatal } = await networkContext([heartbeat(handle), handler])
    const client = await connect()
    const other = await connect()
    client.send(Heartbeat, 4, {})
    await client.closed
    expect(fatal).toEqual([new AssertionError('the log end went back')])
    other.send(SyncGroup, 5, { groupId: 'too late' })
    await other.closed
    expect(seen).toEqual([])
  })

  it('sends what came before it is answered, when a later request ends the connection', async () => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { seen, handler: echoes } = echo()
    const { connect } = await networkContext([handler, echoes])
    const client = await connect()
    const id = client.send(Heartbeat, 4, {})
    client.sendFrame(requestBytes(999, 0))
    client.send(SyncGroup, 5, { groupId: 'never' })
    await eventually(() => calls.length === 1, 'the first is handled')
    const other = await connect()
    await other.call(SyncGroup, 5, { groupId: 'other' })
    calls[0]?.answer(fine)
    expect(await client.response(Heartbeat, 4, id)).toEqual(fine)
    await client.closed
    expect(seen).toEqual(['other'])
  })

  it('is counted with its time, and with the error of its answer', async () => {
    const { calls, handler } = waitingHeartbeat('by all')
    const { connect, clock, metrics } = await networkContext([handler])
    const client = await connect()
    const id = client.send(Heartbeat, 4, {})
    await eventually(() => calls.length === 1, 'it is handled')
    clock.advance(250)
    calls[0]?.answer({ throttleTimeMs: 0, errorCode: 25 })
    await client.response(Heartbeat, 4, id)
    const durations = [...metrics.durations()]
    expect(durations.map(([key, { count, sumSeconds }]) => [key, count, sumSeconds])).toEqual([[12, 1, 0.25]])
    expect([...metrics.errors()].map(([key, errors]) => [key, [...errors]])).toEqual([[12, [['UNKNOWN_MEMBER_ID', 1]]]])
  })
})
