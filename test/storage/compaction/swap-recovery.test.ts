import { describe, expect, it } from 'vitest'
import { segmentFileName } from '../../../storage/file-names.ts'
import { clean, compactedContext, listing, put, roll } from '../../support/compaction-context.ts'
import type { LogContext } from '../../support/log-context.ts'

type Suffix = Parameters<typeof segmentFileName>[1]
type State = Parameters<typeof segmentFileName>[2]

const newest = ['8 k0=2', '9 k1=2', '10 k2=2']

/** Puts files of one folder into another one under other names. */
function copy(from: LogContext, to: LogContext, baseOffset: number, state: State, suffixes: readonly Suffix[]): void {
  for (const suffix of suffixes) {
    const bytes = from.memory.readFile(from.path(segmentFileName(baseOffset, suffix)))
    const file = to.memory.open(to.path(segmentFileName(baseOffset, suffix, state)), 'replace')
    if (bytes.length > 0) file.writeSync([bytes], 0)
    file.close()
  }
}

const all = ['.log', '.index', '.timeindex'] as const

/** Two disks of the same history: three segments of one, and the one that they became. */
async function disks() {
  const [old, cleaned] = [await history(), await history()]
  await clean(cleaned)
  await cleaned.close()
  await old.close()
  return { old, cleaned }
}

async function history(): Promise<LogContext> {
  const context = await compactedContext({ config: { segmentBytes: 10_000 } })
  for (let segment = 0; segment < 3; segment++) {
    for (let i = 0; i < 3; i++) put(context, `k${i}=${segment}`)
    await roll(context)
  }
  return context
}

describe('What a crash leaves of compaction, ours or a Kafka\u2019s', () => {
  it('a `.cleaned` was not finished: it goes, and the log is as it was', async () => {
    const { old, cleaned } = await disks()
    copy(cleaned, old, 0, '.cleaned', all)
    const again = await old.restart()
    expect(await listing(again)).toHaveLength(9)
    expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await again.close()
  })

  it('a `.swap` beside a `.cleaned` is incomplete: both go, and the log is as it was', async () => {
    const { old, cleaned } = await disks()
    copy(cleaned, old, 0, '.swap', ['.log'])
    copy(cleaned, old, 0, '.cleaned', ['.index', '.timeindex'])
    const again = await old.restart()
    expect(await listing(again)).toHaveLength(9)
    expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await again.close()
  })

  it('a `.swap` alone is whole: what it was made of goes, and it takes its place', async () => {
    const { old, cleaned } = await disks()
    copy(cleaned, old, 0, '.swap', all)
    const again = await old.restart()
    expect(await listing(again)).toEqual(newest)
    expect(again.files().filter((name) => name.endsWith('.log'))).toHaveLength(2)
    expect(again.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    expect(again.said('completing a compaction')).toBe(true)
    await again.close()
    expect(await listing(await again.restart())).toEqual(newest)
  })

  it('whatever of the old files was renamed already', async () => {
    for (const renamed of [1, 2, 3]) {
      const { old, cleaned } = await disks()
      copy(cleaned, old, 0, '.swap', all)
      const bases = old.files().filter((name) => name.endsWith('.log'))
      for (const name of bases.slice(0, renamed)) old.memory.rename(old.path(name), `${old.path(name)}.deleted`)
      const again = await old.restart()
      expect(await listing(again)).toEqual(newest)
      expect(again.files().filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([])
      await again.close()
    }
  })

  it('an index that still is a `.swap` follows its log, which has its name already', async () => {
    const { cleaned } = await disks()
    cleaned.memory.rename(
      cleaned.path(segmentFileName(0, '.index')),
      cleaned.path(segmentFileName(0, '.index', '.swap')),
    )
    const again = await cleaned.restart()
    expect(await listing(again)).toEqual(newest)
    expect(again.files()).toContain(segmentFileName(0, '.index'))
    expect(again.files().filter((name) => name.endsWith('.swap'))).toEqual([])
    await again.close()
  })

  it('a `.swap` that lies below a `.cleaned` is whole: the next group had been begun', async () => {
    const { old, cleaned } = await disks()
    copy(cleaned, old, 0, '.swap', all)
    const file = old.memory.open(old.path(segmentFileName(11, '.log', '.cleaned')), 'replace')
    file.close()
    const again = await old.restart()
    expect(await listing(again)).toEqual(newest)
    await again.close()
  })
})
