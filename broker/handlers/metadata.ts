import { DescribeTopicPartitions, Metadata } from '../../protocol/apis/metadata.ts'
import { type ErrorName, errorCode } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'
import type { ClusterImage, PartitionImage, TopicImage } from '../metadata/image.ts'
import { authorizedOperations, CLUSTER_NAME, needs, OPERATIONS_NOT_ASKED } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type Request = RequestOf<typeof Metadata>
type TopicAnswer = ResponseOf<typeof Metadata>['topics'][number]
type AskedTopic = NonNullable<Request['topics']>[number]

/** Metadata (key 3): brokers, topics, who leads; makes a topic that is asked for and missing (MD-4, MD-5). */
export const metadata = serve(
  Metadata,
  [needs('topic', 'DESCRIBE'), needs('topic', 'CREATE'), needs('cluster', 'CREATE')],
  (request, context, services) => {
    const asked = askedTopics(request, context)
    const problem = asked?.find((topic) => isIllegal(topic, context))
    if (asked !== undefined && problem !== undefined) {
      const topics = asked.map((topic) => topicError(topic.name ?? '', 'INVALID_REQUEST', topic.topicId))
      // Kafka tells nothing of the cluster in an answer that is an error as a whole.
      return { ...respond(request, context, services, topics), brokers: [], clusterId: null, controllerId: -1 }
    }
    const mayCreate = request.allowAutoTopicCreation && services.config.get('auto.create.topics.enable')
    const missing = mayCreate && asked !== undefined ? missingTopics(asked, context, services) : []
    if (missing.length === 0)
      return respond(request, context, services, answerTopics(request, context, services, asked, NONE))
    return services.topics
      .createMissing(missing)
      .then((refused) => respond(request, context, services, answerTopics(request, context, services, asked, refused)))
  },
)

const NONE: ReadonlyMap<string, ErrorName> = new Map()

/** Undefined means all topics: null from v1 on, an empty list in v0 (MD-1). */
function askedTopics({ topics }: Request, { apiVersion }: RequestContext): readonly AskedTopic[] | undefined {
  return topics === null || (apiVersion === 0 && topics.length === 0) ? undefined : topics
}

/** A topic without a name needs an id, and ids count from v12 on (MD-14). */
function isIllegal({ name, topicId }: AskedTopic, { apiVersion }: RequestContext): boolean {
  return apiVersion < 12 ? name === null || topicId !== ZERO_UUID : name === null && topicId === ZERO_UUID
}

/** Names to be made: what does not exist and may be made by this client, each once. */
function missingTopics(asked: readonly AskedTopic[], context: RequestContext, services: Services): string[] {
  if (asked.some(({ topicId }) => topicId !== ZERO_UUID)) return []
  const { principal } = context.connection
  const { authorizer, cluster } = services
  const mayCreateAny = authorizer.allows(principal, 'CREATE', 'cluster', CLUSTER_NAME)
  const names = asked.flatMap(({ name }) =>
    name === null || cluster.image.topicByName(name) !== undefined ? [] : [name],
  )
  return [...new Set(names)].filter(
    (name) =>
      authorizer.allows(principal, 'DESCRIBE', 'topic', name) &&
      (mayCreateAny || authorizer.allows(principal, 'CREATE', 'topic', name)),
  )
}

function answerTopics(
  request: Request,
  context: RequestContext,
  services: Services,
  asked: readonly AskedTopic[] | undefined,
  refused: ReadonlyMap<string, ErrorName>,
): TopicAnswer[] {
  const { image } = services.cluster
  const { authorizer } = services
  const { principal } = context.connection
  const mayDescribe = (name: string) => authorizer.allows(principal, 'DESCRIBE', 'topic', name)
  const describe = (topic: TopicImage): TopicAnswer => describeTopic(topic, request, context, services)
  if (asked === undefined) return [...image.topics()].filter(({ name }) => mayDescribe(name)).map(describe)
  const byId = asked.some(({ topicId }) => topicId !== ZERO_UUID)
  if (byId) {
    // Names beside ids do not count, and what stands twice is answered once.
    const ids = new Set(asked.map(({ topicId }) => topicId).filter((topicId) => topicId !== ZERO_UUID))
    return [...ids].map((topicId) => {
      const topic = image.topicById(topicId)
      if (topic === undefined) return topicError(null, 'UNKNOWN_TOPIC_ID', topicId)
      return mayDescribe(topic.name) ? describe(topic) : topicError(null, 'TOPIC_AUTHORIZATION_FAILED', topicId)
    })
  }
  return [...new Set(asked.map(({ name }) => name ?? ''))].map((wanted) => {
    if (!mayDescribe(wanted)) return topicError(wanted, 'TOPIC_AUTHORIZATION_FAILED')
    const topic = image.topicByName(wanted)
    if (topic !== undefined) return describe(topic)
    return {
      ...topicError(wanted, refused.get(wanted) ?? services.topics.absence(wanted)),
      isInternal: services.topics.isInternal(wanted),
      topicAuthorizedOperations: request.includeTopicAuthorizedOperations
        ? authorizedOperations(authorizer, principal, 'topic', wanted)
        : OPERATIONS_NOT_ASKED,
    }
  })
}

function respond(
  request: Request,
  { connection }: RequestContext,
  services: Services,
  topics: TopicAnswer[],
): ResponseOf<typeof Metadata> {
  const { image } = services.cluster
  return {
    throttleTimeMs: 0,
    brokers: brokersFor(image, services, connection.listener),
    clusterId: image.clusterId,
    controllerId: image.controllerId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? authorizedOperations(services.authorizer, connection.principal, 'cluster', CLUSTER_NAME)
      : OPERATIONS_NOT_ASKED,
    errorCode: 0,
  }
}

