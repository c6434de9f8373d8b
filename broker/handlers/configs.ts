import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs } from '../../protocol/apis/configs.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import {
  type ConfigEntry,
  describeBroker,
  describeBrokerDefaults,
  describeGroup,
  describeTopic,
  sourceCodes,
} from '../config/describe.ts'
import { configTypes } from '../config/key.ts'
import { changeConfigs, isInteger } from '../metadata/config-changes.ts'
import { type ConfigEdit, editOperation, replacingEdits } from '../metadata/config-edits.ts'
import type { ConfigResource } from '../metadata/image.ts'
import { isRefusal, type Refusal, refusal } from '../metadata/refusal.ts'
import { checkTopicName } from '../metadata/topic-names.ts'
import { CLUSTER_NAME, needs, type Operation } from '../security/requirements.ts'
import type { Services } from '../services.ts'
import { type RequestContext, serve } from './handler.ts'

type DescribedResource = ResponseOf<typeof DescribeConfigs>['results'][number]
type DescribedConfig = DescribedResource['configs'][number]
type AlteredResource = ResponseOf<typeof AlterConfigs>['responses'][number]

/** Codes of what configs are on. */
const resources: ReadonlyMap<number, ConfigResource> = new Map([
  [2, 'topic'],
  [4, 'broker'],
  [32, 'group'],
])
const BROKER_LOGGER = 8

/**
 * Most configs in one DescribeConfigs answer: those of 10,000 topics fit. A short request that names a broker a million
 * times would else be answered with a hundred gigabytes.
 */
const MAX_DESCRIBED_CONFIGS = 400_000
const tooManyResources = refusal('POLICY_VIOLATION', 'Too many resources in one request; ask for fewer at a time.')

interface NamedResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** DescribeConfigs (key 32): values in force, and what stands behind them. */
export const describeConfigs = serve(
  DescribeConfigs,
  [needs('topic', 'DESCRIBE_CONFIGS'), needs('group', 'DESCRIBE_CONFIGS'), needs('cluster', 'DESCRIBE_CONFIGS')],
  (request, context, services) => {
    const { includeSynonyms, includeDocumentation } = request
    let left = MAX_DESCRIBED_CONFIGS
    const results = request.resources.map(({ resourceType, resourceName, configurationKeys }): DescribedResource => {
      const target = { resourceType, resourceName }
      const entries =
        may(context, services, 'DESCRIBE_CONFIGS', target) ??
        (left > 0 ? entriesOf(target, services) : tooManyResources)
      if (isRefusal(entries)) {
        return { ...target, errorCode: errorCode(entries.error), errorMessage: entries.message, configs: [] }
      }
      // An empty list of keys asks for all of them, as null does (AD-13).
      const wanted =
        configurationKeys === null || configurationKeys.length === 0 ? undefined : new Set(configurationKeys)
      const configs = entries
        .filter(({ name }) => wanted?.has(name) ?? true)
        .map((entry) => describedConfig(entry, includeSynonyms, includeDocumentation))
      left -= configs.length
      return { ...target, errorCode: 0, errorMessage: '', configs }
    })
    return { throttleTimeMs: 0, results }
  },
)

function entriesOf({ resourceType, resourceName }: NamedResource, services: Services): ConfigEntry[] | Refusal {
  const { config, cluster } = services
  const { image, nodeId } = cluster
  if (resourceType === BROKER_LOGGER) return loggers(resourceName, nodeId)
  const resource = resources.get(resourceType)
  switch (resource) {
    case 'topic': {
      const topic = image.topicByName(resourceName)
      if (topic !== undefined) return describeTopic(config, topic.configs)
      return checkTopicName(resourceName) ?? refusal('UNKNOWN_TOPIC_OR_PARTITION', '')
    }
    case 'broker':
      if (resourceName === '') return describeBrokerDefaults(image.configs('broker', ''))
      if (!isInteger(resourceName)) {
        return refusal('INVALID_REQUEST', `Broker id must be an integer, but it is: ${resourceName}`)
      }
      if (Number(resourceName) !== nodeId) {
        const message = `Unexpected broker id, expected ${nodeId} or empty string, but received ${resourceName}`
        return refusal('INVALID_REQUEST', message)
      }
      return describeBroker(config)
    case 'group':
      if (resourceName === '') return refusal('INVALID_REQUEST', 'Group name must not be empty')
      return describeGroup(config, image.configs('group', resourceName))
    case undefined:
      return refusal('INVALID_REQUEST', `Unknown resource type ${resourceType}`)
  }
}

/** There are no loggers whose levels could be told or set apart: the list of this broker is empty. */
function loggers(resourceName: string, nodeId: number): ConfigEntry[] | Refusal {
  if (resourceName === '') return refusal('INVALID_REQUEST', 'Broker id must not be empty')
  if (!isInteger(resourceName)) {
    return refusal('INVALID_REQUEST', `Broker id must be an integer, but it is: ${resourceName}`)
  }
  return Number(resourceName) === nodeId
    ? []
    : refusal('INVALID_REQUEST', `Unexpected broker id, expected ${nodeId} but received ${resourceName}`)
}

