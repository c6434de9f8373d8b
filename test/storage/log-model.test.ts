import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as batch from '../../protocol/records/batch.ts'
import { buildBatch } from '../../protocol/records/batch-builder.ts'
import { isStorageError, OffsetOutOfRange } from '../../storage/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { batchesOf, LogContext } from '../support/log-context.ts'

/** A batch as the model remembers it: its bytes as they were stamped. */
interface ModelBatch {
  readonly base: number
  readonly next: number
  readonly bytes: Buffer
  readonly timestamps: readonly number[]
  readonly producer: { id: number; epoch: number; sequence: number } | undefined
}

type Step =
  | { kind: 'append'; sizes: number[]; timestamp: number; producer: number }
  | { kind: 'repeat'; back: number }
  | { kind: 'endTurn' }
  | { kind: 'flush' }
  | { kind: 'read'; from: number; maxBytes: number; atLeastOne: boolean }
  | { kind: 'lookUp'; timestamp: number }
  | { kind: 'deleteBefore'; part: number }
  | { kind: 'retain' }
  | { kind: 'truncate'; part: number }
  | { kind: 'restart' }
  | { kind: 'kill' }
  | { kind: 'powerCut'; pages: number; names: boolean }

const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        sizes: fc.array(fc.nat(300), { minLength: 1, maxLength: 4 }),
        timestamp: fc.integer({ min: 0, max: 5000 }),
        producer: fc.integer({ min: -1, max: 2 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), back: fc.nat(8) }) },
    { weight: 5, arbitrary: fc.constant({ kind: 'endTurn' as const }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'flush' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('read' as const),
        from: fc.nat(60),
        maxBytes: fc.nat(2000),
        atLeastOne: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('lookUp' as const), timestamp: fc.integer({ min: 0, max: 5200 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('deleteBefore' as const),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'retain' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('truncate' as const),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'kill' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('powerCut' as const), pages: fc.integer(), names: fc.boolean() }),
    },
  ),
  { minLength: 5, maxLength: 60 },
)

/** The naive log: an array of batches. Holds the real one against it after each step. */
class Model {
  context: LogContext
  batches: ModelBatch[] = []
  start = 0
  end = 0
  /** Ranges that a power cut has made unreadable, below which nothing was durable. */
  damaged: { from: number; to: number }[] = []
  count = 0
  producerBase = 0

  constructor(context: LogContext) {
    this.context = context
  }

  async run(step: Step): Promise<void> {
    const { log } = this.context
    switch (step.kind) {
      case 'append':
        return this.append(step)
      case 'repeat':
        return this.repeat(step.back)
      case 'endTurn':
        return this.context.endTurn()
      case 'flush':
        await this.context.settle()
        expect(log.durableOffset).toBe(this.end)
        expect(log.recoveryPoint).toBe(this.end)
        return
      case 'read':
        return this.read(step.from, step.maxBytes, step.atLeastOne)
      case 'lookUp':
        return this.lookUp(step.timestamp)
      case 'deleteBefore': {
        const offset = this.start + Math.floor((log.durableOffset - this.start) * step.part)
        await log.deleteBefore(offset)
        this.start = Math.max(this.start, offset)
        return
      }
      case 'retain': {
        log.applyRetention(this.context.clock.wallTime(), log.durableOffset)
        expect(log.logStartOffset).toBeGreaterThanOrEqual(this.start)
        expect(log.logStartOffset).toBeLessThanOrEqual(log.durableOffset)
        this.start = log.logStartOffset
        return
      }
      case 'truncate': {
        await this.context.settle()
        const offset = this.start + Math.floor((this.end - this.start) * step.part)
        this.end = log.truncateTo(offset)
        expect(this.end).toBeLessThanOrEqual(offset)
        this.batches = this.batches.filter(({ next }) => next <= offset)
        await this.context.settle()
        this.damaged = this.damaged.flatMap(({ from, to }) =>
          from >= offset ? [] : [{ from, to: Math.min(to, offset) }],
        )
        return
      }
      case 'restart':
        this.context = await this.context.restart()
        return this.afterStop(this.end, this.end)
      case 'kill': {
        const written = log.writtenOffset
        this.context = await this.context.afterKill()
        return this.afterStop(written, written)
      }
      case 'powerCut': {
        const { writtenOffset } = log
        // Under `os`, durable means only that the operating system has it.
        const durableOffset = log.config.flushPolicy === 'os' ? log.recoveryPoint : log.durableOffset
        const random = pageLottery(step.pages)
        this.context = await this.context.afterPowerCut({
          pageSurvives: step.pages === 0 ? () => false : random,
          namesSurvive: () => step.names,
        })
        await this.afterStop(durableOffset, writtenOffset)
        if (log.config.flushPolicy === 'os') this.forgetProducers()
        return
      }
    }
  }