/** Every broker with the address of the listener that the request came in on (MD-9). */
function brokersFor(image: ClusterImage, services: Services, listenerName: string) {
  return [...image.brokers.values()].flatMap(({ id, rack, listeners }) => {
    const own = services.listeners.find(({ name }) => name === listenerName)
    const address =
      id === services.cluster.nodeId && own !== undefined
        ? { host: own.advertisedHost, port: own.advertisedPort }
        : listeners.find(({ name }) => name === listenerName)
    return address === undefined ? [] : [{ nodeId: id, host: address.host, port: address.port, rack }]
  })
}

function describeTopic(topic: TopicImage, request: Request, context: RequestContext, services: Services): TopicAnswer {
  const { authorizer, cluster } = services
  const listener = context.connection.listener
  // A leader that this client cannot reach is none for it; older clients know only the older code (MD-10).
  const noEndpoint: ErrorName = context.apiVersion >= 6 ? 'LISTENER_NOT_FOUND' : 'LEADER_NOT_AVAILABLE'
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((partition, partitionIndex) => {
      const error = leaderError(partition, cluster.image, listener, noEndpoint)
      return {
        errorCode: errorCode(error),
        partitionIndex,
        leaderId: error === 'NONE' ? partition.leader : -1,
        leaderEpoch: partition.leaderEpoch,
        ...replicasOf(partition, cluster.image),
      }
    }),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations
      ? authorizedOperations(authorizer, context.connection.principal, 'topic', topic.name)
      : OPERATIONS_NOT_ASKED,
  }
}

function leaderError(
  { leader }: PartitionImage,
  image: ClusterImage,
  listener: string,
  noEndpoint: ErrorName,
): ErrorName {
  const broker = image.brokers.get(leader)
  if (broker === undefined) return 'LEADER_NOT_AVAILABLE'
  return broker.listeners.some(({ name }) => name === listener) ? 'NONE' : noEndpoint
}

/** In sync is who is alive: there is no replication, a replica is the log itself (D9). */
function replicasOf({ replicas }: PartitionImage, image: ClusterImage) {
  return {
    replicaNodes: replicas,
    isrNodes: replicas.filter((id) => image.brokers.has(id)),
    offlineReplicas: replicas.filter((id) => !image.brokers.has(id)),
  }
}

const topicError = (name: string | null, error: ErrorName, topicId = ZERO_UUID): TopicAnswer => ({
  errorCode: errorCode(error),
  name,
  topicId,
  isInternal: false,
  partitions: [],
  topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
})

/** DescribeTopicPartitions (key 75): partitions of named or all topics, page by page (KIP-966). */
export const describeTopicPartitions = serve(
  DescribeTopicPartitions,
  [needs('topic', 'DESCRIBE')],
  (request, context, services) => {
    const { image } = services.cluster
    const { principal } = context.connection
    const mayDescribe = (name: string) => services.authorizer.allows(principal, 'DESCRIBE', 'topic', name)
    const all = request.topics.length === 0
    const names = all
      ? [...image.topics()].map(({ name }) => name).filter(mayDescribe)
      : request.topics.map(({ name }) => name)
    const { cursor } = request
    if (cursor !== null && (cursor.partitionIndex < 0 || !(all || names.includes(cursor.topicName)))) {
      return {
        throttleTimeMs: 0,
        topics: names.map((name) => describedError(name, 'INVALID_REQUEST')),
        nextCursor: null,
      }
    }
    const wanted = [...new Set(names)].sort().filter((name) => cursor === null || name >= cursor.topicName)
    const most = services.config.get('max.request.partition.size.limit')
    let left = Math.min(Math.max(request.responsePartitionLimit, 1), most)
    const topics: ResponseOf<typeof DescribeTopicPartitions>['topics'][number][] = []
    let nextCursor: ResponseOf<typeof DescribeTopicPartitions>['nextCursor'] = null
    for (const name of wanted) {
      const topic = mayDescribe(name) ? image.topicByName(name) : undefined
      if (topic === undefined) {
        const error = mayDescribe(name) ? services.topics.absence(name) : 'TOPIC_AUTHORIZATION_FAILED'
        const operations = mayDescribe(name)
          ? authorizedOperations(services.authorizer, principal, 'topic', name)
          : OPERATIONS_NOT_ASKED
        topics.push({ ...describedError(name, error), topicAuthorizedOperations: operations })
        continue
      }
      const first = cursor?.topicName === name ? cursor.partitionIndex : 0
      if (left === 0) {
        nextCursor = { topicName: name, partitionIndex: first }
        break
      }
      const page = topic.partitions.slice(first, first + left)
      left -= page.length
      topics.push({
        errorCode: 0,
        name,
        topicId: topic.id,
        isInternal: topic.internal,
        partitions: page.map((partition, i) => ({
          errorCode: image.brokers.has(partition.leader) ? 0 : errorCode('LEADER_NOT_AVAILABLE'),
          partitionIndex: first + i,
          leaderId: partition.leader,
          leaderEpoch: partition.leaderEpoch,
          ...replicasOf(partition, image),
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
        })),
        topicAuthorizedOperations: authorizedOperations(services.authorizer, principal, 'topic', name),
      })
      if (first + page.length < topic.partitions.length) {
        nextCursor = { topicName: name, partitionIndex: first + page.length }
        break
      }
    }
    return { throttleTimeMs: 0, topics, nextCursor }
  },
)

const describedError = (name: string, error: ErrorName) => ({
  errorCode: errorCode(error),
  name,
  topicId: ZERO_UUID,
  isInternal: false,
  partitions: [],
  topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
})
