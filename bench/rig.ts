/** What a cell works with: brokers, generators, topics, and a way to measure the one under the load of the others. */
import type { BrokerUnderTest, FlushPolicy } from './broker-process.ts'
import { startBrokerProcess } from './broker-process.ts'
import { type Figures, loadFigures } from './figures.ts'
import { createTopic, deleteTopic, endOffsets } from './load/admin.ts'
import { recordsPerBatch } from './load/batches.ts'
import type { Generators } from './load/generators.ts'
import type { Job, LoadResult, Phase, ProduceJob, Topic } from './load/jobs.ts'
import type { Options } from './options.ts'
import { ProcessWatch } from './process-stats.ts'

export interface RigOptions extends Options {
  readonly profileFolder: string | undefined
}

/** A broker and a fresh topic on it. */
export interface Site {
  readonly broker: BrokerUnderTest
  readonly topic: Topic
}

/** Requests in flight per connection while a topic is filled. */
const FILL_WINDOW = 16

export class Rig {
  readonly options: RigOptions
  readonly #generators: Generators
  readonly #brokers = new Map<FlushPolicy, Promise<BrokerUnderTest>>()
  #topics = 0

  constructor(options: RigOptions, generators: Generators) {
    this.options = options
    this.#generators = generators
  }

  /** The broker of that policy, started when it is first asked for and warm from the cells before. */
  broker(flush: FlushPolicy): Promise<BrokerUnderTest> {
    const { bootstrap, pid } = this.options
    if (bootstrap !== undefined) return Promise.resolve({ address: bootstrap, pid, stop: async () => {} })
    const running = this.#brokers.get(flush) ?? this.freshBroker(flush)
    this.#brokers.set(flush, running)
    return running
  }

  /** A broker of its own, for whoever stops it. */
  freshBroker(flush: FlushPolicy, set: readonly string[] = []): Promise<BrokerUnderTest> {
    const { dataFolder, profileFolder, nodeFlags, set: all } = this.options
    return startBrokerProcess({
      flush,
      parentFolder: dataFolder,
      nodeFlags,
      set: [...all, ...set],
      ...(profileFolder === undefined ? {} : { profileFolder }),
    })
  }

  /** A topic for the length of `use`. */
  async withTopic<T>(flush: FlushPolicy, partitions: number, use: (site: Site) => Promise<T>): Promise<T> {
    const broker = await this.broker(flush)
    const topic = await this.newTopic(broker, partitions)
    const result = await use({ broker, topic })
    await deleteTopic(broker.address, topic)
    return result
  }

  newTopic({ address }: BrokerUnderTest, partitions: number): Promise<Topic> {
    this.#topics++
    return createTopic(address, `bench-${process.pid}-${this.#topics}`, partitions)
  }

  /** Fills a topic up with at least so many bytes of values. @returns how many records that were */
  async fill({ broker, topic }: Site, recordBytes: number, payloadBytes: number, batchBytes: number): Promise<number> {
    const inBatch = recordsPerBatch(recordBytes, batchBytes)
    const count = Math.ceil(payloadBytes / (inBatch * recordBytes))
    await this.#generators.run([
      {
        kind: 'produce',
        broker: broker.address,
        topic,
        acks: -1,
        recordBytes,
        batchBytes,
        partitionsPerRequest: 1,
        connections: 1,
        window: FILL_WINDOW,
        stop: { kind: 'count', count },
      },
    ])
    await checkCount({ broker, topic }, count * inBatch)
    return count * inBatch
  }

  /** Runs jobs side by side. */
  load(jobs: readonly Job[], onPhase?: (phase: Phase) => void): Promise<LoadResult[]> {
    return this.#generators.run(jobs, onPhase)
  }

  /** Runs the jobs, watches the broker meanwhile. @param latency which of the jobs' times is shown */
  async measure(broker: BrokerUnderTest, jobs: readonly Job[], latency: string): Promise<Measured> {
    const watch = new ProcessWatch(broker.pid)
    try {
      const results = await this.load(jobs, (phase) => {
        if (phase === 'measuring') watch.begin()
        else watch.end()
      })
      return { results, figures: loadFigures(results, watch, latency) }
    } finally {
      watch.stop()
    }
  }

  /** As `measure`; and the broker must have neither more nor less than was sent. */
  async measureProduce(site: Site, jobs: readonly ProduceJob[]): Promise<Figures> {
    const { results, figures } = await this.measure(site.broker, jobs, 'request')
    await checkCount(
      site,
      results.reduce((sum, { total }) => sum + total.records, 0),
    )
    return figures
  }

  async stop(): Promise<void> {
    this.#generators.stop()
    for (const running of this.#brokers.values()) await (await running).stop()
  }
}

export interface Measured {
  readonly results: readonly LoadResult[]
  readonly figures: Figures
}

async function checkCount({ broker, topic }: Site, sent: number): Promise<void> {
  const ends = await endOffsets(broker.address, topic)
  const held = ends.reduce((sum, end) => sum + end, 0)
  if (held !== sent) throw new Error(`${sent} records were sent to ${topic.name}, the broker has ${held}`)
}
