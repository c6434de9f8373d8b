import { describe, expect, it, vi } from 'vitest'
import { EpisodeFailure, everyCrash, runEpisode } from './campaign.ts'
import { CrashFailure, Tally } from './crash-points.ts'
import { type Mutant, mutants } from './mutants.ts'

/** Bugs in functions of one module that other modules call; for the test alone, and only while it says so. */
const bug = vi.hoisted(() => ({ skipsChecksums: false, takesStaleBatches: false }))

vi.mock('../../../storage/batch-check.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../../storage/batch-check.ts')>()
  const goodBatchSize: typeof real.goodBatchSize = (window, position, due, isVerified) =>
    real.goodBatchSize(
      window,
      position,
      bug.takesStaleBatches ? { ...due, expectedOffset: 0, expectsGaps: true } : due,
      bug.skipsChecksums ? () => true : isVerified,
    )
  const hasGoodCrc: typeof real.hasGoodCrc = (...given) => bug.skipsChecksums || real.hasGoodCrc(...given)
  return { ...real, goodBatchSize, hasGoodCrc }
})

const withModules: readonly Mutant[] = [
  ...mutants,
  { name: 'skips the checksum', patch: () => during('skipsChecksums') },
  { name: 'takes an old batch for the next one', patch: () => during('takesStaleBatches') },
]

function during(name: keyof typeof bug): () => void {
  bug[name] = true
  return () => {
    bug[name] = false
  }
}

/** By a broken promise that was noticed, or by an assertion of storage itself; not by an accident of the bug's own. */
const HOW = ['Violation', 'AssertionError', 'StorageError']

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error
}

/** The episodes of an ordinary run and some more; without a bug they find nothing. */
const EPISODES = 5

/** @returns what was found, or undefined */
async function hunt({ wrap, patch, story }: Mutant): Promise<unknown> {
  const undo = patch?.()
  const options = wrap === undefined ? {} : { wrap }
  try {
    if (story !== undefined) await everyCrash(story, options)
    else for (let episode = 1; episode <= EPISODES; episode++) await runEpisode(episode, new Tally(), options)
    return undefined
  } catch (error) {
    return error
  } finally {
    undo?.()
  }
}

describe('Storage with a deliberate bug is found out when it', () => {
  it.each(withModules.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    { timeout: 120_000 },
    async (_name, mutant) => {
      const found = await hunt(mutant)
      if (!(found instanceof Error)) throw new Error('not found')
      expect(found).toSatisfy((error) => error instanceof EpisodeFailure || error instanceof CrashFailure)
      expect(HOW).toContain(rootOf(found).name)
    },
  )

  it('is none of them: without a bug the same episodes find nothing', { timeout: 120_000 }, async () => {
    expect(await hunt({ name: 'none' })).toBeUndefined()
    for (const { story } of mutants)
      if (story !== undefined) expect(await hunt({ name: 'none', story })).toBeUndefined()
  })
})
