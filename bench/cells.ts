/** The list of what is measured. A cell is one row, or a few, of one table. */
import type { FlushPolicy } from './broker-process.ts'
import type { Row } from './figures.ts'
import type { Acks, ConsumeJob, EndToEndJob, ProduceJob, Stop } from './load/jobs.ts'
import type { CustomCell, Options } from './options.ts'
import { idleUse, startTimes } from './resources.ts'
import type { Rig, Site } from './rig.ts'

export type Group = 'start' | 'idle' | 'produce' | 'consume' | 'latency' | 'kafkajs produce' | 'kafkajs consume'

export interface Cell {
  readonly group: Group
  /** Undefined where it makes no difference. */
  readonly flush?: FlushPolicy
  readonly name: string
  run(rig: Rig): Promise<Row[]>
}

const KB = 1_000
const KIB = 1_024
const MIB = 1_024 ** 2
/** `batch.size` of the Java client. */
const JAVA_BATCH = 16 * KIB
/** `max.in.flight.requests.per.connection` of the Java client. */
const JAVA_WINDOW = 5
/** `fetch.max.bytes` and `max.partition.fetch.bytes` of the Java client. */
const JAVA_FETCH = { maxBytes: 50 * MIB, partitionMaxBytes: MIB, maxWaitMs: 500 }
/** Several times what the tail cache holds, so that reads from the beginning are reads of files. */
const FILL_BYTES = 256 * MIB

/** The cells of a run without flags, in the order of the tables: less than two minutes under both policies. */
export function defaultCells(): Cell[] {
  return [
    { group: 'start', name: 'time to start', run: startTimes },
    { group: 'idle', name: 'memory and CPU', run: idleUse },
    ...[
      { recordBytes: 100 },
      { recordBytes: KB },
      { recordBytes: KB, acks: 1 as const },
      { recordBytes: KB, acks: 0 as const },
      { recordBytes: KB, batchBytes: 128 * KIB },
      { recordBytes: 10 * KB },
      { recordBytes: KB, partitions: 100, connections: 16 },
      { recordBytes: 100, batchBytes: 1, window: 16 },
    ].map((load) => produceCell('os', load)),
    ...[
      { recordBytes: 100 },
      { recordBytes: KB },
      { recordBytes: KB, batchBytes: 128 * KIB },
      { recordBytes: KB, connections: 16 },
    ].map((load) => produceCell('commit', load)),
    ...[{ recordBytes: 100 }, { recordBytes: KB }, { recordBytes: 10 * KB }, { recordBytes: KB, connections: 8 }].map(
      (load) => consumeCell('os', load),
    ),
    ...[{ batchesPerSecond: 1_000 }, { batchesPerSecond: 5_000 }].map((load) => latencyCell('os', load)),
    latencyCell('os', { recordBytes: KB, recordsPerBatch: 10, batchesPerSecond: 500, consumers: 10 }),
    ...[{ batchesPerSecond: 1_000 }, { batchesPerSecond: 5_000 }].map((load) => latencyCell('commit', load)),
    kafkajsProduceCell(500, 100),
    kafkajsProduceCell(200, KB),
    kafkajsProduceCell(1, 100),
    kafkajsConsumeCell(100, 800_000),
    kafkajsConsumeCell(KB, 300_000),
  ]
}

/** The cells to run: those of the command line's dimensions, or the default ones; then what `--only` leaves. */
export function chooseCells({ custom, only, flush, bootstrap }: Options): Cell[] {
  const { generators: _, ...dimensions } = custom
  const given = Object.values(dimensions).some((values) => values !== undefined)
  return (given ? customCells(custom, flush) : defaultCells())
    .filter((cell) => cell.flush === undefined || flush.includes(cell.flush))
    .filter((cell) => bootstrap === undefined || (cell.group !== 'start' && cell.group !== 'idle'))
    .filter((cell) => only.length === 0 || only.some((text) => label(cell).includes(text)))
}

export const label = ({ group, flush, name }: Cell): string => `${group}${flush ? ` (${flush})` : ''}: ${name}`

function customCells(custom: CustomCell, policies: readonly FlushPolicy[]): Cell[] {
  const { recordBytes = [KB], acks = [-1 as const], batchBytes = [JAVA_BATCH] } = custom
  const { partitions = [1], connections = [1], window = [JAVA_WINDOW] } = custom
  let loads: ProduceLoad[] = [{ recordBytes: KB }]
  loads = loads.flatMap((load) => recordBytes.map((recordBytes) => ({ ...load, recordBytes })))
  loads = loads.flatMap((load) => batchBytes.map((batchBytes) => ({ ...load, batchBytes })))
  loads = loads.flatMap((load) => partitions.map((partitions) => ({ ...load, partitions })))
  loads = loads.flatMap((load) => connections.map((connections) => ({ ...load, connections })))
  const sends = loads.flatMap((load) => acks.map((acks) => ({ ...load, acks })))
  return policies.flatMap((flush) => [
    ...sends.flatMap((load) => window.map((window) => produceCell(flush, { ...load, window }))),
    ...loads.map((load) => consumeCell(flush, load)),
  ])
}

interface ProduceLoad {
  readonly recordBytes: number
  readonly acks?: Acks
  readonly batchBytes?: number
  readonly partitions?: number
  readonly connections?: number
  readonly window?: number
}

