import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import type { File } from '../../../storage/file-system.ts'
import { defaultLogConfig, Log, LogDirectory } from '../../../storage/index.ts'
import { LogWriter } from '../../../storage/log-writer.ts'
import { ProducerState } from '../../../storage/producer-state.ts'
import { Segment } from '../../../storage/segment.ts'
import type { Life, Wrap } from './life.ts'
import { changed } from './pass-through.ts'
import { settle } from './workload.ts'

/**
 * Deliberate bugs, which tests must find: a broken file system in between, or a method replaced for a while. The code
 * that ships knows nothing of them.
 */
export interface Mutant {
  readonly name: string
  readonly wrap?: Wrap
  /** Puts the bug in. @returns takes it out */
  readonly patch?: () => () => void
  /** What has to happen for the bug to have consequences, where chance takes its time to bring it about. */
  readonly story?: (life: Life) => Promise<void>
}

const isLog = (path: string) => path.endsWith('.log')

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledges before the sync',
    wrap: (inner) => changed(inner, {}, (file) => (isLog(file.path) ? { datasync: async () => {} } : {})),
  },
  {
    name: 'acknowledges before the write',
    wrap: (inner) => changed(inner, {}, (file) => (isLog(file.path) ? writesLater(file) : {})),
  },
  {
    name: 'takes what was written for what is safe',
    patch: () =>
      replaceMethod(
        LogWriter.prototype,
        'writeStaged',
        (original) =>
          function (this: LogWriter) {
            original.call(this)
            this.durableOffset = Math.max(this.durableOffset, this.writtenOffset)
            this.onAdvance?.()
          },
      ),
  },
  {
    name: 'cuts one byte too many',
    wrap: (inner) =>
      changed(inner, {}, (file) =>
        isLog(file.path) ? { truncate: (sizeBytes) => file.truncate(Math.max(sizeBytes - 1, 0)) } : {},
      ),
  },
  {
    name: 'believes that a short write was a whole one',
    story: fullDisk,
    wrap: (inner) =>
      changed(inner, {}, (file) => ({
        writeSync: (buffers, position) => {
          file.writeSync(buffers, position)
          return buffers.reduce((total, { length }) => total + length, 0)
        },
      })),
  },
  {
    name: 'forgets the sync of folders',
    wrap: (inner) => changed(inner, { syncFolder: async () => {}, syncFolderSync: () => {} }),
  },
  {
    name: 'renames a file before it is synced',
    wrap: (inner) => changed(inner, {}, () => ({ sync: async () => {}, syncSync: () => {} })),
  },
  {
    name: 'tries a failed sync again',
    story: failedSync,
    wrap: (inner) => changed(inner, {}, (file) => ({ datasync: () => file.datasync().catch(() => file.datasync()) })),
  },
  {
    name: 'skips the first sync of each segment',
    patch: () => {
      const seen = new WeakSet<Segment>()
      return replaceMethod(
        Segment.prototype,
        'sync',
        (original) =>
          async function (this: Segment, size: number) {
            if (seen.has(this)) return original.call(this, size)
            seen.add(this)
            this.syncedBytes = size
            return true
          },
      )
    },
  },
  {
    name: 'keeps the mark of a clean stop',
    wrap: (inner) =>
      changed(inner, {
        unlink: (path) => {
          if (!path.endsWith('.kafka_cleanshutdown')) inner.unlink(path)
        },
      }),
  },
  {
    name: 'forgets the mark of a failed sync',
    story: failedSync,
    wrap: (inner) =>
      changed(inner, {
        rename: (from, to) => (to.endsWith('.sync-failed') ? inner.unlink(from) : inner.rename(from, to)),
      }),
  },
  {
    name: 'loses the checkpoint of log starts',
    wrap: (inner) =>
      changed(inner, {
        rename: (from, to) =>
          to.endsWith('log-start-offset-checkpoint') ? inner.unlink(from) : inner.rename(from, to),
      }),
  },
  {
    name: 'answers DeleteRecords before its checkpoint',
    patch: () => replaceMethod(LogDirectory.prototype, 'writeCheckpoints', () => async () => true),
  },
  {
    name: 'says that recovery need not look at what is not synced yet',
    patch: () =>
      replaceGetter(Log.prototype, 'recoveryPoint', function (this: Log) {
        return this.logEndOffset
      }),
  },
  {
    name: 'forgets the snapshots of producers',
    patch: () =>
      replaceMethod(
        ProducerState.prototype,
        'restore',
        () =>
          function (this: ProducerState) {
            this.clear()
          },
      ),
  },
  {
    name: 'forgets the producers of batches after the snapshot',
    patch: () => replaceMethod(ProducerState.prototype, 'replay', () => () => {}),
  },
  {
    name: 'does not take producers back when their batches are lost',
    story: fullDisk,
    patch: () => replaceMethod(ProducerState.prototype, 'rollBackTo', () => () => {}),
  },
  {
    name: 'gives an offset out twice',
    patch: () => {
      let count = 0
      return replaceMethod(
        LogWriter.prototype,
        'stage',
        (original) =>
          function (this: LogWriter, buffer: Buffer, lastOffset: number) {
            original.call(this, buffer, lastOffset)
            if (++count % 7 === 0) this.logEndOffset = lastOffset
          },
      )
    },
  },
  {
    name: 'forgets under which topic id a partition was made',
    wrap: (inner) =>
      changed(inner, {}, (file) => (file.path.endsWith('partition.metadata') ? { sync: async () => {} } : {})),
  },
]

