import { beforeAll, describe, expect, it } from 'vitest'
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { Heartbeat } from '../../protocol/apis/group-membership.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { errorName } from '../../protocol/errors.ts'
import { Writer } from '../../protocol/wire/writer.ts'
import { NO_TOPIC } from '../support/embedded-broker.ts'
import type { RawClient } from '../support/raw-client.ts'
import { Attacked, eventually } from './support/attacked.ts'

/** A request's bytes behind its length: header, then what `write` writes. */
function request(apiKey: number, version: number, write: (writer: Writer) => void, flexible = false): Buffer {
  const writer = new Writer()
  writer.int16(apiKey)
  writer.int16(version)
  writer.int32(77)
  writer.nullableString('hostile')
  if (flexible) writer.uvarint(0)
  write(writer)
  return Buffer.concat(writer.finish())
}

const raw = (writer: Writer, hex: string) => writer.append(Buffer.from(hex, 'hex'))
const framed = (body: Buffer) => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length, 0)
  return Buffer.concat([length, body])
}
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const text = (what: string) => Buffer.from(what, 'latin1')

/** Metadata v9 (flexible) and v8 (not) up to where the topics stand. */
const metadata9 = (hex: string) => framed(request(3, 9, (writer) => raw(writer, hex), true))
const metadata8 = (hex: string) => framed(request(3, 8, (writer) => raw(writer, hex)))

describe('bytes that are no request', () => {
  let attacked: Attacked
  beforeAll(async () => {
    attacked = await Attacked.start()
    return () => attacked.stop()
  })

  it.each<[string, Buffer, string]>([
    ['H01: a length of -1', bytes('ffffffff'), 'malformed'],
    ['H01: the smallest length', bytes('80000000'), 'malformed'],
    ['H02: a length of 2 GB', bytes('7fffffff'), 'malformed'],
    ['H02: one more than socket.request.max.bytes', bytes('06400001'), 'malformed'],
    ['H03: a length of 0', bytes('00000000'), 'malformed'],
    ['H04: HTTP GET', text('GET / HTTP/1.1\r\n\r\n'), 'http'],
    ['H04: HTTP POST', text('POST /topics HTTP/1.1\r\n\r\n'), 'http'],
    ['H04, NET-13: TLS', bytes('16030100f5010000f10303'), 'tls'],
    ['H04: SMB', bytes('0000002aff534d4272000000'), 'smb'],
    ['H06: a header of 1 byte', framed(bytes('00')), 'malformed'],
    ['H06: a header of 7 bytes', framed(bytes('00120000000000')), 'malformed'],
    ['H06: API key 32767', framed(request(0x7fff, 0, () => {})), 'unknown_api'],
    ['H06: API key -1', framed(request(-1, 0, () => {})), 'unknown_api'],
    ['H06: an API of brokers among themselves', framed(request(4, 0, () => {})), 'unknown_api'],
    ['H06: version 32767', framed(request(3, 0x7fff, () => {})), 'unsupported_version'],
    ['H07: a client id of -2 bytes', framed(bytes('00030000000000010000fffe')), 'malformed'],
    ['H07: a client id of 32767 bytes', framed(bytes('0003000800000001 7fff'.replace(' ', ''))), 'malformed'],
    ['H08: two billion topics', metadata8('7fffffff'), 'malformed'],
    ['H08: minus two topics', metadata8('fffffffe'), 'malformed'],
    ['H08, H09: four billion topics', metadata9('ffffffff0f'), 'malformed'],
    ['H10: a count of six bytes', metadata9('808080808000'), 'malformed'],
    ['H10: a count beyond 32 bits', metadata9('ffffffff7f'), 'malformed'],
    [
      'H11: four billion tagged fields',
      framed(Buffer.concat([request(3, 9, () => {}), bytes('ffffffff0f')])),
      'malformed',
    ],
    ['H11: tags that fall', framed(Buffer.concat([request(3, 9, () => {}), bytes('0205000400')])), 'malformed'],
    [
      'H11: a tagged field longer than the request',
      framed(Buffer.concat([request(3, 9, () => {}), bytes('0105ff0f')])),
      'malformed',
    ],
    ['H12: a name that is null where none may be', metadata8('00000001ffff000000'), 'malformed'],
  ])('%s: the connection is closed, and nobody else notices', async (_what, attack, reason) => {
    const before = attacked.closedAs(reason)
    await attacked.survives(async () => {
      const client = await attacked.connect()
      client.sendBytes(attack)
      await client.closed
    })
    expect(attacked.closedAs(reason)).toBe(before + 1)
  })

  it('H06, AV-2: only ApiVersions is answered in a version that nobody knows yet', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      client.sendFrame(request(ApiVersions.key, 0x7fff, (writer) => raw(writer, 'ffffffff'), true))
      const answer = await client.frame()
      expect([answer.readInt32BE(0), errorName(answer.readInt16BE(4))]).toEqual([77, 'UNSUPPORTED_VERSION'])
    })
  })

  it('H10: a count that is longer than it need be is a count all the same', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      // 0 in two bytes: null, all topics. Then three booleans and no tags.
      client.sendFrame(request(Metadata.key, 9, (writer) => raw(writer, '800000000000'), true))
      expect((await client.frame()).readInt32BE(0)).toBe(77)
    })
  })

  it('H13: bytes after the last field are left aside', async () => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      client.sendFrame(Buffer.concat([request(ApiVersions.key, 0, () => {}), Buffer.alloc(1_000, 0xff)]))
      expect((await client.frame()).readInt16BE(4)).toBe(0)
    })
  })

  it('H02, H05: 300 halves of requests of 100 MB cost what has come of them', async () => {
    await attacked.survives(async () => {
      const clients: RawClient[] = []
      for (let i = 0; i < 300; i++) clients.push(await attacked.connect())
      for (const client of clients) client.sendBytes(bytes('0640000000030008'))
      await eventually(() => attacked.gauge('odradek_held_bytes') === 2_400)
      expect(attacked.gauge('odradek_held_bytes')).toBe(2_400)
      await attacked.serves()
      for (const client of clients) client.destroy()
    })
  })
})

