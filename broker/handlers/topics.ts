import { CreatePartitions, CreateTopics, DeleteTopics } from '../../protocol/apis/topics.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { RequestOf, ResponseOf } from '../../protocol/schema/api.ts'
import { ZERO_UUID } from '../../protocol/wire/reader.ts'
import { describeTopic, sourceCodes } from '../config/describe.ts'
import type { TopicImage } from '../metadata/image.ts'
import { isRefusal, type Refusal, refusal } from '../metadata/refusal.ts'
import type { NewTopic } from '../metadata/topics.ts'
import { CLUSTER_NAME, needs, type Operation } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type CreatableTopic = RequestOf<typeof CreateTopics>['topics'][number]
type CreatedTopic = ResponseOf<typeof CreateTopics>['topics'][number]
type DeletedTopic = ResponseOf<typeof DeleteTopics>['responses'][number]

const unauthorized = refusal('TOPIC_AUTHORIZATION_FAILED')
const duplicate = refusal('INVALID_REQUEST', 'Duplicate topic name.')

/** CreateTopics (key 19). */
export const createTopics = serve(CreateTopics, [needs('topic', 'CREATE')], async (request, context, services) => {
  const wanted = distinct(request.topics, ({ name }) => name)
  const refused = new Map<string, Refusal>()
  for (const { name } of wanted.repeated) refused.set(name, duplicate)
  const allowed = wanted.once.filter(({ name }) => {
    if (mayAlso(context, services, 'CREATE', name)) return true
    refused.set(name, unauthorized)
    return false
  })
  const { validateOnly } = request
  const results = await services.topics.create(allowed.map(newTopic), { validateOnly })
  const made = new Map(allowed.map(({ name }, at) => [name, results[at]!]))
  const names = [...new Set(request.topics.map(({ name }) => name))]
  const topics = names.map((name) => createdTopic(name, refused.get(name) ?? made.get(name)!, context, services))
  return { throttleTimeMs: 0, topics }
})

const newTopic = ({ name, numPartitions, replicationFactor, assignments, configs }: CreatableTopic): NewTopic => ({
  name,
  partitions: numPartitions,
  replicationFactor,
  assignments: assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, brokers: brokerIds })),
  configs: new Map(configs.map((config) => [config.name, config.value])),
})

/** v5+ tell what was made, with all configs in force if the client may see them (AD-7). */
function createdTopic(
  name: string,
  result: TopicImage | Refusal,
  { connection: { principal } }: RequestContext,
  { authorizer, config }: Services,
): CreatedTopic {
  const blank: CreatedTopic = {
    name,
    topicId: ZERO_UUID,
    errorCode: 0,
    errorMessage: null,
    topicConfigErrorCode: 0,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  }
  if (isRefusal(result)) return { ...blank, errorCode: errorCode(result.error), errorMessage: result.message }
  if (!authorizer.allows(principal, 'DESCRIBE_CONFIGS', 'topic', name)) {
    const topicConfigErrorCode = errorCode('TOPIC_AUTHORIZATION_FAILED')
    return { ...blank, topicId: result.id, topicConfigErrorCode, configs: null }
  }
  return {
    ...blank,
    topicId: result.id,
    numPartitions: result.partitions.length,
    replicationFactor: result.partitions[0]?.replicas.length ?? -1,
    configs: describeTopic(config, result.configs).map((entry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: entry.readOnly,
      configSource: sourceCodes[entry.source],
      isSensitive: entry.sensitive,
    })),
  }
}

