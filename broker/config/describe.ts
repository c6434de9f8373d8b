import type { BrokerConfig, ConfigSource } from './broker-config.ts'
import { allGroupKeys } from './group-keys.ts'
import type { ConfigType, Key } from './key.ts'
import { allKeys, keyOf } from './keys.ts'
import { topicConfig } from './topic-config.ts'
import { allTopicKeys, type TopicConfigName } from './topic-keys.ts'

/** Where a described value comes from: the codes of DescribeConfigs v1+. */
export const sourceCodes = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  GROUP_CONFIG: 8,
} as const
export type EntrySource = keyof typeof sourceCodes

/** A value that stands behind another, and would be in force without it. */
export interface SynonymEntry {
  readonly name: string
  readonly value: string | null
  readonly source: EntrySource
}

/** One config as DescribeConfigs tells it. */
export interface ConfigEntry {
  readonly name: string
  /** In force now; null for null, and for what is sensitive (AD-14). */
  readonly value: string | null
  readonly readOnly: boolean
  readonly source: EntrySource
  readonly sensitive: boolean
  /** From the strongest on, the one in force included (FS-5). */
  readonly synonyms: readonly SynonymEntry[]
  /** Undefined for a name that no table has. */
  readonly type: ConfigType | undefined
  readonly documentation: string | null
}

/** Levels of the broker's configuration, from strong to weak. */
const levels: readonly ConfigSource[] = [
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
]

/** Keys that stand in for each other in the broker itself: milliseconds before minutes before hours. */
const families: readonly (readonly string[])[] = [
  ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
]

/** Every config of a topic; internal ones only where the topic sets them. */
export function describeTopic(broker: BrokerConfig, overrides: ReadonlyMap<string, string>): ConfigEntry[] {
  const inForce = topicConfig(broker, overrides)
  const entries: ConfigEntry[] = []
  for (const [name, { key, synonyms }] of allTopicKeys()) {
    if (key.internal && !overrides.has(name)) continue
    const value = key.format(inForce.get(name as TopicConfigName))
    const inherited = synonyms[0] === undefined ? [] : brokerSynonyms(broker, synonyms[0].key)
    const chain: SynonymEntry[] = overrides.has(name)
      ? [{ name, value, source: 'DYNAMIC_TOPIC_CONFIG' }, ...inherited]
      : inherited
    entries.push(entry(name, key, value, chain, false))
  }
  return entries
}

/** Every config of this broker, and what was set on it that no table has. */
export function describeBroker(broker: BrokerConfig): ConfigEntry[] {
  const entries: ConfigEntry[] = []
  for (const [name, key] of allKeys()) {
    if (key.internal) continue
    const chain = brokerSynonyms(broker, name)
    const value = key.format(broker.get(name as Parameters<BrokerConfig['get']>[0]))
    entries.push(entry(name, key, value, chain, key.update === 'read-only'))
  }
  return [...entries, ...broker.unknownDynamic().map(([name, source]) => unknownEntry(name, source))]
}

/** What is set for all brokers of the cluster: only that, as Kafka tells it of the entity without a name (AD-18). */
export function describeBrokerDefaults(values: ReadonlyMap<string, string>): ConfigEntry[] {
  const source = 'DYNAMIC_DEFAULT_BROKER_CONFIG'
  return [...values].map(([name, text]) => {
    const key = keyOf(name)
    if (key === undefined) return unknownEntry(name, source)
    const value = key.sensitive ? null : text
    return entry(name, key, text, [{ name, value, source }], key.update === 'read-only')
  })
}

/** Every config of a group, whether it exists or not (FS-4). */
export function describeGroup(broker: BrokerConfig, overrides: ReadonlyMap<string, string>): ConfigEntry[] {
  return [...allGroupKeys()].map(([name, { key, synonym }]) => {
    const fallback: SynonymEntry = { name, value: key.format(key.default), source: 'DEFAULT_CONFIG' }
    const inherited = synonym === undefined ? [fallback] : brokerSynonyms(broker, synonym)
    const own = overrides.get(name)
    const chain: SynonymEntry[] =
      own === undefined ? inherited : [{ name, value: own, source: 'GROUP_CONFIG' }, ...inherited]
    return entry(name, key, chain[0]?.value ?? null, chain, false)
  })
}

/**
 * What stands behind a broker key, level by level. As Kafka does, the chain begins where the key itself is set: with
 * log.retention.ms unset, log.retention.hours is not shown behind it.
 */
function brokerSynonyms(broker: BrokerConfig, name: string): SynonymEntry[] {
  const family = families.find((names) => names.includes(name)) ?? [name]
  const chain: SynonymEntry[] = []
  for (const source of levels) {
    for (const member of family) {
      const text = broker.textAt(source, member)
      if (text !== undefined) chain.push({ name: member, value: keyOf(member)?.sensitive ? null : text, source })
    }
  }
  const begin = chain.findIndex((synonym) => synonym.name === name)
  return begin === -1 ? [] : chain.slice(begin)
}

function entry(
  name: string,
  key: Key<unknown>,
  value: string | null,
  synonyms: readonly SynonymEntry[],
  readOnly: boolean,
): ConfigEntry {
  return {
    name,
    value: key.sensitive ? null : value,
    readOnly,
    source: synonyms[0]?.source ?? 'DEFAULT_CONFIG',
    sensitive: key.sensitive,
    synonyms,
    type: key.type,
    documentation: key.doc,
  }
}

/** Nobody knows whether it is a secret, so it is taken for one. */
const unknownEntry = (name: string, source: EntrySource): ConfigEntry => ({
  name,
  value: null,
  readOnly: true,
  source,
  sensitive: true,
  synonyms: [{ name, value: null, source }],
  type: undefined,
  documentation: null,
})
