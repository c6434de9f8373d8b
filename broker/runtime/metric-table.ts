/**
 * Every metric of the broker: name, kind, labels and help, in one table. `/metrics` and docs/metrics.md are written
 * from it. Families: `kafka_server_…`, `kafka_log_…` and so on are the names that dashboards for Kafka's JMX exporter
 * query; `kafka_topic_…`, `kafka_consumergroup_…` are those of kafka_exporter, which our users need not run;
 * `odradek_…` are our own. Counters that Kafka's exporter shows with and without a `topic` label come out both ways.
 */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

const counter = (help: string, ...labels: readonly string[]): MetricDefinition => ({ kind: 'counter', labels, help })
const gauge = (help: string, ...labels: readonly string[]): MetricDefinition => ({ kind: 'gauge', labels, help })
const histogram = (help: string, ...labels: readonly string[]): MetricDefinition => ({
  kind: 'histogram',
  labels,
  help,
})

/** Counted by BrokerMetrics itself. */
export const countedMetrics = {
  kafka_server_brokertopicmetrics_messagesin_total: counter('Records appended by producers', 'topic'),
  kafka_server_brokertopicmetrics_bytesin_total: counter('Bytes of record batches appended by producers', 'topic'),
  kafka_server_brokertopicmetrics_bytesout_total: counter('Bytes of record batches sent to consumers', 'topic'),
  kafka_server_brokertopicmetrics_bytesrejected_total: counter('Bytes of record batches refused', 'topic'),
  kafka_server_brokertopicmetrics_totalproducerequests_total: counter(
    'Partitions asked for by Produce requests',
    'topic',
  ),
  kafka_server_brokertopicmetrics_totalfetchrequests_total: counter('Partitions asked for by Fetch requests', 'topic'),
  kafka_server_brokertopicmetrics_failedproducerequests_total: counter('Partitions that a Produce failed for', 'topic'),
  kafka_server_brokertopicmetrics_failedfetchrequests_total: counter('Partitions that a Fetch failed for', 'topic'),
  kafka_network_requestmetrics_requests_total: counter('Requests answered', 'request'),
  odradek_request_duration_seconds: histogram(
    'From the last byte of a request to its answer, waits included',
    'request',
  ),
  odradek_request_errors_total: counter('Errors in answers, by their Kafka name', 'request', 'error'),
  odradek_network_received_bytes_total: counter('Bytes received on Kafka listeners'),
  odradek_network_sent_bytes_total: counter('Bytes sent on Kafka listeners'),
  odradek_network_frames_total: counter('Whole requests received on Kafka listeners'),
  odradek_connections_accepted_total: counter('Connections accepted'),
  odradek_connections_active: gauge('Connections open now'),
  odradek_connections_closed_total: counter('Connections closed, by cause', 'reason'),
  odradek_rejected_total: counter('Connections and requests turned away, by cause', 'reason'),
  odradek_flush_duration_seconds: histogram('Time of one round of forcing logs to the disk'),
  odradek_flushed_logs_total: counter('Logs forced to the disk'),
} as const satisfies Record<string, MetricDefinition>

/** Read from their owners when somebody asks: registered with `BrokerMetrics.gauge`. */
export const registeredMetrics = {
  kafka_server_socket_server_metrics_connection_count: gauge('Connections open now', 'listener'),
  odradek_held_bytes: gauge('Bytes of requests and answers held in memory', 'kind'),
  odradek_memory_budget_bytes: gauge(
    'Bytes that requests (queued.max.request.bytes) and answers (odradek.outgoing.max.bytes) may hold',
    'of',
  ),
  odradek_connections_not_served: gauge('Connections that wait for max.connection.creation.rate'),
  odradek_requests_in_flight: gauge('Requests handled and not answered'),
  odradek_paused_connections: gauge('Connections not read from now, because they or the broker hold too much'),
  odradek_waiting_requests: gauge('Requests that wait for data, durability or other members', 'request'),
  odradek_fetch_sessions: gauge('Incremental fetch sessions'),
  odradek_fetch_session_partitions: gauge('Partitions in incremental fetch sessions'),
  odradek_fetch_sessions_evicted_total: counter('Incremental fetch sessions put out to make room'),
  odradek_tail_cache_bytes: gauge('Bytes of recent batches kept in memory for readers at the tail'),
  odradek_log_directory_total_bytes: gauge('Size of the volume of a log directory', 'directory'),
  odradek_log_directory_usable_bytes: gauge('Free space on the volume of a log directory', 'directory'),
  odradek_log_directories_offline: gauge('Log directories that failed since the start, or could not be opened'),
  odradek_log_directory_reserve_bytes: gauge('Space on the volume that clients may not use up', 'directory'),
  odradek_log_directory_full: gauge('1 while records are refused because only the reserve is left', 'directory'),
  odradek_damage_found_total: counter('Damaged ranges of segments, and damaged files beside them', 'directory', 'kind'),
  kafka_log_logcleaner_cleaner_recopy_percent: gauge(
    'Bytes written for a hundred read by the last round of compaction',
  ),
  kafka_log_logcleaner_max_buffer_utilization_percent: gauge('Use of the key map in the last round of compaction'),
  kafka_log_logcleaner_max_clean_time_secs: gauge('Time of the last round of compaction'),
  kafka_log_logcleaner_max_compaction_delay_secs: gauge('How far a log is beyond its max.compaction.lag.ms'),
  kafka_log_logcleanermanager_max_dirty_percent: gauge('Dirty share of the log that has the largest'),
  kafka_log_logcleanermanager_time_since_last_run_ms: gauge('Time since it was last looked for logs to compact'),
  kafka_log_logcleanermanager_uncleanable_partitions_count: gauge('Logs not compacted any more, after an error'),
  kafka_log_logcleanermanager_uncleanable_bytes: gauge('Dirty bytes in them'),
  odradek_compaction_rounds_total: counter('Rounds of compaction, each over one log'),
  odradek_compaction_failures_total: counter('Rounds of compaction that failed'),
  odradek_compaction_seconds_total: counter('Time of all rounds of compaction'),
  odradek_compaction_read_bytes_total: counter('Bytes read by compaction'),
  odradek_compaction_written_bytes_total: counter('Bytes written by compaction'),
  odradek_compaction_records_total: counter('Records looked at by compaction, by what became of them', 'outcome'),
  odradek_groups: gauge('Consumer groups, by state', 'state'),
  odradek_metadata_revision: gauge('Changes of the cluster metadata so far'),
} as const satisfies Record<string, MetricDefinition>

