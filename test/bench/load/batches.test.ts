import { describe, expect, it } from 'vitest'
import { batchOf, produceRequest, recordsPerBatch, recordValue, requestCircle } from '../../../bench/load/batches.ts'
import { CLIENT_ID } from '../../../bench/load/connection.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import { ATTRIBUTES_AT, crc } from '../../../protocol/records/batch.ts'
import { crc32c } from '../../../protocol/records/crc32c.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { decodeRequest, decodeRequestHeader } from '../../../protocol/schema/message.ts'
import { Reader } from '../../../protocol/wire/reader.ts'

const topicOf = (partitions: number) => ({ name: 't', id: Buffer.alloc(16, 7).toString('base64url'), partitions })

/** What a broker would read. */
function decoded(bytes: Buffer) {
  const reader = new Reader(bytes, 4)
  const header = decodeRequestHeader(reader, () => true)
  return { length: bytes.readInt32BE(0), header, body: decodeRequest(Produce, header.apiVersion, reader) }
}

const partitionsIn = (bytes: Buffer) =>
  decoded(bytes).body.topicData.flatMap(({ partitionData }) => partitionData.map(({ index }) => index))

describe('prepared batches', () => {
  it.each([
    [100, 16_384],
    [100, 1_000_000],
    [1_000, 16_384],
    [1_000, 131_072],
    [10_000, 16_384],
    [63, 200],
    [1, 16_384],
  ])('of records of %d bytes are as full as %d bytes allow', (recordBytes, batchBytes) => {
    const count = recordsPerBatch(recordBytes, batchBytes)
    expect(batchOf(count, recordBytes).length).toBeLessThanOrEqual(batchBytes)
    expect(batchOf(count + 1, recordBytes).length).toBeGreaterThan(batchBytes)
  })

  it('hold one record where not even one fits', () => {
    expect(recordsPerBatch(10_000, 1)).toBe(1)
  })

  it('have the CRC and the records that they say', () => {
    const batch = batchOf(3, 50)
    expect(crc32c(batch, ATTRIBUTES_AT, batch.length)).toBe(crc(batch))
    const values = [...readRecords(batch, 0)].map(({ value }) => value)
    expect(values).toEqual([recordValue(50, 1), recordValue(50, 2), recordValue(50, 3)])
  })
})

describe('prepared requests', () => {
  it('are whole frames with what was asked for, and count what they carry', () => {
    const topic = topicOf(4)
    const batch = batchOf(5, 100)
    const request = produceRequest(topic, 1, 77, [2, 3], batch, 100)
    const { length, header, body } = decoded(request.bytes)
    expect(length).toBe(request.bytes.length - 4)
    expect(header).toMatchObject({ correlationId: 77, clientId: CLIENT_ID })
    expect(body.acks).toBe(1)
    expect(body.topicData).toEqual([
      { name: '', topicId: topic.id, partitionData: [2, 3].map((index) => ({ index, records: batch })) },
    ])
    expect(request).toMatchObject({ records: 10, payloadBytes: 1_000, batchBytes: 2 * batch.length })
  })

  it.each([
    { partitions: 1, partitionsPerRequest: 1, window: 5 },
    { partitions: 3, partitionsPerRequest: 1, window: 5 },
    { partitions: 100, partitionsPerRequest: 1, window: 5 },
    { partitions: 6, partitionsPerRequest: 4, window: 2 },
    { partitions: 2, partitionsPerRequest: 10, window: 1 },
  ])('go round all partitions equally, more of them than are in flight: %j', (shape) => {
    const plan = { topic: topicOf(shape.partitions), acks: -1 as const, recordBytes: 10, batchBytes: 100, ...shape }
    const circle = requestCircle(plan, 1)
    expect(circle.length).toBeGreaterThan(shape.window)
    expect(circle.map(({ correlationId }) => correlationId)).toEqual([...circle.keys()])
    const times = new Array<number>(shape.partitions).fill(0)
    for (const { bytes } of circle) {
      const partitions = partitionsIn(bytes)
      expect(new Set(partitions).size).toBe(partitions.length)
      for (const partition of partitions) times[partition]!++
    }
    expect(new Set(times).size).toBe(1)
  })

  it('of several connections begin at different partitions', () => {
    const plan = {
      topic: topicOf(3),
      acks: -1 as const,
      recordBytes: 10,
      batchBytes: 1,
      partitionsPerRequest: 1,
      window: 1,
    }
    const first = [0, 1, 2].map((rotation) => partitionsIn(requestCircle(plan, rotation)[0]!.bytes))
    expect(first).toEqual([[0], [1], [2]])
  })

  it('that would take all memory are refused', () => {
    const plan = { topic: topicOf(100_000), acks: -1 as const, recordBytes: 1_000, batchBytes: 16_384 }
    expect(() => requestCircle({ ...plan, partitionsPerRequest: 1, window: 5 }, 0)).toThrow(
      'are too much: smaller batches or fewer partitions',
    )
  })
})
