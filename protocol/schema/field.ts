/**
 * The terms in which messages are declared: those of Kafka's own message definitions. A field knows in which versions
 * it exists, may be null or is tagged, and what it reads as where it does not exist; its TypeScript type follows.
 */
import { ZERO_UUID } from '../wire/reader.ts'

export type Kind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'int64Clamped'
  | 'bigint64'
  | 'float64'
  | 'string'
  | 'bytes'
  | 'records'
  | 'recordChunks'
  | 'uuid'
  | 'array'
  | 'struct'

/** A structure: its fields in the order of the wire, by their published names with a small first letter. */
export type Shape = { readonly [name: string]: Field<unknown> }

/** The plain object that stands for a structure. Every field is there in every version. */
export type TypeOf<S extends Shape> = { -readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never }

/** What a field is besides its type. Versions are inclusive; `undefined` means unlimited or never. */
export interface FieldRules {
  readonly kind: Kind
  readonly element?: Field<unknown>
  readonly shape?: Shape
  readonly since?: number
  readonly until?: number
  readonly nullableSince?: number
  readonly tag?: number
  readonly ignorable?: boolean
}

/** Immutable; each method returns a new field. (They are methods so that a `Field<number>` is a `Field<unknown>`.) */
export class Field<T> {
  readonly rules: FieldRules
  /** Undefined until it is asked for: the fallback of a structure, which is seldom wanted, costs at start. */
  #fallback: T | undefined

  /** @param fallback undefined for a structure of its fields' fallbacks */
  constructor(rules: FieldRules, fallback: T | undefined) {
    this.rules = rules
    this.#fallback = fallback
  }

  /** What the field reads as in versions without it, and what an absent tagged field means. Arrays and structures are frozen. */
  get fallback(): T {
    if (this.#fallback === undefined) this.#fallback = Object.freeze(fallbackOf(this.rules.shape!)) as T
    return this.#fallback
  }

  /** First version that has the field. */
  since(version: number): Field<T> {
    return new Field({ ...this.rules, since: version }, this.#fallback)
  }

  /** Last version that has the field. */
  until(version: number): Field<T> {
    return new Field({ ...this.rules, until: version }, this.#fallback)
  }

  /** May be null in every version that has it. The fallback stays (Kafka's too); `orElse(null)` changes it. */
  nullable(): Field<T | null> {
    return this.nullableSince(0)
  }

  /** May be null from this version on. */
  nullableSince(version: number): Field<T | null> {
    return new Field<T | null>({ ...this.rules, nullableSince: version }, this.#fallback)
  }

  /** Stands in the tagged section (KIP-482), from `sinceVersion` on; not written when it equals its fallback. */
  tagged(tag: number, sinceVersion: number): Field<T> {
    return new Field({ ...this.rules, tag, since: sinceVersion }, this.#fallback)
  }

  /** Replaces the fallback, which is 0, false, '' or empty otherwise. */
  orElse(fallback: T): Field<T> {
    return new Field(this.rules, fallback)
  }

  /** Kafka's word: a value is dropped silently in versions without the field. Without it, giving one is a bug. */
  ignorable(): Field<T> {
    return new Field({ ...this.rules, ignorable: true }, this.#fallback)
  }
}

const EMPTY = Buffer.alloc(0)

export const bool = new Field<boolean>({ kind: 'bool' }, false)
export const int8 = new Field<number>({ kind: 'int8' }, 0)
export const int16 = new Field<number>({ kind: 'int16' }, 0)
export const uint16 = new Field<number>({ kind: 'uint16' }, 0)
export const int32 = new Field<number>({ kind: 'int32' }, 0)
export const uint32 = new Field<number>({ kind: 'uint32' }, 0)
/** A `number`; what it cannot hold exactly is refused at reading. */
export const int64 = new Field<number>({ kind: 'int64' }, 0)
/** A `number` that saturates at ±(2^53-1), for fields in which clients send Long.MAX_VALUE for "no limit". */
export const int64Clamped = new Field<number>({ kind: 'int64Clamped' }, 0)
/** A `bigint`, for values that must come back exactly as they were sent (committed offsets, OC-8). */
export const bigint64 = new Field<bigint>({ kind: 'bigint64' }, 0n)
export const float64 = new Field<number>({ kind: 'float64' }, 0)
export const string = new Field<string>({ kind: 'string' }, '')
/** A view of the frame at reading; copied, or kept as a chunk if big, at writing. */
export const bytes = new Field<Buffer>({ kind: 'bytes' }, EMPTY)
/** Record batches as one view of the frame. */
export const records = new Field<Buffer>({ kind: 'records' }, EMPTY)
/** Record batches as several runs, written without copying. Reading gives one run. */
export const recordChunks = new Field<readonly Buffer[]>({ kind: 'recordChunks' }, Object.freeze([]))
/** Unpadded base64url of 22 characters; `ZERO_UUID` for none. */
export const uuid = new Field<string>({ kind: 'uuid' }, ZERO_UUID)

export function array<T>(element: Field<T>): Field<readonly T[]> {
  return new Field<readonly T[]>({ kind: 'array', element }, Object.freeze([]))
}

/** Its fallback is the structure of its fields' fallbacks. */
export function struct<S extends Shape>(shape: S): Field<TypeOf<S>> {
  return new Field<TypeOf<S>>({ kind: 'struct', shape }, undefined)
}

/** A structure in which every field has its fallback. A fresh object each time, its arrays shared and frozen. */
export function fallbackOf<S extends Shape>(shape: S): TypeOf<S> {
  return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, field.fallback])) as TypeOf<S>
}
