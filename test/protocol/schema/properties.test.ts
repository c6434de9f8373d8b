/** What must hold for any value and for any bytes, in every version of every API. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apis } from '../../../protocol/apis/index.ts'
import type { Api } from '../../../protocol/schema/api.ts'
import { type Codec, codecOf } from '../../../protocol/schema/codec.ts'
import { decodeRequestHeader } from '../../../protocol/schema/message.ts'
import { MalformedError } from '../../../protocol/wire/malformed.ts'
import { MAX_ELEMENTS, Reader } from '../../../protocol/wire/reader.ts'
import { Writer } from '../../../protocol/wire/writer.ts'
import { anyValue, withJoinedChunks } from '../support/arbitraries.ts'
import { goldenSamples } from '../support/published.ts'

const STYLES = ['compiled', 'closures'] as const

/** Both messages of an API, in each of its versions. */
function messagesOf(api: Api) {
  const [min, max] = api.versions
  return Array.from({ length: max - min + 1 }, (_, i) => min + i).flatMap((version) =>
    [api.request, api.response].map((shape) => ({ shape, version, flexible: version >= api.flexibleSince })),
  )
}

function written(codec: Codec<unknown>, value: unknown): Buffer {
  const writer = new Writer(1)
  codec.encode(writer, value)
  return Buffer.concat(writer.finish())
}

describe('Any value', () => {
  it.each(apis.map((api) => [api.name, api] as const))('%s: comes back as it was written, in both styles', (_, api) => {
    for (const { shape, version, flexible } of messagesOf(api)) {
      const [compiled, composed] = STYLES.map((style) => codecOf(shape, version, flexible, { style }) as Codec<unknown>)
      fc.assert(
        fc.property(anyValue(shape, version), (value) => {
          const bytes = written(compiled!, value)
          expect(written(composed!, value).equals(bytes)).toBe(true)
          for (const codec of [compiled!, composed!]) {
            const reader = new Reader(bytes)
            expect(withJoinedChunks(codec.decode(reader))).toEqual(withJoinedChunks(emptyRunsAsOne(value, shape)))
            expect(reader.remaining).toBe(0)
          }
        }),
        { numRuns: 8 },
      )
    }
  })
})

describe('Any bytes', () => {
  const samples = goldenSamples().filter(({ kind }) => kind === 'request' || kind === 'response')
  const codecs = new Map<string, Codec<unknown>[]>(
    apis.flatMap((api) =>
      messagesOf(api).map(({ shape, version, flexible }) => [
        `${api.name} ${shape === api.request ? 'request' : 'response'} ${version}`,
        STYLES.map((style) => codecOf(shape, version, flexible, { style }) as Codec<unknown>),
      ]),
    ),
  )
  const targets = samples.flatMap((sample) => {
    const pair = codecs.get(`${sample.name} ${sample.kind} ${sample.version}`)
    return pair === undefined ? [] : [{ bytes: sample.bytes, pair }]
  })

  it('a frame cut off anywhere is malformed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...targets), fc.nat(), ({ bytes, pair }, cut) => {
        if (bytes.length === 0) return
        const part = bytes.subarray(0, cut % bytes.length)
        for (const codec of pair) expect(() => codec.decode(new Reader(part))).toThrow(MalformedError)
      }),
      { numRuns: 3_000 },
    )
  })

  it('a frame with changed bytes is a value or malformed, never another error, and both styles agree', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...targets),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x0f)), { minLength: 1, maxLength: 6 }),
        ({ bytes, pair }, changes) => {
          if (bytes.length === 0) return
          const changed = Buffer.from(bytes)
          for (const [at, byte] of changes) changed[at % changed.length] = byte
          const [compiled, composed] = pair.map((codec) => outcome(codec, changed))
          expect(compiled).toEqual(composed)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('noise is a value or malformed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...codecs.values()), fc.uint8Array({ maxLength: 200 }), (pair, noise) => {
        const [compiled, composed] = pair.map((codec) => outcome(codec, Buffer.from(noise)))
        expect(compiled).toEqual(composed)
      }),
      { numRuns: 2_000 },
    )
  })

  it('NET-15: a megabyte of any one byte costs every decoder at most the elements allowed', () => {
    for (const byte of [0, 1, 2, 0xff]) {
      const frame = Buffer.alloc(1 << 20, byte)
      for (const [compiled] of codecs.values()) {
        const result = outcome(compiled!, frame)
        expect(result === 'malformed' || elementsIn(result) <= MAX_ELEMENTS).toBe(true)
      }
    }
  })

  it('noise as a header is a header or malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (noise, flexible) => {
        try {
          const { clientId } = decodeRequestHeader(new Reader(Buffer.from(noise)), () => flexible)
          expect(clientId === null || typeof clientId === 'string').toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

/** No bytes at all come back as one empty run. */
function emptyRunsAsOne(value: unknown, shape: Api['request']): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([name, part]) => {
      const { kind, shape: inner, element } = shape[name]!.rules
      const structure = inner ?? element?.rules.shape
      if (kind === 'recordChunks' && Array.isArray(part) && part.length === 0) return [name, [Buffer.alloc(0)]]
      if (structure === undefined || part === null) return [name, part]
      if (Array.isArray(part)) return [name, part.map((each) => emptyRunsAsOne(each, structure))]
      return [name, emptyRunsAsOne(part, structure)]
    }),
  )
}

/** The value, or 'malformed'; any other error fails the test. */
function outcome(codec: Codec<unknown>, bytes: Buffer): unknown {
  try {
    return codec.decode(new Reader(bytes))
  } catch (error) {
    if (error instanceof MalformedError) return 'malformed'
    throw error
  }
}

function elementsIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + elementsIn(each), value.length)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return 0
  return Object.values(value).reduce((sum: number, part) => sum + elementsIn(part), 0)
}
