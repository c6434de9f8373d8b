import { LONG_MAX } from './key.ts'
import { unused } from './unused.ts'

const quorum = unused('there is no controller quorum, metadata lies in a local store')

/** KRaft: roles, controllers, the metadata log. */
export const quorumKeys = {
  'broker.heartbeat.interval.ms': quorum.int(2000),
  'broker.session.timeout.ms': quorum.int(9000),
  'controller.listener.names': quorum.list([]),
  'controller.performance.always.log.threshold.ms': quorum.long(2000, { internal: true, min: 0 }),
  'controller.performance.sample.period.ms': quorum.long(60_000, { internal: true, min: 100 }),
  'controller.quorum.append.linger.ms': quorum.int(25, { min: 0 }),
  'controller.quorum.auto.join.enable': quorum.bool(false),
  'controller.quorum.bootstrap.servers': quorum.list([]),
  'controller.quorum.election.backoff.max.ms': quorum.int(1000, { min: 0 }),
  'controller.quorum.election.timeout.ms': quorum.int(1000, { min: 0 }),
  'controller.quorum.fetch.max.bytes': quorum.int(1_048_576, { min: 1 }),
  'controller.quorum.fetch.snapshot.max.bytes': quorum.int(1_048_576, { min: 1 }),
  'controller.quorum.fetch.timeout.ms': quorum.int(2000, { min: 0 }),
  'controller.quorum.request.timeout.ms': quorum.int(2000, { min: 0 }),
  'controller.quorum.retry.backoff.ms': quorum.int(20, { min: 0 }),
  'controller.quorum.voters': quorum.list([]),
  'controller.quota.window.num': quorum.int(11, { min: 1 }),
  'controller.quota.window.size.seconds': quorum.int(1, { min: 1 }),
  'controller.socket.timeout.ms': quorum.int(30_000),
  'early.start.listeners': quorum.list(null),
  'initial.broker.registration.timeout.ms': quorum.int(60_000),
  'internal.metadata.delete.delay.millis': quorum.long(60_000, { internal: true }),
  'internal.metadata.log.segment.bytes': quorum.int(null, { internal: true }),
  'internal.metadata.max.batch.size.in.bytes': quorum.int(8_388_608, { internal: true }),
  'metadata.log.dir': quorum.string(null),
  'metadata.log.max.record.bytes.between.snapshots': quorum.long(20_971_520, { min: 1 }),
  'metadata.log.max.snapshot.interval.ms': quorum.long(3_600_000, { min: 0 }),
  'metadata.log.segment.bytes': quorum.int(1_073_741_824, { min: 8388608 }),
  'metadata.log.segment.ms': quorum.long(604_800_000),
  'metadata.max.idle.interval.ms': quorum.int(500, { min: 0 }),
  'metadata.max.retention.bytes': quorum.long(104_857_600),
  'metadata.max.retention.ms': quorum.long(604_800_000),
  'process.roles': quorum.list(['broker', 'controller']),
  'unstable.api.versions.enable': quorum.bool(false, { internal: true }),
  'unstable.feature.versions.enable': quorum.bool(false, { internal: true }),
  'zookeeper.connect': quorum.string(null),
}

const replication = unused('there is one replica')

/** Copies between brokers. */
export const replicationKeys = {
  'alter.log.dirs.replication.quota.window.num': replication.int(11, { min: 1 }),
  'alter.log.dirs.replication.quota.window.size.seconds': replication.int(1, { min: 1 }),
  'auto.leader.rebalance.enable': replication.bool(true),
  'cordoned.log.dirs': replication.list([], { update: 'per-broker' }),
  'follower.fetch.last.tiered.offset.enable': replication.bool(false, { update: 'cluster-wide' }),
  'inter.broker.listener.name': replication.string(null),
  'leader.imbalance.check.interval.seconds': replication.long(300, { min: 1 }),
  'num.replica.alter.log.dirs.threads': replication.int(null),
  'num.replica.fetchers': replication.int(1, { update: 'cluster-wide', min: 1 }),
  'replica.fetch.backoff.ms': replication.int(1000, { min: 0 }),
  'replica.fetch.max.bytes': replication.int(1_048_576, { min: 0 }),
  'replica.fetch.min.bytes': replication.int(1),
  'replica.fetch.response.max.bytes': replication.int(10_485_760, { min: 0 }),
  'replica.fetch.wait.max.ms': replication.int(500),
  'replica.lag.time.max.ms': replication.long(30_000),
  'replica.selector.class': replication.string(null),
  'replica.socket.receive.buffer.bytes': replication.int(65_536),
  'replica.socket.timeout.ms': replication.int(30_000),
  'replication.quota.window.num': replication.int(11, { min: 1 }),
  'replication.quota.window.size.seconds': replication.int(1, { min: 1 }),
  'unclean.leader.election.interval.ms': replication.long(300_000, { internal: true, min: 1 }),
}

const tiering = unused('there is no tiered storage')

