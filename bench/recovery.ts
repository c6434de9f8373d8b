/**
 * How long a start takes: after a clean stop, by the size of the log; after kill -9, by the size of the tail that no
 * recovery point covers.
 *
 *   npx tsx bench/recovery.ts [data=1024] [tails=0,64,256,1024] [partitions=8] [flush=commit] [cold=no] [dir=...]
 *
 * Sizes are MiB over all partitions. First `data` is written and the broker stopped well; then for each tail so much is
 * written and the broker killed. A start is timed from the spawn of the process until it says that it listens, which is
 * after recovery. kill -9 leaves the page cache as it is; with cold=yes the files are dropped from it before (by `dd`).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerChild } from '../test/support/broker-child.ts'
import { createTopic, endOffsets } from './load/admin.ts'
import type { Address, Topic } from './load/jobs.ts'
import { prepareProduce } from './load/produce.ts'

const MIB = 1024 ** 2
const BATCH_BYTES = 256 * 1024

const options = optionsFrom(process.argv.slice(2))
const folder = options.dir ?? mkdtempSync(join(tmpdir(), 'odradek-recovery-'))
const data = join(folder, 'recovery-data')
try {
  await run()
} finally {
  rmSync(options.dir === undefined ? folder : data, { recursive: true, force: true })
}

async function run(): Promise<void> {
  let broker = await start()
  const topic = await createTopic(addressOf(broker), 'recovery', options.partitions)
  await write(broker, topic, options.data)
  await broker.end('SIGTERM')
  console.log('| log before | last stop | unflushed tail | start |\n|---:|---|---:|---:|')
  broker = await timed('clean', options.data, 0)
  let written = options.data
  for (const tail of options.tails) {
    await write(broker, topic, tail)
    const ends = await endOffsets(addressOf(broker), topic)
    await broker.end('SIGKILL')
    broker = await timed('kill -9', written, tail)
    written += tail
    const found = await endOffsets(addressOf(broker), topic)
    if (found.join() !== ends.join()) throw new Error(`logs ended at ${ends}, and after the start at ${found}`)
    // From here on, all of it lies below the recovery point.
    await broker.end('SIGTERM')
    broker = await start()
  }
  await broker.end('SIGTERM')
}

async function timed(stop: string, before: number, tail: number): Promise<BrokerChild> {
  if (options.cold) dropFromPageCache()
  const startedMs = performance.now()
  const broker = await start()
  const tookMs = performance.now() - startedMs
  console.log(`| ${before} MiB | ${stop} | ${tail} MiB | ${tookMs.toFixed(0)} ms |`)
  return broker
}

/** Recovery points are written when a segment is full and at a clean stop, so that the tail is what was written since. */
function start(): Promise<BrokerChild> {
  return BrokerChild.start(data, {
    set: [`log.flush.policy=${options.flush}`, 'log.flush.offset.checkpoint.interval.ms=2147483647'],
  })
}

function addressOf({ port }: BrokerChild): Address {
  return { host: '127.0.0.1', port }
}

async function write(broker: BrokerChild, topic: Topic, mebibytes: number): Promise<void> {
  const count = Math.round((mebibytes * MIB) / BATCH_BYTES)
  if (count === 0) return
  const load = await prepareProduce({
    kind: 'produce',
    broker: addressOf(broker),
    topic,
    acks: -1,
    recordBytes: 1024,
    batchBytes: BATCH_BYTES,
    partitionsPerRequest: 1,
    connections: 2,
    window: 8,
    stop: { kind: 'count', count },
  })
  await load.run()
}

function dropFromPageCache(): void {
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
  }
}

function optionsFrom(args: readonly string[]) {
  const given = new Map(args.map((arg) => arg.split('=', 2) as [string, string]))
  const known = ['data', 'tails', 'partitions', 'flush', 'cold', 'dir']
  for (const name of given.keys()) {
    if (!known.includes(name)) throw new Error(`no option ${name}; there are: ${known.join(', ')}`)
  }
  return {
    data: Number(given.get('data') ?? 1024),
    tails: (given.get('tails') ?? '0,64,256,1024').split(',').map(Number),
    partitions: Number(given.get('partitions') ?? 8),
    flush: given.get('flush') ?? 'commit',
    cold: given.get('cold') === 'yes',
    dir: given.get('dir'),
  }
}
