import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { CompactionJob, KeysFound } from '../../../storage/compaction/job.ts'
import {
  type CompactionThread,
  failureOf,
  type ThreadAnswer,
  type ThreadRequest,
  WorkerCompactor,
} from '../../../storage/compaction/worker-compactor.ts'
import { isStorageError, StorageError } from '../../../storage/index.ts'

/** A thread that answers when the test says so. */
class FakeThread extends EventEmitter implements CompactionThread {
  readonly requests: ThreadRequest[] = []
  isTerminated = false

  postMessage(request: ThreadRequest): void {
    this.requests.push(request)
  }

  answer(answer: ThreadAnswer): void {
    // What crosses threads is a copy.
    this.emit('message', structuredClone(answer))
  }

  async terminate(): Promise<void> {
    this.isTerminated = true
    this.emit('exit', 1)
  }
}

const job = { firstDirtyOffset: 7 } as unknown as CompactionJob
const found: KeysFound = { endOffset: 9, keys: 2, utilization: 0.5, bytesRead: 100, recordsRead: 3 }

function setUp() {
  const threads: FakeThread[] = []
  const compactor = new WorkerCompactor(() => {
    threads.push(new FakeThread())
    return threads.at(-1)!
  })
  return { compactor, threads }
}

describe('Compaction by another thread', () => {
  it('begins a thread with a job, asks it one thing after another, and ends it with the job', async () => {
    const { compactor, threads } = setUp()
    const keys = compactor.begin(job)
    expect(threads[0]!.requests).toEqual([{ kind: 'begin', job }])
    threads[0]!.answer({ kind: 'done', result: found })
    expect(await keys).toEqual(found)
    const files = compactor.rewrite({ from: 0, to: 2 })
    expect(threads[0]!.requests[1]).toEqual({ kind: 'rewrite', group: { from: 0, to: 2 } })
    threads[0]!.answer({ kind: 'done', result: found })
    await files
    await compactor.end()
    expect(threads[0]!.isTerminated).toBe(true)
    const next = compactor.begin(job)
    threads[1]!.answer({ kind: 'done', result: found })
    expect(await next).toEqual(found)
  })

  it('its errors come over as what they were', async () => {
    const { compactor, threads } = setUp()
    const keys = compactor.begin(job)
    const error = new StorageError('NO_SPACE', '/data/x', 'no space left', { errno: 'ENOSPC' })
    threads[0]!.answer({ kind: 'failed', failure: failureOf(error) })
    await expect(keys).rejects.toMatchObject({
      code: 'NO_SPACE',
      path: '/data/x',
      errno: 'ENOSPC',
      message: error.message,
    })
    const files = compactor.rewrite({ from: 0, to: 1 })
    threads[0]!.answer({ kind: 'failed', failure: failureOf(new TypeError('a bug')) })
    await expect(files).rejects.toSatisfy(
      (late: Error) => !(late instanceof StorageError) && late.message.includes('a bug'),
    )
  })

  it('a thread that dies, busy or idle, fails what is asked of it', async () => {
    for (const [event, value] of [
      ['error', new Error('out of memory')],
      ['exit', 134],
    ] as const) {
      const { compactor, threads } = setUp()
      const keys = compactor.begin(job)
      threads[0]!.emit(event, value)
      await expect(keys).rejects.toThrow(event === 'error' ? 'out of memory' : '134')
      await expect(compactor.rewrite({ from: 0, to: 1 })).rejects.toThrow()
      await compactor.end()
    }
  })

  it('work that is broken off rejects at once, and says that nobody is to blame', async () => {
    const { compactor, threads } = setUp()
    const keys = compactor.begin(job)
    const ended = compactor.end()
    await expect(keys).rejects.toSatisfy((error: Error) => isStorageError(error, 'CLOSED'))
    await ended
    threads[0]!.answer({ kind: 'done', result: found })
    await expect(compactor.rewrite({ from: 0, to: 1 })).rejects.toSatisfy((error: Error) =>
      isStorageError(error, 'CLOSED'),
    )
    await compactor.end()
  })
})
