/** What the broker costs before anybody uses it: time to start, memory and CPU while idle. */
import { spawn } from 'node:child_process'
import type { BrokerUnderTest } from './broker-process.ts'
import { defined, median, quotient, type Row } from './figures.ts'
import { apiVersions } from './load/admin.ts'
import type { ConsumeJob, Topic } from './load/jobs.ts'
import { cpuSeconds, residentBytes } from './process-stats.ts'
import type { Rig } from './rig.ts'

const MIB = 1024 ** 2
/** Starts of each kind, taken in turn so that a busy moment of the machine meets both. */
const STARTS = 7

/** From exec to the first ApiVersions answer, with an empty folder; beside it a Node process that does nothing. */
export async function startTimes(rig: Rig): Promise<Row[]> {
  const bare: number[] = []
  const broker: number[] = []
  for (let round = 0; round < STARTS; round++) {
    bare.push(await timed(bareNodeEnds))
    let started: BrokerUnderTest | undefined
    broker.push(
      await timed(async () => {
        started = await rig.freshBroker('os')
        await apiVersions(started.address)
      }),
    )
    await started?.stop()
  }
  return [
    { name: 'node -e 0, to its end', figures: times(bare) },
    {
      name: 'odradek start, to the first ApiVersions answer',
      figures: { ...times(broker), timesBareNode: median(broker) / median(bare) },
    },
  ]
}

const times = (values: readonly number[]) => ({
  medianMs: median(values),
  minMs: Math.min(...values),
  maxMs: Math.max(...values),
})

async function timed(run: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await run()
  return performance.now() - begun
}

function bareNodeEnds(): Promise<void> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => resolve())
  })
}

/** Connections whose fetches wait at the broker. */
const PARKED = 100
/** A wait that no answer ends within the measured time. */
const LONG_WAIT_MS = 60_000
/** What a Java consumer asks for by default: each of them comes again twice a second. */
const JAVA_WAIT_MS = 500
/** After a start or a first connection, until what was begun then is over. */
const SETTLE_MS = 1_500

/** All at the same time, each its own process: they do nothing, so they do not disturb each other. */
export async function idleUse(rig: Rig): Promise<Row[]> {
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 2 ** 30)'], { stdio: 'ignore' })
  const brokers = await Promise.all([
    rig.freshBroker('os'),
    rig.freshBroker('os', ['odradek.http.listen=127.0.0.1:0']),
    rig.freshBroker('os'),
    rig.freshBroker('os'),
  ])
  const [plain, http, parked, polled] = brokers
  try {
    const processes: readonly (readonly [string, number | undefined])[] = [
      ['node that does nothing', bare.pid],
      ['odradek', plain.pid],
      ['odradek, HTTP on', http.pid],
      [`odradek, ${PARKED} parked fetches`, parked.pid],
      [`odradek, ${PARKED} fetches of ${JAVA_WAIT_MS} ms each`, polled.pid],
    ]
    const jobs = [
      waitingFetches(rig, parked, await rig.newTopic(parked, 1), LONG_WAIT_MS),
      waitingFetches(rig, polled, await rig.newTopic(polled, 1), JAVA_WAIT_MS),
    ]
    let before: readonly Use[] = []
    let after: readonly Use[] = []
    await rig.load(jobs, (phase) => {
      if (phase === 'measuring') before = processes.map(([, pid]) => use(pid))
      else after = processes.map(([, pid]) => use(pid))
    })
    return processes.map(([name], index) => ({ name, figures: idleFigures(before[index], after[index]) }))
  } finally {
    bare.kill()
    await Promise.all(brokers.map((broker) => broker.stop()))
  }
}

function waitingFetches({ options }: Rig, broker: BrokerUnderTest, topic: Topic, maxWaitMs: number): ConsumeJob {
  return {
    kind: 'consume',
    broker: broker.address,
    topic,
    recordBytes: 0,
    connections: PARKED,
    assignment: 'every',
    maxBytes: 50 * MIB,
    partitionMaxBytes: MIB,
    maxWaitMs,
    atEnd: 'wait',
    checkCrc: false,
    stop: { kind: 'time', warmupMs: SETTLE_MS, measureMs: options.idleMs },
  }
}

interface Use {
  readonly timeMs: number
  readonly cpuSeconds: number | undefined
  readonly residentBytes: number | undefined
}

function use(pid: number | undefined): Use {
  const known = pid !== undefined
  return {
    timeMs: performance.now(),
    cpuSeconds: known ? cpuSeconds(pid) : undefined,
    residentBytes: known ? residentBytes(pid) : undefined,
  }
}

function idleFigures(before: Use | undefined, after: Use | undefined) {
  if (before === undefined || after === undefined) return {}
  const spent =
    before.cpuSeconds === undefined || after.cpuSeconds === undefined ? undefined : after.cpuSeconds - before.cpuSeconds
  const percent = quotient(spent, (after.timeMs - before.timeMs) / 1_000)
  return defined({
    residentMib: quotient(after.residentBytes, MIB),
    cpuPercentOfCore: percent === undefined ? undefined : percent * 100,
  })
}
