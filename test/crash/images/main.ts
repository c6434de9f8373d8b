import { parseArgs } from 'node:util'
import { EpisodeFailure, runEpisode } from './campaign.ts'
import { Tally } from './crash-points.ts'
import { trace } from './trace.ts'

/**
 * Crash images from the command line, as long as told: `CHAOS_SECONDS=600 make chaos`, or
 * `npx tsx test/crash/images/main.ts --seconds 600 --seed 7`. One episode again, with its trace: `--episode 12345`.
 * Exit code 1 when something was found.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: process.env.CHAOS_SECONDS || '60' },
    seed: { type: 'string', default: process.env.CHAOS_SEED || String(Math.floor(Math.random() * 2 ** 31)) },
    episode: { type: 'string' },
  },
})

const tally = new Tally()
const started = Date.now()
const seconds = () => Math.round((Date.now() - started) / 1000)

/** @returns false if something was found */
async function tryEpisode(episode: number, traced: number): Promise<boolean> {
  try {
    await runEpisode(episode, tally)
    return true
  } catch (error) {
    if (!(error instanceof EpisodeFailure)) throw error
    console.log(`FOUND: ${error.message}`)
    for (const line of trace(error.disk, error.point, traced)) console.log(line)
    console.log(`again: npx tsx test/crash/images/main.ts --episode ${episode}`)
    return false
  }
}

function report(seed: string): void {
  const { episodes, points, images, inRecovery, quarantined, byFate } = tally
  console.log(
    `crash images: ${episodes} episodes, ${points} points, ${images} images (${inRecovery} of crashes during recovery, ` +
      `${quarantined} with a gap that nobody was promised), ${seconds()} s, ${seed}`,
  )
  console.log(`  ${[...byFate].map(([name, count]) => `${name} ${count}`).join(', ')}`)
}

if (values.episode !== undefined) {
  if (!(await tryEpisode(Number(values.episode), 200))) process.exitCode = 1
  report(`episode ${values.episode}`)
} else {
  const [seed, limit] = [Number(values.seed), Number(values.seconds)]
  console.log(`crash images: ${limit} s, seed ${seed}`)
  let nextReport = 60
  for (let episode = seed; seconds() < limit; episode = (episode + 1) % 2 ** 31) {
    if (!(await tryEpisode(episode, 40))) {
      process.exitCode = 1
      break
    }
    if (seconds() < nextReport) continue
    nextReport += 60
    report(`seed ${seed}`)
  }
  report(`seed ${seed}`)
}
