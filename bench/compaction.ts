/**
 * How quickly a log is compacted, how much memory that takes, and how much it disturbs the thread that serves:
 *
 *   npx tsx bench/compaction.ts [keys=10000000] [copies=2] [valueBytes=100] [codec=none] [dedupeMiB=128] [dir=...]
 *
 * Writes `copies` records for each of the keys, in an order that spreads the copies over the whole log, and compacts it
 * in rounds until nothing is due. The thread is the broker's own, begun from the sources.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startCompactionThread } from '../broker/runtime/start-compaction-thread.ts'
import { systemClock } from '../broker/runtime/system-clock.ts'
import { type Compression, compressions } from '../protocol/records/batch.ts'
import { buildBatch } from '../protocol/records/batch-builder.ts'
import { prepareCodec } from '../protocol/records/compression.ts'
import { LogCleaner } from '../storage/compaction/log-cleaner.ts'
import { WorkerCompactor } from '../storage/compaction/worker-compactor.ts'
import { defaultLogConfig, type Log, LogDirectory, NodeFileSystem, TailCache } from '../storage/index.ts'

const RECORDS_PER_BATCH = 500
const MIB = 1024 ** 2

const options = optionsFrom(process.argv.slice(2))
const folder = options.dir ?? mkdtempSync(join(tmpdir(), 'odradek-compaction-'))
try {
  await run()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function run(): Promise<void> {
  const { keys, copies, codec, dedupeMiB } = options
  await prepareCodec(codec)
  const directory = await LogDirectory.open({
    path: join(folder, 'data'),
    fileSystem: new NodeFileSystem(),
    clock: systemClock,
    random: { integer: () => 0, uuid: () => crypto.randomUUID().replaceAll('-', '').slice(0, 22) },
    clusterId: 'bench',
    nodeId: 1,
    tailCache: new TailCache(0),
    maxOpenFiles: 64,
    logger: { info: () => undefined, warn: console.warn, error: console.error },
  })
  const config = {
    ...defaultLogConfig,
    compacts: true,
    deletes: false,
    flushPolicy: 'os',
    segmentBytes: 256 * MIB,
    minCleanableDirtyRatio: 0,
    fileDeleteDelayMs: 0,
  } as const
  const [log] = await directory.createLogs(
    [{ topic: 'compacted', partition: 0, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    config,
  )
  if (log === undefined) throw new Error('no log was made')

  const filling = performance.now()
  await fill(log)
  const bytes = log.sizeBytes
  const records = keys * copies
  report(
    'log',
    `${records.toLocaleString('en')} records of ${keys.toLocaleString('en')} keys, ${mib(bytes)} MiB, ${codec}`,
  )
  report('written in', `${seconds(performance.now() - filling)} s`)

  const cleaner = new LogCleaner({
    logs: () => [log],
    compactor: () => new WorkerCompactor(startCompactionThread),
    limits: () => ({
      dedupeBufferBytes: dedupeMiB * MIB,
      loadFactor: 0.9,
      ioBufferBytes: 512 * 1024,
      maxBytesPerSecond: Number.MAX_VALUE,
    }),
    clock: systemClock,
    logger: { info: () => undefined, warn: console.warn, error: console.error },
  })
  globalThis.gc?.()
  const idleRss = process.memoryUsage.rss()
  let peakRss = idleRss
  const sampler = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
  }, 20)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = performance.now()
  const cpuBefore = process.cpuUsage()
  let rounds = 0
  for (;;) {
    const done = await cleaner.cleanNext()
    if (done === undefined) break
    rounds++
    report(
      `round ${rounds}`,
      `${done.keys.toLocaleString('en')} keys, read ${mib(done.bytesRead)} MiB, wrote ${mib(done.bytesWritten)} MiB, ` +
        `kept ${done.recordsKept.toLocaleString('en')} of ${done.recordsRead.toLocaleString('en')}`,
    )
  }
  const tookMs = performance.now() - started
  const cpu = process.cpuUsage(cpuBefore)
  delay.disable()
  clearInterval(sampler)
  const { bytesRead, bytesWritten, recordsRead } = cleaner.totals
  report('compacted in', `${seconds(tookMs)} s, ${rounds} rounds, to ${mib(log.sizeBytes)} MiB`)
  report('log per second', `${mib(bytes / (tookMs / 1000))} MiB, ${perSecond(records, tookMs)} records`)
  report(
    'read and written',
    `${mib((bytesRead + bytesWritten) / (tookMs / 1000))} MiB/s, ${perSecond(recordsRead, tookMs)} records/s`,
  )
  report('processor', `${seconds((cpu.user + cpu.system) / 1000)} s of all threads, what is measured there included`)
  report('memory', `${mib(peakRss - idleRss)} MiB more than idle (${mib(idleRss)} MiB)`)
  report(
    'event loop delay',
    `p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`,
  )
  await directory.close()
}

/** Copy by copy, keys in an order of their own in each. */
async function fill(log: Log): Promise<void> {
  const { keys, copies, valueBytes, codec } = options
  const value = Buffer.alloc(valueBytes)
  for (let copy = 0; copy < copies; copy++) {
    const step = coprime(Math.floor(keys * (0.382 + copy * 0.05)), keys)
    let key = 0
    for (let done = 0; done < keys; done += RECORDS_PER_BATCH) {
      const records = Array.from({ length: Math.min(RECORDS_PER_BATCH, keys - done) }, () => {
        key = (key + step) % keys
        value.writeUInt32LE(key, 0)
        return { key: Buffer.from(`user-${key}`), value: Buffer.from(value), timestamp: Date.now() }
      })
      log.append(buildBatch({ records, compression: codec }), 0, 'client')
      if (done % (RECORDS_PER_BATCH * 20) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  // Only what lies before the active segment is compacted: one more batch begins a new one.
  await log.flush()
  log.reconfigure({ ...log.config, segmentBytes: 1 })
  log.append(buildBatch({ records: [{ key: Buffer.from('last'), value, timestamp: Date.now() }] }), 0, 'client')
  log.reconfigure({ ...log.config, segmentBytes: 256 * MIB })
  await log.flush()
}

function coprime(from: number, to: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  let candidate = Math.max(from, 1)
  while (divisor(candidate, to) !== 1) candidate++
  return candidate
}

function optionsFrom(args: readonly string[]) {
  const given = new Map(args.map((arg) => arg.split('=', 2) as [string, string]))
  const number = (name: string, fallback: number) => Number(given.get(name) ?? fallback)
  const codec = (given.get('codec') ?? 'none') as Compression
  if (!compressions.includes(codec)) throw new Error(`codec is one of ${compressions.join(', ')}`)
  return {
    keys: number('keys', 10_000_000),
    copies: number('copies', 2),
    valueBytes: number('valueBytes', 100),
    dedupeMiB: number('dedupeMiB', 128),
    codec,
    dir: given.get('dir'),
  }
}

function report(what: string, text: string): void {
  console.log(`${what.padEnd(18)} ${text}`)
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

function perSecond(count: number, ms: number): string {
  return Math.round(count / (ms / 1000)).toLocaleString('en')
}
