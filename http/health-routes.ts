import type { RegisterRoutes } from './server.ts'

/**
 * `/healthz`: the process is alive; restart it when this fails. `/readyz`: it can serve clients; send it none while
 * this fails (logs recover, or it stops). `/v1/status/ready`: the same under the path that container waits written for
 * Redpanda use.
 */
export const registerHealthRoutes: RegisterRoutes = (app, broker) => {
  // That this runs at all shows that the event loop turns.
  app.get('/healthz', async (_request, reply) => {
    const alive = broker.state !== 'stopped'
    return reply.code(alive ? 200 : 503).send({ status: alive ? 'ok' : broker.state })
  })

  app.get('/readyz', async (_request, reply) => {
    const { ready, checks } = broker.readiness()
    return reply.code(ready ? 200 : 503).send({ ready, state: broker.state, checks })
  })

  app.get('/v1/status/ready', async (_request, reply) => {
    const { ready } = broker.readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : broker.state })
  })
}
