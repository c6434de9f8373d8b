import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENTRY_BYTES } from '../../../storage/compaction/offset-map.ts'
import { clean, compactedContext, type Entry, entries, put, putAs, roll } from '../../support/compaction-context.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import type { LogContext } from '../../support/log-context.ts'

/** A key by number, and how long its value is; 0 for a tombstone. */
type Record = readonly [key: number, valueBytes: number]

type Step =
  | { readonly kind: 'put'; readonly records: readonly Record[]; readonly producer: number }
  | { readonly kind: 'roll' }
  | { readonly kind: 'clean'; readonly slots: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart'; readonly how: 'stop' | 'kill' | 'power cut' }

const record = fc.tuple(fc.nat(7), fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 60 })))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      records: fc.array(record, { minLength: 1, maxLength: 4 }),
      producer: fc.integer({ min: -1, max: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'roll' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('clean' as const), slots: fc.integer({ min: 3, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(800) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      how: fc.constantFrom('stop' as const, 'kill' as const, 'power cut' as const),
    }),
  },
)

/** The log, and beside it the list of all that was sent. */
class Model {
  context: LogContext
  readonly sent: Entry[] = []
  readonly sequences = [0, 0]
  #count = 0

  constructor(context: LogContext) {
    this.context = context
  }

  async run(step: Step): Promise<void> {
    const { context } = this
    switch (step.kind) {
      case 'put':
        return this.#put(step.records, step.producer)
      case 'roll':
        return roll(context)
      case 'clean': {
        const report = await clean(context, { dedupeBufferBytes: step.slots * ENTRY_BYTES })
        return this.#cleaned(report!.endOffset)
      }
      case 'wait':
        context.clock.advance(step.ms)
        return
      case 'restart':
        await context.settle()
        if (step.how === 'stop') this.context = await context.restart()
        else this.context = step.how === 'kill' ? await context.afterKill() : await context.afterPowerCut()
        return
    }
  }

  /** What a reader makes of the log must be what the newest record of each key says. */
  async check(): Promise<void> {
    await this.context.settle()
    const there = await entries(this.context)
    const sent = new Map(this.sent.map((entry) => [entry.offset, entry]))
    let before = -1
    for (const entry of there) {
      expect(entry.offset).toBeGreaterThan(before)
      expect(entry).toEqual(sent.get(entry.offset))
      before = entry.offset
    }
    expect(mapOf(there)).toEqual(mapOf(this.sent))
  }

  /** Below the end of a round no record is there that it has seen a newer one of. */
  async #cleaned(endOffset: number): Promise<void> {
    const newest = new Map<string | null, number>()
    for (const { key, offset } of this.sent) if (offset < endOffset) newest.set(key, offset)
    for (const { key, offset } of await entries(this.context)) {
      if (offset < endOffset) expect(offset).toBe(newest.get(key))
    }
  }

  #put(records: readonly Record[], producer: number): void {
    const texts = records.map(([key, bytes]) => {
      const value = bytes === 0 ? undefined : `${this.#count++} `.padEnd(bytes, 'v')
      return value === undefined ? `k${key}` : `k${key}=${value}`
    })
    const sequence = this.sequences[producer] ?? 0
    const result =
      producer < 0 ? put(this.context, ...texts) : putAs(this.context, { id: producer, sequence }, ...texts)
    // A producer whose batches were all compacted away goes on with its sequence (LG-9).
    if (result.kind !== 'appended') throw new Error(`refused: ${JSON.stringify(result)}`)
    if (producer >= 0) this.sequences[producer] = sequence + texts.length
    for (const [index, text] of texts.entries()) {
      const [key = '', value = null] = text.split('=')
      this.sent.push({ offset: result.baseOffset + index, key, value })
    }
  }
}

function mapOf(list: readonly Entry[]): Map<string | null, string> {
  const map = new Map<string | null, string>()
  for (const { key, value } of list) {
    if (value === null) map.delete(key)
    else map.set(key, value)
  }
  return new Map([...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

describe('A compacted log against a map', () => {
  for (const [name, config] of [
    ['policy commit, tiny segments', { flushPolicy: 'commit', segmentBytes: 250, deleteRetentionMs: 500 }],
    [
      'policy os, larger segments, tombstones that hardly live',
      { flushPolicy: 'os', segmentBytes: 900, deleteRetentionMs: 1 },
    ],
  ] as const) {
    it(`LG-5, LG-7, LG-9, LG-10: ${name}`, { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          const clock = new FakeClock()
          const isOs = config.flushPolicy === 'os'
          const model = new Model(await compactedContext({ config, clock, tailCacheBytes: 2000, maxOpenFiles: 3 }))
          for (const one of steps) {
            // What was not synced may be gone: then there is no model of what is there.
            if (isOs && one.kind === 'restart' && one.how === 'power cut') continue
            await model.run(one)
            await model.check()
          }
          await model.context.close()
        }),
        { numRuns: 120 },
      )
    })
  }
})