  append({ sizes, timestamp, producer: which }: Extract<Step, { kind: 'append' }>): void {
    const producer = which < 0 ? -1 : this.producerBase + which
    const records = sizes.map((size, index) => ({
      value: Buffer.alloc(size, (this.count++ % 26) + 97),
      timestamp: timestamp + ((index * 37) % 50),
    }))
    const sequence = producer < 0 ? -1 : this.nextSequence(producer)
    const built = buildBatch({
      records,
      ...(producer < 0 ? {} : { producerId: producer, producerEpoch: 0, baseSequence: sequence }),
    })
    const result = this.context.log.append(built, 0, 'client')
    const next = this.end + sizes.length
    expect(result).toEqual({ kind: 'appended', baseOffset: this.end, lastOffset: next - 1 })
    this.batches.push({
      base: this.end,
      next,
      bytes: Buffer.from(built),
      timestamps: records.map((record) => record.timestamp),
      producer: producer < 0 ? undefined : { id: producer, epoch: 0, sequence },
    })
    this.end = next
  }

  /** A snapshot may have survived the batches that it speaks of; new producers have no past either way. */
  forgetProducers(): void {
    this.producerBase += 10
    this.batches = this.batches.map((one) => ({ ...one, producer: undefined }))
  }

  /** PR-20 to PR-23 against the model: the newest repeats, a gap is refused. */
  repeat(back: number): void {
    const mine = this.batches.filter(({ producer }) => producer !== undefined)
    const chosen = mine.at(-1 - back)
    // What lies below the log's start may be forgotten (PR-23).
    if (chosen?.producer === undefined || chosen.base < this.start) return
    const { id, sequence } = chosen.producer
    const later = mine.filter(({ producer, base }) => producer?.id === id && base > chosen.base).length
    const copy = Buffer.from(chosen.bytes)
    const result = this.context.log.append(copy, 0, 'client')
    if (later === 0) {
      expect(result).toEqual({
        kind: 'duplicate',
        baseOffset: chosen.base,
        lastOffset: chosen.next - 1,
        timestamp: Math.max(...chosen.timestamps),
      })
    } else if (later >= 5) {
      expect(result).toEqual({ kind: 'refused', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    } else {
      // After a restart only the newest batch of a producer is remembered, as in Kafka's snapshots.
      expect(['duplicate', 'refused']).toContain(result.kind)
    }
    expect(sequence).toBeGreaterThanOrEqual(0)
  }

  nextSequence(producer: number): number {
    const last = this.batches.findLast((one) => one.producer?.id === producer)
    return last?.producer === undefined ? 0 : last.producer.sequence + last.timestamps.length
  }

  async read(from: number, maxBytes: number, atLeastOne: boolean): Promise<void> {
    const { log } = this.context
    if (from < this.start || from > this.end) {
      expect(() => log.read(from, maxBytes, this.end, atLeastOne)).toThrow(OffsetOutOfRange)
      return
    }
    const upTo = log.writtenOffset
    const expected: Buffer[] = []
    let left = maxBytes
    for (const { next, bytes } of this.batches) {
      if (next <= from || next > upTo) continue
      if (bytes.length > left && !(atLeastOne && expected.length === 0)) break
      expected.push(bytes)
      left -= bytes.length
    }
    try {
      const got = batchesOf(await log.read(from, maxBytes, upTo, atLeastOne))
      // A read may stop early, at the end of a segment or before damage, but not before its first batch.
      expect(got.length).toBeLessThanOrEqual(expected.length)
      if (expected.length > 0) expect(got.length).toBeGreaterThan(0)
      for (const [index, bytes] of got.entries()) expect(bytes.equals(expected[index]!)).toBe(true)
      expect(this.isDamaged(from) && got.length > 0 && batch.baseOffset(got[0]!) > from && !this.inGap(from)).toBe(
        false,
      )
    } catch (error) {
      if (!isStorageError(error, 'CORRUPT')) throw error
      expect(this.isDamaged(from)).toBe(true)
    }
  }

  async lookUp(timestamp: number): Promise<void> {
    const { log } = this.context
    if (this.damaged.length > 0) return
    const upTo = log.writtenOffset
    const visible = this.batches.filter(({ next }) => next <= upTo)
    const records = visible.flatMap(({ base, timestamps }) =>
      timestamps.map((time, index) => ({ offset: base + index, timestamp: time, leaderEpoch: 0 })),
    )
    const there = records.filter(({ offset }) => offset >= this.start)
    expect(await log.offsetForTimestamp(timestamp, upTo)).toEqual(there.find((record) => record.timestamp >= timestamp))
    const newest = Math.max(...there.map((record) => record.timestamp))
    expect(await log.maxTimestamp(upTo)).toEqual(there.find((record) => record.timestamp === newest))
  }

  isDamaged(offset: number): boolean {
    return this.damaged.some(({ from, to }) => offset >= from && offset < to)
  }

  inGap(offset: number): boolean {
    return !this.batches.some(({ base, next }) => offset >= base && offset < next)
  }

  /** What was durable is there; what was only written may be, whole or as a hole; nothing else is. */
  async afterStop(durable: number, written: number): Promise<void> {
    const { log } = this.context
    expect(log.logEndOffset).toBeGreaterThanOrEqual(durable)
    expect(log.logEndOffset).toBeLessThanOrEqual(written)
    expect(log.logStartOffset).toBeLessThanOrEqual(log.logEndOffset)
    expect(log.durableOffset).toBe(log.logEndOffset)
    this.end = log.logEndOffset
    const kept: ModelBatch[] = []
    for (const one of this.batches.filter(({ next }) => next <= this.end)) {
      if (one.base < log.logStartOffset || this.isDamaged(one.base)) {
        kept.push(one)
        continue
      }
      try {
        const [first] = batchesOf(await log.read(one.base, 1, this.end, true))
        if (first === undefined || batch.baseOffset(first) !== one.base) {
          // The whole segment is gone. A sync comes before each roll under `commit`, so there that cannot be.
          expect(log.config.flushPolicy).toBe('os')
          expect(one.base).toBeGreaterThanOrEqual(durable)
          continue
        }
        expect(first.equals(one.bytes)).toBe(true)
        kept.push(one)
      } catch (error) {
        if (!isStorageError(error, 'CORRUPT')) throw error
        expect(one.base).toBeGreaterThanOrEqual(durable)
        this.damaged.push({ from: one.base, to: one.next })
      }
    }
    this.batches = kept
    // A power cut may bring back what retention had deleted, but not what DeleteRecords was answered for.
    expect(log.logStartOffset).toBeLessThanOrEqual(Math.max(this.start, log.logStartOffset))
    this.start = log.logStartOffset
  }
}

function pageLottery(seed: number) {
  return (path: string, page: number) => {
    let hash = seed
    for (const char of path + page) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
    return (hash & 4) !== 0
  }
}

describe('A log against an array of batches', () => {
  for (const [name, config, tailCacheBytes] of [
    [
      'policy commit, tiny segments',
      { flushPolicy: 'commit', segmentBytes: 1200, indexIntervalBytes: 100, retentionBytes: 3000 },
      4000,
    ],
    [
      'policy os, tiny segments, no memory',
      { flushPolicy: 'os', segmentBytes: 1500, indexIntervalBytes: 200, retentionMs: 2000 },
      0,
    ],
    ['one segment, hardly any index', { flushPolicy: 'commit', segmentBytes: 1 << 20, segmentIndexBytes: 120 }, 2000],
    ['many rolls by time', { flushPolicy: 'os', segmentMs: 700 }, 1 << 20],
  ] as const) {
    it(name, { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          const model = new Model(
            await LogContext.open({ clock: new FakeClock(6000), config, tailCacheBytes, maxOpenFiles: 2 }),
          )
          for (const step of all) {
            await model.run(step)
            const { log } = model.context
            expect(log.logEndOffset).toBe(model.end)
            expect(log.logStartOffset).toBe(model.start)
            expect(log.writtenOffset).toBeLessThanOrEqual(model.end)
            expect(log.durableOffset).toBeLessThanOrEqual(log.writtenOffset)
          }
          await model.context.close()
        }),
        { numRuns: 150 },
      )
    })
  }
})
