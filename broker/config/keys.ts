import type { Key } from './key.ts'
import { clusterKeys } from './keys-cluster.ts'
import { diskKeys } from './keys-disk.ts'
import { logKeys } from './keys-log.ts'
import { networkKeys } from './keys-network.ts'
import { javaKeys, otherKeys, quorumKeys, replicationKeys, threadsKeys, tieringKeys } from './keys-unused-cluster.ts'
import { newerGroupsKeys, transactionsKeys } from './keys-unused-groups.ts'
import { securityKeys } from './keys-unused-security.ts'

/**
 * Every key of the broker's configuration. The parser, the static types, DescribeConfigs, AlterConfigs and
 * docs/configuration.md all read this one table. Names and defaults are Apache Kafka's 4.3, but for the few that
 * begin with `odradek.`, `log.flush.policy`, `cluster.id`, and the defaults of `listeners` and `log.dir`.
 */
export const configKeys = {
  ...clusterKeys,
  ...networkKeys,
  ...logKeys,
  ...diskKeys,
  ...newerGroupsKeys,
  ...transactionsKeys,
  ...securityKeys,
  ...quorumKeys,
  ...replicationKeys,
  ...tieringKeys,
  ...threadsKeys,
  ...javaKeys,
  ...otherKeys,
}

export type ConfigName = keyof typeof configKeys
/** The value of each key: `Config['log.segment.bytes']` is `number`, `Config['log.flush.interval.ms']` is `number | null`. */
export type Config = { readonly [K in ConfigName]: (typeof configKeys)[K] extends Key<infer T> ? T : never }

const table: ReadonlyMap<string, Key<unknown>> = new Map(Object.entries(configKeys) as [string, Key<unknown>][])

/** All keys in the order of the table. */
export const allKeys = (): Iterable<[string, Key<unknown>]> => table.entries()

/** The row of a key; undefined for a name that is none. */
export const keyOf = (name: string): Key<unknown> | undefined => table.get(name)

/** Whether `name` is a key of the broker. */
export const isConfigName = (name: string): name is ConfigName => table.has(name)
