import type { Random } from '../../../broker/runtime/random.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { probeProducers } from './check-producers.ts'
import { type FoundLog, openAndCheck, openDirectory } from './directory.ts'
import { DiskState } from './disk-state.ts'
import { type FateName, fate, fateNames } from './fates.ts'
import { copyOf, type ImageFolder } from './image.ts'
import type { Wrap } from './life.ts'
import type { Fact, Oracle } from './oracle.ts'
import { RecordedDisk } from './recorded-disk.ts'

/** What was tried. */
export class Tally {
  episodes = 0
  /** Events of a disk before which the machine stopped. */
  points = 0
  /** Disks that were opened and checked. */
  images = 0
  /** Of these: what crashes in the middle of a recovery left. */
  inRecovery = 0
  /** Images in which bytes that nobody was promised were lost between others: quarantined, as they should be. */
  quarantined = 0
  readonly byFate = new Map<FateName, number>()

  count(name: FateName): void {
    this.images++
    this.byFate.set(name, (this.byFate.get(name) ?? 0) + 1)
  }
}

/** How images are tried. */
export interface Attempt {
  readonly random: Random
  readonly wrap: Wrap
  /** When the machine comes back, ms since the epoch. */
  readonly wallTime: number
  readonly tally: Tally
  /** What is tried at the next point; may have a fate several times. */
  readonly fates: () => readonly FateName[]
}

/** An invariant did not hold for what a crash had left. */
export class CrashFailure extends Error {
  override readonly name = 'CrashFailure'
  /** Before which event of the record the machine stopped; -1 if that is not the question. */
  readonly point: number

  constructor(
    where: string,
    cause: unknown,
    { point = -1, said = [] }: { point?: number; said?: readonly string[] } = {},
  ) {
    const log = said.length === 0 ? '' : `\n  the broker said:\n    ${said.join('\n    ')}`
    super(`${where}: ${cause instanceof Error ? cause.message : cause}${log}`, { cause })
    this.point = point
  }
}

/**
 * Stops before each event of the record.
 * @param oracle what is known at the start of the record; changed
 * @returns one of the power cuts, chosen at random
 * @throws {CrashFailure}
 */
export async function tryEveryPoint(
  disk: RecordedDisk<Fact>,
  oracle: Oracle,
  attempt: Attempt,
): Promise<{ image: ImageFolder; oracle: Oracle }> {
  const { random, tally, fates } = attempt
  const state = new DiskState<Fact>(disk.start)
  const ending = random.integer(disk.events.length + 1)
  let end: { image: ImageFolder; oracle: Oracle } | undefined
  for (let point = 0; point <= disk.events.length; point++) {
    const event = disk.events[point]
    if (event?.kind === 'fact') {
      oracle.apply(event.fact)
      continue
    }
    tally.points++
    for (const name of fates()) {
      try {
        await tryImage(state.image(fate(name, random, point)), name, oracle, attempt, 0)
      } catch (error) {
        throw new CrashFailure(`point ${point} of ${disk.events.length}, ${name}`, error, { point })
      }
    }
    if (end === undefined && point >= ending) {
      const name = fateNames[1 + random.integer(fateNames.length - 1)]!
      end = { image: copyOf(state.image(fate(name, random, point))), oracle: oracle.clone() }
      end.oracle.apply({ kind: 'powerCut' })
    }
    if (event !== undefined) state.apply(event)
  }
  return end!
}

/** Opens an image and checks it; now and then also what a crash leaves of its recovery. */
async function tryImage(image: ImageFolder, name: FateName, oracle: Oracle, attempt: Attempt, depth: number) {
  const { random, wrap, wallTime, tally } = attempt
  tally.count(name)
  if (depth > 0) tally.inRecovery++
  const recurs = depth < 3 && random.integer(depth === 0 ? 8 : 3) === 0
  const disk = new RecordedDisk<Fact>(image, { wallTime: () => wallTime })
  const running = await openDirectory(wrap(disk.boot()), new FakeClock(wallTime), random.integer(2 ** 31))
  const kind = name === 'kill' ? ('process' as const) : ('power' as const)
  const crash = { kind, disk: { before: image, now: disk.memory } }
  try {
    const found = await openAndCheck(running, oracle, crash, random.integer(2 ** 31))
    if ([...found.values()].some(({ damaged }) => damaged > 0)) tally.quarantined++
    if (recurs) await tryRecovery(disk, found, oracle, attempt, depth, name !== 'kill')
    for (const { log, batches, damaged } of found.values()) if (damaged === 0) probeProducers(log, batches)
  } catch (error) {
    if (error instanceof CrashFailure) throw error
    throw new CrashFailure('what a start found', error, { said: running.messages })
  }
}

/** Stops in the middle of the recovery that `disk` has recorded, or right after it. */
async function tryRecovery(
  disk: RecordedDisk<Fact>,
  found: ReadonlyMap<string, FoundLog>,
  oracle: Oracle,
  attempt: Attempt,
  depth: number,
  isPowerCut: boolean,
): Promise<void> {
  const { random } = attempt
  const stop = random.integer(disk.events.length + 1)
  const state = new DiskState<Fact>(disk.start)
  for (const event of disk.events.slice(0, stop)) state.apply(event)
  const name = fateNames[random.integer(fateNames.length)]!
  const after = oracle.clone()
  if (isPowerCut) after.apply({ kind: 'powerCut' })
  if (stop === disk.events.length) {
    // It was up: what it showed must stay.
    for (const [topicId, { log, batches, damaged }] of found) {
      const isDamaged = damaged > 0
      after.apply({ kind: 'found', log: topicId, start: log.logStartOffset, batches, isDamaged })
      const { durableOffset: durable, writtenOffset: written, recoveryPoint: safe } = log
      after.apply({ kind: 'shown', log: topicId, durable, written, safe })
    }
  }
  try {
    await tryImage(state.image(fate(name, random, stop)), name, after, attempt, depth + 1)
  } catch (error) {
    throw new CrashFailure(`in its recovery, before event ${stop} of ${disk.events.length}, ${name}`, error)
  }
}