describe('strings that mean something elsewhere', () => {
  let attacked: Attacked
  beforeAll(async () => {
    attacked = await Attacked.start()
    return () => attacked.stop()
  })

  it.each([
    ['an overlong zero', 'c080'],
    ['half of a surrogate pair', 'eda080'],
    ['a character beyond the last', 'f5808080'],
  ])('H14: %s in the name of a topic makes none, and is no error of ours', async (_what, hex) => {
    await attacked.survives(async () => {
      await using client = await attacked.connect()
      const name = Buffer.from(hex, 'hex')
      client.sendFrame(
        request(Metadata.key, 4, (writer) => {
          writer.int32(1)
          writer.int16(name.length)
          writer.append(name)
          writer.bool(true)
        }),
      )
      expect((await client.frame()).readInt32BE(0)).toBe(77)
    })
  })

  it.each(['.', '..', '../../etc/x', 'a/b', 'a\0b', 'x'.repeat(250), ''])(
    'H15: the topic name %j is refused, by Metadata and by Produce',
    async (name) => {
      await attacked.survives(async () => {
        await using client = await attacked.connect()
        const asked = [{ name, topicId: NO_TOPIC }]
        const { topics } = await client.call(Metadata, 9, { topics: asked, allowAutoTopicCreation: true })
        expect(topics.map(({ errorCode }) => errorName(errorCode))).toEqual(['INVALID_TOPIC_EXCEPTION'])
        const { responses } = await client.call(Produce, 9, {
          acks: 1,
          topicData: [{ ...asked[0]!, partitionData: [{ index: 0, records: Buffer.from('x') }] }],
        })
        expect(responses[0]?.partitionResponses[0]?.errorCode).not.toBe(0)
      })
    },
  )

  it.each(['__proto__', 'constructor', 'toString', 'x'.repeat(32_767), '\u001b[31m\n\u202e'])(
    'H16: as a group, a member and a client id, %j is a name like others',
    async (name) => {
      await attacked.survives(async () => {
        await using client = await attacked.connect()
        const member = { groupId: name, memberId: name, generationId: 1 }
        const { errorCode } = await client.call(Heartbeat, 3, { ...member, groupInstanceId: name }, name)
        // The first of all group requests finds no coordinator topic yet.
        expect(['UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE']).toContain(errorName(errorCode))
      })
      expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    },
  )
})
