import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seededRandom } from '../../broker/runtime/random.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { CreateTopics } from '../../protocol/apis/topics.ts'
import { BrokerChild } from '../support/broker-child.ts'
import { freePort } from '../support/free-port.ts'
import { check, type Verdict } from './checker.ts'
import { FINAL_READER } from './checks/facts.ts'
import { Committer } from './clients/committer.ts'
import { Consumer, readAll, Trimmer, Watcher } from './clients/consumer.ts'
import { GroupMember } from './clients/group-member.ts'
import { IdempotentProducer } from './clients/idempotent-producer.ts'
import { KafkajsConsumer, KafkajsProducer } from './clients/kafkajs.ts'
import { Link } from './clients/link.ts'
import { PlainProducer } from './clients/plain-producer.ts'
import type { Client, Scene, TopicPartition } from './clients/scene.ts'
import { FaultLibrary } from './faults/fault-library.ts'
import { PowerCut } from './faults/power-cut.ts'
import { History } from './history.ts'

export interface CampaignOptions {
  /** Of all choices of the campaign; what the broker and the clock make of them differs from run to run. */
  readonly seed: number
  /** What is done to the broker while the clients are at work; the campaign ends when it returns. */
  readonly nemesis: (stage: Stage) => Promise<void>
  /** Where the broker's data is; a temporary folder by default. Exists. */
  readonly dataFolder?: string
  /** The preloaded library, if the nemesis wants faults or power cuts. */
  readonly faultLibrary?: string
  /** A script that stands in for bin/odradek, with its environment. */
  readonly entry?: string
  readonly environment?: Readonly<Record<string, string>>
  /** kafkajs takes a second to connect and to let go; short campaigns do without. */
  readonly withKafkajs?: boolean
  /** Of members of groups. By default longer than any start, so that a member which is gone is waited for as long. */
  readonly sessionTimeoutMs?: number
  /** Whether members leave now and then; they do by default. */
  readonly membersLeave?: boolean
  readonly set?: readonly string[]
  /** Keeps history, journal and data when something was found. */
  readonly keepsEvidence?: boolean
  readonly log?: (line: string) => void
}

export interface CampaignResult {
  readonly verdict: Verdict
  /** The folder with history, journal and data, if it was kept: it is when something was found. */
  readonly evidence: string | undefined
  readonly seconds: number
  /** All that the broker said on stderr, over its lives. */
  readonly brokerSaid: string
}

/**
 * A broker as a process of its own, clients that load it, a nemesis that kills it and does worse, and a last phase in
 * which fresh consumers read everything from the start. Then the history is judged.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const startedMs = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'odradek-chaos-'))
  const history = new History(join(folder, 'history.jsonl'))
  const stage = await Stage.set(folder, history, options)
  let keep = false
  try {
    await stage.start()
    await stage.makeTopics()
    await playOut(stage, options)
    const verdict = check(history.events)
    keep = verdict.anomalies.size > 0 && options.keepsEvidence === true
    const seconds = (performance.now() - startedMs) / 1000
    return { verdict, evidence: keep ? folder : undefined, seconds, brokerSaid: stage.brokerSaid }
  } finally {
    await stage.strike()
    history.close()
    if (!keep) rmSync(folder, { recursive: true, force: true })
  }
}

async function playOut(stage: Stage, { nemesis, withKafkajs = true }: CampaignOptions): Promise<void> {
  const atWork = castOf(stage.scene, withKafkajs).map((client) => client.run())
  // A client that meets what cannot be ends the campaign at once.
  const broken = Promise.all(atWork)
  try {
    await Promise.race([nemesis(stage), broken.then(() => new Promise<never>(() => {}))])
  } finally {
    stage.end()
  }
  await stage.healed()
  await within(MAX_END_MS, broken, 'the clients do not come to an end')
  // What the last phase reads comes from the files, not from memory.
  await stage.kill()
  await stage.start()
  for (const place of stage.scene.partitions) await readAll(stage.port, stage.history, place, FINAL_READER)
}

function castOf(scene: Scene, withKafkajs: boolean): Client[] {
  const team = { group: 'team', places: scene.partitions }
  // Below the log start kafkajs commits -2, "from the beginning" (KJ-5).
  const kafkajs = { group: 'kafkajs', places: scene.partitions.filter(({ isTrimmed }) => !isTrimmed) }
  const own = [
    new IdempotentProducer(scene, 'idem-1'),
    new IdempotentProducer(scene, 'idem-2'),
    new PlainProducer(scene, 'plain-1'),
    new PlainProducer(scene, 'plain-2'),
    new Consumer(scene, 'reader-1'),
    new Consumer(scene, 'reader-2'),
    new Watcher(scene, 'watcher'),
    new Trimmer(scene, 'trimmer'),
    new Committer(scene, 'outsiders', withKafkajs ? [team, kafkajs] : [team]),
    new GroupMember(scene, 'member-1', 'team'),
    new GroupMember(scene, 'member-2', 'team'),
  ]
  if (!withKafkajs) return own
  return [
    ...own,
    new KafkajsProducer(scene, 'kafkajs-idem', 'idempotent'),
    new KafkajsProducer(scene, 'kafkajs-plain', 'retried'),
    new KafkajsConsumer(scene, 'kafkajs'),
  ]
}

/** The broker of a campaign, and what can be done to it. */
export class Stage {
  readonly scene: Scene
  readonly history: History
  readonly random: Random
  readonly port: number
  readonly dataFolder: string
  readonly faults: FaultLibrary | undefined
  brokerSaid = ''
  readonly #options: CampaignOptions
  readonly #powerCut: PowerCut | undefined
  #broker: BrokerChild | undefined
  #running = true

