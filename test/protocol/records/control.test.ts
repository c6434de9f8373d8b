import { describe, expect, it } from 'vitest'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { buildMarker, controlType, readMarker } from '../../../protocol/records/control.ts'
import { RecordsError } from '../../../protocol/records/records-error.ts'
import { golden, goldenBatches } from './support/golden.ts'

describe('A transaction marker', () => {
  it.each(['commit', 'abort'] as const)('has the bytes that Kafka writes: %s', (end) => {
    const kafka = golden(`control: ${end} marker`)
    const type = end === 'commit' ? 'COMMIT' : 'ABORT'
    const facts = readMarker(kafka)
    expect(facts).toMatchObject({ type, producerId: 4002, producerEpoch: 1 })
    const ours = buildMarker(facts!, batch.maxTimestamp(kafka))
    batch.setBaseOffset(ours, 0, batch.baseOffset(kafka))
    batch.setPartitionLeaderEpoch(ours, 0, batch.partitionLeaderEpoch(kafka))
    expect(ours.toString('hex')).toBe(kafka.toString('hex'))
  })

  it('is read back with the epoch of its coordinator', () => {
    const marker = { type: 'ABORT', producerId: 2 ** 40, producerEpoch: 7, coordinatorEpoch: 19 } as const
    expect(readMarker(buildMarker(marker, 5))).toEqual(marker)
  })

  it('is not there when compaction took it out, or the batch is for the quorum', () => {
    expect(readMarker(buildBatch({ records: [], control: true, producerId: 1 }))).toBeUndefined()
    expect(readMarker(golden('control: leader change'))).toBeUndefined()
  })

  it.each([
    ['a value that is too short', Buffer.from([0, 0, 0, 1]), Buffer.from([0, 0, 0])],
    ['no value', Buffer.from([0, 0, 0, 1]), null],
    ['a key that is too short', Buffer.from([0, 0]), Buffer.alloc(6)],
    ['no key', null, Buffer.alloc(6)],
  ])('is refused with %s', (_, key, value) => {
    expect(() => readMarker(buildBatch({ records: [{ key, value }], control: true }))).toThrow(RecordsError)
  })
})

describe('A control batch', () => {
  const control = goldenBatches().filter(({ batches }) => batches?.[0]?.control)

  it.each(
    control.map(
      ({ description, batches, bytes }) => [description, batches![0]!.records[0]!.controlType, bytes] as const,
    ),
  )('says what it is: %s', (_, type, bytes) => {
    expect(controlType(bytes)).toBe(type)
  })

  it('of a newer broker is UNKNOWN', () => {
    const records = [{ key: Buffer.from([0, 0, 0, 99]), value: null }]
    expect(controlType(buildBatch({ records, control: true }))).toBe('UNKNOWN')
  })

  it('is not what a batch of records is', () => {
    expect(() => controlType(golden('five records, none'))).toThrow(RecordsError)
  })
})
