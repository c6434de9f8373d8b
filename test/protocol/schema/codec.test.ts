import { describe, expect, expectTypeOf, it } from 'vitest'
import { type Fetch, Metadata, type OffsetCommit, type Produce } from '../../../protocol/apis/index.ts'
import { AssertionError } from '../../../protocol/assert.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/schema/api.ts'
import { codecOf } from '../../../protocol/schema/codec.ts'
import { array, bool, bytes, int32, int64, string, struct, type TypeOf, uuid } from '../../../protocol/schema/field.ts'
import { MalformedError } from '../../../protocol/wire/malformed.ts'
import { Reader, ZERO_UUID } from '../../../protocol/wire/reader.ts'
import { Writer } from '../../../protocol/wire/writer.ts'

/** A message with one of each rule; flexible from version 2 on. */
const shape = {
  plain: int32,
  added: int64.since(1).orElse(-1),
  dropped: string.until(1).ignorable(),
  text: string.nullableSince(1),
  list: array(struct({ id: uuid, on: bool.since(2) }))
    .nullable()
    .orElse(null),
  cursor: struct({ topic: string, index: int32 }).nullable().orElse(null),
  leader: struct({ id: int32.orElse(-1), epoch: int32.orElse(-1) }).tagged(0, 2),
  note: string.nullable().tagged(2, 2).orElse(null),
  data: bytes.tagged(1, 2).ignorable(),
  late: array(int32).since(3),
}
type Value = TypeOf<typeof shape>

const fallbacks: Value = {
  plain: 0,
  added: -1,
  dropped: '',
  text: '',
  list: null,
  cursor: null,
  leader: { id: -1, epoch: -1 },
  note: null,
  data: Buffer.alloc(0),
  late: [],
}

describe.each(['compiled', 'closures'] as const)('A codec, %s', (style) => {
  const codec = (version: number) => codecOf(shape, version, version >= 2, { style })
  const encode = (version: number, value: Partial<Value>): string => {
    const writer = new Writer()
    codec(version).encode(writer, { ...fallbacks, ...value })
    return Buffer.concat(writer.finish()).toString('hex')
  }
  const decode = (version: number, hex: string): Value =>
    codec(version).decode(new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex')))

  it('reads fields that the version lacks as their fallbacks, in the declared order', () => {
    const value = decode(0, '00000007 0001 61 0000 ffffffff ff')
    expect(value).toEqual({ ...fallbacks, plain: 7, dropped: 'a' })
    expect(Object.keys(value)).toEqual(Object.keys(shape))
  })

  it('writes compact lengths and a tagged section in flexible versions only', () => {
    expect(encode(0, {})).toBe('00000000 0000 0000 ffffffff ff'.replaceAll(' ', ''))
    expect(encode(2, {})).toBe('00000000 ffffffffffffffff 01 00 ff 00'.replaceAll(' ', ''))
  })

  it('writes tagged fields by rising tag, those that differ from their fallbacks', () => {
    const hex = encode(2, { note: 'n', data: Buffer.from([9]), leader: { id: 3, epoch: -1 } })
    expect(hex).toMatch(/03000900000003ffffffff00010202090202026e$/)
    expect(decode(2, hex)).toEqual({ ...fallbacks, note: 'n', data: Buffer.from([9]), leader: { id: 3, epoch: -1 } })
  })

  it('writes nullable structures behind a byte', () => {
    const cursor = { topic: 'a', index: 1 }
    expect(encode(0, { cursor })).toMatch(/0100016100000001$/)
    expect(decode(0, encode(0, { cursor })).cursor).toEqual(cursor)
    expect(decode(2, encode(2, { cursor })).cursor).toEqual(cursor)
  })

  it('asserts that a version can say what it is given, but drops what is ignorable', () => {
    expect(() => encode(0, { added: 5 })).toThrow(AssertionError)
    expect(() => encode(1, { leader: { id: 1, epoch: 1 } })).toThrow('leader')
    expect(() => encode(2, { late: [1] })).toThrow('late')
    expect(() => encode(0, { text: null })).toThrow(AssertionError)
    expect(encode(1, { data: Buffer.from([1]) })).toBe(encode(1, {}))
    expect(encode(2, { dropped: 'x' })).toBe(encode(2, {}))
    expect(decode(1, encode(1, { text: null })).text).toBeNull()
  })

  it('accepts an empty value in place of a fallback that is an array, bytes or a structure', () => {
    const fresh = { late: [], data: Buffer.alloc(0), leader: { id: -1, epoch: -1 } }
    expect(encode(1, fresh)).toBe(encode(1, {}))
    expect(encode(2, fresh)).toBe(encode(2, {}))
  })

  it('H12: refuses null where the version does not allow it', () => {
    expect(() => decode(0, '00000007 0000 ffff ffffffff ff')).toThrow(MalformedError)
    expect(() => decode(3, '00000007 ffffffffffffffff 01 00 ff 00 00')).toThrow(MalformedError)
  })

  it('shares no mutable fallback between values', () => {
    const value = decode(0, '00000007 0000 0000 ffffffff ff')
    expect(Object.isFrozen(value.late)).toBe(true)
    expect(Object.isFrozen(value.leader)).toBe(true)
    expect(value.leader).toEqual({ id: -1, epoch: -1 })
  })

  it('reads every int64 as bigint on demand', () => {
    const wide = codecOf(shape, 1, false, { style, int64: 'bigint' })
    const value = wide.decode(new Reader(Buffer.from('000000077fffffffffffffff00000000ffffffffff', 'hex')))
    expect(value.added as unknown).toBe(2n ** 63n - 1n)
  })
})

describe('The types of messages', () => {
  it('follow from the declarations', () => {
    expectTypeOf<Value['list']>().toEqualTypeOf<readonly { id: string; on: boolean }[] | null>()
    expectTypeOf<RequestOf<typeof Metadata>['topics']>().toEqualTypeOf<
      readonly { topicId: string; name: string | null }[] | null
    >()
    type ProducePartition = RequestOf<typeof Produce>['topicData'][number]['partitionData'][number]
    expectTypeOf<ProducePartition>().toEqualTypeOf<{ index: number; records: Buffer | null }>()
    type FetchPartition = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number]
    expectTypeOf<FetchPartition['records']>().toEqualTypeOf<readonly Buffer[] | null>()
    type CommitPartition = RequestOf<typeof OffsetCommit>['topics'][number]['partitions'][number]
    expectTypeOf<CommitPartition['committedOffset']>().toEqualTypeOf<bigint>()
    expect(Metadata.request.topics.fallback).toEqual([])
    expect(Metadata.response.topics.rules.element?.rules.shape?.topicId?.fallback).toBe(ZERO_UUID)
  })
})
