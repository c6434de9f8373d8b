import type { Random } from '../../../broker/runtime/random.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { isStorageError, type Log, type MemoryFileSystem } from '../../../storage/index.ts'
import { batchesOf } from '../../support/log-context.ts'
import { checkProducers } from './check-producers.ts'
import { goodBatches } from './good-batches.ts'
import { at, type ImageFolder } from './image.ts'
import type { Expectation, SentBatch } from './oracle.ts'
import { must } from './violation.ts'

/** What happened to the disk before the log was opened. */
export interface Crash {
  /** `process`: whatever was written is there. `power`: what was synced. */
  readonly kind: 'process' | 'power'
  /** The disk before the log was opened, and now: what lay there whole must have been kept. */
  readonly disk?: { readonly before: ImageFolder; readonly now: MemoryFileSystem }
}

/**
 * Holds a log that was just opened against what it must be, reading it in several ways.
 * @returns the batches that it serves
 * @throws {Violation}
 */
export async function checkLog(log: Log, expected: Expectation, crash: Crash, random: Random): Promise<Served> {
  const isKill = crash.kind === 'process' && !expected.isCut
  const kept = isKill ? Math.max(expected.safe, expected.written) : expected.safe
  const where = () => `${log.folder} [${log.logStartOffset}, ${log.logEndOffset}), at least ${kept} must be there`
  must(log.logEndOffset >= kept, () => `the log end fell: ${where()}`)
  // Under `os` a power cut may leave so little of a log that its start lies beyond its end.
  const isLost = !isKill && expected.config.flushPolicy === 'os' && log.logEndOffset < expected.possibleStart
  must(
    isLost || log.logStartOffset >= expected.promisedStart,
    () => `the log start fell below ${expected.promisedStart}: ${where()}`,
  )
  must(
    log.logStartOffset <= Math.max(expected.possibleStart, expected.promisedStart),
    () => `the log start rose above ${expected.possibleStart}: ${where()}`,
  )
  must(log.durableOffset === log.logEndOffset, () => `what is found at a start is durable: ${where()}`)
  // Under `os` a power cut may take a whole segment and leave the next.
  const mayLackSegments = expected.isDamaged || (!isKill && expected.config.flushPolicy === 'os')
  const served = await readAll(log, expected, { kept, mayLackSegments, mayLackSyncs: !isKill, where })
  const { batches, damaged, isMisplaced } = served
  must(damaged === 0 || !isKill || expected.isDamaged, () => `a kill damages nothing: ${where()}`)
  checkEpochs(log, batches)
  if (!isMisplaced) checkProducers(log, batches, damaged > 0)
  await checkSingleReads(log, batches, random)
  if (damaged === 0) await checkTimes(log, batches, random)
  if (crash.disk !== undefined) checkNothingWasLost(log, batches, expected, crash.disk)
  return { batches, damaged, isMisplaced }
}

interface ReadRules {
  /** Everything below is owed. */
  readonly kept: number
  /** There may be gaps between segments. */
  readonly mayLackSegments: boolean
  /** What is not owed may be anything that a torn write can leave. */
  readonly mayLackSyncs: boolean
  readonly where: () => string
}

interface Served {
  readonly batches: SentBatch[]
  /** Offsets that are not served, because damage is in their place. */
  readonly damaged: number
  /** Behind damage, a batch is served under offsets that are not its own. */
  readonly isMisplaced: boolean
}

/** Reads from the start to the end, and holds each batch against those that were sent. */
async function readAll(
  log: Log,
  expected: Expectation,
  { kept, mayLackSegments, mayLackSyncs, where }: ReadRules,
): Promise<Served> {
  const batches: SentBatch[] = []
  let damaged = 0
  let isBehindDamage = false
  let isMisplaced = false
  let next = log.logStartOffset
  const skip = (to: number, what: string) => {
    for (; next < to; next++, damaged++) {
      must(!expected.isOwed(next, kept), () => `offset ${next} was acknowledged and ${what}: ${where()}`)
    }
    isBehindDamage = true
  }
  while (next < log.logEndOffset) {
    const slice = await readOrDamage(log, next)
    if (slice === undefined) {
      skip(next + 1, 'is unreadable')
      continue
    }
    const found = batchesOf(slice)
    must(found.length > 0, () => `nothing is served at ${next}: ${where()}`)
    for (const bytes of found) {
      const base = batch.baseOffset(bytes)
      if (base > next && mayLackSegments) skip(base, 'is skipped')
      const isWithin = batches.length === 0 || isBehindDamage
      must(isWithin ? base <= next : base === next, () => `${next} was asked for, ${base} is served: ${where()}`)
      const known = expected.candidates(base).find((one) => one.bytes.equals(bytes))
      if (known === undefined && (isBehindDamage || mayLackSyncs) && isDisplaced(expected, bytes)) {
        isMisplaced = true
        skip(batch.nextOffset(bytes), 'is not itself')
        continue
      }
      must(known !== undefined, () => `the batch at ${base} was never sent: ${where()}`)
      const acknowledged = expected.line[expected.indexOf(base)]
      must(known.next > kept || known === acknowledged, () => `another batch was acknowledged at ${base}: ${where()}`)
      batches.push(known)
      next = known.next
      isBehindDamage = false
    }
  }
  return { batches, damaged, isMisplaced }
}

