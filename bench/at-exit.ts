/** What must not be left behind when a bench ends early: brokers, their data, the generator's bundle. */
const cleanups = new Set<() => void>()

/** Runs `cleanup`, which must be synchronous, when this process exits. @returns takes it back */
export function atExit(cleanup: () => void): () => void {
  if (cleanups.size === 0) process.once('exit', runAll)
  cleanups.add(cleanup)
  return () => {
    cleanups.delete(cleanup)
    if (cleanups.size === 0) process.removeListener('exit', runAll)
  }
}

function runAll(): void {
  for (const cleanup of cleanups) cleanup()
}
