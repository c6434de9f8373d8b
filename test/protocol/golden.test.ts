/** Frames that Kafka's own classes wrote: ours read them to the same values and write the same bytes. */
import { describe, expect, it } from 'vitest'
import { apis } from '../../protocol/apis/index.ts'
import { type CodecOptions, codecOf } from '../../protocol/schema/codec.ts'
import type { Shape } from '../../protocol/schema/field.ts'
import { buildRequestCodec, buildResponseCodec, decodeRequestHeader } from '../../protocol/schema/message.ts'
import { fallbackIn } from '../../protocol/schema/plan.ts'
import { decodeStored, encodeStored, type Stored, storedVersion } from '../../protocol/schema/stored.ts'
import * as consumerOffsets from '../../protocol/stored/consumer-offsets.ts'
import { MalformedError } from '../../protocol/wire/malformed.ts'
import { Reader } from '../../protocol/wire/reader.ts'
import { Writer } from '../../protocol/wire/writer.ts'
import { type GoldenSample, goldenSamples } from './support/published.ts'

const samples = goldenSamples()
const messages = samples.filter(({ kind }) => kind === 'request' || kind === 'response')
const stored = samples.filter(({ kind }) => kind === 'stored')

/** Not declared: versions that Kafka 4.3 itself calls unstable and serves only on demand. */
const UNSTABLE = [{ name: 'InitProducerId', version: 6 }]

const isDeclared = ({ name, version }: GoldenSample): boolean =>
  !UNSTABLE.some((unstable) => unstable.name === name && unstable.version === version)

describe('Golden frames of requests and responses', () => {
  it('are there for both sides of every version of every declared API', () => {
    const seen = new Set(messages.filter(isDeclared).map(({ name, kind, version }) => `${name} ${kind} ${version}`))
    const declared = apis.flatMap(({ name, versions: [min, max] }) =>
      range(min, max).flatMap((version) => [`${name} request ${version}`, `${name} response ${version}`]),
    )
    expect([...seen].sort()).toEqual(declared.sort())
  })

  describe.each(['compiled', 'closures'] as const)('with %s codecs', (style) => {
    it.each(apis.map(({ name }) => name))('%s: read to their values and write their bytes', (name) => {
      for (const sample of messages.filter((each) => each.name === name && isDeclared(each))) {
        const codec = codecOfSample(sample, { int64: 'bigint', style })
        const reader = new Reader(sample.bytes)
        const value = codec.decode(reader)
        const what = `version ${sample.version}, ${sample.kind}, ${sample.sample}`
        expect(reader.remaining, what).toBe(0)
        expect(comparable(value, shapeOf(sample), sample.value), what).toEqual(sample.value)
        // NET-10: what we do not know is skipped; only these samples have it.
        if (sample.sample !== 'unknown-tags') expect(written(codec, value), what).toEqual(sample.bytes)
      }
    })
  })

  it('read to plain numbers by default, unless an int64 is beyond 2^53-1 and may not be', () => {
    let refused = 0
    for (const sample of messages.filter(isDeclared)) {
      const wide = codecOfSample(sample, { int64: 'bigint' }).decode(new Reader(sample.bytes))
      const narrow = codecOfSample(sample, {})
      const expected = narrowed(wide, shapeOf(sample))
      if (expected === undefined) {
        expect(() => narrow.decode(new Reader(sample.bytes))).toThrow(MalformedError)
        refused++
      } else {
        expect(narrow.decode(new Reader(sample.bytes))).toEqual(expected.value)
      }
    }
    expect(refused).toBeGreaterThan(50)
  })
})

describe('Golden headers', () => {
  it('NET-9, NET-10: read to their values in versions 1 and 2, unknown tags skipped', () => {
    const headers = samples.filter(({ name }) => name === 'RequestHeader')
    expect(headers.length).toBe(7)
    for (const { version, value, bytes } of headers) {
      const reader = new Reader(bytes)
      const header = decodeRequestHeader(reader, () => version === 2)
      expect(reader.remaining).toBe(0)
      expect({
        requestApiKey: header.apiKey,
        requestApiVersion: header.apiVersion,
        correlationId: header.correlationId,
        clientId: header.clientId,
      }).toEqual(value)
    }
  })
})

