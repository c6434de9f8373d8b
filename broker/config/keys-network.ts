import { int, list, long, string } from './key.ts'

const INT_MAX = 2 ** 31 - 1
const cluster = 'cluster-wide'

/** Listeners, connections, and how much of what comes from them is held in memory. */
export const networkKeys = {
  listeners: list({
    default: ['PLAINTEXT://127.0.0.1:9092'],
    nonEmpty: true,
    doc: 'Addresses to listen on: NAME://host:port. No host: the default interface. 0.0.0.0: all of them. Port 0: a free one. Kafka’s default is PLAINTEXT://:9092; ours stays on this machine until told otherwise.',
  }),
  'advertised.listeners': list({
    default: null,
    nonEmpty: true,
    doc: 'Addresses that clients are told to come back to, by listener name. Not set: those of listeners. Must be reachable from the clients, so never 0.0.0.0.',
  }),
  'listener.security.protocol.map': string({
    default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    doc: 'Which security protocol a listener name stands for; needed for names other than the protocols themselves.',
  }),
  'socket.request.max.bytes': int({
    default: 104_857_600,
    min: 1,
    unit: 'bytes',
    doc: 'Largest request. A longer one closes its connection before anything of it is kept.',
  }),
  'socket.listen.backlog.size': int({
    default: 50,
    min: 1,
    unit: 'count',
    doc: 'How many connections may wait to be accepted.',
  }),
  'connections.max.idle.ms': long({
    default: 600_000,
    unit: 'ms',
    doc: 'A connection without a request for so long is closed. A request that waits for its answer counts as activity. Negative: never.',
  }),
  'max.connections': int({
    default: INT_MAX,
    min: 0,
    unit: 'count',
    update: cluster,
    doc: 'Most connections at a time.',
  }),
  'max.connections.per.ip': int({
    default: INT_MAX,
    min: 0,
    unit: 'count',
    update: cluster,
    doc: 'Most connections at a time from one address.',
  }),
  'max.connections.per.ip.overrides': string({
    default: '',
    update: cluster,
    doc: 'Other limits for single addresses: host:limit, separated by commas.',
  }),
  'max.connection.creation.rate': int({
    default: INT_MAX,
    min: 0,
    unit: 'count',
    update: cluster,
    doc: 'Most new connections a second.',
  }),
  'queued.max.request.bytes': long({
    default: -1,
    unit: 'bytes',
    doc: 'Most bytes of requests held in memory over all connections; above it no more is read. -1: a quarter of the memory of this machine, at most 512 MiB.',
  }),
  'odradek.outgoing.max.bytes': long({
    default: -1,
    unit: 'bytes',
    update: cluster,
    doc: 'Most bytes of answers held in memory, over all connections, until clients take them. Answers to Fetch get smaller as it is used up; above half of it, connections that take nothing for odradek.slow.reader.timeout.ms are closed. -1: a quarter of the memory of this machine, at most 512 MiB.',
  }),
  'odradek.slow.reader.timeout.ms': int({
    default: 10_000,
    min: 1_000,
    unit: 'ms',
    update: cluster,
    doc: 'How long a client may take nothing of what it was sent, once half of odradek.outgoing.max.bytes is in use. Beyond that the connections that hold the most are closed first. With memory enough nobody is hurried.',
  }),
  'fetch.max.bytes': int({
    default: 57_671_680,
    min: 1024,
    unit: 'bytes',
    doc: 'Most bytes of one Fetch response, whatever the client asks for.',
  }),
  'max.incremental.fetch.session.cache.slots': int({
    default: 1000,
    min: 0,
    unit: 'count',
    doc: 'How many incremental fetch sessions (KIP-227) are kept. Clients beyond it send whole requests.',
  }),
  'max.request.partition.size.limit': int({
    default: 2000,
    min: 1,
    unit: 'count',
    doc: 'Most partitions in one DescribeTopicPartitions response; the client asks on from where it ends.',
  }),
  'odradek.http.listen': string({
    default: '',
    doc: 'host:port of the HTTP interface: /metrics, /healthz, /readyz, /v1/status. Empty: none.',
  }),
  'odradek.metrics.max.partitions': int({
    default: 10_000,
    min: 0,
    unit: 'count',
    doc: 'Most partitions with series of their own in /metrics.',
  }),
}
