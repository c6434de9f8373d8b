/** The face of compaction: who decides what is compacted, and who may do the work. */
export type { CompactionLimits, Compactor } from './job.ts'
export { LocalCompactor } from './local-compactor.ts'
export { LogCleaner } from './log-cleaner.ts'
export { type CompactionThread, WorkerCompactor } from './worker-compactor.ts'
