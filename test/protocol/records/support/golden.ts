import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Hex, or a run of `pseudoRandom(lcg)`. */
export type BytePart = string | { readonly lcg: number; readonly from: number; readonly length: number }

/** Base64, or a value too long to be written out. */
export type GoldenBytes =
  | string
  | { readonly repeat: string; readonly length: number }
  | { readonly lcg: number; readonly length: number }

export interface GoldenRecord {
  readonly offset: string
  readonly timestamp: string
  readonly sequence?: number
  readonly key: GoldenBytes | null
  readonly value: GoldenBytes | null
  readonly headers?: readonly (readonly [string, string | null])[]
  readonly controlType?: string
}

/** What Kafka reads from one batch. Of more than 20 records the first 10 and the last are told. */
export interface GoldenBatch {
  readonly magic: number
  readonly compression: string
  readonly sizeInBytes: number
  readonly baseOffset: string
  readonly lastOffset: string
  readonly timestampType: string
  readonly maxTimestamp: string
  readonly crc: number
  readonly baseTimestamp: string
  readonly partitionLeaderEpoch: number
  readonly producerId: string
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastSequence: number
  readonly transactional: boolean
  readonly control: boolean
  readonly deleteHorizonMs: string | null
  readonly count: number
  readonly records: readonly GoldenRecord[]
}

/** Bytes that Kafka 4.3.1 wrote, and what it reads from them: batches, or the error of its reader. */
export interface GoldenBatches {
  readonly description: string
  readonly valid: boolean
  readonly batches?: readonly GoldenBatch[]
  readonly kafkaReader?: string
  readonly parts: readonly BytePart[]
}

const file = join(import.meta.dirname, '../../../fixtures/records/batches.jsonl.gz')

/** All golden batches, each with its bytes. Read anew at each call: a test may write into what it gets. */
export function goldenBatches(): (GoldenBatches & { readonly bytes: Buffer })[] {
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n')
  return lines.map((line) => {
    const golden = JSON.parse(line) as GoldenBatches
    return { ...golden, bytes: Buffer.concat(golden.parts.map(partBytes)) }
  })
}

/** Those of magic 2 that Kafka can read. */
export function goldenV2(): { description: string; bytes: Buffer; batches: readonly GoldenBatch[] }[] {
  return goldenBatches().flatMap(({ description, bytes, batches }) =>
    batches !== undefined && batches[0]!.magic === 2 ? [{ description, bytes, batches }] : [],
  )
}

/** The bytes of the golden batch of this description. */
export function golden(description: string): Buffer {
  const found = goldenBatches().find((each) => each.description === description)
  if (found === undefined) throw new Error(`no golden batch: ${description}`)
  return found.bytes
}

export function goldenValue(value: GoldenBytes | null): Buffer | null {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value, 'base64')
  if ('lcg' in value) return pseudoRandom(value.lcg, value.length)
  return Buffer.alloc(value.length, Buffer.from(value.repeat, 'base64'))
}

/** The pseudo-random bytes of the fixtures: x = (x * 1103515245 + 12345) mod 2^31, byte = (x >> 16) & 255. */
export function pseudoRandom(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let x = seed
  for (let at = 0; at < length; at++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) & 0x7fff_ffff
    bytes[at] = (x >> 16) & 255
  }
  return bytes
}

function partBytes(part: BytePart): Buffer {
  if (typeof part === 'string') return Buffer.from(part, 'hex')
  return pseudoRandom(part.lcg, part.from + part.length).subarray(part.from)
}
