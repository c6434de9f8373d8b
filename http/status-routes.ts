import type { RegisterRoutes } from './server.ts'

/** `/v1/status`: the broker in one JSON document: version, cluster id, listeners, topics, groups with their lag. */
export const registerStatusRoutes: RegisterRoutes = (app, broker) => {
  app.get('/v1/status', async () => broker.status())
}
