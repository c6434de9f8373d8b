/** Reads a CPU profile of the bundled broker: which functions of which source files the time went to. */
import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The parts of V8's .cpuprofile that are used here. Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** Ids of the nodes that were running, sample by sample, and the time since the sample before. */
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface ProfileNode {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
}

export interface HotFunction {
  /** `name file:line`, or V8's name for what is not JavaScript: `(garbage collector)`, `(program)`, `writev`. */
  readonly name: string
  readonly selfMs: number
  /** Of the time in which the process was not idle. */
  readonly share: number
}

export interface ProfileSummary {
  readonly busyMs: number
  readonly functions: readonly HotFunction[]
}

export function readProfile(path: string): CpuProfile {
  return JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
}

/** @param nameOf how a function is called; what has the same name is one */
export function hottest(
  { nodes, samples, timeDeltas }: CpuProfile,
  nameOf: (frame: ProfileNode['callFrame']) => string = sourceName(),
): ProfileSummary {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const selfUs = new Map<string, number>()
  let busyUs = 0
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    const time = timeDeltas[index] ?? 0
    if (name === '(idle)' || name === '(root)') continue
    busyUs += time
    selfUs.set(name, (selfUs.get(name) ?? 0) + time)
  }
  const functions = [...selfUs]
    .map(([name, us]) => ({ name, selfMs: us / 1_000, share: busyUs === 0 ? 0 : us / busyUs }))
    .sort((a, b) => b.selfMs - a.selfMs)
  return { busyMs: busyUs / 1_000, functions }
}

/** Names by the sources that the bundles' source maps tell of. */
function sourceName(): (frame: ProfileNode['callFrame']) => string {
  const maps = new Map<string, SourceMap | undefined>()
  return ({ functionName, url, lineNumber, columnNumber }) => {
    const name = functionName === '' ? '(anonymous)' : functionName
    if (url === '') return name
    if (!url.startsWith('file:')) return `${name} ${url}:${lineNumber + 1}`
    const path = fileURLToPath(url)
    if (!maps.has(path)) maps.set(path, sourceMapOf(path))
    const origin = maps.get(path)?.findOrigin(lineNumber + 1, columnNumber + 1)
    if (origin !== undefined && 'fileName' in origin) {
      return `${name} ${origin.fileName.replace(/^(\.\.\/)+/, '')}:${origin.lineNumber}`
    }
    return `${name} ${relative(process.cwd(), path)}:${lineNumber + 1}`
  }
}

function sourceMapOf(path: string): SourceMap | undefined {
  const map = `${path}.map`
  return existsSync(map) ? new SourceMap(JSON.parse(readFileSync(map, 'utf8'))) : undefined
}
