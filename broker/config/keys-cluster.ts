import { bool, int, LONG_MAX, long, short, string } from './key.ts'

const INT_MAX = 2 ** 31 - 1
const cluster = 'cluster-wide'

/** Who this broker is, how topics are made, groups and their offsets, producers. */
export const clusterKeys = {
  'node.id': int({ default: 1, min: 0, doc: 'Number of this broker in its cluster.' }),
  'broker.id': int({ default: -1, doc: 'Older name of node.id, which goes before it.' }),
  'cluster.id': string({
    default: null,
    doc: 'Id of the cluster, 22 characters of base64url, for a folder that has none yet. Not set: made up at the first start. Not a key of Kafka, where CLUSTER_ID is given to its format tool.',
  }),
  'broker.rack': string({ default: null, doc: 'Where this broker stands; told to clients.' }),
  'num.partitions': int({
    default: 1,
    min: 1,
    unit: 'count',
    doc: 'Partitions of a new topic that does not say how many.',
  }),
  'default.replication.factor': int({
    default: 1,
    min: 1,
    unit: 'count',
    doc: 'Replicas of a new topic that does not say how many. At most the brokers that live.',
  }),
  'auto.create.topics.enable': bool({
    default: true,
    doc: 'Create a topic when a client asks for one that is not there.',
  }),
  'delete.topic.enable': bool({ default: true, doc: 'Whether topics may be deleted.' }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    unit: 'count',
    update: cluster,
    unused: 'no more replicas are asked for than a partition has, and that is one',
    doc: 'Replicas that must be in sync for acks=all. At most those that the partition has count.',
  }),
  'unclean.leader.election.enable': bool({
    default: false,
    update: cluster,
    unused: 'with one replica there is no other leader to elect',
    doc: 'Whether a replica that is not in sync may become leader.',
  }),
  'request.timeout.ms': int({
    default: 30_000,
    unit: 'ms',
    unused: 'no request waits for another broker',
    doc: 'How long the broker lets an inner request wait.',
  }),

  'group.min.session.timeout.ms': int({
    default: 6000,
    unit: 'ms',
    doc: 'Shortest session timeout that a member may ask for.',
  }),
  'group.max.session.timeout.ms': int({
    default: 1_800_000,
    unit: 'ms',
    doc: 'Longest session timeout that a member may ask for.',
  }),
  'group.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    unit: 'ms',
    doc: 'How long the first join of an empty group waits for others to come. 0 in development: a test has no others to wait for.',
  }),
  'group.max.size': int({ default: INT_MAX, min: 1, unit: 'count', doc: 'Most members of a group.' }),
  'offset.metadata.max.bytes': int({
    default: 4096,
    unit: 'bytes',
    doc: 'Longest text that may be committed with an offset.',
  }),
  'offsets.retention.minutes': int({
    default: 10_080,
    min: 1,
    unit: 'minutes',
    doc: 'How long committed offsets are kept after their group became empty, or, without members at all, after the commit.',
  }),
  'offsets.retention.check.interval.ms': long({
    default: 600_000,
    min: 1,
    unit: 'ms',
    doc: 'How often it is checked which offsets have expired.',
  }),
  'offsets.commit.timeout.ms': int({
    default: 5000,
    min: 1,
    unit: 'ms',
    unused: 'a commit is answered when it is durable, or lost',
    doc: 'How long a commit may wait until it is durable.',
  }),
  'offsets.topic.num.partitions': int({
    default: 50,
    min: 1,
    unit: 'count',
    doc: 'Partitions of __consumer_offsets when it is made; decides which groups share a coordinator. Never change it afterwards.',
  }),
  'offsets.topic.replication.factor': short({
    default: 3,
    min: 1,
    unit: 'count',
    doc: 'Replicas of __consumer_offsets; at most the brokers that live.',
  }),
  'offsets.topic.segment.bytes': int({
    default: 104_857_600,
    min: 1,
    unit: 'bytes',
    doc: 'Segment size of __consumer_offsets; small, so that it compacts soon.',
  }),

  'producer.id.expiration.ms': int({
    default: 86_400_000,
    min: 1,
    unit: 'ms',
    update: cluster,
    doc: 'A producer that has been silent on a partition for so long is forgotten there; its sequence numbers then start anew.',
  }),
  'producer.id.expiration.check.interval.ms': int({
    default: 600_000,
    min: 1,
    unit: 'ms',
    internal: true,
    unused: 'silent producers are looked for together with retention',
    doc: 'How often silent producers are looked for.',
  }),
  'transaction.max.timeout.ms': int({
    default: 900_000,
    min: 1,
    unit: 'ms',
    unused: 'transactions are not served yet',
    doc: 'Longest transaction timeout that a producer may ask for.',
  }),
  'controlled.shutdown.enable': bool({
    default: true,
    unused: 'every stop is an orderly one',
    doc: 'A stop finishes what is under way, flushes, and leaves the clean-shutdown marker. It always does.',
  }),
  'server.max.startup.time.ms': long({
    default: LONG_MAX,
    min: 0,
    unit: 'ms',
    internal: true,
    unused: 'a start takes as long as recovery takes',
    doc: 'Longest time that a start may take.',
  }),
  'odradek.config.strict': bool({ default: false, doc: 'Refuse to start when a key is unknown, instead of warning.' }),
}
