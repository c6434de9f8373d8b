import { totalmem } from 'node:os'
import type { BrokerConfig } from '../config/broker-config.ts'
import type { ConnectionOptions } from './connection.ts'
import { descriptorLimit } from './descriptors.ts'
import type { ConnectionLimitOptions } from './limits.ts'

/** Everything that bounds the network side, as numbers. */
export interface NetworkLimits extends ConnectionOptions, ConnectionLimitOptions {
  /** Of the whole process, see HeldBytes. */
  readonly maxHeldBytes: number
  /** Of the whole process, see AnswerBytes. */
  readonly maxOutgoingBytes: number
  /** See slow-readers.ts. */
  readonly slowReaderMs: number
  readonly backlog: number
}

const INT_MAX = 2 ** 31 - 1
/** No more than this by default, for requests and for answers: the heap, the caches want their share. */
const MOST_HELD_BYTES = 512 * 1024 * 1024

/** Reads the limits from the configuration; Kafka's "no limit" values become Infinity. */
export function networkLimits(config: BrokerConfig): NetworkLimits {
  const maxIdleMs = config.get('connections.max.idle.ms')
  const creationRate = config.get('max.connection.creation.rate')
  const maxHeldBytes = config.get('queued.max.request.bytes')
  const maxOutgoingBytes = config.get('odradek.outgoing.max.bytes')
  return {
    maxFrameBytes: config.get('socket.request.max.bytes'),
    maxIdleMs: maxIdleMs < 0 ? Number.POSITIVE_INFINITY : maxIdleMs,
    maxConnections: config.get('max.connections'),
    maxConnectionsPerIp: config.get('max.connections.per.ip'),
    perIpOverrides: perIpOverrides(config.get('max.connections.per.ip.overrides')),
    maxCreationRate: creationRate === INT_MAX ? Number.POSITIVE_INFINITY : creationRate,
    maxByDescriptors: () => {
      const limit = descriptorLimit()
      // Logs have their share, and there is always something else. Where little is left, logs and connections halve it.
      return Math.max(limit - config.get('odradek.log.open.files') - 64, Math.floor(limit / 2))
    },
    maxHeldBytes: maxHeldBytes < 0 ? Math.min(totalmem() / 4, MOST_HELD_BYTES) : maxHeldBytes,
    maxOutgoingBytes: maxOutgoingBytes < 0 ? Math.min(totalmem() / 4, MOST_HELD_BYTES) : maxOutgoingBytes,
    slowReaderMs: config.get('odradek.slow.reader.timeout.ms'),
    backlog: config.get('socket.listen.backlog.size'),
  }
}

/** `host:limit,host:limit`, addresses of IPv6 with their colons. Entries without a number are left out. */
function perIpOverrides(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>()
  for (const entry of text.split(',')) {
    const at = entry.lastIndexOf(':')
    const limit = Number(entry.slice(at + 1))
    if (at > 0 && Number.isInteger(limit) && limit >= 0) overrides.set(entry.slice(0, at).trim(), limit)
  }
  return overrides
}
