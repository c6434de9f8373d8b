import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../broker/runtime/random.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { defaultLogConfig, type LogConfig } from '../../../storage/index.ts'
import { batchesOf, LogContext, logFile, tamper } from '../../support/log-context.ts'
import { everyCrash } from './campaign.ts'
import { DiskState } from './disk-state.ts'
import { fate } from './fates.ts'
import { at, copyOf, type ImageFolder } from './image.ts'
import type { Life } from './life.ts'
import type { Fact } from './oracle.ts'
import type { RecordedDisk } from './recorded-disk.ts'
import { settle } from './workload.ts'

/**
 * What crash images have found in this storage: each bug that was fixed, as the shortest story that brought it about.
 * The machine stops at every point of the story, and what is left is checked with all that episodes check.
 */

const small: LogConfig = { ...defaultLogConfig, segmentBytes: 400, indexIntervalBytes: 0, fileDeleteDelayMs: 0 }

const START = 1_700_000_000_000

async function createLog(life: Life, config: Partial<LogConfig> = {}): Promise<string> {
  await life.create('events-0', { ...small, ...config })
  return [...life.logs.keys()][0]!
}

/** One batch of one record each; some 100 bytes. */
function append(life: Life, topicId: string, count = 1): void {
  for (let i = 0; i < count; i++) {
    // Rising, so that each batch has its entry in the time index.
    const timestamp = START + life.logs.get(topicId)!.log.logEndOffset
    life.append(topicId, buildBatch({ records: [{ value: life.random.bytes(30), timestamp }] }))
  }
}

async function appendAndSettle(life: Life, topicId: string, count = 1): Promise<void> {
  append(life, topicId, count)
  await settle(life)
}

const writeCheckpoints = (life: Life) => life.finish(life.running.directory.writeCheckpoints())

function newEpoch(life: Life): void {
  life.epoch++
  for (const { log } of life.logs.values()) log.assignEpoch(life.epoch)
}

/** What no sync covers is gone. */
function afterPowerCut(disk: RecordedDisk<Fact>): ImageFolder {
  const state = new DiskState<Fact>(disk.start)
  for (const event of disk.events) state.apply(event)
  return copyOf(state.image(fate('lost', seededRandom(1), 0)))
}

describe('the start of a log', () => {
  it('LE-1: a DeleteRecords that a crash undoes leaves the epochs of the records that are back', async () => {
    await everyCrash(async (life) => {
      const log = await createLog(life)
      await appendAndSettle(life, log, 2)
      await writeCheckpoints(life)
      newEpoch(life)
      await appendAndSettle(life, log, 2)
      life.deleteBefore(log, 3)
      await writeCheckpoints(life)
    })
  })

  it('C14: is not answered for by a second, lower DeleteRecords while the first is on its way to the disk', async () => {
    await everyCrash(async (life) => {
      const log = await createLog(life)
      await appendAndSettle(life, log, 6)
      life.deleteBefore(log, 5)
      life.deleteBefore(log, 2)
      await settle(life)
    })
  })

  it('C13: is not followed by a gap when the disk is too full to note it, and half of the old segments come back', async () => {
    await everyCrash(async (life) => {
      const log = await createLog(life, { retentionMs: 100 })
      for (let i = 0; i < 4; i++) await appendAndSettle(life, log)
      life.faults.fail({
        operation: 'write',
        path: 'log-start-offset',
        errno: 'ENOSPC',
        times: Number.POSITIVE_INFINITY,
      })
      life.running.clock.advance(2000)
      life.applyRetention(log)
      await settle(life)
      life.faults.heal()
      await settle(life)
    })
  })

  it('C13: is not moved back by retention when a crash has left segments below it', async () => {
    const { disk, oracle } = await everyCrash(
      async (life) => {
        const log = await createLog(life)
        await appendAndSettle(life, log, 10)
        life.deleteBefore(log, 9)
        await settle(life)
      },
      { runs: 1, fates: ['lost'] },
    )
    // The renames of the segments that went are not on the disk yet.
    const image = afterPowerCut(disk)
    oracle.apply({ kind: 'powerCut' })
    await everyCrash(
      async (life) => {
        for (const log of life.logs.keys()) life.applyRetention(log)
        await settle(life)
      },
      { image, oracle },
    )
  })

  it('C26: of a topic that was deleted and made again is 0, and not that of the old one', async () => {
    await everyCrash(async (life) => {
      const old = await createLog(life)
      await appendAndSettle(life, old, 5)
      life.deleteBefore(old, 4)
      await settle(life)
      await life.delete(old)
      const log = await createLog(life)
      await appendAndSettle(life, log, 2)
    })
  })
})

