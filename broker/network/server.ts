import type { Socket } from 'node:net'
import type { Cancel, Clock } from '../../storage/clock.ts'
import type { BrokerConfig } from '../config/broker-config.ts'
import type { Logger } from '../runtime/logger.ts'
import type { BrokerMetrics } from '../runtime/metrics.ts'
import { anonymous } from '../security/requirements.ts'
import { AnswerBytes } from './answer-room.ts'
import { type CloseReason, closedAsSlowReader, closedByShutdown } from './close-reason.ts'
import { Complaints } from './complaints.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import type { Dispatcher } from './dispatch.ts'
import { HeldBytes } from './held-bytes.ts'
import { ConnectionLimits, type Refusal } from './limits.ts'
import { Listener, type ListenerSpec } from './listener.ts'
import { type NetworkLimits, networkLimits } from './network-limits.ts'
import { slowReaders } from './slow-readers.ts'

export interface NetworkOptions {
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly metrics: BrokerMetrics
  readonly logger: Logger
  /** Where HTTP is served, to tell HTTP clients that try a Kafka port; undefined if nowhere. */
  readonly httpUrl?: () => string | undefined
}

/** Deadlines of connections are looked at no more often than this; none of them is shorter. */
const SWEEP_MS = 1_000

/**
 * All listeners and connections of a broker. In this order: `tryListen` (a taken port is found before anything else is
 * done), `listen`, `start` (connections that came meanwhile are served from here on), `stopAccepting`, then, when who
 * waits has been told to stop waiting, `close`.
 */
export class NetworkServer {
  readonly #options: NetworkOptions
  readonly #limits: ConnectionLimits
  readonly #held: HeldBytes
  /** What a Fetch asks before it reads. */
  readonly answers: AnswerBytes
  #settings: NetworkLimits
  readonly #complaints: Complaints
  readonly #listeners: Listener[] = []
  readonly #connections = new Set<Connection>()
  /** Accepted and not served yet: before `start`, or held up by the creation rate. */
  readonly #early = new Set<{ readonly socket: Socket; readonly listener: Listener; readonly peer: string }>()
  #host: ConnectionHost | undefined
  #nextId = 1
  #stopping = false
  #sweep: Cancel | undefined
  #whenEmpty: (() => void) | undefined

