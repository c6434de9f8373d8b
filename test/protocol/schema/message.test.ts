import { describe, expect, it } from 'vitest'
import { ApiVersions, apiOf, apis, Fetch, Heartbeat, Metadata } from '../../../protocol/apis/index.ts'
import { requestHeaderVersion, responseHeaderVersion } from '../../../protocol/schema/api.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponseFrame,
  encodeRequestFrame,
  encodeResponseFrame,
  filled,
} from '../../../protocol/schema/message.ts'
import { MalformedError } from '../../../protocol/wire/malformed.ts'
import { Reader } from '../../../protocol/wire/reader.ts'

const isFlexible = (apiKey: number, apiVersion: number): boolean => apiVersion >= (apiOf(apiKey)?.flexibleSince ?? 99)
const body = (chunks: readonly Buffer[]): Buffer => {
  const frame = Buffer.concat(chunks)
  expect(frame.readInt32BE(0)).toBe(frame.length - 4)
  return frame.subarray(4)
}

describe('Headers', () => {
  it('NET-9: are 2 and 1 in flexible versions, 1 and 0 before', () => {
    expect([requestHeaderVersion(Metadata, 8), responseHeaderVersion(Metadata, 8)]).toEqual([1, 0])
    expect([requestHeaderVersion(Metadata, 9), responseHeaderVersion(Metadata, 9)]).toEqual([2, 1])
  })

  it('AV-1: the ApiVersions response has header 0 in every version', () => {
    expect([0, 2, 3, 4].map((version) => responseHeaderVersion(ApiVersions, version))).toEqual([0, 0, 0, 0])
    expect(requestHeaderVersion(ApiVersions, 3)).toBe(2)
    const answer = filled(ApiVersions.response, {
      errorCode: 35,
      apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
    })
    expect(body(encodeResponseFrame(ApiVersions, 3, 7, answer)).toString('hex')).toBe(
      '00000007 0023 02 0012 0000 0004 00 00000000 00'.replaceAll(' ', ''),
    )
  })

  it('NET-9: keep the client id as an int16 string in every version, and it may be null', () => {
    for (const version of [8, 9]) {
      for (const clientId of [null, '', 'tester']) {
        const frame = body(encodeRequestFrame(Metadata, version, 42, clientId, filled(Metadata.request, {})))
        const reader = new Reader(frame)
        expect(decodeRequestHeader(reader, isFlexible)).toEqual({
          apiKey: 3,
          apiVersion: version,
          correlationId: 42,
          clientId,
        })
        expect(decodeRequest(Metadata, version, reader)).toEqual(filled(Metadata.request, {}))
      }
    }
  })

  it('H06, H07: are malformed when they are cut off or the client id has a length that cannot be', () => {
    for (const hex of ['', '0003', '00030000000000', '0003 0000 00000001 fffe', '0003 0000 00000001 7fff 61']) {
      const reader = new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
      expect(() => decodeRequestHeader(reader, isFlexible)).toThrow(MalformedError)
    }
  })

  it('NET-10: skip tagged fields that nobody knows', () => {
    const reader = new Reader(Buffer.from('0003 0009 00000001 ffff 01 63 02 aabb 2a'.replaceAll(' ', ''), 'hex'))
    expect(decodeRequestHeader(reader, isFlexible).apiVersion).toBe(9)
    expect(reader.int8()).toBe(0x2a)
  })
})

describe('Bodies', () => {
  it('H13: may be followed by bytes left over', () => {
    const request = filled(Heartbeat.request, { groupId: 'g', generationId: 3, memberId: 'm' })
    const frame = Buffer.concat([body(encodeRequestFrame(Heartbeat, 0, 1, null, request)), Buffer.from('surplus')])
    const reader = new Reader(frame)
    decodeRequestHeader(reader, isFlexible)
    expect(decodeRequest(Heartbeat, 0, reader)).toEqual(request)
    expect(reader.remaining).toBe(7)
  })

  it('send the runs of a Fetch response as they are and read them back as one', () => {
    const runs: Buffer[] = [Buffer.alloc(5_000, 1), Buffer.alloc(6_000, 2)]
    const answer = filled(Fetch.response, {
      responses: [
        {
          topic: 'orders',
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              highWatermark: 9,
              lastStableOffset: 9,
              logStartOffset: 0,
              divergingEpoch: { epoch: -1, endOffset: -1 },
              currentLeader: { leaderId: -1, leaderEpoch: -1 },
              snapshotId: { endOffset: -1, epoch: -1 },
              abortedTransactions: null,
              preferredReadReplica: -1,
              records: runs,
            },
          ],
        },
      ],
    })
    for (const version of [4, 11, 12]) {
      const chunks = encodeResponseFrame(Fetch, version, 5, answer)
      expect(chunks.filter((chunk) => runs.includes(chunk))).toHaveLength(2)
      const { correlationId, value } = decodeResponseFrame(Fetch, version, body(chunks))
      expect(correlationId).toBe(5)
      const partition = value.responses[0]!.partitions[0]!
      expect(partition.highWatermark).toBe(9)
      expect(Buffer.concat(partition.records!)).toEqual(Buffer.concat(runs))
    }
  })
})

describe('The list of APIs', () => {
  it('finds an API by key, and none for keys that a broker does not know', () => {
    for (const api of apis) expect(apiOf(api.key)).toBe(api)
    for (const key of [4, 7, 52, 9_999, -1]) expect(apiOf(key)).toBeUndefined()
  })
})
