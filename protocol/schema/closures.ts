/** The codecs of `compile.ts` as composed closures, for runtimes that forbid code generation. Same plan, same bytes. */
import { MalformedError } from '../wire/malformed.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import type { Codec } from './codec.ts'
import type { FieldPlan, StructPlan, ValuePlan } from './plan.ts'
import { isFallback, refuseNull, refuseUnsupported } from './rules.ts'

type Struct = Record<string, unknown>
type Read = (reader: Reader) => unknown
type Write = (writer: Writer, value: unknown) => void

export function closuresOf(plan: StructPlan): Codec<unknown> {
  return { decode: structReader(plan), encode: structWriter(plan) }
}

function structReader(plan: StructPlan): Read {
  const template = Object.fromEntries(plan.fields.map((field) => [field.name, field.fallback]))
  const plain = plan.plain.map((field) => ({ name: field.name, read: readerOf(field, plan.flexible) }))
  const tagged = new Map(
    plan.tagged.map((field) => [field.tag!, { name: field.name, read: readerOf(field, plan.flexible) }]),
  )
  return (reader) => {
    const value: Struct = { ...template }
    for (const { name, read } of plain) value[name] = read(reader)
    if (plan.flexible) {
      for (let left = reader.tagCount(), tag = -1; left > 0; left--) {
        tag = reader.tag(tag)
        const field = tagged.get(tag)
        if (field === undefined) {
          reader.skipTag()
        } else {
          const outer = reader.enterTag()
          value[field.name] = field.read(reader)
          reader.leaveTag(outer)
        }
      }
    }
    return value
  }
}

function readerOf(plan: ValuePlan, flexible: boolean): Read {
  switch (plan.kind) {
    case 'array':
      return arrayReader(plan, flexible)
    case 'struct': {
      const read = structReader(plan.struct!)
      return plan.nullable ? (reader) => (reader.isPresent() ? read(reader) : null) : read
    }
    case 'string':
      if (flexible) return plan.nullable ? (r) => r.compactNullableString() : (r) => r.compactString()
      return plan.nullable ? (r) => r.nullableString() : (r) => r.string()
    case 'bytes':
    case 'records':
      return bytesReader(plan, flexible)
    case 'recordChunks': {
      const read = bytesReader(plan, flexible)
      return (reader) => {
        const bytes = read(reader)
        return bytes === null ? null : [bytes]
      }
    }
    default: {
      const method = plan.kind
      return (reader) => reader[method]()
    }
  }
}

function bytesReader(plan: ValuePlan, flexible: boolean): (reader: Reader) => Buffer | null {
  if (flexible) return plan.nullable ? (r) => r.compactNullableBytes() : (r) => r.compactBytes()
  return plan.nullable ? (r) => r.nullableBytes() : (r) => r.bytes()
}

function arrayReader(plan: ValuePlan, flexible: boolean): Read {
  const { minBytes } = plan.element!
  const read = readerOf(plan.element!, flexible)
  return (reader) => {
    const count = flexible ? reader.compactArrayCount(minBytes) : reader.arrayCount(minBytes)
    if (count === -1) {
      if (plan.nullable) return null
      throw new MalformedError('null where an array is needed')
    }
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(read(reader))
    return values
  }
}

function structWriter(plan: StructPlan): Write {
  const unsupported = plan.fields.filter((field) => !field.present && !field.ignorable)
  const plain = plan.plain.map((field) => ({ name: field.name, write: writerOf(field, plan.flexible) }))
  return (writer, value) => {
    const struct = value as Struct
    for (const { name, fallback } of unsupported) if (!isFallback(struct[name], fallback)) refuseUnsupported(name)
    for (const { name, write } of plain) write(writer, struct[name])
    if (plan.flexible) writeTags(plan.tagged, writer, struct)
  }
}

function writeTags(tagged: readonly FieldPlan[], writer: Writer, struct: Struct): void {
  const given = tagged.filter(({ name, fallback }) => !isFallback(struct[name], fallback))
  writer.uvarint(given.length)
  for (const field of given) {
    const mark = writer.beginTag(field.tag!)
    writerOf(field, true)(writer, struct[field.name])
    writer.endTag(mark)
  }
}

function writerOf(plan: ValuePlan, flexible: boolean): Write {
  switch (plan.kind) {
    case 'array':
      return arrayWriter(plan, flexible)
    case 'struct': {
      const write = structWriter(plan.struct!)
      if (!plan.nullable) return write
      return (writer, value) => {
        writer.int8(value === null ? -1 : 1)
        if (value !== null) write(writer, value)
      }
    }
    case 'string':
      return sizedWriter<string>(plan, flexible ? (w, v) => w.compactNullableString(v) : (w, v) => w.nullableString(v))
    case 'bytes':
    case 'records':
      return sizedWriter<Buffer>(plan, flexible ? (w, v) => w.compactNullableBytes(v) : (w, v) => w.nullableBytes(v))
    case 'recordChunks':
      return sizedWriter<readonly Buffer[]>(
        plan,
        flexible ? (w, v) => w.compactNullableChunks(v) : (w, v) => w.nullableChunks(v),
      )
    case 'bool':
      return (writer, value) => writer.bool(value as boolean)
    case 'uuid':
      return (writer, value) => writer.uuid(value as string)
    case 'bigint64':
      return (writer, value) => writer.bigint64(value as bigint)
    default: {
      const method = plan.kind === 'int64Clamped' ? 'int64' : plan.kind
      return (writer, value) => writer[method](value as number)
    }
  }
}

function sizedWriter<T>(plan: ValuePlan, write: (writer: Writer, value: T | null) => void): Write {
  return (writer, value) => {
    if (value === null && !plan.nullable) refuseNull()
    write(writer, value as T | null)
  }
}

function arrayWriter(plan: ValuePlan, flexible: boolean): Write {
  const write = writerOf(plan.element!, flexible)
  return (writer, value) => {
    const values = value as readonly unknown[] | null
    if (values === null && !plan.nullable) refuseNull()
    const count = values === null ? -1 : values.length
    if (flexible) writer.compactArrayCount(count)
    else writer.arrayCount(count)
    for (const element of values ?? []) write(writer, element)
  }
}
