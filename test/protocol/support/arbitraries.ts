/** Any value that a version of a message can say, for property tests. */
import fc from 'fast-check'
import type { Field, Shape } from '../../../protocol/schema/field.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'

/** Fields that the version lacks have their fallbacks, so that what is written and read back is equal. */
export function anyValue(shape: Shape, version: number): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, anyField(field, version)])),
  ) as fc.Arbitrary<Record<string, unknown>>
}

function anyField(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  const { since = 0, until = Number.POSITIVE_INFINITY, tag, nullableSince = Number.POSITIVE_INFINITY } = field.rules
  if (version < since || version > until) return fc.constant(field.fallback)
  const value = anyOfKind(field, version)
  const nullable = version >= nullableSince ? fc.option(value, { nil: null, freq: 4 }) : value
  return tag === undefined ? nullable : fc.oneof(nullable, fc.constant(field.fallback))
}

function anyOfKind({ rules }: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  switch (rules.kind) {
    case 'array':
      return fc.array(anyField(rules.element!, version), { maxLength: 3 })
    case 'struct':
      return anyValue(rules.shape!, version)
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer({ min: -0x80000000, max: 0x7fffffff })
    case 'uint32':
      return fc.integer({ min: 0, max: 0xffffffff })
    case 'int64':
    case 'int64Clamped':
      return fc.maxSafeInteger()
    case 'bigint64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'float64':
      return fc.double()
    case 'string':
      return fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ minLength: 40, maxLength: 300 }))
    case 'bytes':
    case 'records':
      return anyBuffer()
    case 'recordChunks':
      return fc.array(anyBuffer(), { maxLength: 3 })
    case 'uuid':
      return fc.oneof(
        fc.constant(ZERO_UUID),
        fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      )
  }
}

/** Small ones are copied by the writer, those of 1 KiB and more kept as chunks. */
function anyBuffer(): fc.Arbitrary<Buffer> {
  return fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 1_000, max: 1_100 }).map((size) => Buffer.alloc(size, size)),
  )
}

/** Runs of batches come back as one: this makes the runs of a value one as well. */
export function withJoinedChunks(value: unknown): unknown {
  if (Array.isArray(value)) {
    const buffers = value.filter((each) => Buffer.isBuffer(each))
    return buffers.length > 0 ? [Buffer.concat(buffers)] : value.map(withJoinedChunks)
  }
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withJoinedChunks(part)]))
}
