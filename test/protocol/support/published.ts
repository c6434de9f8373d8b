/** The published message definitions and frames, from test/fixtures/protocol (see scripts/protocol-fixtures.ts). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface PublishedField {
  readonly name: string
  /** 'int32', '[]string', 'struct', '[]struct', ... */
  readonly type: string
  readonly versions: Range
  readonly nullable: Range | undefined
  readonly tag: number | undefined
  readonly default: string | undefined
  readonly ignorable: boolean
  readonly fields: PublishedField[]
}

export interface PublishedApi {
  readonly key: number
  readonly name: string
  /** Undefined for what Kafka 4 has removed. */
  readonly versions: Range | undefined
  readonly flexibleSince: number
  readonly advertised: Range | undefined
  readonly listeners: readonly string[]
  readonly request: PublishedField[]
  readonly response: PublishedField[]
}

export interface PublishedRecord {
  readonly name: string
  readonly versions: Range
  readonly flexibleSince: number
  readonly fields: PublishedField[]
}

/** A frame that Kafka's own classes wrote; int64 are decimal strings, bytes base64, uuids base64url in `value`. */
export interface GoldenSample {
  readonly name: string
  readonly kind: 'request' | 'response' | 'header' | 'stored'
  readonly version: number
  readonly sample: string
  readonly value: unknown
  readonly bytes: Buffer
}

export type Range = readonly [min: number, max: number]

const folder = join(import.meta.dirname, '../../fixtures/protocol')

export function publishedMessages(): { apis: PublishedApi[]; records: PublishedRecord[] } {
  const apis: PublishedApi[] = []
  const records: PublishedRecord[] = []
  /** Where a line of this depth goes; [2] is the top of a message. */
  const parents: PublishedField[][] = []
  for (const line of lines('messages.txt')) {
    const depth = line.search(/\S/)
    const words = line.trim().split(' ')
    if (words[0] === 'api') {
      apis.push(apiOfWords(words))
    } else if (words[0] === 'stored') {
      const fields: PublishedField[] = []
      parents[2] = fields
      records.push({ name: words[1]!, versions: range(words[2]!)!, flexibleSince: first(words[3]!), fields })
    } else if (depth === 1) {
      parents[2] = apis.at(-1)![words[0] === 'request' ? 'request' : 'response']
    } else {
      const field = fieldOfWords(words)
      parents[depth]!.push(field)
      parents[depth + 1] = field.fields
    }
  }
  return { apis, records }
}

export function publishedErrors(): { code: number; name: string; retriable: boolean }[] {
  return lines('errors.tsv')
    .slice(1)
    .map((line) => line.split('\t'))
    .map(([code, name, retriable]) => ({ code: Number(code), name: name!, retriable: retriable === 'true' }))
}

export function goldenSamples(): GoldenSample[] {
  const text = gunzipSync(readFileSync(join(folder, 'golden.jsonl.gz'))).toString('utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name, kind, version, sample, value, hex] = JSON.parse(line) as [
        string,
        GoldenSample['kind'],
        number,
        string,
        unknown,
        string,
      ]
      return { name, kind, version, sample, value, bytes: Buffer.from(hex, 'hex') }
    })
}

function lines(name: string): string[] {
  return readFileSync(join(folder, name), 'utf8').trimEnd().split('\n')
}

function apiOfWords(words: readonly string[]): PublishedApi {
  const [, key, name, versions, flexible, advertised, listeners] = words
  return {
    key: Number(key),
    name: name!,
    versions: range(versions!),
    flexibleSince: first(flexible!),
    advertised: range(advertised!),
    listeners: listeners!.split(','),
    request: [],
    response: [],
  }
}

function fieldOfWords([name, type, versions, ...rest]: readonly string[]): PublishedField {
  const said = (word: string) => rest.find((part) => part.startsWith(word))?.slice(word.length)
  const nullable = said('null:')
  const tag = said('tag:')
  return {
    name: name!,
    type: type!,
    versions: range(versions!)!,
    nullable: nullable === undefined ? undefined : range(nullable),
    tag: tag === undefined ? undefined : Number(tag),
    default: said('default:'),
    ignorable: rest.includes('ignorable'),
    fields: [],
  }
}

/** '3+', '3-9', '3' and '-' or 'none' for never. */
function range(text: string): Range | undefined {
  const parts = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (parts === null) return undefined
  const min = Number(parts[1])
  return [min, parts[2] === '+' ? Number.POSITIVE_INFINITY : Number(parts[3] ?? min)]
}

function first(text: string): number {
  return range(text)?.[0] ?? Number.POSITIVE_INFINITY
}
