import { describe, expect, it } from 'vitest'
import { Flusher } from '../../storage/flusher.ts'
import { nextTurn } from '../support/log-context.ts'

/** A log whose syncs take until they are told to end. */
class SlowLog {
  readonly name: string
  syncs = 0
  #end: (() => void) | undefined

  constructor(name: string) {
    this.name = name
  }

  get isSyncing(): boolean {
    return this.#end !== undefined
  }

  sync(): Promise<void> {
    expect(this.isSyncing).toBe(false)
    this.syncs++
    return new Promise((done) => {
      this.#end = done
    })
  }

  async end(): Promise<void> {
    const end = this.#end
    this.#end = undefined
    end?.()
    await nextTurn()
  }
}

describe('The flusher of a directory', () => {
  it('syncs at once what comes alone', () => {
    const log = new SlowLog('a')
    new Flusher().add(log)
    expect(log.syncs).toBe(1)
  })

  it('makes one sync of all that is asked for while one runs', async () => {
    const log = new SlowLog('a')
    const flusher = new Flusher()
    for (let i = 0; i < 5; i++) flusher.add(log)
    expect(log.syncs).toBe(1)
    await log.end()
    expect(log.syncs).toBe(2)
    await log.end()
    expect([log.syncs, flusher.pending]).toEqual([2, 0])
  })

  it('runs few at a time, and a busy log does not starve the others', async () => {
    const logs = ['a', 'b', 'c', 'd'].map((name) => new SlowLog(name))
    const [a, b, c, d] = logs as [SlowLog, SlowLog, SlowLog, SlowLog]
    const flusher = new Flusher(2)
    for (const log of logs) flusher.add(log)
    expect(logs.map(({ syncs }) => syncs)).toEqual([1, 1, 0, 0])
    flusher.add(a)
    await a.end()
    expect(logs.map(({ syncs }) => syncs)).toEqual([1, 1, 1, 0])
    await b.end()
    expect(d.isSyncing).toBe(true)
    await c.end()
    expect(a.syncs).toBe(2)
    expect(flusher.pending).toBe(2)
  })

  it('forgets who waits when the disk has failed', async () => {
    const [a, b] = [new SlowLog('a'), new SlowLog('b')]
    const flusher = new Flusher(1)
    flusher.add(a)
    flusher.add(b)
    flusher.add(a)
    flusher.clear()
    await a.end()
    expect([a.syncs, b.syncs]).toEqual([1, 0])
  })
})
