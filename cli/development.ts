import type { Broker, BrokerConfig } from '../broker/index.ts'

/**
 * What `odradek dev` sets where nothing else does. A first consumer gets its partitions at once instead of after three
 * seconds, and nobody waits for the disk; both are wrong for a server.
 */
export const developmentDefaults: Readonly<Record<string, string>> = {
  listeners: 'PLAINTEXT://127.0.0.1:9092',
  'log.dirs': 'data',
  'odradek.http.listen': '127.0.0.1:9644',
  'group.initial.rebalance.delay.ms': '0',
  'log.flush.policy': 'os',
}

/** What to try next, for the terminal. */
export function developmentHints(broker: Broker, config: BrokerConfig, httpUrl: string | undefined): string {
  const lines = [`data in ${config.logDirs.join(', ')}, cluster ${broker.clusterId}`]
  if (httpUrl !== undefined) lines.push(`status ${httpUrl}/v1/status, metrics ${httpUrl}/metrics`)
  lines.push(`kafkajs: new Kafka({ brokers: ['${broker.bootstrap}'] })`, 'Ctrl-C stops')
  return lines.join('\n')
}