describe('the end of a log', () => {
  it('C27: that is deleted while its batches wait for a roll, or for the end of the turn, is nobody else’s', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life)
        await life.create('others-0', small)
        const other = [...life.logs.keys()].find((topicId) => topicId !== log)!
        await appendAndSettle(life, log, 2)
        append(life, log, 6)
        if (life.random.integer(2) === 0) life.running.clock.endTurn()
        for (let i = life.random.integer(4); i > 0; i--) await life.release()
        append(life, log)
        await life.delete(log)
        await appendAndSettle(life, other, 2)
        expect(life.isOffline).toBe(false)
        expect(life.logs.get(other)?.log.durableOffset).toBe(2)
      },
      { runs: 10, imagesPerPoint: 0.5 },
    )
  })

  it('I04: can be closed when the disk has no room for the last entries of its indexes', async () => {
    await everyCrash(async (life) => {
      const log = await createLog(life)
      await appendAndSettle(life, log, 2)
      life.faults.fail({ operation: 'open', path: 'index', errno: 'EMFILE', times: 1 })
      await life.stop()
    })
  })

  it('C14: is not shown to begin where a checkpoint says that a power cut can still take', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life)
        await appendAndSettle(life, log, 4)
        life.deleteBefore(log, 3)
        for (let i = life.random.integer(12); i > 0; i--) await life.release()
        await life.start({ kind: 'process' }, life.running.clock.wallTime())
        await settle(life)
      },
      { runs: 20, fates: ['lost', 'bytes'], imagesPerPoint: 1 },
    )
  })
})

describe('the indexes', () => {
  it('C07: of a segment that was sealed after the recovery point had reached its end are not believed', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life, { segmentBytes: 1000 })
        await appendAndSettle(life, log, 9)
        await writeCheckpoints(life)
        await appendAndSettle(life, log, 3)
      },
      { runs: 10, fates: ['torn', 'mixed'] },
    )
  })

  it('C21: are on the disk before the mark of a clean stop is', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life, { segmentBytes: 1000 })
        await appendAndSettle(life, log, 9)
        await life.stop()
        await life.start({ kind: 'process' }, START)
      },
      { runs: 10, fates: ['torn', 'mixed'] },
    )
  })

  it('D06: that were damaged and are made anew while the broker runs do not get worse by a crash', async () => {
    const { disk, oracle } = await everyCrash(
      async (life) => {
        const log = await createLog(life, { segmentBytes: 1000 })
        await appendAndSettle(life, log, 12)
        await writeCheckpoints(life)
      },
      { runs: 1, fates: ['kill'] },
    )
    const state = new DiskState<Fact>(disk.start)
    for (const event of disk.events) state.apply(event)
    const image = copyOf(state.now())
    const index = at(image, `/data/events-0/${logFile(0, '.timeindex')}`)
    // Entries that rise no more: what is checked when they are first used.
    if (index?.kind === 'file') index.bytes.fill(0x7f, 0, index.bytes.length - 12)
    await everyCrash(async (life) => life.show(), {
      image,
      oracle,
      runs: 5,
      fates: ['torn', 'mixed'],
      imagesPerPoint: 6,
    })
  })
})

