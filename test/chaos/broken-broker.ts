import type { AppendWaiter } from '../../broker/partitions/partition.ts'
import { Partition } from '../../broker/partitions/partition.ts'
import { PartitionShardLog } from '../../broker/partitions/partition-shard-log.ts'
import { BlockProducerIds } from '../../broker/producer-ids.ts'
import { main } from '../../cli/main.ts'
import { batchSize } from '../../protocol/records/batch.ts'
import type { File, OpenMode } from '../../storage/file-system.ts'
import { LogDirectory } from '../../storage/index.ts'
import type { Log } from '../../storage/log.ts'
import { NodeFileSystem } from '../../storage/node-file-system.ts'
import { ProducerState } from '../../storage/producer-state.ts'
import type { Bug } from './bugs.ts'

/**
 * A broker with one bug put in, for the test of the checker: the product with a part of it replaced before it starts, and
 * the same command line. ODRADEK_BUG says which; nothing of this is in the product.
 */
const breakers: Record<Bug, () => void> = {
  'acknowledges before the sync': () => {
    Partition.prototype.whenDurable = Partition.prototype.whenWritten
  },

  'shows before the sync': () => {
    Object.defineProperty(Partition.prototype, 'highWatermark', {
      get(this: Partition) {
        return this.log.writtenOffset
      },
    })
    Partition.prototype.endFor = function () {
      return this.log.writtenOffset
    }
  },

  'acknowledges before the write': () => {
    const settled = (_end: number, waiter: AppendWaiter, slot: number) => waiter.settled(slot, undefined)
    Partition.prototype.whenWritten = settled
    Partition.prototype.whenDurable = settled
  },

  'never syncs': () => {
    wrapFiles((file) => {
      file.datasync = async () => {}
      file.datasyncSync = () => {}
      file.sync = async () => {}
      file.syncSync = () => {}
    })
  },

  'tries a failed sync again': () => {
    wrapFiles((file) => {
      const datasync = file.datasync.bind(file)
      file.datasync = () => datasync().catch(() => datasync())
    })
  },

  'takes a short write for a whole one': () => {
    wrapFiles((file) => {
      const writeSync = file.writeSync.bind(file)
      file.writeSync = (buffers, position) => {
        writeSync(buffers, position)
        return buffers.reduce((sum, { length }) => sum + length, 0)
      }
    })
  },

  'cuts one batch too many': () => {
    afterOpening((log) => {
      if (log.logEndOffset > log.logStartOffset) log.truncateTo(log.logEndOffset - 1)
    })
  },

  'forgets its producers': () => {
    ProducerState.prototype.replay = () => {}
    ProducerState.prototype.restore = () => {}
  },

  'takes repeats for new batches': () => {
    ProducerState.prototype.check = () => ({ kind: 'ok' })
  },

  'gives producer ids twice': () => {
    let next = 0
    BlockProducerIds.prototype.next = () => next++ >> 1
  },

  'skips a record now and then': () => {
    const { read } = Partition.prototype
    let reads = 0
    Partition.prototype.read = function (from, maxBytes, isolation, atLeastOne) {
      const skips = ++reads % 5 === 0 && from + 5 < this.endFor(isolation)
      return read.call(this, skips ? from + 5 : from, maxBytes, isolation, atLeastOne)
    }
  },

  'answers commits before they are safe': () => {
    PartitionShardLog.prototype.isDurable = () => true
    PartitionShardLog.prototype.whenDurable = (_end, done) => done(undefined)
  },

  'forgets the last commits': () => {
    const { readAll } = PartitionShardLog.prototype
    PartitionShardLog.prototype.readAll = async function* () {
      let last: Buffer | undefined
      for await (const chunk of readAll.call(this)) {
        if (last !== undefined) yield last
        last = chunk
      }
      if (last !== undefined) yield withoutLastBatches(last)
    }
  },
}

function wrapFiles(change: (file: File) => void): void {
  const { open } = NodeFileSystem.prototype
  NodeFileSystem.prototype.open = function (path: string, mode: OpenMode): File {
    const file = open.call(this, path, mode)
    if (path.endsWith('.log')) change(file)
    return file
  }
}

/** Without the newest ten, so that no member commits the same again before anybody asks. */
function withoutLastBatches(run: Buffer): Buffer {
  const starts: number[] = []
  for (let at = 0; at < run.length; at += batchSize(run, at)) starts.push(at)
  return run.subarray(0, starts.at(-10) ?? 0)
}

function afterOpening(change: (log: Log) => void): void {
  const { openLog } = LogDirectory.prototype
  LogDirectory.prototype.openLog = async function (folder, config) {
    const log = await openLog.call(this, folder, config)
    change(log)
    return log
  }
}

const bug = process.env.ODRADEK_BUG
if (bug === undefined || !(bug in breakers))
  throw new Error(`ODRADEK_BUG must be one of: ${Object.keys(breakers).join(', ')}`)
breakers[bug as Bug]()
await main(process.argv.slice(2))
