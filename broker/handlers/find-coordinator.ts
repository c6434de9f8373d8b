import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { type ErrorName, errorCode, errorMessage } from '../../protocol/errors.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import { GROUP_TOPIC } from '../groups/group-coordinator.ts'
import { needs } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type Found = ResponseOf<typeof FindCoordinator>['coordinators'][number]

/** Kinds of keys, as the request counts them. */
const GROUP = 0
const TRANSACTION = 1
const SHARE = 2
/** First version that knows share groups. */
const SHARE_SINCE = 6

/**
 * FindCoordinator (key 10): which node to ask about a group. The first one ever makes `__consumer_offsets` and is
 * answered when that is there; Kafka answers COORDINATOR_NOT_AVAILABLE meanwhile and lets the client come again (FC-3).
 */
export const findCoordinator = serve(
  FindCoordinator,
  [needs('group', 'DESCRIBE'), needs('transactionalId', 'DESCRIBE'), needs('cluster', 'CLUSTER_ACTION')],
  (request, context, services) => {
    const keys = context.apiVersion >= 4 ? request.coordinatorKeys : [request.key]
    const answer = () => {
      const coordinators = keys.map((key) => locate(key, request.keyType, context, services))
      return context.apiVersion >= 4 ? { ...blank, coordinators } : oldAnswer(coordinators[0]!)
    }
    const ready = request.keyType === GROUP ? services.groups.ready() : undefined
    return ready === undefined ? answer() : ready.then(answer, answer)
  },
)

const blank: ResponseOf<typeof FindCoordinator> = {
  throttleTimeMs: 0,
  errorCode: 0,
  errorMessage: null,
  nodeId: 0,
  host: '',
  port: 0,
  coordinators: [],
}

/** Kafka says "NONE" where all is well, in these versions alone. */
const oldAnswer = ({ key: _key, ...found }: Found): ResponseOf<typeof FindCoordinator> => ({
  ...blank,
  ...found,
  errorMessage: found.errorCode === 0 ? 'NONE' : found.errorMessage,
})

function locate(key: string, keyType: number, context: RequestContext, services: Services): Found {
  const { authorizer, cluster, config, groups, listeners } = services
  const { principal, listener: listenerName } = context.connection
  if (keyType === TRANSACTION) {
    if (!authorizer.allows(principal, 'DESCRIBE', 'transactionalId', key)) {
      return notFound(key, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    }
    return notFound(key, 'UNSUPPORTED_VERSION', 'Transactions are not served by this broker yet.')
  }
  if (keyType === SHARE && context.apiVersion >= SHARE_SINCE) {
    if (!authorizer.allows(principal, 'CLUSTER_ACTION', 'cluster', 'kafka-cluster')) {
      return notFound(key, 'CLUSTER_AUTHORIZATION_FAILED')
    }
    return notFound(key, 'UNSUPPORTED_VERSION', 'Share groups are not served by this broker yet.')
  }
  if (keyType !== GROUP) return notFound(key, 'INVALID_REQUEST')
  if (!authorizer.allows(principal, 'DESCRIBE', 'group', key)) return notFound(key, 'GROUP_AUTHORIZATION_FAILED')
  const partition = cluster.image.topicByName(GROUP_TOPIC)?.partitions[groups.partitionFor(key)]
  const found = partition === undefined ? undefined : addressOf(partition.leader)
  if (partition === undefined || found === undefined) return notFound(key, 'COORDINATOR_NOT_AVAILABLE')
  return { key, nodeId: partition.leader, ...found, errorCode: 0, errorMessage: '' }

  function addressOf(nodeId: number): { host: string; port: number } | undefined {
    if (nodeId === config.nodeId) {
      const own = listeners.find(({ name }) => name === listenerName)
      return own && { host: own.advertisedHost, port: own.advertisedPort }
    }
    const other = cluster.image.brokers.get(nodeId)?.listeners.find(({ name }) => name === listenerName)
    return other && { host: other.host, port: other.port }
  }
}

/** Without a node, the fields of its address say so (FC-4). */
const notFound = (key: string, error: ErrorName, message = errorMessage(error)): Found => ({
  key,
  nodeId: -1,
  host: '',
  port: -1,
  errorCode: errorCode(error),
  errorMessage: message,
})
