import { describe, expect, it } from 'vitest'
import { hintFor, httpAnswer } from '../../../broker/network/hints.ts'
import { SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { echo, eventually, networkContext } from './network-context.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')

describe('the first bytes of a connection', () => {
  it.each([
    ['http', latin1('GET / HTTP/1.1\r\n')],
    ['http', latin1('POST /topics HTTP/1.1\r\n')],
    ['http', latin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['tls', Buffer.from('16030100f5010000', 'hex')],
    ['tls', Buffer.from('16030102', 'hex')],
    ['smb', Buffer.from('0000002aff534d42', 'hex')],
    ['smb', Buffer.from('000000f0fe534d42', 'hex')],
    ['ssh', latin1('SSH-2.0-OpenSSH_9.6\r\n')],
    ['amqp', latin1('AMQP\x00\x01\x00\x00')],
  ])('name %s', (kind, bytes) => {
    expect(hintFor(bytes)?.kind).toBe(kind)
  })

  it('of Kafka clients are not mistaken for others, nor too few bytes', () => {
    expect(hintFor(Buffer.from('0000001000120004', 'hex'))).toBeUndefined()
    expect(hintFor(Buffer.from('0000002a00000009', 'hex'))).toBeUndefined()
    expect(hintFor(latin1('GET'))).toBeUndefined()
    expect(hintFor(Buffer.alloc(0))).toBeUndefined()
  })

  it('H04: HTTP is told where it wanted to go, and the log says it in plain words', async () => {
    const { connect, logged, metrics } = await networkContext([echo().handler])
    const client = await connect()
    client.sendBytes('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const answer = (await client.bytesUntilClosed()).toString()
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toMatch(/\r\n\r\nThis port speaks the Kafka protocol.*http:\/\/127\.0\.0\.1:9644\n$/s)
    await eventually(() => metrics.closedByReason.get('http') === 1, 'the end is counted')
    expect(logged).toMatchObject([
      { level: 'warn', fields: { peer: '127.0.0.1', reason: 'http' }, message: expect.stringMatching(/HTTP client/) },
    ])
  })

  it('H04, NET-13: a TLS client on a plaintext port is disconnected with a sentence, not left to hang', async () => {
    const { connect, logged, metrics } = await networkContext([echo().handler])
    const client = await connect()
    client.sendBytes(Buffer.from('16030100f5010000f10303', 'hex'))
    expect(await client.bytesUntilClosed()).toHaveLength(0)
    await eventually(() => metrics.closedByReason.get('tls') === 1, 'the end is counted')
    expect(logged[0]?.message).toMatch(/TLS client spoke to a PLAINTEXT port/)
  })

  it('H04: are recognised when they come one by one', async () => {
    const { connect, metrics } = await networkContext([echo().handler])
    const client = await connect()
    for (const byte of Buffer.from('0000002aff534d42', 'hex')) {
      client.sendBytes(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.closed
    await eventually(() => metrics.closedByReason.get('smb') === 1, 'the end is counted')
  })

  it('are looked for at the beginning only: a later request may look as it likes', async () => {
    const { connect } = await networkContext([echo().handler])
    const client = await connect()
    await client.call(SyncGroup, 5, { groupId: 'first' })
    const answer = await client.call(SyncGroup, 5, { groupId: 'GET / HTTP/1.1', memberId: 'SSH-2.0' })
    expect(answer.assignment.toString()).toBe('GET / HTTP/1.1')
  })

  it('the HTTP answer is one that HTTP clients can read', () => {
    const [head = '', body = ''] = httpAnswer(undefined).toString().split('\r\n\r\n')
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`)
    expect(body).toContain('odradek.http.listen')
  })
})
