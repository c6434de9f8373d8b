/**
 * A broker's network side in a process of its own, which listener.test.ts starts with few file descriptors. Prints its
 * port on the first line, then each log line as JSON.
 */
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { serve } from '../../../broker/handlers/handler.ts'
import { Dispatcher } from '../../../broker/network/dispatch.ts'
import { NetworkServer } from '../../../broker/network/server.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import { systemClock } from '../../../broker/runtime/system-clock.ts'
import type { Services } from '../../../broker/services.ts'
import { Heartbeat } from '../../../protocol/apis/group-membership.ts'

const print = (_fields: object, message: string) => console.log(message)
const logger = { debug: print, info: print, warn: print, error: print }
const options = { config: BrokerConfig.of(), clock: systemClock, metrics: new BrokerMetrics(), logger }
const server = new NetworkServer(options)
const { port } = await server.listen({ name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 0 })
const handlers = [serve(Heartbeat, 'none', () => ({ throttleTimeMs: 0, errorCode: 0 }))]
const onFatal = (error: Error) => {
  throw error
}
// The handler uses nothing; the dispatcher counts, looks at the clock and logs.
server.start(new Dispatcher({ handlers, services: options as unknown as Services, onFatal }))
console.log(String(port))