/** A sync fails once, and the broker is started again. */
async function failedSync(life: Life): Promise<void> {
  const log = await oneLog(life)
  append(life, log, 0)
  await settle(life)
  life.faults.fail({ operation: 'datasync', path: '.log', errno: 'EIO' })
  append(life, log, 1)
  await settle(life)
  await life.start({ kind: 'process' }, life.running.clock.wallTime())
  await settle(life)
}

/** The disk takes half of a batch, and is full; then there is space again, and the client sends again what it sent. */
async function fullDisk(life: Life): Promise<void> {
  const log = await oneLog(life)
  append(life, log, 0)
  await settle(life)
  life.faults.fail({ operation: 'write', path: '.log', shortBytes: 50 })
  life.faults.fail({ operation: 'write', path: '.log', errno: 'ENOSPC' })
  append(life, log, 1)
  await settle(life)
  append(life, log, 1)
  await settle(life)
}

async function oneLog(life: Life): Promise<string> {
  await life.create('events-0', defaultLogConfig)
  return [...life.logs.keys()][0]!
}

function append(life: Life, log: string, baseSequence: number): void {
  const records = [{ value: life.random.bytes(50), timestamp: life.running.clock.wallTime() }]
  life.append(log, buildBatch({ records, producerId: 7, producerEpoch: 0, baseSequence }))
}

/** Bytes stay in the process until the next write or sync of the file. */
function writesLater(file: File): Partial<File> {
  let late: (() => void) | undefined
  const write = () => {
    late?.()
    late = undefined
  }
  return {
    writeSync(buffers, position) {
      write()
      const copies = buffers.map((buffer) => Buffer.from(buffer))
      late = () => file.writeSync(copies, position)
      return copies.reduce((total, { length }) => total + length, 0)
    },
    datasync() {
      write()
      return file.datasync()
    },
  }
}

type Method = (...given: never[]) => unknown
type MethodName<T> = { [K in keyof T]: T[K] extends Method ? K : never }[keyof T] & string

function replaceMethod<T extends object, K extends MethodName<T>>(
  prototype: T,
  name: K,
  make: (original: T[K]) => T[K] & ThisType<T>,
): () => void {
  const original = prototype[name]
  prototype[name] = make(original)
  return () => {
    prototype[name] = original
  }
}

function replaceGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  get: () => T[K],
): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)!
  Object.defineProperty(prototype, name, { ...original, get })
  return () => {
    Object.defineProperty(prototype, name, original)
  }
}
