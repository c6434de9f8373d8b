import type { CountedName } from '../broker/runtime/metric-table.ts'
import {
  type BrokerMetrics,
  type DurationHistogram,
  durationBuckets,
  type MetricLabels,
  type TopicMetrics,
} from '../broker/runtime/metrics.ts'
import { apis } from '../protocol/apis/index.ts'
import { add, type Samples } from './samples.ts'

/** What the broker has counted since its start. */
export function countedSamples(metrics: BrokerMetrics, samples: Samples): void {
  const count = (name: CountedName, value: number, labels: MetricLabels = {}) => add(samples, name, labels, value)
  // Dashboards for Kafka's JMX exporter select `topic!=""` or the sum without a label, so both are here.
  topicSamples(metrics.topicTotals(), {}, count)
  for (const [topic, numbers] of metrics.topics()) topicSamples(numbers, { topic }, count)

  for (const [apiKey, durations] of metrics.durations()) {
    const labels = { request: apiName(apiKey) }
    count('kafka_network_requestmetrics_requests_total', durations.count, labels)
    histogramSamples('odradek_request_duration_seconds', durations, labels, samples)
  }
  for (const [apiKey, errors] of metrics.errors()) {
    const request = apiName(apiKey)
    for (const [error, times] of errors) count('odradek_request_errors_total', times, { request, error })
  }
  count('odradek_network_received_bytes_total', metrics.network.bytesIn)
  count('odradek_network_sent_bytes_total', metrics.network.bytesOut)
  count('odradek_network_frames_total', metrics.network.framesIn)
  count('odradek_connections_accepted_total', metrics.network.connectionsAccepted)
  count('odradek_connections_active', metrics.network.connectionsActive)
  for (const [reason, times] of metrics.closedByReason) count('odradek_connections_closed_total', times, { reason })
  for (const [reason, times] of metrics.rejectedByReason) count('odradek_rejected_total', times, { reason })
  histogramSamples('odradek_flush_duration_seconds', metrics.flushes, {}, samples)
  count('odradek_flushed_logs_total', metrics.flushedLogs)
}

type Count = (name: CountedName, value: number, labels: MetricLabels) => void

function topicSamples(topic: Readonly<TopicMetrics>, labels: MetricLabels, count: Count): void {
  count('kafka_server_brokertopicmetrics_messagesin_total', topic.messagesIn, labels)
  count('kafka_server_brokertopicmetrics_bytesin_total', topic.bytesIn, labels)
  count('kafka_server_brokertopicmetrics_bytesout_total', topic.bytesOut, labels)
  count('kafka_server_brokertopicmetrics_bytesrejected_total', topic.bytesRejected, labels)
  count('kafka_server_brokertopicmetrics_totalproducerequests_total', topic.produceRequests, labels)
  count('kafka_server_brokertopicmetrics_totalfetchrequests_total', topic.fetchRequests, labels)
  count('kafka_server_brokertopicmetrics_failedproducerequests_total', topic.failedProduce, labels)
  count('kafka_server_brokertopicmetrics_failedfetchrequests_total', topic.failedFetch, labels)
}

/** Prometheus' buckets hold everything up to their bound; ours hold what lies between two. */
function histogramSamples(
  name: CountedName,
  durations: DurationHistogram,
  labels: MetricLabels,
  samples: Samples,
): void {
  const rows = samples.get(name) ?? []
  let upTo = 0
  for (const [at, bound] of durationBuckets.entries()) {
    upTo += durations.buckets[at] ?? 0
    rows.push({ metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: upTo })
  }
  rows.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: durations.count })
  rows.push({ metricName: `${name}_sum`, labels, value: durations.sumSeconds })
  rows.push({ metricName: `${name}_count`, labels, value: durations.count })
  samples.set(name, rows)
}

const namesByKey: ReadonlyMap<number, string> = new Map(apis.map(({ key, name }) => [key, name]))

const apiName = (key: number): string => namesByKey.get(key) ?? String(key)
