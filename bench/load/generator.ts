/** The main module of a generator process: takes one job after the other from its parent. */
import type { Job, LoadResult, Phase, PreparedLoad } from './jobs.ts'
import { prepare } from './prepare.ts'

export type ToGenerator = { readonly kind: 'prepare'; readonly job: Job } | { readonly kind: 'go' }
export type FromGenerator =
  | { readonly kind: 'ready' }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'result'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string }

let prepared: PreparedLoad | undefined

process.on('message', (message: ToGenerator) => {
  work(message).catch((error: unknown) => tell({ kind: 'failed', message: String(error) }))
})
process.on('disconnect', () => process.exit(0))

async function work(message: ToGenerator): Promise<void> {
  if (message.kind === 'prepare') {
    prepared = await prepare(message.job)
    tell({ kind: 'ready' })
    return
  }
  const result = await prepared?.run((phase) => tell({ kind: 'phase', phase }))
  if (result !== undefined) tell({ kind: 'result', result })
}

function tell(message: FromGenerator): void {
  process.send?.(message)
}
