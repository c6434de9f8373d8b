import { hostname } from 'node:os'
import type { BrokerConfig } from './config/broker-config.ts'
import type { ListenerSpec } from './network/listener.ts'
import type { ListenerAddress } from './services.ts'

/** A listener as it is configured, before its port is bound. */
export interface ConfiguredListener extends ListenerSpec {
  /** What clients are told; undefined where the bound address is it. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
}

/** A listener setting that makes no sense. The message says which, and what to do. */
export class ListenerConfigError extends Error {
  override readonly name = 'ListenerConfigError'
}

/**
 * Reads `listeners`, `advertised.listeners` and `listener.security.protocol.map`. Controller listeners of a KRaft
 * configuration are understood and not bound (D12).
 * @throws {ListenerConfigError}
 */
export function configuredListeners(config: BrokerConfig): ConfiguredListener[] {
  const protocols = protocolMap(config.get('listener.security.protocol.map'))
  const controllers = new Set(config.get('controller.listener.names') ?? [])
  const advertised = new Map(
    (config.get('advertised.listeners') ?? []).map((text) => {
      const address = parse('advertised.listeners', text)
      if (isEverywhere(address.host) || address.host === '') {
        throw new ListenerConfigError(
          `advertised.listeners: clients cannot connect to ${text}; name the host that they reach this machine by`,
        )
      }
      return [address.name, address] as const
    }),
  )
  const names = new Set<string>()
  const listeners = config.get('listeners').map((text) => parse('listeners', text))
  const bound = listeners.filter(({ name }) => !controllers.has(name))
  for (const { name } of bound) {
    if (names.has(name))
      throw new ListenerConfigError(`listeners: the name ${name} stands there twice; give each its own`)
    names.add(name)
  }
  for (const name of advertised.keys()) {
    if (!names.has(name) && !controllers.has(name)) {
      throw new ListenerConfigError(`advertised.listeners: there is no listener ${name}; add it to listeners`)
    }
  }
  if (bound.length === 0)
    throw new ListenerConfigError('listeners: none is left for clients; add PLAINTEXT://host:port')
  return bound.map(({ name, host, port }) => {
    const protocol = protocols.get(name)
    if (protocol === undefined) {
      throw new ListenerConfigError(
        `listeners: ${name} is no security protocol; map it with listener.security.protocol.map=${name}:PLAINTEXT`,
      )
    }
    if (isEverywhere(host) && !advertised.has(name)) {
      throw new ListenerConfigError(
        `listeners: ${name} listens on ${host}, which no client can be sent to; set advertised.listeners=${name}://<host that clients reach>:${port}`,
      )
    }
    return { name, host, port, protocol, advertised: advertised.get(name) }
  })
}

/**
 * What clients are told to connect to: the port that was bound where 0 was asked for, and as in Kafka this machine's name
 * where no host was given (MD-20).
 */
export function advertise(
  { name, protocol, host, advertised }: ConfiguredListener,
  boundPort: number,
): ListenerAddress {
  return {
    name,
    protocol,
    host: host === '' ? '0.0.0.0' : host,
    port: boundPort,
    advertisedHost: advertised?.host ?? (host === '' ? hostname() : host),
    advertisedPort: advertised === undefined || advertised.port === 0 ? boundPort : advertised.port,
  }
}

const isEverywhere = (host: string): boolean => host === '0.0.0.0' || host === '::'

function protocolMap(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').map((pair) => pair.split(':').map((part) => part.trim().toUpperCase()))
  return new Map(pairs.map(([name = '', protocol = '']) => [name, protocol]))
}

function parse(key: string, text: string): { name: string; host: string; port: number } {
  const bad = () => new ListenerConfigError(`${key}: ${JSON.stringify(text)} is not NAME://host:port`)
  const scheme = text.indexOf('://')
  const colon = text.lastIndexOf(':')
  if (scheme <= 0 || colon < scheme + 3) throw bad()
  const host = text.slice(scheme + 3, colon)
  const port = Number(text.slice(colon + 1))
  if (text.slice(colon + 1) === '' || !Number.isInteger(port) || port < 0 || port > 65_535) throw bad()
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return { name: text.slice(0, scheme).toUpperCase(), host: bare, port }
}
