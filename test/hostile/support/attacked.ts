import { expect } from 'vitest'
import { type BrokerOptions, type Logger, startBroker } from '../../../broker/index.ts'
import type { RegisteredName } from '../../../broker/runtime/metric-table.ts'
import { Metadata } from '../../../protocol/apis/metadata.ts'
import { TestBroker } from '../../support/embedded-broker.ts'
import { RawClient } from '../../support/raw-client.ts'

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** A whole broker with one topic, `t`, that holds three records; whoever attacks it must leave it as it was. */
export class Attacked {
  readonly test: TestBroker
  readonly logged: LogLine[]

  private constructor(test: TestBroker, logged: LogLine[]) {
    this.test = test
    this.logged = logged
  }

  static async start(config: Readonly<Record<string, string>> = {}, options: BrokerOptions = {}): Promise<Attacked> {
    const logged: LogLine[] = []
    const log = (level: keyof Logger) => (fields: object, message: string) =>
      void logged.push({ level, fields: { ...fields }, message })
    const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
    const broker = await startBroker({ ...options, config, logger })
    const test = new TestBroker(broker, await RawClient.to(broker.bootstrap))
    await test.createTopic('t')
    await test.produce('t', ['a', 'b', 'c'])
    return new Attacked(test, logged)
  }

  async stop(): Promise<void> {
    this.test.client.destroy()
    await this.test.broker.stop()
  }

  get port(): number {
    return this.test.broker.listeners[0]!.port
  }

  /** A connection of the attacker's. */
  connect(): Promise<RawClient> {
    return RawClient.connect(this.port)
  }

  closedAs(reason: string): number {
    return this.test.broker.metrics.closedByReason.get(reason) ?? 0
  }

  gauge(name: RegisteredName): number {
    const value = this.test.broker.metrics.gauges.get(name)?.()
    if (typeof value === 'number') return value
    return Array.from(value ?? [], ([, amount]) => amount).reduce((sum, amount) => sum + amount, 0)
  }

  /**
   * Runs an attack. Afterwards nothing is held or waits any more, no connection is left but ours, nothing was appended or
   * made, no error was logged, and the next client is served.
   */
  async survives(attack: () => Promise<void>): Promise<void> {
    // Those of the test before may still be closing.
    await eventually(() => this.#state().connections === 1)
    const before = this.#state()
    await attack()
    await eventually(() => JSON.stringify(this.#state()) === JSON.stringify(before))
    expect(this.#state()).toEqual(before)
    await this.serves()
  }

  /** The next client is served, and no error was logged. */
  async serves(): Promise<void> {
    await using next = await this.connect()
    const { topics } = await next.call(Metadata, 9, { topics: null })
    expect(topics).toContainEqual(expect.objectContaining({ name: 't', errorCode: 0 }))
    expect((await this.test.fetch('t', 0, { client: next })).values.slice(0, 3)).toEqual(['a', 'b', 'c'])
    expect(this.logged.filter(({ level }) => level === 'error')).toEqual([])
  }

  #state() {
    const { topics } = this.test.broker.status()
    return {
      state: this.test.broker.state,
      ends: topics.map(({ name, partitions }) => [name, partitions.map(({ logEndOffset }) => logEndOffset)]),
      connections: this.test.broker.metrics.network.connectionsActive,
      held: this.gauge('odradek_held_bytes'),
      inFlight: this.gauge('odradek_requests_in_flight'),
      parked: this.gauge('odradek_waiting_requests'),
      paused: this.gauge('odradek_paused_connections'),
    }
  }
}

/** Waits for what the broker does by itself; gives up after a while, for the test to say what is not as it should be. */
export async function eventually(condition: () => boolean): Promise<void> {
  const until = Date.now() + 10_000
  while (!condition() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 1))
}
