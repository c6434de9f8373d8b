/**
 * What two brokers may say differently because they are two: ids, ports, the time. Each becomes a word in <>; ids that
 * are the same stay recognisably the same.
 */
import * as batch from '../../protocol/records/batch.ts'
import { readRecords } from '../../protocol/records/record.ts'
import { nameOf } from './compare.ts'
import type { Entry, Stage } from './stage.ts'

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const NEAR_MS = 20 * 60 * 1000
const uuidInText = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** The transcript of a run as plain values that can be compared. */
export function masked(stage: Stage, entries: readonly Entry[], now = Date.now()): { step: string; answer: unknown }[] {
  const mask = new Mask(stage, now)
  return entries.map(({ step, answer }) => ({ step: mask.text(step), answer: mask.value('', answer) }))
}

class Mask {
  readonly #stage: Stage
  readonly #now: number
  readonly #seen = new Map<string, string>()
  readonly #count = new Map<string, number>()

  constructor(stage: Stage, now: number) {
    this.#stage = stage
    this.#now = now
  }

  value(field: string, value: unknown): unknown {
    if (typeof value === 'string') return this.#string(field, value)
    if (typeof value === 'number') return this.#number(field, value)
    if (typeof value === 'bigint') return `${value}n`
    if (Buffer.isBuffer(value)) return bytesText(value)
    if (Array.isArray(value)) return this.#list(field, value)
    if (typeof value !== 'object' || value === null) return value
    const masked: Record<string, unknown> = {}
    for (const [name, one] of Object.entries(value)) masked[name] = this.value(name, one)
    return masked
  }

  text(value: string): string {
    let text = value.replaceAll(this.#stage.suffix, '').replaceAll(uuidInText, (uuid) => this.#numbered('uuid', uuid))
    for (const [id, name] of this.#stage.topicIds) {
      text = text.replaceAll(id, `<id of ${name.replaceAll(this.#stage.suffix, '')}>`)
    }
    text = text.replaceAll(/\d{13}/g, (digits) => (Math.abs(Number(digits) - this.#now) < NEAR_MS ? '<now>' : digits))
    return text.replaceAll(this.#stage.side.bootstrap, '<broker>')
  }

  #string(field: string, value: string): string {
    if (field === 'topicId')
      return value === NO_ID ? '' : this.#stage.topicIds.has(value) ? this.text(value) : '<an id>'
    if (field === 'clusterId') return '<cluster>'
    if (field === 'logDir') return '<folder>'
    return this.text(value)
  }

  #number(field: string, value: number): unknown {
    if (field === 'port') return value > 0 ? '<port>' : value
    if (field === 'totalBytes' || field === 'usableBytes') return value > 0 ? '<bytes>' : value
    if (field === 'producerId') return value >= 0 ? this.#numbered('producer', String(value)) : value
    if (field === 'sessionId') return value === 0 ? value : this.#numbered('session', String(value))
    return Math.abs(value - this.#now) < NEAR_MS ? '<now>' : value
  }

  /** Lists of structures come in the order of their names: brokers keep many of them in hash tables. */
  #list(field: string, values: readonly unknown[]): unknown {
    if (field === 'records') return recordsText(values as readonly Buffer[])
    const sorted = values.every((one) => nameOf(one) !== undefined) ? values.toSorted(byKey) : values
    return sorted.map((one) => this.value(field, one))
  }

  #numbered(kind: string, value: string): string {
    const known = this.#seen.get(`${kind} ${value}`)
    if (known !== undefined) return known
    const count = (this.#count.get(kind) ?? 0) + 1
    this.#count.set(kind, count)
    const word = `<${kind} ${count}>`
    this.#seen.set(`${kind} ${value}`, word)
    return word
  }
}

const byKey = (left: unknown, right: unknown): number => {
  const [one, other] = [nameOf(left)!, nameOf(right)!]
  if (isNumber(one) && isNumber(other)) return Number(one) - Number(other)
  return one < other ? -1 : one > other ? 1 : 0
}

const isNumber = (text: string): boolean => text !== '' && !Number.isNaN(Number(text))

function bytesText(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  return /^[ -~]*$/.test(text) ? text : `0x${bytes.toString('hex')}`
}

/** Record batches as a person would describe them. What is no whole batch is shown as bytes. */
function recordsText(chunks: readonly Buffer[]): unknown {
  const bytes = Buffer.concat(chunks)
  const batches: unknown[] = []
  let at = 0
  while (at + batch.BATCH_HEADER_BYTES <= bytes.length && at + batch.batchSize(bytes, at) <= bytes.length) {
    batches.push({
      baseOffset: batch.baseOffset(bytes, at),
      lastOffset: batch.lastOffset(bytes, at),
      leaderEpoch: batch.partitionLeaderEpoch(bytes, at),
      attributes: batch.attributes(bytes, at),
      sequence: batch.baseSequence(bytes, at),
      records: [...readRecords(bytes, at)].map(
        ({ offset, key, value }) => `${offset}: ${key === null ? 'null' : key} = ${value === null ? 'null' : value}`,
      ),
    })
    at += batch.batchSize(bytes, at)
  }
  return at < bytes.length ? [...batches, `${bytes.length - at} bytes of no whole batch`] : batches
}
