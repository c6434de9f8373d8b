/**
 * HOT PATH. Builds the source of a decoder and an encoder for one plan, and compiles it. As fast as hand-written code
 * and 1.6 to 2.5 times as fast as composed closures (Produce, 1 to 100 partitions).
 * The source is made of our own constants only: field names and numbers of the schemas, never of bytes from outside.
 */
import { assert } from '../assert.ts'
import { MalformedError } from '../wire/malformed.ts'
import type { Codec } from './codec.ts'
import type { FieldPlan, StructPlan, ValuePlan } from './plan.ts'
import { refuseNull, refuseUnsupported } from './rules.ts'

const FIELD_NAME = /^[a-z][A-Za-z0-9]*$/

/** Functions of one message, written one after the other; `fallbacks` are what the source cannot spell. */
class Source {
  readonly functions: string[] = []
  readonly fallbacks: unknown[] = []

  add(prefix: string, parameters: string, body: string): string {
    const name = `${prefix}${this.functions.length}`
    this.functions.push(`function ${name}(${parameters}) {\n${body}\n}`)
    return name
  }

  literal(value: unknown): string {
    if (typeof value === 'bigint') return `${value}n`
    if (value === null || typeof value !== 'object') return JSON.stringify(value)
    let at = this.fallbacks.indexOf(value)
    if (at === -1) at = this.fallbacks.push(value) - 1
    return `fallbacks[${at}]`
  }
}

export function compile(plan: StructPlan): Codec<unknown> {
  const source = new Source()
  const decode = decodeStruct(source, plan)
  const encode = encodeStruct(source, plan)
  const text = `'use strict'\n${source.functions.join('\n')}\nreturn { decode: ${decode}, encode: ${encode} }`
  const build = new Function('fallbacks', 'malformed', 'refuseNull', 'refuseUnsupported', text)
  return build(source.fallbacks, malformedNull, refuseNull, refuseUnsupported) as Codec<unknown>
}

function malformedNull(name: string): never {
  throw new MalformedError(`null where ${name} is needed`)
}

/** Reads the plain fields, then the tagged section, then makes one object, always with the same fields in one order. */
function decodeStruct(source: Source, plan: StructPlan): string {
  const lines: string[] = []
  for (const field of plan.plain) lines.push(`const ${local(field)} = ${readExpression(source, field, plan.flexible)}`)
  for (const field of plan.tagged) lines.push(`let ${local(field)} = ${source.literal(field.fallback)}`)
  if (plan.tagged.length > 0) lines.push(decodeTags(source, plan))
  else if (plan.flexible) lines.push('r.skipTags()')
  const members = plan.fields.map((field) =>
    field.present ? `${field.name}: ${local(field)}` : `${field.name}: ${source.literal(field.fallback)}`,
  )
  lines.push(`return { ${members.join(', ')} }`)
  return source.add('decode', 'r', lines.join('\n'))
}

function decodeTags(source: Source, plan: StructPlan): string {
  const cases = plan.tagged.map(
    (field) =>
      `case ${field.tag}: { const outer = r.enterTag(); ${local(field)} = ${readExpression(source, field, true)}; r.leaveTag(outer); break }`,
  )
  return `for (let left = r.tagCount(), tag = -1; left > 0; left--) {
tag = r.tag(tag)
switch (tag) {
${cases.join('\n')}
default: r.skipTag()
}
}`
}

/** Prefixed, so that a field may be called like a word of the language. */
function local(field: FieldPlan): string {
  assert(FIELD_NAME.test(field.name), 'a field name that cannot stand in source')
  return `$${field.name}`
}

function readExpression(source: Source, plan: ValuePlan, flexible: boolean): string {
  switch (plan.kind) {
    case 'array':
      return `${decodeArray(source, plan, flexible)}(r)`
    case 'struct': {
      const decode = decodeStruct(source, plan.struct!)
      return plan.nullable ? `(r.isPresent() ? ${decode}(r) : null)` : `${decode}(r)`
    }
    case 'string':
      return `r.${sized('string', plan, flexible)}()`
    case 'bytes':
    case 'records':
      return `r.${sized('bytes', plan, flexible)}()`
    case 'recordChunks':
      return `${decodeChunks(source, plan, flexible)}(r)`
    default:
      return `r.${plan.kind}()`
  }
}

