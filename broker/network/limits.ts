import type { Clock } from '../../storage/clock.ts'

/** How many connections a broker takes, under Kafka's keys. */
export interface ConnectionLimitOptions {
  /** max.connections: of all listeners together. */
  readonly maxConnections: number
  /** max.connections.per.ip */
  readonly maxConnectionsPerIp: number
  /** max.connections.per.ip.overrides: by address as `ConnectionInfo.peer` writes it. */
  readonly perIpOverrides: ReadonlyMap<string, number>
  /** max.connection.creation.rate: new connections a second; Infinity for no limit, 0 for none at all. */
  readonly maxCreationRate: number
  /** What the file descriptors of the process allow; asked once, when FEW_CONNECTIONS are there. */
  readonly maxByDescriptors: () => number
}

/** So many connections need no look at the file descriptors, which takes a few milliseconds. */
export const FEW_CONNECTIONS = 16

/** Why a connection is turned away at the door; the word of `odradek_rejected_total`. */
export type Refusal = 'max_connections' | 'max_connections_per_ip' | 'max_connection_creation_rate' | 'file_descriptors'

/**
 * Counts the connections of a broker by address. Kafka, at max.connections, stops accepting, so that clients hang in
 * the backlog until they time out; here the excess is closed at once, which a client sees and retries.
 * Without file descriptors libuv accepts and closes by itself and tells nobody, so there is a limit below that.
 */
export class ConnectionLimits {
  #options: ConnectionLimitOptions
  readonly #clock: Pick<Clock, 'now'>
  readonly #byIp = new Map<string, number>()
  #total = 0
  #byDescriptors: number | undefined
  /** When the next connection may be served under the creation rate. */
  #nextAt = 0

  constructor(options: ConnectionLimitOptions, clock: Pick<Clock, 'now'>) {
    this.#options = options
    this.#clock = clock
  }

  get total(): number {
    return this.#total
  }

  /** Other limits from now on; connections that are there stay. */
  change(options: ConnectionLimitOptions): void {
    this.#options = options
  }

  /** Counts a connection in, or says why not. Each one counted in must `leave`. */
  enter(ip: string): Refusal | undefined {
    if (this.#total >= this.#options.maxConnections) return 'max_connections'
    if (this.#options.maxCreationRate === 0) return 'max_connection_creation_rate'
    if (this.#total >= FEW_CONNECTIONS) {
      this.#byDescriptors ??= this.#options.maxByDescriptors()
      if (this.#total >= this.#byDescriptors) return 'file_descriptors'
    }
    const ofIp = this.#byIp.get(ip) ?? 0
    const most = this.#options.perIpOverrides.get(ip) ?? this.#options.maxConnectionsPerIp
    if (ofIp >= most) return 'max_connections_per_ip'
    this.#byIp.set(ip, ofIp + 1)
    this.#total++
    return undefined
  }

  leave(ip: string): void {
    const left = (this.#byIp.get(ip) ?? 0) - 1
    if (left > 0) this.#byIp.set(ip, left)
    else this.#byIp.delete(ip)
    this.#total--
  }

  /**
   * Takes a place in the creation rate. As in Kafka the connection is taken and has to wait, it is not refused; up to
   * one second's worth may come at once.
   * @returns milliseconds until it may be served, mostly 0
   */
  delay(): number {
    const rate = this.#options.maxCreationRate
    if (rate === Number.POSITIVE_INFINITY) return 0
    const now = this.#clock.now()
    const spacing = 1000 / rate
    this.#nextAt = Math.max(this.#nextAt, now - 1000 + spacing)
    const wait = Math.max(0, this.#nextAt - now)
    this.#nextAt += spacing
    return wait
  }
}
