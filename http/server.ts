import { isIPv4 } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import type { Broker } from '../broker/index.ts'
import { registerHealthRoutes } from './health-routes.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { registerStatusRoutes } from './status-routes.ts'

/** Adds its routes to the server before it listens. The seam for what comes later: console, admin routes. */
export type RegisterRoutes = (app: FastifyInstance, broker: Broker) => void | Promise<void>

export interface HttpServer {
  /** Where it listens, as a URL without a slash at the end: `http://127.0.0.1:9644`. */
  readonly url: string
  /** Closes the listener and every connection, idle or not. */
  stop(): Promise<void>
}

export interface HttpOptions {
  /** Partitions with series of their own in `/metrics` (`odradek.metrics.max.partitions`). Default 10,000. */
  readonly maxPartitionSeries?: number
  /** Routes besides metrics, health and status. */
  readonly routes?: readonly RegisterRoutes[]
}

/**
 * Serves metrics, health and status of a broker. This module loads Fastify, which takes longer than starting the
 * broker does: import it lazily, when the broker listens.
 * @param address `host:port`, `[v6]:port` or `:port` (all interfaces); port 0 takes a free one
 * @throws {AddressError} the address does not parse
 * @throws {Error} the system's error with its `code` (EADDRINUSE, EACCES, …)
 */
export async function startHttp(
  broker: Broker,
  address: string,
  { maxPartitionSeries = 10_000, routes = [] }: HttpOptions = {},
): Promise<HttpServer> {
  const { host, port } = parseAddress(address)
  // Nobody sends us a body yet; the limits are for those who try.
  const app = fastify({ forceCloseConnections: true, bodyLimit: 1 << 20, requestTimeout: 30_000 })
  if (isLoopback(host)) refuseForeignHosts(app)
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }))
  const own = [registerHealthRoutes, registerStatusRoutes, metricsRoutes(maxPartitionSeries)]
  for (const register of [...own, ...routes]) await register(app, broker)
  await app.listen({ host, port })
  const bound = app.server.address()
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`, stop: () => app.close() }
}

/** The address to listen on makes no sense. The message names its key. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

/**
 * Splits `host:port`.
 * @throws {AddressError}
 */
export function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
  const host = address.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1')
  const portIsThere = colon !== -1 && /^\d+$/.test(address.slice(colon + 1)) && port <= 65_535
  if (!portIsThere) throw new AddressError(`odradek.http.listen: "${address}" is not host:port, such as 127.0.0.1:9644`)
  return { host: host === '' ? '0.0.0.0' : host, port }
}

/**
 * A page in the user's browser can make any name point to 127.0.0.1 and then read what we answer ("DNS rebinding").
 * It cannot forge the Host header, so on a loopback address only loopback names are served.
 */
function refuseForeignHosts(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isLoopback(request.hostname.replace(/^\[(.*)\]$/, '$1'))) return
    return reply.code(421).send({ error: 'this server listens on a loopback address and answers to that name only' })
  })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
