import { isUtf8 } from 'node:buffer'
import type { BatchHeader, DumpItem } from '../storage/inspect/index.ts'

type Item<T extends DumpItem['type']> = Extract<DumpItem, { type: T }>
/** What an internal topic's record says; undefined for one that is not understood. */
export type Decode = (key: Buffer | null, value: Buffer | null) => object | undefined

/** `{"type":"batch","file":…,"position":…,…}`; keys and values are text where they are UTF-8, else `{"base64":…}`. */
export function itemAsJson(file: string, item: DumpItem, decode?: Decode): string {
  return JSON.stringify({ type: item.type === 'entry' ? item.kind : item.type, file, ...fieldsOf(item, decode) })
}

function fieldsOf(item: DumpItem, decode: Decode | undefined): object {
  switch (item.type) {
    case 'batch':
      return { position: item.position, ...item.header }
    case 'record':
      return recordFields(item, decode)
    case 'damage':
      return { position: item.position, end: item.end, problem: item.problem }
    case 'entry':
      return item.fields
  }
}

function recordFields({ record, control }: Item<'record'>, decode: Decode | undefined): object {
  const { offset, timestamp, key, value, headers } = record
  if (control !== undefined) return { offset, timestamp, control }
  const decoded = decode?.(key, value)
  if (decoded !== undefined) return { offset, timestamp, ...decoded }
  return {
    offset,
    timestamp,
    key: bytesAsJson(key),
    value: bytesAsJson(value),
    headers: headers.map((header) => ({ key: header.key, value: bytesAsJson(header.value) })),
  }
}

const bytesAsJson = (bytes: Buffer | null): unknown =>
  bytes === null ? null : isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') }

/** A line for people. Strings are quoted as in JSON, so that what a client wrote cannot pass for something of ours. */
export function itemAsText(item: DumpItem, decode?: Decode): string {
  switch (item.type) {
    case 'batch':
      return batchAsText(item.position, item.header)
    case 'record':
      return recordAsText(item, decode)
    case 'damage':
      return `DAMAGED from position ${item.position} to ${item.end}: ${item.problem}`
    case 'entry':
      return `${item.kind}: ${pairs(item.fields)}`
  }
}

function batchAsText(position: number, header: BatchHeader): string {
  const { baseOffset, lastOffset, records, size, magic, crc, codec, timestampType, maxTimestamp, leaderEpoch } = header
  const { producerId, producerEpoch, baseSequence, lastSequence, transactional, control, deleteHorizon } = header
  const parts = [
    `batch offsets ${baseOffset}-${lastOffset} position ${position} size ${size} records ${records}`,
    `magic ${magic} crc ${crc} codec ${codec} ${timestampType} ${time(maxTimestamp)} epoch ${leaderEpoch}`,
  ]
  if (producerId >= 0) parts.push(`producer ${producerId}/${producerEpoch} sequence ${baseSequence}-${lastSequence}`)
  if (transactional) parts.push('transactional')
  if (control !== undefined) parts.push(`control ${control}`)
  if (deleteHorizon !== undefined) parts.push(`delete horizon ${time(deleteHorizon)}`)
  return parts.join(' ')
}

function recordAsText({ record, control }: Item<'record'>, decode: Decode | undefined): string {
  const { offset, timestamp, key, value, headers } = record
  const start = `  record offset ${offset} ${time(timestamp)}`
  if (control !== undefined) return `${start} control ${control}`
  const decoded = decode?.(key, value)
  if (decoded !== undefined) return `${start} ${pairs(decoded)}`
  const tail = headers.map((header) => ` ${JSON.stringify(header.key)}=${bytesAsText(header.value)}`).join('')
  return `${start} key ${bytesAsText(key)} value ${bytesAsText(value)}${tail === '' ? '' : ` headers${tail}`}`
}

const pairs = (fields: object): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? value : JSON.stringify(value)}`)
    .join(' ')

const bytesAsText = (bytes: Buffer | null): string =>
  bytes === null ? 'null' : isUtf8(bytes) ? JSON.stringify(bytes.toString()) : `0x${bytes.toString('hex')}`

/** Clients may write any number. */
function time(timestamp: number): string {
  return timestamp < 0 || timestamp > LAST_DATE_MS ? String(timestamp) : new Date(timestamp).toISOString()
}

/** The last day that a Date can hold. */
const LAST_DATE_MS = 8.64e15