describe('Golden records of __consumer_offsets', () => {
  const schemas = new Map(
    Object.values(consumerOffsets)
      .filter((each) => 'shape' in each)
      .map((each) => [each.name, each as Stored]),
  )

  it('read to their values and write their bytes, prefix included', () => {
    expect(new Set(stored.map(({ name }) => name))).toEqual(new Set(schemas.keys()))
    for (const sample of stored) {
      const schema = schemas.get(sample.name)!
      const what = `${sample.name} ${sample.version} ${sample.sample}`
      const prefix = storedVersion(sample.bytes)
      const codec = codecOf(schema.shape, prefix, prefix >= schema.flexibleSince, { int64: 'bigint' })
      const value = codec.decode(new Reader(sample.bytes, 2))
      expect(comparable(value, schema.shape, sample.value), what).toEqual(sample.value)
      if (sample.sample !== 'unknown-tags') {
        expect(Buffer.concat([sample.bytes.subarray(0, 2), written(codec, value)]), what).toEqual(sample.bytes)
      }
    }
  })

  it('keep every committed offset exactly, and saturate timestamps that no clock shows', () => {
    const sample = stored.find(
      (each) => each.name === 'OffsetCommitValue' && each.version === 2 && each.sample === 'random',
    )!
    const { version, value } = decodeStored(consumerOffsets.OffsetCommitValue, sample.bytes)
    expect(version).toBe(2)
    expect(value.offset).toBe(-(2n ** 63n))
    expect(value.commitTimestamp).toBe(Number.MAX_SAFE_INTEGER)
    const again = decodeStored(
      consumerOffsets.OffsetCommitValue,
      encodeStored(consumerOffsets.OffsetCommitValue, 3, value),
    )
    expect(again.value).toEqual(value)
  })
})

function codecOfSample({ name, kind, version }: GoldenSample, options: CodecOptions) {
  const api = apis.find((each) => each.name === name)!
  return kind === 'request' ? buildRequestCodec(api, version, options) : buildResponseCodec(api, version, options)
}

function shapeOf({ name, kind }: GoldenSample): Shape {
  return apis.find((api) => api.name === name)![kind === 'request' ? 'request' : 'response']
}

function written(codec: { encode(writer: Writer, value: never): void }, value: unknown): Buffer {
  const writer = new Writer()
  codec.encode(writer, value as never)
  const bytes = Buffer.concat(writer.finish())
  expect(writer.size).toBe(bytes.length)
  return bytes
}

/** A value as the fixture spells it. Fields that the version lacks are left out, having been seen to be fallbacks. */
function comparable(value: unknown, shape: Shape, published: unknown): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).flatMap(([name, part]) => {
      const field = shape[name]!
      const { rules } = field
      if (Object.hasOwn(published as object, name)) {
        return [[name, comparablePart(part, rules.shape ?? rules.element?.rules.shape, published, name)]]
      }
      expect(part, `${name}, which this version lacks`).toEqual(fallbackIn(field, 'bigint'))
      return []
    }),
  )
}

function comparablePart(part: unknown, shape: Shape | undefined, published: unknown, name: string): unknown {
  const counterpart = (published as Record<string, unknown>)[name]
  if (typeof part === 'bigint') return part.toString()
  if (Buffer.isBuffer(part)) return part.toString('base64')
  if (Array.isArray(part)) {
    if (part.some((each) => Buffer.isBuffer(each))) return Buffer.concat(part).toString('base64')
    return part.map((each, i) =>
      shape === undefined
        ? comparablePart(each, undefined, {}, name)
        : comparable(each, shape, (counterpart as unknown[])[i]),
    )
  }
  if (part !== null && typeof part === 'object' && shape !== undefined) return comparable(part, shape, counterpart)
  return part
}

/** What the default codec must give for a value read with bigints; undefined if it must refuse. */
function narrowed(value: unknown, shape: Shape): { value: unknown } | undefined {
  const parts = Object.entries(value as Record<string, unknown>).map(([name, part]) => {
    const { kind, element, shape: inner } = shape[name]!.rules
    return [name, narrowedPart(part, element?.rules.kind ?? kind, inner ?? element?.rules.shape)] as const
  })
  if (parts.some(([, part]) => part === undefined)) return undefined
  return { value: Object.fromEntries(parts.map(([name, part]) => [name, part!.value])) }
}

function narrowedPart(part: unknown, kind: string, shape: Shape | undefined): { value: unknown } | undefined {
  if (Array.isArray(part) && !part.some((each) => Buffer.isBuffer(each))) {
    const elements = part.map((each) => narrowedPart(each, kind, shape))
    return elements.includes(undefined) ? undefined : { value: elements.map((each) => each!.value) }
  }
  if (typeof part === 'bigint' && kind !== 'bigint64') {
    const number = Number(part)
    if (Number.isSafeInteger(number) && BigInt(number) === part) return { value: number }
    return kind === 'int64Clamped' ? { value: Math.sign(number) * Number.MAX_SAFE_INTEGER } : undefined
  }
  if (shape !== undefined && part !== null) return narrowed(part, shape)
  return { value: part }
}

function range(min: number, max: number): number[] {
  return Array.from({ length: max - min + 1 }, (_, i) => min + i)
}
