/**
 * Writes docs/configuration.md from the tables of keys: `npx tsx scripts/write-configuration.ts`.
 * test/broker/config/manual.test.ts fails when the document is out of date.
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { allGroupKeys } from '../broker/config/group-keys.ts'
import type { Key } from '../broker/config/key.ts'
import { allKeys } from '../broker/config/keys.ts'
import { allTopicKeys } from '../broker/config/topic-keys.ts'

export const MANUAL_PATH = new URL('../docs/configuration.md', import.meta.url)

/** The whole document. */
export function configurationManual(): string {
  const visible = [...allKeys()].filter(([, key]) => !key.internal)
  const topics = [...allTopicKeys()].filter(([, { key }]) => !key.internal)
  return `# Configuration

<!-- Written by scripts/write-configuration.ts from broker/config; do not edit by hand. -->

Keys, types and defaults are those of Apache Kafka 4.3. Ours alone are the keys that begin with \`odradek.\`,
\`log.flush.policy\` (topic: \`flush.policy\`) and \`cluster.id\`; \`listeners\` and \`log.dir\` have other defaults.

## Where values come from

From strong to weak; the first that has a value wins:

1. \`--set key=value\`
2. the environment, by the rules of the Apache image: \`KAFKA_\` in front, \`_\` for a dot, \`__\` for an underscore, \`___\` for a
   dash; \`CLUSTER_ID\` stands for \`cluster.id\`
3. the properties file (Java's syntax)
4. what a mode sets: \`odradek dev\` and the embedded broker take, among others, \`group.initial.rebalance.delay.ms=0\` and
   \`log.flush.policy=os\`
5. the default

What clients change at run time (IncrementalAlterConfigs) is kept in the metadata store and goes before all of that: first
what is set for this broker, then what is set for all brokers. A topic's own configs go before its broker's.

A value that a key does not allow stops the start with its file and line. An unknown key is a warning with the nearest known
name, or stops the start under \`odradek.config.strict=true\`. "Changes" says how a key may be changed while the broker runs:
\`–\` not at all, \`broker\` for one broker, \`cluster\` also for all at once.

## Keys of the broker

${table(
  ['Key', 'Type', 'Default', 'Legal', 'Changes', 'What it does'],
  visible
    .filter(([, { unused }]) => unused === undefined)
    .map(([name, key]) => [...cells(name, key), changes(key), key.doc]),
)}

## Keys of topics

With what each falls back to when the topic does not set it.

${table(
  ['Key', 'Type', 'Default', 'Legal', 'Falls back to', 'What it does'],
  topics.map(([name, { key, synonyms }]) => [
    ...cells(name, key),
    synonyms.map((synonym) => `\`${synonym.key}\``).join(', '),
    effect(key),
  ]),
)}

## Keys of groups

Kept and shown, for tools that set them before the group exists; the classic protocol has none of its own.

${table(
  ['Key', 'Type', 'Default', 'Legal', 'Falls back to'],
  [...allGroupKeys()].map(([name, { key, synonym }]) => [
    ...cells(name, key),
    synonym === undefined ? '' : `\`${synonym}\``,
  ]),
)}

## Understood, without effect

Keys of Kafka that an existing configuration may have. They are read, checked and shown, and change nothing.

${table(
  ['Key', 'Type', 'Default', 'Why'],
  visible
    .filter(([, { unused }]) => unused !== undefined)
    .map(([name, key]) => [`\`${name}\``, key.type, shown(key), key.unused ?? '']),
)}
`
}

const cells = (name: string, key: Key<unknown>): string[] => [`\`${name}\``, key.type, shown(key), key.valid ?? '']

const changes = ({ update }: Key<unknown>): string =>
  update === 'read-only' ? '–' : update === 'per-broker' ? 'broker' : 'cluster'

const effect = ({ doc, unused }: Key<unknown>): string =>
  unused === undefined || doc.startsWith('No effect') ? doc : `${doc} No effect: ${unused}.`

function shown(key: Key<unknown>): string {
  const text = key.format(key.default)
  if (text === null) return ''
  const words = text === '' ? '(empty)' : `\`${text}\``
  return key.unit === undefined || key.unit === 'count' || text === '' ? words : `${words} ${key.unit}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(MANUAL_PATH, configurationManual())
}
