import { describe, expect, it } from 'vitest'
import { MemoryFileSystem, StorageError } from '../../storage/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type Fault, FaultyFileSystem } from '../support/faulty-file-system.ts'
import { LogContext, nextTurn } from '../support/log-context.ts'

const config = { segmentBytes: 250, indexIntervalBytes: 50, fileDeleteDelayMs: 10 }

/** What a client may hold the log to: values that were acknowledged, by offset, and the start after DeleteRecords. */
interface Promises {
  readonly acknowledged: Map<number, string>
  deletedBefore: number
}

/**
 * Everything that a log does, in two runs of a broker, on a disk that fails at its nth call. Errors of the disk are what
 * it is for; all others fail the test. The second run finds what a kill of the first one leaves.
 */
async function workload(fault: Omit<Fault, 'nth'>, nth: number) {
  const promises: Promises = { acknowledged: new Map(), deletedBefore: 0 }
  const clock = new FakeClock()
  let memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  let left = nth
  let place = 'none'
  for (const round of [0, 1]) {
    if (round === 1) memory = memory.kill()
    const disk = new FaultyFileSystem(memory)
    if (left > 0 || fault.times !== undefined) disk.fail({ ...fault, nth: Math.max(left, 1) })
    try {
      const context = await LogContext.open({
        config,
        memory,
        fileSystem: disk,
        clock,
        tailCacheBytes: 0,
        maxOpenFiles: 2,
      })
      await oneRun(context, round, promises)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    }
    const calls = disk.calls.filter(({ operation }) => fault.operation === undefined || operation === fault.operation)
    if (left > 0 && calls.length >= left)
      place = `call ${nth}, ${calls[left - 1]!.operation} of ${calls[left - 1]!.path}`
    left -= calls.length
  }
  return { promises, clock, memory, place, hasStruck: left <= 0 }
}

async function oneRun(context: LogContext, round: number, promises: Promises): Promise<void> {
  const { log } = context
  const appended = new Map<number, string>()
  log.onLoss = (from) => {
    for (const offset of appended.keys()) if (offset >= from) appended.delete(offset)
  }
  log.onAdvance = () => {
    for (const [offset, value] of appended) if (offset < log.durableOffset) promises.acknowledged.set(offset, value)
  }
  for (let i = 0; i < 8; i++) {
    const value = `value ${i} of round ${round}`
    const result = context.append(value)
    if (result.kind === 'appended') appended.set(result.baseOffset, value)
    if (i % 3 === 2) await context.settle()
    if (i === 5) await context.directory.writeCheckpoints()
  }
  await context.settle()
  const values = await context.values()
  expect(values).toHaveLength(log.durableOffset - log.logStartOffset)
  if (round === 0 && log.durableOffset >= 4 && context.directory.offline === undefined) {
    if (await log.deleteBefore(4)) promises.deletedBefore = 4
    context.clock.advance(20)
    await nextTurn()
  }
  await context.close()
}

/** @returns how many calls there were to fail */
async function sweep(fault: Omit<Fault, 'nth'>, power: 'kill' | 'crash', step = 1): Promise<number> {
  for (let nth = 1; ; nth += step) {
    const { promises, clock, memory, place, hasStruck } = await workload(fault, nth)
    const again = await LogContext.open({ config, memory: power === 'kill' ? memory.kill() : memory.crash(), clock })
    const { log } = again
    expect(log.logStartOffset, place).toBeLessThanOrEqual(log.logEndOffset)
    for (const [offset, value] of promises.acknowledged) {
      if (offset < log.logStartOffset) expect(offset, place).toBeLessThan(4)
      else expect((await again.values(offset, offset + 1))[0], `${place}, offset ${offset}`).toBe(value)
    }
    expect(log.logStartOffset, place).toBeGreaterThanOrEqual(promises.deletedBefore)
    await again.close()
    if (!hasStruck) return nth - 1
  }
}

describe('One failing call, at each place in turn', { timeout: 120_000 }, () => {
  for (const [errno, power] of [
    ['EIO', 'crash'],
    ['ENOSPC', 'kill'],
    ['EMFILE', 'crash'],
  ] as const) {
    it(`I01 to I06: ${errno}, then a ${power === 'kill' ? 'kill' : 'power cut'}: nothing acknowledged is lost`, async () => {
      expect(await sweep({ errno }, power)).toBeGreaterThan(150)
    })
  }

  it('and for ever from there on', async () => {
    for (const errno of ['EIO', 'ENOSPC'])
      expect(await sweep({ errno, times: Number.POSITIVE_INFINITY }, 'crash', 3)).toBeGreaterThan(5)
  })

  it('I02: each write in turn is a short one', async () => {
    expect(await sweep({ operation: 'write', shortBytes: 7 }, 'kill')).toBeGreaterThan(50)
  })
})
