import { setTimeout as sleep } from 'node:timers/promises'
import type { Stage } from './campaign.ts'
import { pick } from './clients/scene.ts'
import type { Fault } from './faults/fault-library.ts'

export interface KillOptions {
  readonly kills: number
  /** How long a broker lives, at least and at most, in milliseconds. */
  readonly lifeMs?: readonly [number, number]
  /** It lives on until it has acknowledged so many sends and commits, as a loaded machine may need longer for them. */
  readonly progress?: readonly [sends: number, commits: number]
  /** Only these, in any order; by default all that are possible here. */
  readonly ways?: readonly WayToDie[]
}

/**
 * - `kill` -9 at any moment
 * - `while recovering`: -9 again before it is there, up to three times
 * - `at a call`: in the middle of a write, or before or after a sync, rename, ... (faults.c)
 * - `power`: -9, and what no sync covered is gone
 */
export type WayToDie = 'kill' | 'while recovering' | 'at a call' | 'power'

/** Kills the broker so many times, and starts it again on its folder and port. */
export function killer({
  kills,
  lifeMs = [200, 1_400],
  progress = [20, 2],
  ways,
}: KillOptions): (stage: Stage) => Promise<void> {
  return async (stage) => {
    const possible: readonly WayToDie[] =
      ways ??
      (stage.faults === undefined ? ['kill', 'while recovering'] : ['kill', 'while recovering', 'at a call', 'power'])
    const [least, most] = lifeMs
    let done = 0
    while (done < kills) {
      const way = pick(stage.random, possible)
      await Promise.all([sleep(least + stage.random.integer(most - least)), stage.serves(...progress, MAX_LIFE_MS)])
      done += await die(stage, way, kills - done)
      stage.say(`${done} of ${kills} kills, the last: ${way}`)
      await stage.start()
    }
    await stage.serves(...progress)
  }
}

/** A life that makes no progress ends all the same. */
const MAX_LIFE_MS = 5_000

/** @returns how often it was killed, up to `most` */
async function die(stage: Stage, way: WayToDie, most: number): Promise<number> {
  if (way === 'power') await stage.cutPower()
  else if (way === 'at a call') await dieAtCall(stage)
  else await stage.kill()
  let kills = 1
  if (way !== 'while recovering') return kills
  for (let more = 1 + stage.random.integer(3); more > 0 && kills < most; more--) {
    await stage.startAndKill(stage.random.integer(200))
    kills++
  }
  return kills
}

const fatal: readonly Fault[] = [
  { on: 'write', action: 'torn', suffix: '.log' },
  { on: 'write', action: 'kill before', suffix: '.log' },
  { on: 'write', action: 'kill after', suffix: '.log' },
  { on: 'sync', action: 'kill before', suffix: '.log' },
  { on: 'sync', action: 'kill after', suffix: '.log' },
  { on: 'write', action: 'torn', suffix: 'index' },
  { on: 'create', action: 'kill after', suffix: '.log' },
  { on: 'rename', action: 'kill before' },
  { on: 'rename', action: 'kill after' },
  { on: 'sync folder', action: 'kill before' },
  // The steps of compaction.
  { on: 'write', action: 'torn', suffix: '.cleaned' },
  { on: 'rename', action: 'kill before', suffix: '.swap' },
  { on: 'rename', action: 'kill after', suffix: '.swap' },
  { on: 'rename', action: 'kill after', suffix: '.deleted' },
  { on: 'rename', action: 'kill before', suffix: '.log' },
  { on: 'unlink', action: 'kill before' },
  { on: 'write', action: 'torn', suffix: '-checkpoint.tmp' },
  { on: 'sync', action: 'kill before', suffix: '.mdb' },
  { on: 'sync', action: 'kill after', suffix: '.mdb' },
]

/** Some calls are rare; if none comes in time, the broker is killed where it is. */
async function dieAtCall(stage: Stage): Promise<void> {
  const { faults, random, broker } = stage
  if (faults === undefined) throw new Error('there is no fault library')
  const fault = { ...pick(random, fatal), nth: 1 + random.integer(20) }
  faults.arm(fault)
  await Promise.race([broker.exit, sleep(1_500)])
  faults.disarm()
  await broker.end('SIGKILL')
  stage.history.broker('kill', `${fault.action} of ${fault.on} ${fault.suffix ?? ''}`)
}
