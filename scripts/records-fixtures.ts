/**
 * Writes test/fixtures/records anew from batches that Kafka's own classes wrote and read back. Not part of any test run.
 *
 *   npx tsx scripts/records-fixtures.ts FOLDER
 *
 * The folder holds fixtures/batches.jsonl: a batch (or several) a line, with all that Kafka reads from it. Long runs of
 * a pseudo-random value are replaced by where they come from, since nothing compresses them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BytePart, type GoldenBatches, pseudoRandom } from '../test/protocol/records/support/golden.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: npx tsx scripts/records-fixtures.ts FOLDER')
const target = join(import.meta.dirname, '../test/fixtures/records')

const lines = readFileSync(join(folder, 'fixtures/batches.jsonl'), 'utf8').trim().split('\n')
mkdirSync(target, { recursive: true })
writeFileSync(join(target, 'batches.jsonl.gz'), gzipSync(`${lines.map(compact).join('\n')}\n`, { level: 9 }))

function compact(line: string): string {
  const { hex, ...facts } = JSON.parse(line) as Omit<GoldenBatches, 'parts'> & { hex: string }
  const bytes = Buffer.from(hex, 'hex')
  const random = facts.batches?.flatMap(({ records }) => records.map(({ value }) => value)).find(isRandom)
  const parts = random === undefined ? [hex] : split(bytes, random.lcg, pseudoRandom(random.lcg, random.length))
  return JSON.stringify({ ...facts, parts })
}

function isRandom(value: unknown): value is { lcg: number; length: number } {
  return typeof value === 'object' && value !== null && 'lcg' in value
}

/** Finds the runs of `value` (in order; codecs store incompressible bytes as they are) within `bytes`. */
function split(bytes: Buffer, lcg: number, value: Buffer): BytePart[] {
  const shortest = 64
  const parts: BytePart[] = []
  let plainFrom = 0
  for (let at = 0; at + shortest <= bytes.length; ) {
    const from = value.indexOf(bytes.subarray(at, at + shortest))
    if (from === -1) {
      at++
      continue
    }
    let length = shortest
    while (at + length < bytes.length && from + length < value.length && bytes[at + length] === value[from + length])
      length++
    parts.push(bytes.toString('hex', plainFrom, at), { lcg, from, length })
    at += length
    plainFrom = at
  }
  parts.push(bytes.toString('hex', plainFrom))
  return parts
}
