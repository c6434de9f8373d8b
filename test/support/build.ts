import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sources } from './repository.ts'

/** Builds dist/ before the tests of a run if a source is newer, so that none of them runs an old broker. */
export function setup(): void {
  const script = 'scripts/build.mjs'
  const newest = Math.max(...[...sources(), script].map(changedAt))
  if (changedAt('dist/cli.js') < newest) execFileSync(process.execPath, [inRoot(script)], { stdio: 'inherit' })
}

const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Milliseconds since the epoch; before everything where there is no such file. */
const changedAt = (path: string): number =>
  statSync(inRoot(path), { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY
