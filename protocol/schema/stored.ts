/**
 * Records of internal topics: an int16, then a structure. In a value the int16 is the version of the structure; in a
 * key it is the type of the record (which older Kafka sources call the key's version: OffsetCommitKey has 0 and 1).
 */
import { assert } from '../assert.ts'
import { MalformedError } from '../wire/malformed.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { type Codec, codecOf } from './codec.ts'
import type { Shape, TypeOf } from './field.ts'

export interface Stored<S extends Shape = Shape> {
  readonly name: string
  /** First and last int16 that may stand before the structure. */
  readonly versions: readonly [min: number, max: number]
  /** First version with compact lengths and tagged fields; Infinity for none (all keys). */
  readonly flexibleSince: number
  readonly shape: S
}

export type StoredOf<A> = A extends Stored<infer S> ? TypeOf<S> : never

export function defineStored<S extends Shape>(stored: Stored<S>): Stored<S> {
  return stored
}

/** @param version in `stored.versions`; it is written in front */
export function encodeStored<S extends Shape>(stored: Stored<S>, version: number, value: TypeOf<S>): Buffer {
  assert(version >= stored.versions[0] && version <= stored.versions[1], 'no such version of a stored record')
  const writer = new Writer()
  writer.int16(version)
  codec(stored, version).encode(writer, value)
  return Buffer.concat(writer.finish())
}

/**
 * Views into `buffer`, not copies, for byte fields.
 * @throws {MalformedError} damaged, or written by a newer version than we know
 */
export function decodeStored<S extends Shape>(
  stored: Stored<S>,
  buffer: Buffer,
): { version: number; value: TypeOf<S> } {
  const reader = new Reader(buffer)
  const version = reader.int16()
  if (version < stored.versions[0] || version > stored.versions[1]) {
    throw new MalformedError(`${stored.name} of version ${version}`)
  }
  return { version, value: codec(stored, version).decode(reader) }
}

/** The int16 in front: of a key the type of its record. @throws {MalformedError} fewer than two bytes */
export function storedVersion(buffer: Buffer): number {
  return new Reader(buffer).int16()
}

const codecs = new WeakMap<Stored, Codec<unknown>[]>()

function codec<S extends Shape>(stored: Stored<S>, version: number): Codec<TypeOf<S>> {
  let byVersion = codecs.get(stored)
  if (byVersion === undefined) {
    byVersion = []
    codecs.set(stored, byVersion)
  }
  byVersion[version] ??= codecOf(stored.shape, version, version >= stored.flexibleSince)
  return byVersion[version] as Codec<TypeOf<S>>
}