  constructor(options: NetworkOptions) {
    const { config, clock, logger, metrics } = options
    const limits = networkLimits(config)
    this.#options = options
    this.#settings = limits
    this.#limits = new ConnectionLimits(limits, clock)
    this.#held = new HeldBytes(limits.maxHeldBytes)
    this.answers = new AnswerBytes(limits.maxOutgoingBytes)
    this.#complaints = new Complaints(logger, clock)
    config.onChange(() => this.#reconfigure())
    this.#registerGauges(metrics)
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size + this.#early.size
  }

  /** Bytes that requests hold. */
  get held(): Readonly<Pick<HeldBytes, 'bytes' | 'limit' | 'waiting'>> {
    return this.#held
  }

  /**
   * Finds out whether these addresses can be had, all at the same time, and leaves them again. A broker that has to
   * recover first must not keep them: who connects then would wait for an answer that does not come, kafkajs for no
   * longer than its connection timeout of a second (KJ-11), while a refused connection is tried again by every client.
   * Kafka, too, opens a port (other than 0) only when it can serve.
   * @throws {ListenError}
   */
  async tryListen(specs: readonly ListenerSpec[]): Promise<void> {
    const events = { accepted: (socket: Socket) => void socket.destroy(), acceptFailed: () => {} }
    const opened: Listener[] = []
    try {
      for (const spec of specs) opened.push(await Listener.open(spec, this.#settings.backlog, events))
    } finally {
      await Promise.all(opened.map((listener) => listener.close()))
    }
  }

  /**
   * Binds one address. Clients can connect from now on and wait until `start`.
   * @returns the listener with the port that it has got
   * @throws {ListenError}
   */
  async listen(spec: ListenerSpec): Promise<Listener> {
    const listener = await Listener.open(spec, this.#settings.backlog, {
      accepted: (socket, on) => this.#accepted(socket, on),
      acceptFailed: (error) => this.#acceptFailed(error),
    })
    this.#listeners.push(listener)
    return listener
  }

  /** Serves connections, those that wait since `listen` first. */
  start(dispatcher: Dispatcher): void {
    const { metrics, clock } = this.#options
    this.#host = {
      options: this.#settings,
      dispatcher,
      held: this.#held,
      answers: this.answers,
      metrics: metrics.network,
      clock,
      httpUrl: this.#options.httpUrl ?? (() => undefined),
      closed: (connection, reason) => this.#closed(connection, reason),
    }
    for (const early of [...this.#early]) this.#admit(early)
  }

  /** No new connections; those that are there go on. */
  async stopAccepting(): Promise<void> {
    this.#stopping = true
    for (const { socket } of this.#early) socket.destroy()
    // A listener is closed for good only when its connections are, which `close` waits for.
    for (const listener of this.#listeners) void listener.close()
  }

  /**
   * Ends all connections: those with nothing in flight at once, others when they are answered, all after `graceMs`
   * (NET-14). Whoever parks requests must be told to let go before.
   */
  async close(graceMs = 5_000): Promise<void> {
    void this.stopAccepting()
    for (const connection of [...this.#connections]) connection.drain()
    if (this.connections > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#whenEmpty = resolve
      })
      const cancel = this.#options.clock.schedule(graceMs, () => {
        for (const connection of [...this.#connections]) connection.destroy(closedByShutdown)
      })
      await empty
      cancel()
    }
    this.#sweep?.()
    this.#sweep = undefined
  }

  #accepted(socket: Socket, listener: Listener): void {
    const { metrics } = this.#options
    // A socket that broke before it was accepted has no address any more.
    const peer = peerOf(socket)
    if (peer === undefined || this.#stopping) return void socket.destroy()
    const refusal = this.#limits.enter(peer)
    if (refusal !== undefined) {
      socket.destroy()
      metrics.rejected(refusal)
      this.#complaints.say('warn', `rejected ${refusal}`, { peer, connections: this.connections }, refusals[refusal])
      return
    }
    metrics.network.connectionsAccepted++
    metrics.network.connectionsActive++
    const early = { socket, listener, peer }
    socket.on('error', ignoreUntilServed)
    socket.once('close', () => {
      this.#limits.leave(peer)
      metrics.network.connectionsActive--
      if (this.#early.delete(early)) this.#maybeEmpty()
    })
    this.#early.add(early)
    const delayMs = this.#limits.delay()
    if (delayMs > 0) this.#options.clock.schedule(delayMs, () => this.#admit(early))
    else if (this.#host !== undefined) this.#admit(early)
  }

  #admit(early: { readonly socket: Socket; readonly listener: Listener; readonly peer: string }): void {
    if (this.#host === undefined || !this.#early.delete(early)) return
    const { socket, listener, peer } = early
    socket.off('error', ignoreUntilServed)
    const identity = { id: this.#nextId++, peer, listener: listener.name, principal: anonymous }
    this.#connections.add(new Connection(identity, socket, this.#host))
    this.#sweepLater()
  }

  #closed(connection: Connection, reason: CloseReason): void {
    this.#connections.delete(connection)
    this.#options.metrics.closed(reason.kind)
    const fields = { peer: connection.peer, reason: reason.kind, detail: reason.detail }
    const level = levels[reason.kind] ?? 'warn'
    if (level !== 'silent') this.#complaints.say(level, reason.kind, fields, `connection closed: ${reason.says}`)
    this.#maybeEmpty()
  }

  #maybeEmpty(): void {
    if (this.connections === 0) this.#whenEmpty?.()
  }

  #acceptFailed(error: Error): void {
    this.#options.metrics.rejected('accept_failed')
    this.#complaints.say('error', 'accept failed', { error }, 'a connection could not be accepted')
  }

  /** One timer for the deadlines of all connections; none while nobody is connected. */
  #sweepLater(): void {
    if (this.#sweep !== undefined) return
    const { clock } = this.#options
    this.#sweep = clock.schedule(SWEEP_MS, () => {
      this.#sweep = undefined
      const now = clock.now()
      for (const connection of [...this.#connections]) connection.expire(now)
      this.#endSlowReaders(now)
      if (this.#connections.size > 0) this.#sweepLater()
    })
  }

  #endSlowReaders(now: number): void {
    for (const connection of slowReaders(this.#connections, this.answers, this.#settings.slowReaderMs, now)) {
      connection.destroy(closedAsSlowReader(connection.untakenBytes, connection.stalledMs(now)))
    }
  }

  #reconfigure(): void {
    this.#settings = networkLimits(this.#options.config)
    this.#limits.change(this.#settings)
    this.answers.limit = this.#settings.maxOutgoingBytes
  }

  #registerGauges(metrics: BrokerMetrics): void {
    const [held, answers] = [this.#held, this.answers]
    metrics.gauge('odradek_held_bytes', () => [
      ...(['partial', 'requests'] as const).map((kind) => [{ kind }, held.bytes[kind]] as const),
      ...(['outgoing', 'reading'] as const).map((kind) => [{ kind }, answers.bytes[kind]] as const),
    ])
    metrics.gauge('odradek_memory_budget_bytes', () => [
      [{ of: 'requests' }, held.limit],
      [{ of: 'answers' }, answers.limit],
    ])
    metrics.gauge('odradek_paused_connections', () => [...this.#connections].filter(({ paused }) => paused).length)
    metrics.gauge('odradek_connections_not_served', () => this.#early.size)
    metrics.gauge('odradek_requests_in_flight', () => {
      let inFlight = 0
      for (const connection of this.#connections) inFlight += connection.inFlight
      return inFlight
    })
    metrics.gauge('kafka_server_socket_server_metrics_connection_count', () => {
      const counts = new Map(this.#listeners.map(({ name }) => [name, 0]))
      for (const { listener } of this.#connections) counts.set(listener, (counts.get(listener) ?? 0) + 1)
      return [...counts].map(([listener, count]) => [{ listener }, count] as const)
    })
  }
}

/** How loud an end is said. What a client's ordinary life brings along is for debugging only. */
const levels: Partial<Record<CloseReason['kind'], 'debug' | 'info' | 'warn' | 'silent'>> = {
  client: 'silent',
  shutdown: 'silent',
  idle: 'debug',
  io: 'debug',
  refused: 'info',
  // Logged with the error itself where it happened.
  error: 'silent',
}

/** What the log says of a connection that is turned away. */
const refusals: Readonly<Record<Refusal, string>> = {
  max_connections: 'a connection was turned away: there are max.connections of them',
  max_connections_per_ip: 'a connection was turned away: its address has max.connections.per.ip of them',
  max_connection_creation_rate: 'a connection was turned away: max.connection.creation.rate is 0',
  file_descriptors:
    'a connection was turned away: too many open files; raise the limit of the process (ulimit -n, LimitNOFILE)',
}

/** Before it is served, a socket that breaks just closes. */
const ignoreUntilServed = () => {}

/** The client's address; an IPv4 client on a socket for both families has `::ffff:` before it. */
function peerOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
