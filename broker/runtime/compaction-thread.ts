import { parentPort } from 'node:worker_threads'
import { LocalCompactor } from '../../storage/compaction/local-compactor.ts'
import { failureOf, type ThreadAnswer, type ThreadRequest } from '../../storage/compaction/worker-compactor.ts'
import { NodeFileSystem } from '../../storage/node-file-system.ts'
import { systemClock } from './system-clock.ts'

/**
 * The thread that reads, compares and writes for compaction; begun by start-compaction-thread.ts, and an entry of its own
 * in the bundle. Lives for one job: who wants to end it terminates it, and there is nothing that it would have to tidy up.
 */
const compactor = new LocalCompactor(new NodeFileSystem(), systemClock, () => Promise.resolve())

parentPort?.on('message', (request: ThreadRequest) => {
  const work = request.kind === 'begin' ? compactor.begin(request.job) : compactor.rewrite(request.group)
  work.then(
    (result) => answer({ kind: 'done', result }),
    (error: unknown) => answer({ kind: 'failed', failure: failureOf(error) }),
  )
})

function answer(message: ThreadAnswer): void {
  parentPort?.postMessage(message)
}