/**
 * The header's first 16 bytes, which have offset and epoch, are outside of the checksum. If a write was torn within them,
 * in front of the rest of a batch that was sent, nobody can tell; and nobody was promised these offsets.
 */
function isDisplaced(expected: Expectation, bytes: Buffer): boolean {
  return expected.everSent().some((one) => one.bytes.subarray(16).equals(bytes.subarray(16)))
}

async function readOrDamage(log: Log, from: number) {
  try {
    return await log.read(from, 700, log.logEndOffset, true)
  } catch (error) {
    if (isStorageError(error, 'CORRUPT')) return undefined
    throw error
  }
}

/** KIP-101: each batch's epoch is the one that the log would answer for its offset. */
function checkEpochs(log: Log, batches: readonly SentBatch[]): void {
  for (const { base, bytes } of batches) {
    const epoch = batch.partitionLeaderEpoch(bytes)
    if (base < log.logStartOffset) continue
    must(log.epochAt(base) === epoch, () => `offset ${base} is of epoch ${epoch}, not ${log.epochAt(base)}`)
  }
}

/** FE-5: any offset finds the batch that holds it. */
async function checkSingleReads(log: Log, batches: readonly SentBatch[], random: Random): Promise<void> {
  for (let i = 0; i < Math.min(batches.length, 4); i++) {
    const chosen = batches[random.integer(batches.length)]!
    const low = Math.max(chosen.base, log.logStartOffset)
    const offset = low + random.integer(chosen.next - low)
    const [first] = batchesOf((await readOrDamage(log, offset)) ?? { chunks: [], sizeBytes: 0 })
    must(first?.equals(chosen.bytes) ?? false, () => `a read at ${offset} does not find the batch at ${chosen.base}`)
  }
}

/** LO-3, LO-6: what a lookup by time finds is what a walk over all records finds. */
async function checkTimes(log: Log, batches: readonly SentBatch[], random: Random): Promise<void> {
  const records = batches
    .flatMap(({ bytes }) => Array.from(readRecords(bytes), ({ offset, timestamp }) => ({ offset, timestamp })))
    .filter(({ offset }) => offset >= log.logStartOffset)
  const newest = records.reduce((most, { timestamp }) => Math.max(most, timestamp), -1)
  const maximum = await log.maxTimestamp(log.logEndOffset)
  must(
    maximum?.offset === records.find(({ timestamp }) => timestamp === newest)?.offset,
    () => `the newest timestamp is ${newest}; the log says ${JSON.stringify(maximum)}`,
  )
  if (records.length === 0) return
  const wanted = records[random.integer(records.length)]!.timestamp + random.integer(3) - 1
  const found = await log.offsetForTimestamp(wanted, log.logEndOffset)
  must(
    found?.offset === records.find(({ timestamp }) => timestamp >= wanted)?.offset,
    () => `a lookup of time ${wanted} finds ${JSON.stringify(found)}`,
  )
}

/** Whatever lay on the disk whole and in its place is served, or, behind a gap that a power cut has torn, was put aside. */
function checkNothingWasLost(
  log: Log,
  batches: readonly SentBatch[],
  expected: Expectation,
  { before, now }: NonNullable<Crash['disk']>,
): void {
  const path = `/data/${log.folder}`
  const folder = at(before, path)
  if (folder?.kind !== 'folder') return
  const served = new Map(batches.map((one) => [one.base, one.bytes]))
  let aside: Buffer[] | undefined
  for (const bytes of goodBatches(folder)) {
    const base = batch.baseOffset(bytes)
    if (batch.nextOffset(bytes) <= log.logStartOffset) continue
    if (!expected.candidates(base).some((one) => one.bytes.equals(bytes))) continue
    if (served.get(base)?.equals(bytes)) continue
    aside ??= now
      .readdir(path)
      .filter(({ name }) => name.includes('.cut-'))
      .map(({ name }) => now.readFile(`${path}/${name}`))
    must(
      aside.some((kept) => kept.includes(bytes)),
      () => `the batch at ${base} lay on the disk whole, and is gone`,
    )
  }
}
