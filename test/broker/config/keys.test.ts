import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { allGroupKeys, groupKeyOf } from '../../../broker/config/group-keys.ts'
import type { Key } from '../../../broker/config/key.ts'
import { allKeys, type Config, configKeys, keyOf } from '../../../broker/config/keys.ts'
import { allTopicKeys, topicKeyOf } from '../../../broker/config/topic-keys.ts'

/** Facts of Apache Kafka 4.3.1: one row a key. */
const published = readFileSync(new URL('../../fixtures/config/kafka-4.3.1.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [scope = '', key = '', type = '', value = '', updateMode = '', internal = '', synonyms = ''] =
      line.split('\t')
    return { scope, key, type, default: value, updateMode, internal: internal === 'yes', synonyms }
  })
const of = (scope: string) => published.filter((row) => row.scope === scope)

/** Where a key differs from Kafka's on purpose. */
const deviations = new Map([
  // This machine only, until told otherwise; and the sockets of a running broker stay as they are.
  ['listeners', { default: 'PLAINTEXT://127.0.0.1:9092', updateMode: 'read-only' }],
  ['listener.security.protocol.map', { updateMode: 'read-only' }],
  // A folder beside the program, not one that a restart of the machine empties. One folder, for log.dirs has more.
  ['log.dir', { default: './data', type: 'string' }],
  // What Kafka wants to be told has a value here.
  ['node.id', { default: '1' }],
  ['process.roles', { default: 'broker,controller' }],
  ['controller.listener.names', { default: '' }],
])

/** What Kafka has no key for. */
const ours = [
  'allow.everyone.if.no.acl.found', // of Kafka's authorizer
  'cluster.id',
  'log.flush.policy',
  'super.users', // of Kafka's authorizer
  'zookeeper.connect', // of older Kafkas
]

/** Our sources but for the tables themselves. */
function sourceFiles(root: URL): string[] {
  return ['broker', 'cli', 'http'].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.includes('keys'))
      .map((path) => readFileSync(new URL(`${folder}/${path}`, root), 'utf8')),
  )
}

const rowOf = ([name, { key }]: [string, { key: Key<unknown> }]): [string, Key<unknown>] => [name, key]

const shown = (key: Key<unknown>): string => {
  const text = key.format(key.default)
  return text === null ? '(null)' : text
}
const expected = (value: string): string => (value === '(empty)' || value === '(required)' ? '' : value)

describe('the table of config keys', () => {
  it.each(of('broker'))('has $key as Kafka has it', (row) => {
    const key = keyOf(row.key)
    const wanted = { ...row, ...deviations.get(row.key) }
    expect(key).toBeDefined()
    expect(key?.type).toBe(wanted.type)
    expect(shown(key!)).toBe(expected(wanted.default))
    expect(key?.update).toBe(wanted.updateMode)
    expect(key?.internal).toBe(wanted.internal)
  })

  it.each(of('topic'))('has the topic’s $key as Kafka has it, with what it falls back to', (row) => {
    const topic = topicKeyOf(row.key)
    expect(topic?.key.type).toBe(row.type)
    expect(shown(topic!.key)).toBe(expected(row.default))
    expect(topic?.key.internal).toBe(row.internal)
    const synonyms = topic!.synonyms.map(({ key, factor }) => (factor === undefined ? key : `${key}*${factor}`))
    expect(synonyms.join(',') || '-').toBe(row.synonyms)
  })

  it.each(of('group'))('has the group’s $key as Kafka has it', (row) => {
    const group = groupKeyOf(row.key)
    expect(group?.key.type).toBe(row.type)
    expect(shown(group!.key)).toBe(expected(row.default))
    expect(group?.synonym ?? '-').toBe(row.synonyms)
  })

  it('has nothing that Kafka does not have but what is named here or begins with odradek', () => {
    const names = (scope: string) => new Set(of(scope).map(({ key }) => key))
    const extra = [...allKeys()].map(([name]) => name).filter((name) => !names('broker').has(name))
    expect(extra.filter((name) => !name.startsWith('odradek.')).sort()).toEqual(ours)
    const topic = [...allTopicKeys()].map(([name]) => name).filter((name) => !names('topic').has(name))
    expect(topic).toEqual(['flush.policy'])
    expect([...allGroupKeys()].map(([name]) => name)).toEqual([...names('group')])
  })

  it('explains every key in a sentence', () => {
    const topics = [...allTopicKeys()].map(rowOf)
    const rows: [string, Key<unknown>][] = [...allKeys(), ...topics, ...[...allGroupKeys()].map(rowOf)]
    const bare = rows.filter(([, { doc }]) => doc.split(' ').length < 3 || !doc.endsWith('.'))
    expect(bare.map(([name]) => name)).toEqual([])
  })

  it('says of each key that nothing reads that it is unused, and why', () => {
    const sources = sourceFiles(new URL('../../../', import.meta.url))
    const behind = new Set([...allTopicKeys()].flatMap(([, { synonyms }]) => synonyms.map(({ key }) => String(key))))
    const rows: [string, Key<unknown>][] = [
      ...[...allKeys()].filter(([name]) => !behind.has(name)),
      ...[...allTopicKeys()].map(rowOf),
    ]
    const claimed = rows.filter(([, key]) => key.unused === undefined).map(([name]) => name)
    expect(claimed.filter((name) => !sources.some((text) => text.includes(`'${name}'`)))).toEqual([])
  })

  it('has defaults that its own parser takes', () => {
    for (const [name, key] of allKeys()) {
      const text = key.format(key.default)
      if (text !== null) expect(key.parse(name, text)).toEqual(key.default)
    }
  })

  it('never shows passwords', () => {
    const secrets = [...allKeys()].filter(([, key]) => key.sensitive).map(([name]) => name)
    expect(secrets).toContain('ssl.keystore.password')
    expect(secrets).toContain('sasl.jaas.config')
    expect([...allKeys()].filter(([, key]) => key.type === 'password' && !key.sensitive)).toEqual([])
  })

  it('gives each key its type by inference', () => {
    const size: Config['log.segment.bytes'] = configKeys['log.segment.bytes'].default
    const interval: Config['log.flush.interval.ms'] = null
    const policy: Config['log.flush.policy'] = 'os'
    const dirs: Config['log.dirs'] = ['a', 'b']
    // @ts-expect-error a number is no size in words
    const wrong: Config['log.segment.bytes'] = '1 GiB'
    expect([size, interval, policy, dirs, wrong]).toEqual([2 ** 30, null, 'os', ['a', 'b'], '1 GiB'])
  })
})
