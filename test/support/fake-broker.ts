import type { Broker, BrokerStatus } from '../../broker/index.ts'
import { BrokerMetrics } from '../../broker/runtime/metrics.ts'

export interface FakeBroker extends Broker {
  state: Broker['state']
  ready: boolean
  topics: BrokerStatus['topics']
  groups: BrokerStatus['groups']
}

/** The face of a broker with nothing behind it: what it says can be set. */
export function fakeBroker(): FakeBroker {
  const listeners = [
    {
      name: 'PLAINTEXT',
      protocol: 'PLAINTEXT',
      host: '0.0.0.0',
      port: 9092,
      advertisedHost: 'logs.example',
      advertisedPort: 19092,
    },
  ]
  const broker: FakeBroker = {
    bootstrap: 'logs.example:19092',
    clusterId: 'rJ8fQ2mXTVqkzXcMB0w5Zg',
    nodeId: 1,
    version: '0.1.0',
    listeners,
    state: 'running',
    ready: true,
    topics: [],
    groups: [],
    metrics: new BrokerMetrics(),
    status: () => ({
      version: broker.version,
      clusterId: broker.clusterId,
      nodeId: broker.nodeId,
      state: broker.state,
      uptimeMs: 5_000,
      listeners,
      topics: broker.topics,
      groups: broker.groups,
      connections: 2,
    }),
    readiness: () => ({ ready: broker.ready, checks: { listeners: true, recovered: broker.ready } }),
    stop: async () => {
      broker.state = 'stopped'
    },
    [Symbol.asyncDispose]: () => broker.stop(),
  }
  return broker
}

/** A topic with one partition that holds the offsets from 10 to 30. */
export function fakeTopic(name: string): BrokerStatus['topics'][number] {
  const partition = {
    partition: 0,
    leader: 1,
    leaderEpoch: 3,
    logStartOffset: 10,
    highWatermark: 29,
    logEndOffset: 30,
    sizeBytes: 4_096,
  }
  return { name, id: 'TH6mQyjOTLOrG4GTgMvsQA', internal: false, partitions: [partition] }
}