function produceCell(flush: FlushPolicy, load: ProduceLoad): Cell {
  const {
    recordBytes,
    acks = -1,
    batchBytes = JAVA_BATCH,
    partitions = 1,
    connections = 1,
    window = JAVA_WINDOW,
  } = load
  const batches = batchBytes < recordBytes ? 'a request each' : `${size(batchBytes, KIB)}B batches`
  const name = [
    `${size(recordBytes, KB)}B`,
    `acks=${acks === -1 ? 'all' : acks}`,
    batches,
    ...(partitions === 1 ? [] : [`${partitions} part.`]),
    ...(connections === 1 ? [] : [`${connections} conn.`]),
    ...(window === JAVA_WINDOW ? [] : [`${window} in flight`]),
  ].join(', ')
  return {
    group: 'produce',
    flush,
    name,
    run: (rig) =>
      rig.withTopic(flush, partitions, async (site) => {
        const job = produceJob(rig, site, { recordBytes, acks, batchBytes, connections, window })
        const jobs = new Array<ProduceJob>(rig.options.custom.generators).fill(job)
        return [{ name, figures: await rig.measureProduce(site, jobs) }]
      }),
  }
}

type ProduceDimensions = Pick<ProduceJob, 'recordBytes' | 'acks' | 'batchBytes' | 'connections' | 'window'>

function produceJob({ options }: Rig, { broker, topic }: Site, dimensions: ProduceDimensions): ProduceJob {
  const { address } = broker
  return { kind: 'produce', broker: address, topic, partitionsPerRequest: 1, stop: timed(options), ...dimensions }
}

function consumeCell(flush: FlushPolicy, load: Omit<ProduceLoad, 'acks' | 'window'>): Cell {
  const { recordBytes, batchBytes = JAVA_BATCH, partitions = 1, connections = 1 } = load
  const name = [
    `${size(recordBytes, KB)}B, from the beginning`,
    ...(batchBytes === JAVA_BATCH ? [] : [`${size(batchBytes, KIB)}B batches`]),
    ...(partitions === 1 ? [] : [`${partitions} part.`]),
    ...(connections === 1 ? [] : [`${connections} consumers of it all`]),
  ].join(', ')
  return {
    group: 'consume',
    flush,
    name,
    run: (rig) =>
      rig.withTopic(flush, partitions, async (site) => {
        await rig.fill(site, recordBytes, FILL_BYTES, batchBytes)
        const { broker, topic } = site
        const job: ConsumeJob = {
          kind: 'consume',
          broker: broker.address,
          topic,
          recordBytes,
          connections,
          assignment: 'every',
          ...JAVA_FETCH,
          atEnd: 'again',
          checkCrc: false,
          stop: timed(rig.options),
        }
        const jobs = new Array<ConsumeJob>(rig.options.custom.generators).fill(job)
        const { figures } = await rig.measure(broker, jobs, 'request')
        return [{ name, figures }]
      }),
  }
}

interface LatencyLoad {
  readonly recordBytes?: number
  readonly recordsPerBatch?: number
  readonly batchesPerSecond: number
  readonly consumers?: number
}

function latencyCell(flush: FlushPolicy, load: LatencyLoad): Cell {
  const { recordBytes = 200, recordsPerBatch = 1, batchesPerSecond, consumers = 1 } = load
  const name = [
    `${recordsPerBatch === 1 ? '' : `${recordsPerBatch} × `}${size(recordBytes, KB)}B, ${batchesPerSecond}/s`,
    ...(consumers === 1 ? [] : [`${consumers} consumers of it all`]),
  ].join(', ')
  return {
    group: 'latency',
    flush,
    name,
    run: (rig) =>
      rig.withTopic(flush, 1, async ({ broker, topic }) => {
        const { warmupMs, measureMs } = rig.options
        const dimensions = { recordBytes, recordsPerBatch, batchesPerSecond, consumers }
        const job: EndToEndJob = {
          kind: 'endToEnd',
          broker: broker.address,
          topic,
          acks: -1,
          ...dimensions,
          warmupMs,
          measureMs,
        }
        const { figures } = await rig.measure(broker, [job], 'endToEnd')
        return [{ name, figures }]
      }),
  }
}

function kafkajsProduceCell(recordsPerSend: number, recordBytes: number): Cell {
  const name = `sends of ${recordsPerSend} × ${size(recordBytes, KB)}B, acks=all`
  return {
    group: 'kafkajs produce',
    flush: 'os',
    name,
    run: (rig) =>
      rig.withTopic('os', 1, async ({ broker, topic }) => {
        const load = { broker: broker.address, topic, acks: -1 as const, recordBytes, recordsPerSend }
        const job = { kind: 'kafkajsProduce' as const, ...load, stop: timed(rig.options) }
        const { figures } = await rig.measure(broker, [job], 'request')
        return [{ name, figures }]
      }),
  }
}

function kafkajsConsumeCell(recordBytes: number, records: number): Cell {
  const name = `${size(recordBytes, KB)}B, a group of one, from the beginning`
  return {
    group: 'kafkajs consume',
    flush: 'os',
    name,
    run: (rig) =>
      rig.withTopic('os', 1, async (site) => {
        const { broker, topic } = site
        const count = await rig.fill(site, recordBytes, records * recordBytes, JAVA_BATCH)
        const group = { broker: broker.address, topic, groupId: `group-of-${topic.name}` }
        const { figures } = await rig.measure(
          broker,
          [{ kind: 'kafkajsConsume', ...group, recordBytes, count }],
          'request',
        )
        return [{ name, figures }]
      }),
  }
}

const timed = ({ warmupMs, measureMs }: Options): Stop => ({ kind: 'time', warmupMs, measureMs })

/** `100 `, `1 K`, `16 K`: for a `B` to follow. */
function size(bytes: number, kilo: number): string {
  return bytes % kilo === 0 ? `${bytes / kilo} K` : `${bytes} `
}