/** Derived from the broker's status when `/metrics` is asked for. */
export const statusMetrics = {
  kafka_brokers: gauge('Brokers of the cluster'),
  kafka_broker_info: gauge('1 for each broker', 'id', 'address'),
  kafka_topic_partitions: gauge('Partitions of a topic', 'topic'),
  kafka_topic_partition_current_offset: gauge('High watermark', 'topic', 'partition'),
  kafka_topic_partition_oldest_offset: gauge('Log start offset', 'topic', 'partition'),
  kafka_topic_partition_leader: gauge('Node id of the leader', 'topic', 'partition'),
  kafka_topic_partition_leader_is_preferred: gauge('1 when the preferred replica leads', 'topic', 'partition'),
  kafka_topic_partition_replicas: gauge('Replicas', 'topic', 'partition'),
  kafka_topic_partition_in_sync_replica: gauge('Replicas in sync', 'topic', 'partition'),
  kafka_topic_partition_under_replicated_partition: gauge('1 when a replica is missing', 'topic', 'partition'),
  kafka_consumergroup_current_offset: gauge('Committed offset', 'consumergroup', 'topic', 'partition'),
  kafka_consumergroup_current_offset_sum: gauge('Committed offsets, added up', 'consumergroup', 'topic'),
  kafka_consumergroup_lag: gauge(
    'Records between the commit and the high watermark',
    'consumergroup',
    'topic',
    'partition',
  ),
  kafka_consumergroup_lag_sum: gauge('Lag, added up', 'consumergroup', 'topic'),
  kafka_consumergroup_members: gauge('Members of the group', 'consumergroup'),
  kafka_log_log_size: gauge('Bytes of a log', 'topic', 'partition'),
  kafka_log_log_logstartoffset: gauge('Log start offset', 'topic', 'partition'),
  kafka_log_log_logendoffset: gauge('Log end offset', 'topic', 'partition'),
  kafka_server_replicamanager_partitioncount: gauge('Partitions of this broker'),
  kafka_server_replicamanager_leadercount: gauge('Partitions that this broker leads'),
  kafka_server_replicamanager_underreplicatedpartitions: gauge('Partitions with a replica missing'),
  kafka_controller_kafkacontroller_activecontrollercount: gauge('1 on the active controller'),
  kafka_controller_kafkacontroller_offlinepartitionscount: gauge('Partitions without a leader'),
  kafka_controller_controllerstats_uncleanleaderelections_total: counter('Elections that lost records'),
  kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent: gauge('Idle share of the event loop, 0 to 1'),
  kafka_network_socketserver_networkprocessoravgidle_percent: gauge('Idle share of the event loop, 0 to 1'),
  odradek_build_info: gauge('1, with the version', 'version'),
  odradek_up_seconds: gauge('Time since the broker started'),
  odradek_partition_series_dropped: gauge('Partitions left out of this answer, beyond the limit of series'),
} as const satisfies Record<string, MetricDefinition>

export type CountedName = keyof typeof countedMetrics
export type RegisteredName = keyof typeof registeredMetrics
export type StatusName = keyof typeof statusMetrics
