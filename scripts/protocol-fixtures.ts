/**
 * Writes test/fixtures/protocol anew from a folder that describes Kafka's protocol as data: its published message
 * definitions and frames written by its own classes. Not part of any test run.
 *
 *   npx tsx scripts/protocol-fixtures.ts FOLDER
 *
 * The folder holds messages.json, records.json, errors.json, versions.tsv and fixtures/golden*.jsonl.gz.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

interface FieldDefinition {
  name: string
  type: string
  versions?: string
  nullableVersions?: string
  taggedVersions?: string
  tag?: number
  default?: string
  ignorable?: boolean
  fields?: FieldDefinition[]
}

interface MessageDefinition {
  name: string
  validVersions: string
  flexibleVersions?: string
  fields: FieldDefinition[]
  commonStructs?: FieldDefinition[]
}

const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: npx tsx scripts/protocol-fixtures.ts FOLDER')
const target = join(import.meta.dirname, '../test/fixtures/protocol')

/** Samples that add nothing to the others are left out, to keep the fixture small. */
const SAMPLES = new Set(['default', 'filled', 'random', 'unknown-tags'])
/** Records that we declare; their structures stand in records.json. */
const STORED = ['OffsetCommitKey', 'OffsetCommitValue', 'GroupMetadataKey', 'GroupMetadataValue']

const messages = new Map(readJson<MessageDefinition[]>('messages.json').map((message) => [message.name, message]))
const storedMessages = new Map(readJson<MessageDefinition[]>('records.json').map((record) => [record.name, record]))
const versions = readTable('versions.tsv')
const served = new Set(versions.filter((row) => row.get('broker') === 'yes').map((row) => row.get('name')))

writeFileSync(join(target, 'messages.txt'), `${messageTable().join('\n')}\n`)
writeFileSync(join(target, 'errors.tsv'), `${errorTable().join('\n')}\n`)
writeFileSync(join(target, 'golden.jsonl.gz'), gzipSync(`${goldenLines().join('\n')}\n`, { level: 9 }))

/** `api` and `stored` lines, each with its fields below, indented by depth. */
function messageTable(): string[] {
  const lines: string[] = []
  for (const row of versions) {
    const name = row.get('name')!
    const range = `${row.get('min')}-${row.get('max')}`
    const advertised = `${row.get('advertisedMin')}-${row.get('advertisedMax')}`
    const listeners = ['broker', 'controller'].filter((listener) => row.get(listener) === 'yes').join(',') || 'none'
    lines.push(`api ${row.get('key')} ${name} ${range} ${row.get('flexibleFrom')} ${advertised} ${listeners}`)
    if (!served.has(name)) continue
    for (const kind of ['Request', 'Response']) {
      lines.push(` ${kind.toLowerCase()}`, ...fieldLines(messages.get(`${name}${kind}`)!))
    }
  }
  for (const name of STORED) {
    const record = storedMessages.get(name)!
    lines.push(`stored ${name} ${record.validVersions} ${record.flexibleVersions}`, ...fieldLines(record))
  }
  return lines
}

/** `name type versions`, then what else is said of the field. Common structures are written out where they are used. */
function fieldLines(message: MessageDefinition): string[] {
  const common = new Map(message.commonStructs?.map((struct) => [struct.name, struct.fields]))
  const lines: string[] = []
  const add = (fields: readonly FieldDefinition[], indent: string): void => {
    for (const field of fields) {
      const element = field.type.replace('[]', '')
      const children = field.fields ?? common.get(element)
      const words = [field.name[0]!.toLowerCase() + field.name.slice(1)]
      words.push(children === undefined ? field.type : field.type.replace(element, 'struct'))
      words.push(field.versions ?? field.taggedVersions!)
      if (field.nullableVersions !== undefined) words.push(`null:${field.nullableVersions}`)
      if (field.taggedVersions !== undefined) words.push(`tag:${field.tag}`)
      if (field.default !== undefined) words.push(`default:${field.default}`)
      if (field.ignorable === true) words.push('ignorable')
      lines.push(indent + words.join(' '))
      if (children !== undefined) add(children, `${indent} `)
    }
  }
  add(message.fields, '  ')
  return lines
}

function errorTable(): string[] {
  const errors = readJson<{ code: number; name: string; retriable: boolean }[]>('errors.json')
  return ['code\tname\tretriable', ...errors.map(({ code, name, retriable }) => `${code}\t${name}\t${retriable}`)]
}

/** One sample a line: `[name, kind, version, sample, value, hex]`; stored records have their prefix in the hex. */
function goldenLines(): string[] {
  const lines: string[] = []
  for (const { api, name = api, kind, version, sample, value, hex } of readLines<Record<string, unknown>>(
    'golden.jsonl.gz',
  )) {
    const wanted = served.has(String(name)) || kind === 'header'
    if (wanted && SAMPLES.has(String(sample))) lines.push(JSON.stringify([name, kind, version, sample, value, hex]))
  }
  for (const record of readLines<Record<string, unknown>>('golden-records.jsonl.gz')) {
    const { name, version, sample, value, prefixHex, hex } = record
    if (STORED.includes(String(name)) && SAMPLES.has(String(sample))) {
      lines.push(JSON.stringify([name, 'stored', version, sample, value, `${prefixHex}${hex}`]))
    }
  }
  return lines
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder!, name), 'utf8')) as T
}

function readLines<T>(name: string): T[] {
  const text = gunzipSync(readFileSync(join(folder!, 'fixtures', name))).toString('utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

function readTable(name: string): Map<string, string>[] {
  const [head, ...rows] = readFileSync(join(folder!, name), 'utf8').trim().split('\n')
  const columns = head!.split('\t')
  return rows.map((row) => new Map(row.split('\t').map((cell, i) => [columns[i]!, cell])))
}
