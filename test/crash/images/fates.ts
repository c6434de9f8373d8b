import type { Random } from '../../../broker/runtime/random.ts'
import type { ByteChange, Fate, NameChange, UnsafeFile } from './disk-state.ts'

/**
 * What crashes do to that which no sync covers, from the gentlest to the worst. `kill` is the end of the process alone;
 * all others are the end of the power.
 */
export const fateNames = [
  'kill',
  'lost',
  'ordered',
  'names',
  'bytes',
  'pages',
  'sectors',
  'torn',
  'sizes',
  'garbage',
  'mixed',
] as const
export type FateName = (typeof fateNames)[number]

/** @param now how many events there were: for the moment at which an ordered disk stopped */
export function fate(name: FateName, random: Random, now: number): Fate {
  switch (name) {
    case 'kill':
      return { namesOf: all, bytesOf: ({ seen }) => seen }
    case 'lost':
      return { namesOf: none, bytesOf: ({ safe }) => safe }
    case 'ordered': {
      // One journal for everything: what came before a moment is there, the rest is not.
      const last = now - random.integer(Math.min(now, 30) + 1)
      const before = ({ time }: { time: number }) => time <= last
      return { namesOf: () => before, bytesOf: (file) => file.after(before) }
    }
    case 'names':
      return { namesOf: all, bytesOf: ({ safe }) => safe }
    case 'bytes':
      return { namesOf: none, bytesOf: ({ seen }) => seen }
    case 'pages':
      return { namesOf: () => coin(random), bytesOf: (file) => pages(file, random, 4096, undefined) }
    case 'sectors':
      return {
        namesOf: () => coin(random),
        bytesOf: (file) => pages(file, random, random.integer(2) === 0 ? 64 : 512, undefined),
      }
    case 'torn':
      return { namesOf: () => coin(random), bytesOf: (file) => torn(file, random) }
    case 'sizes':
      return { namesOf: all, bytesOf: sizes }
    case 'garbage':
      return { namesOf: all, bytesOf: (file) => pages(file, random, 128, garbageFor(file, random)) }
    case 'mixed':
      return {
        namesOf: () => coin(random),
        bytesOf: (file) => {
          const each: readonly (() => Buffer)[] = [
            () => file.safe,
            () => file.seen,
            () => torn(file, random),
            () => pages(file, random, 256, undefined),
            () => file.after(coin(random)),
          ]
          return each[random.integer(each.length)]!()
        },
      }
  }
}

const all = () => (_change: NameChange) => true
const none = () => (_change: NameChange) => false

function coin(random: Random): (change: ByteChange | NameChange) => boolean {
  const odds = [1, 2, 3][random.integer(3)]!
  return () => random.integer(4) < odds
}

/** Each piece of the file is as it was at one of several moments, as write-back of a page cache leaves it. */
function pages(file: UnsafeFile, random: Random, pageBytes: number, garbage: Buffer | undefined): Buffer {
  const { safe, seen, changes } = file
  const middle = changes[random.integer(changes.length)]!.time
  const versions = [safe, seen, file.after(({ time }) => time <= middle)]
  const size = versions[random.integer(versions.length)]!.length
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += pageBytes) {
    const end = Math.min(at + pageBytes, size)
    const version = versions[random.integer(versions.length)]!
    const filled = Math.min(end, Math.max(at, version.length))
    if (filled > at) version.copy(bytes, at, at, filled)
    // Room that was given to the file and not filled yet may hold what was there before.
    const stale = garbage?.subarray(filled, end)
    stale?.copy(bytes, filled)
  }
  return bytes
}

/** Everything up to one of the changes, and of that one a part: its beginning, or its end with zeros before. */
function torn(file: UnsafeFile, random: Random): Buffer {
  const chosen = file.changes[random.integer(file.changes.length)]!
  const bytes = file.after(({ time }) => time < chosen.time)
  if (chosen.bytes === undefined) return bytes
  const cut = random.integer(chosen.bytes.length + 1)
  const [from, to] = random.integer(3) === 0 ? [cut, chosen.bytes.length] : [0, cut]
  const size = Math.max(bytes.length, chosen.position + to)
  const image = Buffer.alloc(size)
  bytes.copy(image)
  chosen.bytes.copy(image, chosen.position + from, from, to)
  return image
}

/** The new size is there, the new bytes are not. */
function sizes({ safe, seen }: UnsafeFile): Buffer {
  const bytes = Buffer.alloc(seen.length)
  safe.copy(bytes)
  return bytes
}

/** As long as the file: noise, or a copy of its own beginning (whole old batches). */
function garbageFor({ safe, seen }: UnsafeFile, random: Random): Buffer {
  const garbage = Buffer.alloc(Math.max(seen.length, safe.length))
  if (random.integer(2) === 0 || safe.length === 0) random.bytes(garbage.length).copy(garbage)
  else for (let at = 0; at < garbage.length; at += safe.length) safe.copy(garbage, at)
  return garbage
}
