import { onTestFinished } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { type AnyHandler, type Overtaking, type RequestContext, serve } from '../../../broker/handlers/handler.ts'
import { Dispatcher } from '../../../broker/network/dispatch.ts'
import { NetworkServer } from '../../../broker/network/server.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import type { Services } from '../../../broker/services.ts'
import { Heartbeat, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/schema/api.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { RawClient } from '../../support/raw-client.ts'

/** A clock that tests move by hand, on an event loop whose turns end by themselves: sockets are real here. */
export class SocketClock extends FakeClock {
  override afterTurn(run: () => void): void {
    setImmediate(run)
  }
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** The network side of a broker on a free port, with handlers of the test's own. Closed when the test is over. */
export async function networkContext(handlers: readonly AnyHandler[], config: Record<string, string> = {}) {
  const clock = new SocketClock()
  const metrics = new BrokerMetrics()
  const logged: LogLine[] = []
  const fatal: Error[] = []
  const log = (level: LogLine['level']) => (fields: object, message: string) =>
    logged.push({ level, fields: { ...fields }, message })
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  const settings = BrokerConfig.of(config)
  const server = new NetworkServer({
    config: settings,
    clock,
    metrics,
    logger,
    httpUrl: () => 'http://127.0.0.1:9644',
  })
  const listener = await server.listen({ name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 0 })
  const cluster = { image: { revision: 7n } }
  // What the handlers of these tests use; the rest of the broker is not here.
  const services = { config: settings, clock, metrics, logger, cluster } as unknown as Services
  const dispatcher = new Dispatcher({ handlers, services, onFatal: (error) => fatal.push(error) })
  server.start(dispatcher)
  const clients: RawClient[] = []
  onTestFinished(async () => {
    for (const client of clients) client.destroy()
    const closed = server.close(0)
    clock.advance(0)
    await closed
  })
  const connect = async () => {
    const client = await RawClient.connect(listener.port)
    clients.push(client)
    return client
  }
  return { server, clock, metrics, logged, fatal, services, dispatcher, settings, port: listener.port, connect }
}

export interface Call<Request, Response> {
  readonly request: Request
  readonly context: RequestContext
  readonly answer: (response: Response) => void
  readonly fail: (error: unknown) => void
}

/** Heartbeats that wait until the test answers them: `calls` in the order in which the handler saw them. */
export function waitingHeartbeat(overtaking: Overtaking) {
  const calls: Call<RequestOf<typeof Heartbeat>, ResponseOf<typeof Heartbeat>>[] = []
  const handler = serve(
    Heartbeat,
    'none',
    (request, context) => new Promise((answer, fail) => calls.push({ request, context, answer, fail })),
    overtaking,
  )
  return { calls, handler }
}

/** SyncGroup is answered at once with the group id as assignment; `seen` has the group ids in order. */
export function echo(answerBytes?: number) {
  const seen: string[] = []
  const handler = serve(SyncGroup, 'none', ({ groupId }) => {
    seen.push(groupId)
    const assignment = answerBytes === undefined ? Buffer.from(groupId) : Buffer.alloc(answerBytes, 'x')
    return { throttleTimeMs: 0, errorCode: 0, protocolType: null, protocolName: null, assignment }
  })
  return { seen, handler }
}

/** Waits for what other turns of the event loop bring about. @throws after five seconds */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const until = Date.now() + 5_000
  while (!condition()) {
    if (Date.now() > until) throw new Error(`in vain waited until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
