/** What a shape comes down to in one version: which fields stand on the wire, in which order and encoding. */
import type { Field, Kind, Shape } from './field.ts'

/** How int64 kinds are read; 'bigint' is for tools and tests that must see values beyond 2^53-1. */
export type Int64Mode = 'number' | 'bigint'

export interface ValuePlan {
  /** In 'bigint' mode the kinds of int64 are all 'bigint64'. */
  readonly kind: Kind
  readonly nullable: boolean
  /** Of an array. */
  readonly element?: ValuePlan
  /** Of a structure. */
  readonly struct?: StructPlan
  /** The fewest bytes that a value takes, null included. */
  readonly minBytes: number
}

export interface FieldPlan extends ValuePlan {
  readonly name: string
  readonly fallback: unknown
  /** Whether this version has the field, plain or tagged. */
  readonly present: boolean
  readonly tag: number | undefined
  readonly ignorable: boolean
}

export interface StructPlan {
  /** All fields, as declared. */
  readonly fields: readonly FieldPlan[]
  /** Those on the wire, in order. */
  readonly plain: readonly FieldPlan[]
  /** Those of the tagged section, by rising tag. */
  readonly tagged: readonly FieldPlan[]
  readonly flexible: boolean
  readonly minBytes: number
}

const MAX_INT64 = 2n ** 63n - 1n

/** Resolves a shape. Structures inside nullable or tagged fields are flexible when the message is. */
export function planStruct(shape: Shape, version: number, flexible: boolean, int64: Int64Mode): StructPlan {
  const fields = Object.entries(shape).map(([name, field]) => planField(name, field, version, flexible, int64))
  const present = fields.filter((field) => field.present)
  const plain = present.filter((field) => field.tag === undefined)
  const tagged = present.filter((field) => field.tag !== undefined).sort((a, b) => a.tag! - b.tag!)
  const minBytes = plain.reduce((sum, field) => sum + field.minBytes, flexible ? 1 : 0)
  return { fields, plain, tagged, flexible, minBytes }
}

function planField(
  name: string,
  field: Field<unknown>,
  version: number,
  flexible: boolean,
  int64: Int64Mode,
): FieldPlan {
  const { since = 0, until = Number.POSITIVE_INFINITY, tag, ignorable = false } = field.rules
  return {
    ...planValue(field, version, flexible, int64),
    name,
    fallback: fallbackIn(field, int64),
    present: version >= since && version <= until,
    tag,
    ignorable,
  }
}

function planValue(field: Field<unknown>, version: number, flexible: boolean, int64: Int64Mode): ValuePlan {
  const { rules } = field
  const nullable = version >= (rules.nullableSince ?? Number.POSITIVE_INFINITY)
  if (rules.element !== undefined) {
    const element = planValue(rules.element, version, flexible, int64)
    return { kind: 'array', nullable, element, minBytes: flexible ? 1 : 4 }
  }
  if (rules.shape !== undefined) {
    const struct = planStruct(rules.shape, version, flexible, int64)
    return { kind: 'struct', nullable, struct, minBytes: nullable ? 1 : struct.minBytes }
  }
  const kind = int64 === 'bigint' && isInt64(rules.kind) ? 'bigint64' : rules.kind
  return { kind, nullable, minBytes: minBytesOf(kind, flexible) }
}

function minBytesOf(kind: Kind, flexible: boolean): number {
  switch (kind) {
    case 'bool':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
    case 'uint32':
      return 4
    case 'uuid':
      return 16
    case 'string':
      return flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'recordChunks':
    case 'array':
      return flexible ? 1 : 4
    default:
      return 8
  }
}

function isInt64(kind: Kind): boolean {
  return kind === 'int64' || kind === 'int64Clamped' || kind === 'bigint64'
}

/** A field's fallback as a codec of this mode reads it. */
export function fallbackIn(field: Field<unknown>, int64: Int64Mode): unknown {
  return int64 === 'bigint' ? withBigints(field, field.fallback) : field.fallback
}

/** The fallback in 'bigint' mode, where a clamped maximum is Long.MAX_VALUE again. */
function withBigints({ rules }: Field<unknown>, value: unknown): unknown {
  const { shape } = rules
  if (shape !== undefined && value !== null) {
    const struct = value as Record<string, unknown>
    return Object.freeze(
      Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, withBigints(field, struct[name])])),
    )
  }
  if (typeof value !== 'number' || !isInt64(rules.kind)) return value
  return value === Number.MAX_SAFE_INTEGER ? MAX_INT64 : BigInt(value)
}