const describedConfig = (entry: ConfigEntry, synonyms: boolean, documentation: boolean): DescribedConfig => ({
  name: entry.name,
  value: entry.value,
  readOnly: entry.readOnly,
  configSource: sourceCodes[entry.source],
  isSensitive: entry.sensitive,
  synonyms: synonyms
    ? entry.synonyms.map(({ name, value, source }) => ({ name, value, source: sourceCodes[source] }))
    : [],
  configType: entry.type === undefined ? 0 : configTypes[entry.type],
  documentation: documentation ? entry.documentation : null,
})

const alterRequirements = [
  needs('topic', 'ALTER_CONFIGS'),
  needs('group', 'ALTER_CONFIGS'),
  needs('cluster', 'ALTER_CONFIGS'),
] as const

/** AlterConfigs (key 33): replaces all that is set on a resource (AD-15). */
export const alterConfigs = serve(AlterConfigs, alterRequirements, async (request, context, services) => {
  const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    edits: (current: ReadonlyMap<string, string>) => replacingEdits(configs, current),
  }))
  const responses = await alter(alterations, request.validateOnly, context, services)
  return { throttleTimeMs: 0, responses }
})

/** IncrementalAlterConfigs (key 44): changes only what is named (KIP-339). */
export const incrementalAlterConfigs = serve(
  IncrementalAlterConfigs,
  alterRequirements,
  async (request, context, services) => {
    const alterations = request.resources.map(({ resourceType, resourceName, configs }) => {
      const edits = configs.map(
        ({ name, configOperation, value }): ConfigEdit => ({ name, operation: editOperation(configOperation), value }),
      )
      return { resourceType, resourceName, edits: () => edits }
    })
    const responses = await alter(alterations, request.validateOnly, context, services, loggerRefusal)
    return { throttleTimeMs: 0, responses }
  },
)

interface Alteration extends NamedResource {
  readonly edits: (current: ReadonlyMap<string, string>) => readonly ConfigEdit[]
}

/** One resource after the other, each on its own: what is refused of one does not hinder another. */
async function alter(
  alterations: readonly Alteration[],
  validateOnly: boolean,
  context: RequestContext,
  services: Services,
  ofLogger: (alteration: Alteration, nodeId: number) => Refusal = unknownType,
): Promise<AlteredResource[]> {
  const responses: AlteredResource[] = []
  const repeated = repeatedKeys(alterations)
  for (const alteration of alterations) {
    const { resourceType, resourceName, edits } = alteration
    const resource = resources.get(resourceType)
    const refused =
      (repeated.has(keyOf(alteration))
        ? refusal('INVALID_REQUEST', 'Each resource must appear at most once.')
        : undefined) ??
      may(context, services, 'ALTER_CONFIGS', alteration) ??
      (resourceType === BROKER_LOGGER ? ofLogger(alteration, services.cluster.nodeId) : undefined) ??
      (resource === undefined
        ? unknownType(alteration)
        : await changeConfigs(services, { resource, name: resourceName }, edits, validateOnly))
    const answer = { errorCode: errorCode(refused?.error ?? 'NONE'), errorMessage: refused?.message ?? null }
    responses.push({ ...answer, resourceType, resourceName })
  }
  return responses
}

const keyOf = ({ resourceType, resourceName }: NamedResource): string => `${resourceType}/${resourceName}`

function repeatedKeys(named: readonly NamedResource[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const key of named.map(keyOf)) {
    if (seen.has(key)) repeated.add(key)
    seen.add(key)
  }
  return repeated
}

const unknownType = ({ resourceType }: NamedResource): Refusal =>
  refusal('INVALID_REQUEST', `Unknown resource type ${resourceType}`)

function loggerRefusal({ resourceName, edits }: Alteration, nodeId: number): Refusal {
  if (!isInteger(resourceName)) {
    return refusal('INVALID_REQUEST', `Node id must be an integer, but it is: ${resourceName}`)
  }
  if (Number(resourceName) !== nodeId) {
    return refusal('INVALID_REQUEST', `Unexpected node id. Expected ${nodeId}, but received ${resourceName}`)
  }
  const [first] = edits(new Map())
  return refusal('INVALID_CONFIG', `Logger ${first?.name ?? ''} does not exist!`)
}

/** Topics and groups stand for themselves; everything of a broker is the cluster's. */
function may(
  { connection: { principal } }: RequestContext,
  { authorizer }: Services,
  operation: Extract<Operation, 'DESCRIBE_CONFIGS' | 'ALTER_CONFIGS'>,
  { resourceType, resourceName }: NamedResource,
): Refusal | undefined {
  const resource = resources.get(resourceType)
  if (resource === 'topic') {
    return authorizer.allows(principal, operation, 'topic', resourceName)
      ? undefined
      : refusal('TOPIC_AUTHORIZATION_FAILED')
  }
  if (resource === 'group') {
    return authorizer.allows(principal, operation, 'group', resourceName)
      ? undefined
      : refusal('GROUP_AUTHORIZATION_FAILED')
  }
  return authorizer.allows(principal, operation, 'cluster', CLUSTER_NAME)
    ? undefined
    : refusal('CLUSTER_AUTHORIZATION_FAILED')
}
