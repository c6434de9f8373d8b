import { createServer, type Server, type Socket } from 'node:net'

/** Where to listen, and under which name clients' advertised addresses are looked up. */
export interface ListenerSpec {
  readonly name: string
  /** Only PLAINTEXT can be served yet. */
  readonly protocol: string
  /** `''` for all interfaces, as in `PLAINTEXT://:9092`. */
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
}

/** A listener that could not be opened. The message says what, where, and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  /** The system's word, such as EADDRINUSE, or UNSUPPORTED_PROTOCOL. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** What a listener tells: each new socket, paused, and errors of accepting. */
export interface ListenerEvents {
  accepted(socket: Socket, listener: Listener): void
  /** The system refused to accept; the listener goes on. */
  acceptFailed(error: Error, listener: Listener): void
}

/** One bound TCP address. Accepts; whom to keep is the server's question. */
export class Listener {
  readonly name: string
  readonly protocol: string
  readonly host: string
  /** The port that is bound, also where 0 was asked for. */
  readonly port: number
  readonly #server: Server

  private constructor(spec: ListenerSpec, server: Server, port: number) {
    this.name = spec.name
    this.protocol = spec.protocol
    this.host = spec.host
    this.port = port
    this.#server = server
  }

  /** @throws {ListenError} the address cannot be had */
  static open(spec: ListenerSpec, backlog: number, events: ListenerEvents): Promise<Listener> {
    if (spec.protocol !== 'PLAINTEXT') {
      const text = `listener ${spec.name}: the protocol ${spec.protocol} is not there yet, only PLAINTEXT`
      return Promise.reject(new ListenError('UNSUPPORTED_PROTOCOL', text))
    }
    // Small answers must not wait for more (Nagle); dead peers are found in the end (keep-alive), as in Kafka.
    // Who has said his last word may still want his answers: the connection ends when they are sent.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true, keepAlive: true })
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(spec, error)))
      server.listen({ port: spec.port, ...(spec.host === '' ? {} : { host: spec.host }), backlog }, () => {
        server.removeAllListeners('error')
        const address = server.address()
        const port = typeof address === 'object' && address !== null ? address.port : spec.port
        const listener = new Listener(spec, server, port)
        server.on('error', (error) => events.acceptFailed(error, listener))
        server.on('connection', (socket) => events.accepted(socket, listener))
        resolve(listener)
      })
    })
  }

  /** Stops accepting. Connections that it accepted go on. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

function listenError(spec: ListenerSpec, error: NodeJS.ErrnoException): ListenError {
  const where = `${spec.name}://${spec.host}:${spec.port}`
  const code = error.code ?? 'UNKNOWN'
  switch (code) {
    case 'EADDRINUSE':
      return new ListenError(
        code,
        `cannot listen on ${where}: port ${spec.port} is taken by another program; stop it, or choose another port with --set listeners=${spec.name}://${spec.host}:${spec.port + 1}`,
      )
    case 'EACCES':
      return new ListenError(
        code,
        `cannot listen on ${where}: port ${spec.port} needs privileges; choose one above 1023 with --set listeners=${spec.name}://${spec.host}:9092`,
      )
    case 'EADDRNOTAVAIL':
      return new ListenError(
        code,
        `cannot listen on ${where}: ${spec.host} is not an address of this machine; listen on 0.0.0.0 or one of its own addresses and put the name that clients know into advertised.listeners`,
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError(
        code,
        `cannot listen on ${where}: the name ${spec.host} cannot be resolved; check listeners`,
      )
    default:
      return new ListenError(code, `cannot listen on ${where}: ${error.message}`)
  }
}
