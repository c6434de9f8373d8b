import type { CompactionThread } from '../../storage/compaction/worker-compactor.ts'
import type {} from './compaction-thread.ts'

/**
 * Begins a thread with compaction-thread.ts. In the bundle that is an entry of its own at the top of dist/, while this
 * module may have become part of a chunk below it. From the sources, as in tests, tsx reads it to the thread, since Node 20
 * knows no TypeScript, and what vitest or tsx do to load this module does not reach into threads.
 */
export function startCompactionThread(): CompactionThread {
  // Not imported: a start need not pay for what only compaction uses.
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  const here = import.meta.url
  if (!here.endsWith('.ts')) {
    return new Worker(new URL('compaction-thread.js', here.replace(/chunks\/[^/]*$/, '')), { execArgv: [] })
  }
  const thread = JSON.stringify(new URL('./compaction-thread.ts', here).href)
  const load = `import(${JSON.stringify(TSX)}).then(({ register }) => { register(); return import(${thread}) })`
  return new Worker(load, { eval: true, execArgv: [] })
}

/** A development dependency; it is resolved from the working directory, which is the repository's. */
const TSX = 'tsx/esm/api'
