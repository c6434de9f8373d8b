import type { Broker } from '../broker/index.ts'
import type { RegisterRoutes } from './server.ts'

/**
 * `/v1/status`: the broker in one JSON document: version, cluster id, listeners, topics, groups with their lag. Before
 * its data is open, and while it closes, a broker has none of these; then it is 503 with the state alone.
 */
export const registerStatusRoutes: RegisterRoutes = (app, broker) => {
  app.get('/v1/status', async (_request, reply) => {
    if (hasStatus(broker)) return broker.status()
    return reply.code(503).send({ version: broker.version, state: broker.state })
  })
}

/** Whether the broker's data is open, so that there is something to say about it. */
export const hasStatus = ({ state }: Broker): boolean => state === 'running'