/** DeleteTopics (key 20): by name, from v6 on also by id. */
export const deleteTopics = serve(DeleteTopics, [needs('topic', 'DELETE')], async (request, context, services) => {
  const { apiVersion } = context
  const asked = apiVersion >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
  if (!services.config.get('delete.topic.enable')) {
    // Before v3 clients do not know the error (AD-9).
    const switchedOff = refusal(apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED')
    return { throttleTimeMs: 0, responses: asked.map((topic) => deletedTopic(topic, switchedOff)) }
  }
  const all = new AskedDeletions(asked)
  const judged = all.distinct().map((topic) => ({ topic, verdict: judgeDeletion(topic, all, context, services) }))
  const ids = new Set(judged.flatMap(({ verdict }) => (isRefusal(verdict) ? [] : [verdict.id])))
  const failed = await services.topics.delete([...ids])
  const responses = judged.map(({ topic, verdict }) =>
    isRefusal(verdict)
      ? deletedTopic(topic, verdict)
      : deletedTopic({ name: verdict.name, topicId: verdict.id }, failed.get(verdict.id)),
  )
  return { throttleTimeMs: 0, responses }
})

type AskedDeletion = { readonly name: string | null; readonly topicId: string }

/** The topics that a DeleteTopics names, so that those named twice are found without comparing each with each. */
class AskedDeletions {
  readonly #once = new Map<string, AskedDeletion>()
  readonly #repeated = new Set<string>()
  readonly #names = new Set<string | null>()
  readonly #ids = new Set<string>()

  constructor(asked: readonly AskedDeletion[]) {
    for (const topic of asked) {
      const key = keyOf(topic)
      if (this.#once.has(key)) this.#repeated.add(key)
      this.#once.set(key, topic)
      this.#names.add(topic.name)
      this.#ids.add(topic.topicId)
    }
  }

  /** Each once: what stands twice is refused once, as Kafka does. */
  distinct(): AskedDeletion[] {
    return [...this.#once.values()]
  }

  repeats(topic: AskedDeletion): boolean {
    return this.#repeated.has(keyOf(topic))
  }

  /** Whether a topic is named by its name and by its id. */
  namesTwice({ name, id }: TopicImage): boolean {
    return this.#names.has(name) && this.#ids.has(id)
  }
}

const keyOf = ({ name, topicId }: AskedDeletion): string => JSON.stringify([name, topicId])

/** The topic that is meant and may be deleted, or what is wrong; never that a hidden topic exists (AD-22). */
function judgeDeletion(
  asked: AskedDeletion,
  all: AskedDeletions,
  context: RequestContext,
  services: Services,
): TopicImage | Refusal {
  const { name, topicId } = asked
  const byId = topicId !== ZERO_UUID
  if (name !== null && byId) return refusal('INVALID_REQUEST', 'You may not specify both topic name and topic id.')
  if (name === null && !byId) return refusal('INVALID_REQUEST', 'Neither topic name nor id were specified.')
  if (all.repeats(asked)) return byId ? refusal('INVALID_REQUEST', 'Duplicate topic id.') : duplicate
  const { image } = services.cluster
  const topic = byId ? image.topicById(topicId) : image.topicByName(name ?? '')
  const known = topic?.name ?? name ?? ''
  const mayDescribe = services.authorizer.allows(context.connection.principal, 'DESCRIBE', 'topic', known)
  if (topic === undefined) {
    if (byId) return refusal('UNKNOWN_TOPIC_ID', 'This server does not host this topic ID.')
    return mayDescribe
      ? refusal('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.')
      : unauthorized
  }
  if (!mayAlso(context, services, 'DELETE', topic.name)) return unauthorized
  return all.namesTwice(topic)
    ? refusal('INVALID_REQUEST', 'The provided topic name maps to an ID that was already supplied.')
    : topic
}

const deletedTopic = ({ name, topicId }: AskedDeletion, refused?: Refusal): DeletedTopic => ({
  name,
  topicId,
  errorCode: errorCode(refused?.error ?? 'NONE'),
  errorMessage: refused?.message ?? null,
})

/** CreatePartitions (key 37). */
export const createPartitions = serve(
  CreatePartitions,
  [needs('topic', 'ALTER')],
  async (request, { connection: { principal } }, { topics, authorizer }) => {
    const { once, repeated } = distinct(request.topics, ({ name }) => name)
    const allowed = once.filter(({ name }) => authorizer.allows(principal, 'ALTER', 'topic', name))
    const wanted = allowed.map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
    }))
    const grown = await topics.grow(wanted, { validateOnly: request.validateOnly })
    const results = new Map<string, Refusal | undefined>()
    for (const { name } of once) results.set(name, unauthorized)
    for (const [at, { name }] of allowed.entries()) results.set(name, grown[at])
    for (const { name } of repeated) results.set(name, duplicate)
    return {
      throttleTimeMs: 0,
      results: [...results].map(([name, refused]) => ({
        name,
        errorCode: errorCode(refused?.error ?? 'NONE'),
        errorMessage: refused?.message ?? null,
      })),
    }
  },
)

/** Topics may be made and deleted by who may do so to that topic, or to any topic of the cluster. */
function mayAlso(
  { connection: { principal } }: RequestContext,
  { authorizer }: Services,
  operation: Extract<Operation, 'CREATE' | 'DELETE'>,
  name: string,
): boolean {
  return (
    authorizer.allows(principal, operation, 'cluster', CLUSTER_NAME) ||
    authorizer.allows(principal, operation, 'topic', name)
  )
}

/** What stands once in a list, and what stands there more than once; a repeated thing is refused as a whole (AD-1). */
function distinct<T>(items: readonly T[], keyOf: (item: T) => string): { once: T[]; repeated: T[] } {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  const isOnce = (item: T): boolean => counts.get(keyOf(item)) === 1
  return { once: items.filter(isOnce), repeated: items.filter((item) => !isOnce(item)) }
}
