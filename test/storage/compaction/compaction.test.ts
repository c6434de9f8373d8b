import { describe, expect, it } from 'vitest'
import { clean, compactedContext, listing, put, roll } from '../../support/compaction-context.ts'

describe('Compaction', () => {
  it('LG-5: keeps the last record of each key with its offset, in order, and leaves the end of the log alone', async () => {
    const context = await compactedContext()
    put(context, 'a=1', 'b=1')
    put(context, 'c=1', 'a=2')
    put(context, 'b=2')
    await roll(context)
    const { logEndOffset } = context.log
    const report = await clean(context)
    expect(await listing(context)).toEqual(['2 c=1', '3 a=2', '4 b=2'])
    expect(context.log.logEndOffset).toBe(logEndOffset)
    expect(report).toMatchObject({ recordsRead: 5, recordsKept: 3, endOffset: 5 })
    expect(context.files().filter((name) => /cleaned|swap/.test(name))).toEqual([])
    await context.close()
  })
})