describe('a failed sync', () => {
  it('I01: is not forgotten because checkpoints that were begun before it come to their end after it', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life)
        await appendAndSettle(life, log)
        life.aside(life.running.directory.writeCheckpoints())
        for (let i = life.random.integer(4); i > 0; i--) await life.release()
        life.faults.fail({ operation: 'datasync', errno: 'EIO', times: 1 })
        append(life, log)
        await settle(life)
        expect(life.isOffline).toBe(true)
        const clock = life.running.clock
        await life.start({ kind: 'process' }, clock.wallTime())
        await settle(life)
      },
      { runs: 20, fates: ['kill', 'lost'] },
    )
  })
})

describe('leader epochs', () => {
  it('LE-1: are written by one at a time, and are there before the recovery point says that nobody need look', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life)
        await appendAndSettle(life, log)
        life.aside(life.running.directory.writeCheckpoints())
        for (let i = life.random.integer(4); i > 0; i--) await life.release()
        newEpoch(life)
        append(life, log, 3)
        await life.stop()
      },
      { runs: 40, imagesPerPoint: 0.3 },
    )
  })

  it('LE-1: are those of the batches that are there, not of some that the disk lost', async () => {
    const { disk, oracle } = await everyCrash(
      async (life) => {
        const log = await createLog(life, { segmentBytes: 10_000 })
        await appendAndSettle(life, log, 3)
        newEpoch(life)
        append(life, log, 6)
        newEpoch(life)
        append(life, log)
        await writeCheckpoints(life)
      },
      { runs: 1, fates: ['lost'] },
    )
    const image = afterPowerCut(disk)
    oracle.apply({ kind: 'powerCut' })
    // The checkpoint knows two epochs of which no batch is left, and they are given out again.
    await everyCrash(
      async (life) => {
        const [log] = life.logs.keys()
        append(life, log!, 2)
        newEpoch(life)
        append(life, log!, 6)
        life.running.clock.endTurn()
      },
      { image, oracle, fates: ['kill'] },
    )
  })

  it('LE-1: that could not be written are written next time', async () => {
    await everyCrash(async (life) => {
      const log = await createLog(life)
      await appendAndSettle(life, log)
      life.faults.fail({ operation: 'write', path: 'leader-epoch-checkpoint', errno: 'ENOSPC', times: 1 })
      await writeCheckpoints(life)
      for (let i = 0; i < 5; i++) await appendAndSettle(life, log)
    })
  })
})

describe('behind a write that was torn', () => {
  it('D03: a log ends before a segment of which nothing is kept, though it has good batches behind a gap', async () => {
    await everyCrash(
      async (life) => {
        const log = await createLog(life, { flushPolicy: 'os' })
        append(life, log, 9)
        life.running.clock.endTurn()
      },
      { runs: 20, fates: ['sectors', 'torn'], imagesPerPoint: 8 },
    )
  })

  /** Two batches; the first is lost, and `tear` has been at the beginning of the second. */
  async function openTorn(tear: (header: Buffer) => void): Promise<LogContext> {
    const context = await LogContext.open()
    context.append('first')
    context.append('second')
    context.endTurn()
    const memory = context.memory.kill()
    tamper(memory, context.path(logFile(0)), (bytes) => {
      const size = batch.batchSize(bytes)
      bytes.fill(0, 0, size)
      tear(bytes.subarray(size))
      return bytes
    })
    return LogContext.open({ memory, clock: context.clock })
  }

  it('D03: a batch whose offset was torn off is not served as the one that is missing', async () => {
    const { log } = await openTorn((header) => header.fill(0, 0, 8))
    expect(log.logEndOffset).toBe(0)
  })

  it('D03: a batch whose offset is noise does not stop the start', async () => {
    const { log } = await openTorn((header) => header.writeUIntBE(0x12345678abcd, 2, 6))
    expect(log.logEndOffset).toBe(0)
  })

  it('D03: a batch that is itself is served', async () => {
    const { log } = await openTorn(() => {})
    expect(log.logEndOffset).toBe(2)
    expect(batchesOf(await log.read(1, 1000, 2, true))).toHaveLength(1)
    await expect(log.read(0, 1000, 2, true)).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})
