import { performance } from 'node:perf_hooks'
import type { Broker, BrokerStatus } from '../broker/index.ts'
import type { StatusName } from '../broker/runtime/metric-table.ts'
import type { MetricLabels } from '../broker/runtime/metrics.ts'
import { add, type Samples } from './samples.ts'

type Put = (name: StatusName, value: number, labels?: MetricLabels) => void

/**
 * What can be said from the broker's status: offsets, sizes, group lag, and the totals that dashboards ask for.
 * Series by partition are what makes a scrape large, ten lines each: partitions beyond `maxPartitionSeries` are left
 * out, and `odradek_partition_series_dropped` says how many these are.
 */
export function statusSamples(broker: Broker, idle: number, maxPartitionSeries: number, samples: Samples): void {
  const status = broker.status()
  const put: Put = (name, value, labels = {}) => add(samples, name, labels, value)
  brokerSamples(broker, status, put)
  topicSamples(status, maxPartitionSeries, put)
  for (const group of status.groups) groupSamples(group, put)
  put('kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent', idle)
  put('kafka_network_socketserver_networkprocessoravgidle_percent', idle)
}

function brokerSamples(broker: Broker, status: BrokerStatus, put: Put): void {
  const first = status.listeners[0]
  const address = first === undefined ? '' : `${first.advertisedHost}:${first.advertisedPort}`
  const partitions = status.topics.flatMap((topic) => topic.partitions)
  put('kafka_brokers', 1)
  put('kafka_broker_info', 1, { id: String(status.nodeId), address })
  put('odradek_build_info', 1, { version: status.version })
  put('odradek_up_seconds', status.uptimeMs / 1000)
  put('kafka_server_replicamanager_partitioncount', partitions.length)
  put('kafka_server_replicamanager_leadercount', partitions.filter(({ leader }) => leader === broker.nodeId).length)
  put('kafka_server_replicamanager_underreplicatedpartitions', 0)
  put('kafka_controller_kafkacontroller_activecontrollercount', 1)
  put('kafka_controller_kafkacontroller_offlinepartitionscount', partitions.filter(({ leader }) => leader < 0).length)
  // There is one replica of each partition, so nobody else can be elected.
  put('kafka_controller_controllerstats_uncleanleaderelections_total', 0)
}

function topicSamples(status: BrokerStatus, maxSeries: number, put: Put): void {
  let shown = 0
  let dropped = 0
  for (const topic of status.topics) {
    put('kafka_topic_partitions', topic.partitions.length, { topic: topic.name })
    for (const partition of topic.partitions) {
      if (shown === maxSeries) {
        dropped++
        continue
      }
      shown++
      partitionSamples(topic.name, partition, put)
    }
  }
  put('odradek_partition_series_dropped', dropped)
}

type PartitionStatus = BrokerStatus['topics'][number]['partitions'][number]

function partitionSamples(topic: string, status: PartitionStatus, put: Put): void {
  const labels = { topic, partition: String(status.partition) }
  const hasLeader = status.leader >= 0 ? 1 : 0
  put('kafka_topic_partition_current_offset', status.highWatermark, labels)
  put('kafka_topic_partition_oldest_offset', status.logStartOffset, labels)
  put('kafka_topic_partition_leader', status.leader, labels)
  put('kafka_topic_partition_leader_is_preferred', hasLeader, labels)
  put('kafka_topic_partition_replicas', 1, labels)
  put('kafka_topic_partition_in_sync_replica', hasLeader, labels)
  put('kafka_topic_partition_under_replicated_partition', 1 - hasLeader, labels)
  put('kafka_log_log_size', status.sizeBytes, labels)
  put('kafka_log_log_logstartoffset', status.logStartOffset, labels)
  put('kafka_log_log_logendoffset', status.logEndOffset, labels)
}

function groupSamples(group: BrokerStatus['groups'][number], put: Put): void {
  const consumergroup = group.groupId
  put('kafka_consumergroup_members', group.members, { consumergroup })
  const sums = new Map<string, { offset: number; lag: number }>()
  for (const { topic, partition, offset, lag } of group.offsets) {
    const labels = { consumergroup, topic, partition: String(partition) }
    put('kafka_consumergroup_current_offset', Number(offset), labels)
    // No lag where the topic is gone: there is nothing to lag behind.
    if (lag !== null) put('kafka_consumergroup_lag', lag, labels)
    const sum = sums.get(topic) ?? { offset: 0, lag: 0 }
    sums.set(topic, { offset: sum.offset + Number(offset), lag: sum.lag + (lag ?? 0) })
  }
  for (const [topic, sum] of sums) {
    put('kafka_consumergroup_current_offset_sum', sum.offset, { consumergroup, topic })
    put('kafka_consumergroup_lag_sum', sum.lag, { consumergroup, topic })
  }
}

/**
 * Reads the share of time that the event loop slept since the last call (or since the process started), 0 to 1.
 * Kafka's "idle percent" of its network and request threads; here one loop is both.
 */
export function eventLoopIdleShare(): () => number {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return 1 - utilization
  }
}