/** Name of the reader's or writer's method: `string`, `nullableString`, `compactString`, `compactNullableString`. */
function sized(base: string, plan: ValuePlan, flexible: boolean): string {
  const words = [flexible ? 'compact' : '', plan.nullable ? 'nullable' : '', base].filter((word) => word !== '')
  return words.map((word, i) => (i === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
}

function decodeArray(source: Source, plan: ValuePlan, flexible: boolean): string {
  const element = plan.element!
  const read = readExpression(source, element, flexible)
  return source.add(
    'decodeArray',
    'r',
    `const count = r.${flexible ? 'compactArrayCount' : 'arrayCount'}(${element.minBytes})
if (count === -1) ${plan.nullable ? 'return null' : "malformed('an array')"}
const values = []
for (let i = 0; i < count; i++) values.push(${read})
return values`,
  )
}

function decodeChunks(source: Source, plan: ValuePlan, flexible: boolean): string {
  const body = `const bytes = r.${sized('bytes', plan, flexible)}()\nreturn bytes === null ? null : [bytes]`
  return source.add('decodeChunks', 'r', body)
}

function encodeStruct(source: Source, plan: StructPlan): string {
  const lines = plan.fields
    .filter((field) => !field.present && !field.ignorable)
    .map((field) => `if (${differs(source, field)}) refuseUnsupported('${field.name}')`)
  for (const field of plan.plain) lines.push(writeStatement(source, field, `v.${field.name}`, plan.flexible))
  if (plan.tagged.length > 0) lines.push(encodeTags(source, plan))
  else if (plan.flexible) lines.push('w.uvarint(0)')
  return source.add('encode', 'w, v', lines.join('\n'))
}

function encodeTags(source: Source, plan: StructPlan): string {
  const present = plan.tagged.map((field) => `const has${field.tag} = ${differs(source, field)}`)
  const count = plan.tagged.map((field) => `(has${field.tag} ? 1 : 0)`).join(' + ')
  const writes = plan.tagged.map(
    (field) =>
      `if (has${field.tag}) { const mark = w.beginTag(${field.tag}); ${writeStatement(source, field, `v.${field.name}`, true)}; w.endTag(mark) }`,
  )
  return `${present.join('\n')}\nw.uvarint(${count})\n${writes.join('\n')}`
}

/** An expression: is the value not its fallback? Spelt out field by field, since it stands in every response. */
function differs(source: Source, field: FieldPlan, value = `v.${field.name}`, fallback = field.fallback): string {
  const { struct } = field
  if (fallback === null || typeof fallback !== 'object') return `${value} !== ${source.literal(fallback)}`
  if (field.kind === 'struct') {
    const parts = fallback as Record<string, unknown>
    const each = struct!.fields.map((inner) => differs(source, inner, `${value}.${inner.name}`, parts[inner.name]))
    return `(${value} === null || ${each.join(' || ')})`
  }
  return `(${value} === null || ${value}.length !== 0)`
}

function writeStatement(source: Source, plan: ValuePlan, value: string, flexible: boolean): string {
  switch (plan.kind) {
    case 'array':
      return `${encodeArray(source, plan, flexible)}(w, ${value})`
    case 'struct': {
      const encode = encodeStruct(source, plan.struct!)
      if (!plan.nullable) return `${encode}(w, ${value})`
      return `if (${value} === null) w.int8(-1); else { w.int8(1); ${encode}(w, ${value}) }`
    }
    case 'string':
      return writeSized(sized('string', plan, flexible), plan, value)
    case 'bytes':
    case 'records':
      return writeSized(sized('bytes', plan, flexible), plan, value)
    case 'recordChunks':
      return writeSized(sized('chunks', plan, flexible), plan, value)
    case 'int64Clamped':
      return `w.int64(${value})`
    default:
      return `w.${plan.kind}(${value})`
  }
}

function writeSized(method: string, plan: ValuePlan, value: string): string {
  return plan.nullable ? `w.${method}(${value})` : `if (${value} === null) refuseNull(); w.${method}(${value})`
}

function encodeArray(source: Source, plan: ValuePlan, flexible: boolean): string {
  const count = flexible ? 'compactArrayCount' : 'arrayCount'
  const write = writeStatement(source, plan.element!, 'values[i]', flexible)
  return source.add(
    'encodeArray',
    'w, values',
    `if (values === null) ${plan.nullable ? `{ w.${count}(-1); return }` : 'refuseNull()'}
w.${count}(values.length)
for (let i = 0; i < values.length; i++) { ${write} }`,
  )
}
