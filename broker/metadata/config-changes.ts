import type { BrokerConfig } from '../config/broker-config.ts'
import { groupKeyOf } from '../config/group-keys.ts'
import { InvalidConfigValue } from '../config/key.ts'
import { keyOf } from '../config/keys.ts'
import { checkTopicConfigs, InvalidTopicConfig, topicConfig } from '../config/topic-config.ts'
import { type TopicConfigName, topicKeyOf } from '../config/topic-keys.ts'
import type { Cluster } from './cluster.ts'
import { type ConfigEdit, type EditContext, resolveEdits } from './config-edits.ts'
import type { ConfigResource } from './image.ts'
import { isRefusal, type Refusal, refusal } from './refusal.ts'
import { MetadataStoreError } from './store.ts'
import { checkTopicName } from './topic-names.ts'

/** Where configs are changed. */
export interface ConfigTarget {
  readonly resource: ConfigResource
  /** A topic, a node id or '' for all brokers, a group. */
  readonly name: string
}

export interface ConfigScope {
  readonly cluster: Cluster
  readonly config: BrokerConfig
}

/**
 * Changes the configs of one resource, if all of it is legal. In force when it resolves (AD-17).
 * @param edits from what is set now; called when it is this change's turn
 * @returns why it was not done; undefined when it was, or could have been with `validateOnly`
 */
export function changeConfigs(
  { cluster, config }: ConfigScope,
  { resource, name }: ConfigTarget,
  edits: (current: ReadonlyMap<string, string>) => readonly ConfigEdit[],
  validateOnly: boolean,
): Promise<Refusal | undefined> {
  return cluster.inTurn(async () => {
    const wrongTarget = checkTarget(cluster, { resource, name })
    if (wrongTarget !== undefined) return wrongTarget
    const current = cluster.image.configs(resource, name)
    const resolved = resolveEdits(edits(current), contexts[resource](config, current))
    if (isRefusal(resolved)) return resolved
    const wrong = checks[resource](config, name, current, resolved)
    if (wrong !== undefined || validateOnly) return wrong
    try {
      await cluster.alterConfigs(resource, name, resolved)
    } catch (error) {
      if (!(error instanceof MetadataStoreError)) throw error
      return error.code === 'TOO_LARGE'
        ? refusal('INVALID_REQUEST', `The name of the resource is too long: ${error.message}`)
        : refusal('KAFKA_STORAGE_ERROR', error.message)
    }
    return undefined
  })
}

function checkTarget(cluster: Cluster, { resource, name }: ConfigTarget): Refusal | undefined {
  if (resource === 'broker') {
    if (name !== '' && !isInteger(name)) {
      return refusal('INVALID_REQUEST', `Node id must be an integer, but it is: ${name}`)
    }
    if (name !== '' && Number(name) !== cluster.nodeId) {
      return refusal('INVALID_REQUEST', `Unexpected broker id, expected ${cluster.nodeId}, but received ${name}`)
    }
    return undefined
  }
  if (name === '') return refusal('INVALID_REQUEST', `Default ${resource} resources are not allowed.`)
  if (resource === 'group') return undefined
  const wrongName = checkTopicName(name)
  if (wrongName !== undefined) return wrongName
  return cluster.image.topicByName(name) === undefined
    ? refusal('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
    : undefined
}

/** Whether a resource name is a node id as Java would read it. */
export const isInteger = (text: string): boolean => /^-?\d{1,10}$/.test(text)

const contexts: Record<ConfigResource, (config: BrokerConfig, current: ReadonlyMap<string, string>) => EditContext> = {
  topic: (config, current) => ({
    current,
    keyOf: (name) => topicKeyOf(name)?.key,
    inherited: (name) => topicConfig(config, new Map()).get(name as TopicConfigName) as readonly string[],
  }),
  broker: (config, current) => ({
    current,
    keyOf,
    inherited: (name) => (config.get(name as Parameters<BrokerConfig['get']>[0]) ?? []) as readonly string[],
  }),
  // No config of a group is a list.
  group: (_config, current) => ({ current, keyOf: (name) => groupKeyOf(name)?.key, inherited: () => [] }),
}

type Check = (
  config: BrokerConfig,
  name: string,
  current: ReadonlyMap<string, string>,
  edits: ReadonlyMap<string, string | null>,
) => Refusal | undefined

const checks: Record<ConfigResource, Check> = { topic: checkTopic, broker: checkBroker, group: checkGroup }

/** All that the topic would then set must hold together, also with what it sets already (AD-5). */
function checkTopic(
  config: BrokerConfig,
  _name: string,
  current: ReadonlyMap<string, string>,
  edits: ReadonlyMap<string, string | null>,
): Refusal | undefined {
  return refusedBy('INVALID_CONFIG', () => checkTopicConfigs(config, merged(current, edits)))
}

function checkBroker(
  _config: BrokerConfig,
  name: string,
  _current: ReadonlyMap<string, string>,
  edits: ReadonlyMap<string, string | null>,
): Refusal | undefined {
  const fixed = [...edits.keys()].filter((key) => keyOf(key)?.update === 'read-only')
  if (fixed.length > 0) {
    return refusal('INVALID_REQUEST', `Cannot update these configs dynamically: [${fixed.join(', ')}]`)
  }
  const own = [...edits.keys()].filter((key) => keyOf(key)?.update === 'per-broker')
  if (name === '' && own.length > 0) {
    const message = `Cannot update these configs at default cluster level, broker id must be specified: [${own.join(', ')}]`
    return refusal('INVALID_REQUEST', message)
  }
  // A key that no table has is kept, as Kafka keeps it: it may be meant for a plug-in.
  return refusedBy('INVALID_REQUEST', () => {
    for (const [key, text] of edits) if (text !== null) keyOf(key)?.parse(key, text)
  })
}

function checkGroup(
  config: BrokerConfig,
  _name: string,
  _current: ReadonlyMap<string, string>,
  edits: ReadonlyMap<string, string | null>,
): Refusal | undefined {
  for (const [name, text] of edits) {
    const row = groupKeyOf(name)
    if (text === null) continue
    if (row === undefined) return refusal('INVALID_CONFIG', `Unknown group config name: ${name}`)
    const wrong = refusedBy('INVALID_CONFIG', () => {
      const value = row.key.parse(name, text) as number
      const { atLeast, atMost } = row
      if (atLeast !== undefined && value < (config.get(atLeast) as number)) {
        throw new InvalidTopicConfig(`${name} must be greater than or equal to ${atLeast}`)
      }
      if (atMost !== undefined && value > (config.get(atMost) as number)) {
        throw new InvalidTopicConfig(`${name} must be less than or equal to ${atMost}`)
      }
    })
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function merged(
  current: ReadonlyMap<string, string>,
  edits: ReadonlyMap<string, string | null>,
): ReadonlyMap<string, string> {
  const values = new Map(current)
  for (const [name, text] of edits) {
    if (text === null) values.delete(name)
    else values.set(name, text)
  }
  return values
}

function refusedBy(error: 'INVALID_CONFIG' | 'INVALID_REQUEST', check: () => void): Refusal | undefined {
  try {
    check()
    return undefined
  } catch (wrong) {
    if (!(wrong instanceof InvalidConfigValue) && !(wrong instanceof InvalidTopicConfig)) throw wrong
    return refusal(error, wrong.message)
  }
}
