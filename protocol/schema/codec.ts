/** One shape in one version as a pair of functions; compiled where code generation is allowed, composed where not. */
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import { closuresOf } from './closures.ts'
import { compile } from './compile.ts'
import type { Shape, TypeOf } from './field.ts'
import { type Int64Mode, planStruct, type StructPlan } from './plan.ts'

export interface Codec<T> {
  /** @throws {MalformedError} the bytes are no such message. Bytes after it are left alone. */
  decode(reader: Reader): T
  /** @throws {AssertionError} the value says something that this version cannot say: a bug of ours */
  encode(writer: Writer, value: T): void
}

export interface CodecOptions {
  /** 'bigint' reads and writes every int64 as bigint; the types then lie, so it is for tools and tests. */
  readonly int64?: Int64Mode
  /** 'compiled' (the default where the runtime allows it) or 'closures'. */
  readonly style?: 'compiled' | 'closures'
}

/** Some hardened runtimes start Node with --disallow-code-generation-from-strings. */
const canGenerateCode = (() => {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
})()

/** Builds a codec anew; callers keep it. Compiling takes some 50 µs for a small message. */
export function codecOf<S extends Shape>(
  shape: S,
  version: number,
  flexible: boolean,
  { int64 = 'number', style = canGenerateCode ? 'compiled' : 'closures' }: CodecOptions = {},
): Codec<TypeOf<S>> {
  const plan: StructPlan = planStruct(shape, version, flexible, int64)
  return (style === 'compiled' ? compile(plan) : closuresOf(plan)) as Codec<TypeOf<S>>
}
