import { type Random, seededRandom } from '../../../broker/runtime/random.ts'
import { CrashFailure, Tally, tryEveryPoint } from './crash-points.ts'
import { type FateName, fateNames } from './fates.ts'
import { folder, type ImageFolder } from './image.ts'
import { Life, type Wrap } from './life.ts'
import { type Fact, Oracle } from './oracle.ts'
import { RecordedDisk } from './recorded-disk.ts'
import { live, type StepName } from './workload.ts'

/** An invariant did not hold; running the episode again brings it about again. */
export class EpisodeFailure extends Error {
  override readonly name = 'EpisodeFailure'
  readonly episode: number
  /** The record of the life in which it happened, up to the point. */
  readonly disk: RecordedDisk<Fact>
  readonly point: number

  constructor(episode: number, life: number, disk: RecordedDisk<Fact>, cause: unknown) {
    super(`episode ${episode}, life ${life}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    this.episode = episode
    this.disk = disk
    this.point = cause instanceof CrashFailure && cause.point >= 0 ? cause.point : disk.events.length
  }
}

export interface EpisodeOptions {
  readonly wrap?: Wrap
  /** Steps of a life; default 60. */
  readonly steps?: number
  /** Lives on one disk, each after a power cut; default 3. */
  readonly lives?: number
  /** Images tried at each point, on average; default 1.5. */
  readonly imagesPerPoint?: number
  /** Steps that are taken so many times more often. */
  readonly emphasis?: Readonly<Record<StepName, number>>
}

/**
 * One episode: a few lives on one disk, each ended by a power cut. Each life is recorded; then the machine stops before
 * each event of the record, and what may be left is opened and checked. All of it follows from the number.
 * @throws {EpisodeFailure}
 */
export async function runEpisode(episode: number, tally: Tally, options: EpisodeOptions = {}): Promise<void> {
  const { wrap = identity, steps = 60, lives = 3, imagesPerPoint = 1.5, emphasis } = options
  const random = seededRandom(episode)
  let image = folder()
  let oracle = new Oracle()
  let wallTime = START
  tally.episodes++
  for (let number = 0; number < lives; number++) {
    const disk = new RecordedDisk<Fact>(image, { holdsIo: true, wallTime: () => wallTime })
    const before = oracle.clone()
    try {
      const life = new Life(`${number}`, disk, oracle, random, wrap)
      await life.start({ kind: 'power', disk: { before: image, now: disk.memory } }, wallTime)
      await live(life, steps, emphasis)
      wallTime = life.running.clock.wallTime() + 1000
    } catch (error) {
      throw new EpisodeFailure(episode, number, disk, error)
    }
    const stopped = await tryEveryPoint(disk, before, {
      random,
      wrap,
      wallTime,
      tally,
      fates: () => drawFates(fateNames, imagesPerPoint, random),
    }).catch((error: unknown) => {
      throw new EpisodeFailure(episode, number, disk, error)
    })
    image = stopped.image
    oracle = stopped.oracle
  }
}

/** What a scripted life begins with, and how often it is lived. */
export interface ScriptOptions {
  readonly wrap?: Wrap
  readonly image?: ImageFolder
  readonly oracle?: Oracle
  /** Each time, calls of the disk end in another order; default 5. */
  readonly runs?: number
  /** What may be tried at each point; default all. */
  readonly fates?: readonly FateName[]
  /** Default 2. */
  readonly imagesPerPoint?: number
}

/**
 * Lives by a script, instead of at random, several times; then the machine stops before each event of the record.
 * @returns the disk of the last run, and what is known of it
 * @throws {CrashFailure} and what the script throws
 */
export async function everyCrash(script: (life: Life) => Promise<void>, options: ScriptOptions = {}) {
  const { wrap = identity, image = folder(), runs = 5, fates = fateNames, imagesPerPoint = 2 } = options
  const tally = new Tally()
  for (let run = 1; ; run++) {
    const random = seededRandom(run)
    const disk = new RecordedDisk<Fact>(image, { holdsIo: true, wallTime: () => START })
    const before = (options.oracle ?? new Oracle()).clone()
    const life = new Life('script', disk, before.clone(), random, wrap)
    try {
      await life.start({ kind: 'power' }, START)
      await script(life)
      await tryEveryPoint(disk, before, {
        random,
        wrap,
        wallTime: START + 10_000,
        tally,
        fates: () => drawFates(fates, imagesPerPoint, random),
      })
    } catch (error) {
      throw new CrashFailure(`run ${run}`, error)
    }
    if (run === runs) return { disk, oracle: life.oracle, tally }
  }
}

function drawFates(fates: readonly FateName[], average: number, random: Random): FateName[] {
  const count = Math.floor(average + random.integer(1000) / 1000)
  return Array.from({ length: count }, () => fates[random.integer(fates.length)]!)
}

const identity: Wrap = (fileSystem) => fileSystem
const START = 1_700_000_000_000