/** Tiered storage (KIP-405). */
export const tieringKeys = {
  'log.local.retention.bytes': tiering.long(-2, { update: 'cluster-wide', min: -2 }),
  'log.local.retention.ms': tiering.long(-2, { update: 'cluster-wide', min: -2 }),
  'remote.fetch.max.wait.ms': tiering.int(500, { update: 'cluster-wide', min: 1 }),
  'remote.list.offsets.request.timeout.ms': tiering.long(30_000, { update: 'cluster-wide', min: 1 }),
  'remote.log.index.file.cache.total.size.bytes': tiering.long(1_073_741_824, { update: 'cluster-wide', min: 1 }),
  'remote.log.index.file.cache.ttl.ms': tiering.long(900_000, { internal: true, min: -1 }),
  'remote.log.manager.copier.thread.pool.size': tiering.int(10, { update: 'cluster-wide', min: 1 }),
  'remote.log.manager.copy.max.bytes.per.second': tiering.long(LONG_MAX, { update: 'cluster-wide', min: 1 }),
  'remote.log.manager.copy.quota.window.num': tiering.int(11, { min: 1 }),
  'remote.log.manager.copy.quota.window.size.seconds': tiering.int(1, { min: 1 }),
  'remote.log.manager.expiration.thread.pool.size': tiering.int(10, { update: 'cluster-wide', min: 1 }),
  'remote.log.manager.fetch.max.bytes.per.second': tiering.long(LONG_MAX, { update: 'cluster-wide', min: 1 }),
  'remote.log.manager.fetch.quota.window.num': tiering.int(11, { min: 1 }),
  'remote.log.manager.fetch.quota.window.size.seconds': tiering.int(1, { min: 1 }),
  'remote.log.manager.follower.thread.pool.size': tiering.int(2, { update: 'cluster-wide', min: 1 }),
  'remote.log.manager.task.interval.ms': tiering.long(30_000, { min: 1 }),
  'remote.log.manager.task.retry.backoff.max.ms': tiering.long(30_000, { internal: true, min: 1 }),
  'remote.log.manager.task.retry.backoff.ms': tiering.long(500, { internal: true, min: 1 }),
  'remote.log.manager.task.retry.jitter': tiering.double(0.2, { internal: true }),
  'remote.log.manager.thread.pool.size': tiering.int(2, { min: 1 }),
  'remote.log.metadata.custom.metadata.max.bytes': tiering.int(128, { min: 0 }),
  'remote.log.metadata.manager.class.name': tiering.string(
    'org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager',
  ),
  'remote.log.metadata.manager.class.path': tiering.string(null),
  'remote.log.metadata.manager.impl.prefix': tiering.string('rlmm.config.'),
  'remote.log.metadata.manager.listener.name': tiering.string(null),
  'remote.log.reader.max.pending.tasks': tiering.int(100, { min: 1 }),
  'remote.log.reader.threads': tiering.int(10, { update: 'cluster-wide', min: 1 }),
  'remote.log.storage.manager.class.name': tiering.string(null),
  'remote.log.storage.manager.class.path': tiering.string(null),
  'remote.log.storage.manager.impl.prefix': tiering.string('rsm.config.'),
  'remote.log.storage.system.enable': tiering.bool(false),
}

const threads = unused('one event loop does the work')

/** Thread pools. */
export const threadsKeys = {
  'background.threads': threads.int(10, { update: 'cluster-wide', min: 1 }),
  'num.io.threads': threads.int(8, { update: 'cluster-wide', min: 1 }),
  'num.network.threads': threads.int(3, { update: 'cluster-wide', min: 1 }),
  'num.recovery.threads.per.data.dir': threads.int(2, { update: 'cluster-wide', min: 1 }),
  'queued.max.requests': threads.int(500, { min: 1 }),
}

const java = unused('it belongs to the JVM or to classes loaded into it')

/** The JVM, and classes that are loaded into it. */
export const javaKeys = {
  'alter.config.policy.class.name': java.className(null),
  'client.quota.callback.class': java.className(null),
  'config.providers': java.list([], { update: 'cluster-wide' }),
  'create.topic.policy.class.name': java.className(null),
  'kafka.metrics.polling.interval.secs': java.int(10, { min: 1 }),
  'kafka.metrics.reporters': java.list([]),
  'metric.reporters': java.list(['org.apache.kafka.common.metrics.JmxReporter'], { update: 'cluster-wide' }),
  'metrics.num.samples': java.int(2, { min: 1 }),
  'metrics.recording.level': java.string('INFO'),
  'metrics.sample.window.ms': java.long(30_000, { min: 1 }),
  'telemetry.max.bytes': java.int(1_048_576, { min: 1 }),
}

const other = unused('the thing that it tunes works in another way here')

/** Details of how Kafka does things. */
export const otherKeys = {
  'delete.records.purgatory.purge.interval.requests': other.int(1),
  'fetch.purgatory.purge.interval.requests': other.int(1000),
  'log.dir.failure.timeout.ms': other.long(30_000, { min: 1 }),
  'log.initial.task.delay.ms': other.long(30_000, { internal: true, min: 0 }),
  'log.preallocate': other.bool(false, { update: 'cluster-wide' }),
  'offsets.load.buffer.size': other.int(5_242_880, { min: 1 }),
  'offsets.topic.compression.codec': other.int(0),
  'producer.purgatory.purge.interval.requests': other.int(1000),
  'quota.window.num': other.int(11, { min: 1 }),
  'quota.window.size.seconds': other.int(1, { min: 1 }),
  'socket.connection.setup.timeout.max.ms': other.long(30_000),
  'socket.connection.setup.timeout.ms': other.long(10_000),
  'socket.receive.buffer.bytes': other.int(102_400),
  'socket.send.buffer.bytes': other.int(102_400),
}
