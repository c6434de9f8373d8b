import { describe, expect, it } from 'vitest'
import { runEpisode } from './campaign.ts'
import { Tally } from './crash-points.ts'
import { fateNames } from './fates.ts'

/** CRASH_SEED=7 CRASH_POINTS=100000 npx vitest run test/crash/images/campaign.test.ts */
const seed = Number(process.env.CRASH_SEED ?? 1)
const wantedPoints = Number(process.env.CRASH_POINTS ?? 2500)

describe('Storage, stopped before each of its calls of the disk', () => {
  it('C01 to C14, C20 to C22, C26 to C28, C38, LG-13, LG-15: keeps what it acknowledged, and shows nothing that was never sent', {
    timeout: 600_000,
  }, async () => {
    const tally = new Tally()
    for (let episode = seed; tally.points < wantedPoints; episode++) await runEpisode(episode, tally)
    console.log(
      `crash images: ${tally.points} points, ${tally.images} images, ${tally.inRecovery} of them of crashes during ` +
        `recovery; seed ${seed}`,
    )
    expect(tally.points).toBeGreaterThanOrEqual(wantedPoints)
    expect(tally.images).toBeGreaterThan(wantedPoints)
    expect(tally.inRecovery).toBeGreaterThan(wantedPoints / 20)
    expect([...tally.byFate.keys()].sort()).toEqual([...fateNames].sort())
  })

  it('does in each episode what it did the last time: a number is enough to see a failure again', async () => {
    const first = new Tally()
    await runEpisode(seed, first, { lives: 2 })
    const again = new Tally()
    await runEpisode(seed, again, { lives: 2 })
    expect(again).toEqual(first)
  })
})