  private constructor(folder: string, history: History, options: CampaignOptions, port: number) {
    this.#options = options
    this.history = history
    this.random = seededRandom(options.seed)
    this.port = port
    this.dataFolder = options.dataFolder ?? join(folder, 'data')
    mkdirSync(this.dataFolder, { recursive: true })
    if (options.faultLibrary !== undefined) {
      this.faults = new FaultLibrary(options.faultLibrary, folder, this.dataFolder)
      this.#powerCut = new PowerCut(this.faults.journal, this.dataFolder, this.random)
    }
    this.scene = {
      port,
      history,
      random: this.random,
      partitions: TOPICS.flatMap(({ name: topic, configs }) => {
        const isCompacted = 'cleanup.policy' in configs
        const isTrimmed = topic === 'rolling'
        return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, isCompacted, isTrimmed }))
      }),
      sessionTimeoutMs: options.sessionTimeoutMs ?? 6_000,
      membersLeave: options.membersLeave ?? true,
      isRunning: () => this.#running,
    }
  }

  static async set(folder: string, history: History, options: CampaignOptions): Promise<Stage> {
    return new Stage(folder, history, options, await freePort())
  }

  get broker(): BrokerChild {
    if (this.#broker === undefined) throw new Error('no broker was started')
    return this.#broker
  }

  /** Starts the broker and waits until it listens. */
  async start(): Promise<void> {
    const broker = this.#launch()
    await within(MAX_START_MS, broker.listening, 'the broker does not come back')
    this.history.broker('ready')
  }

  /** Starts it, and kills it `afterMs` later, listening or not. */
  async startAndKill(afterMs: number): Promise<void> {
    const broker = this.#launch()
    await Promise.race([sleep(afterMs), broker.exit])
    if (broker.port !== 0) this.history.broker('ready')
    await this.kill()
  }

  async kill(): Promise<void> {
    await this.broker.end('SIGKILL')
    this.history.broker('kill')
  }

  /**
   * Kills it, and takes away what was not synced. Needs the fault library. The disk is slow for a moment before, so that
   * there is something that was not: else a sync follows each write within a millisecond.
   */
  async cutPower(): Promise<void> {
    if (this.faults === undefined || this.#powerCut === undefined) {
      throw new Error('a power cut goes by the journal of the fault library')
    }
    const delayMs = 20 + this.random.integer(150)
    this.faults.arm({ on: 'sync', action: 'delay', delayMs, times: 1_000_000, suffix: '.log' })
    await sleep(50 + this.random.integer(150))
    this.faults.disarm()
    await this.broker.end('SIGKILL')
    const taken = this.#powerCut.strike()
    this.history.broker('power', taken.join('; '))
  }

  async pause(ms: number): Promise<void> {
    this.broker.signal('SIGSTOP')
    this.history.broker('pause')
    await sleep(ms)
    this.broker.signal('SIGCONT')
    this.history.broker('go on')
  }

  /** Waits for the process to end by itself. */
  async ended(): Promise<{ code: number | null; signal: string | null }> {
    const exit = await within(MAX_START_MS, this.broker.exit, 'the broker does not end')
    this.history.broker('exit', String(exit.code ?? exit.signal))
    return exit
  }

  /** Waits until so many more sends and commits are acknowledged. @returns false if that takes longer than `maxMs` */
  async serves(sends: number, commits = 0, maxMs = 20_000): Promise<boolean> {
    const { acknowledgedSends, acknowledgedCommits } = this.history
    const endMs = performance.now() + maxMs
    while (
      this.history.acknowledgedSends < acknowledgedSends + sends ||
      this.history.acknowledgedCommits < acknowledgedCommits + commits
    ) {
      if (performance.now() > endMs) return false
      await sleep(10)
    }
    return true
  }

  say(line: string): void {
    this.#options.log?.(line)
  }

  /** Clients come to an end from now on. */
  end(): void {
    this.#running = false
  }

  /** Faults are over; the broker is there. */
  async healed(): Promise<void> {
    this.faults?.disarm()
    this.history.broker('healed')
    if (!this.broker.isRunning) await this.start()
  }

  async makeTopics(): Promise<void> {
    const link = new Link(this.port, 'stage', 20_000)
    const topics = TOPICS.map(({ name, configs }) => ({
      name,
      numPartitions: PARTITIONS,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }))
    const made = await link.call(CreateTopics, 5, { topics, timeoutMs: 20_000, validateOnly: false })
    for (const { name, errorCode, errorMessage } of made.topics) {
      if (errorCode !== 0) throw new Error(`topic ${name} cannot be made: ${errorMessage}`)
    }
    // Who commits without asking first where to finds no coordinator until somebody has asked.
    while ((await link.call(FindCoordinator, 2, { key: 'team', keyType: 0 })).errorCode !== 0) await sleep(20)
    link.close()
  }

  async strike(): Promise<void> {
    await this.#broker?.end('SIGKILL')
    this.#remember()
    this.faults?.close()
  }

  #launch(): BrokerChild {
    const { entry, environment, set = [] } = this.#options
    this.#remember()
    this.history.broker('start')
    this.#broker = BrokerChild.launch(this.dataFolder, {
      port: this.port,
      set: [...SETTINGS, ...set],
      ...(entry === undefined ? {} : { entry }),
      environment: { ...environment, ...this.faults?.environment },
    })
    return this.#broker
  }

  #remember(): void {
    const said = this.#broker?.stderr ?? ''
    if (said !== '') this.brokerSaid += `${said}\n`
  }
}

const PARTITIONS = 2

/** Segments small enough to roll, be compacted and be recovered over and over; and others that grow. */
const TOPICS = [
  { name: 'steady', configs: {} },
  { name: 'rolling', configs: { 'internal.segment.bytes': '100000', 'file.delete.delay.ms': '100' } },
  {
    name: 'keyed',
    configs: {
      'cleanup.policy': 'compact',
      'internal.segment.bytes': '100000',
      'min.cleanable.dirty.ratio': '0.1',
      'file.delete.delay.ms': '100',
    },
  },
] as const

const SETTINGS = [
  `offsets.topic.num.partitions=${PARTITIONS}`,
  'offsets.topic.segment.bytes=20000',
  'log.segment.bytes=1048576',
  'log.index.interval.bytes=512',
  'log.cleaner.backoff.ms=200',
  'log.cleaner.min.cleanable.ratio=0.1',
  'log.flush.offset.checkpoint.interval.ms=300',
  'group.min.session.timeout.ms=1000',
]

/** A broker that takes longer is stuck. */
const MAX_START_MS = 30_000
/** Producers send what is under way until it is acknowledged. */
const MAX_END_MS = 60_000

export async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${otherwise} within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

export type { TopicPartition }
