/** Our declarations against Kafka's published ones, field by field and version by version. */
import { describe, expect, it } from 'vitest'
import { apis } from '../../protocol/apis/index.ts'
import type { Api } from '../../protocol/schema/api.ts'
import type { Field, Shape } from '../../protocol/schema/field.ts'
import { type FieldPlan, planStruct } from '../../protocol/schema/plan.ts'
import type { Stored } from '../../protocol/schema/stored.ts'
import * as consumerOffsets from '../../protocol/stored/consumer-offsets.ts'
import { type PublishedField, publishedMessages, type Range } from './support/published.ts'

const published = publishedMessages()

/** Not declared, though part of Kafka's protocol, and why. */
const NOT_DECLARED = new Map([
  ['LeaderAndIsr', 'removed with ZooKeeper'],
  ['StopReplica', 'removed with ZooKeeper'],
  ['UpdateMetadata', 'removed with ZooKeeper'],
  ['ControlledShutdown', 'removed with ZooKeeper'],
  ['Vote', 'spoken between controllers only'],
  ['BeginQuorumEpoch', 'spoken between controllers only'],
  ['EndQuorumEpoch', 'spoken between controllers only'],
  ['AlterPartition', 'spoken to controllers only'],
  ['Envelope', 'spoken to controllers only'],
  ['FetchSnapshot', 'spoken between controllers only'],
  ['BrokerRegistration', 'spoken to controllers only'],
  ['BrokerHeartbeat', 'spoken to controllers only'],
  ['AllocateProducerIds', 'spoken to controllers only'],
  ['ControllerRegistration', 'spoken between controllers only'],
  ['AssignReplicasToDirs', 'spoken to controllers only'],
  ['UpdateRaftVoter', 'spoken between controllers only'],
])

describe('The list of APIs', () => {
  it('declares every API that a Kafka 4.3 broker serves, sorted by key, and names the others', () => {
    const served = published.apis.filter(({ name }) => !NOT_DECLARED.has(name))
    expect(apis.map(({ key, name }) => ({ key, name }))).toEqual(served.map(({ key, name }) => ({ key, name })))
    for (const { listeners, name } of served) expect(listeners, name).toContain('broker')
    for (const name of NOT_DECLARED.keys()) {
      expect(published.apis.find((api) => api.name === name)?.listeners, name).not.toContain('broker')
    }
  })

  it('has the published ranges, tells Produce from 0, and becomes flexible in the published version', () => {
    for (const api of apis) {
      const { versions, flexibleSince, advertised } = published.apis.find(({ key }) => key === api.key)!
      expect(api.versions, api.name).toEqual(versions)
      expect(api.advertise ?? api.versions, api.name).toEqual(advertised)
      // An API whose first flexible version lies before its first version is flexible in all of them.
      expect(api.flexibleSince, api.name).toBe(flexibleSince)
    }
    expect(apis.filter(({ advertise }) => advertise !== undefined).map(({ name }) => name)).toEqual(['Produce'])
  })
})

describe.each(apis.map((api) => [api.name, api] as const))('%s', (_name, api: Api) => {
  const { request, response } = published.apis.find(({ key }) => key === api.key)!
  it.each(versionsOf(api.versions))('has the published fields in version %i', (version) => {
    const flexible = version >= api.flexibleSince
    expect(declared(api.request, version, flexible)).toEqual(expected(request, version, api.versions))
    expect(declared(api.response, version, flexible)).toEqual(expected(response, version, api.versions))
  })
})

describe.each(published.records)('$name', ({ name, versions, flexibleSince, fields }) => {
  const stored = Object.values(consumerOffsets).find((each) => 'name' in each && each.name === name) as Stored
  const isKey = name.endsWith('Key')

  it.each(versionsOf(versions))('has the published fields in version %i', (version) => {
    if (isKey) expect(stored.flexibleSince).toBe(Number.POSITIVE_INFINITY)
    else expect(stored.versions).toEqual(versions)
    expect(stored.flexibleSince).toBe(flexibleSince)
    const ours = isKey ? stored.versions[1] : version
    expect(declared(stored.shape, ours, version >= flexibleSince)).toEqual(expected(fields, version, versions))
  })
})

/** One field in one version, as both sides put it. */
interface Fact {
  name: string
  present: boolean
  type: string
  nullable: boolean
  tag: number | undefined
  fallback: unknown
  /** Only told where the version lacks the field, since it means nothing elsewhere. */
  ignorable: boolean | undefined
  fields: Fact[]
}

function declared(shape: Shape, version: number, flexible: boolean): Fact[] {
  return planStruct(shape, version, flexible, 'number').fields.map((plan) => factOf(plan, shape[plan.name]!, version))
}

function factOf(plan: FieldPlan, field: Field<unknown>, version: number): Fact {
  const element = plan.kind === 'array' ? plan.element! : plan
  const elementShape = field.rules.shape ?? field.rules.element?.rules.shape
  return {
    name: plan.name,
    present: plan.present,
    type: (plan.kind === 'array' ? '[]' : '') + wireType(element.kind),
    nullable: plan.present && plan.nullable,
    tag: plan.tag,
    // Runs of batches are one byte field to the protocol.
    fallback: plan.kind === 'recordChunks' ? '' : comparable(plan.fallback),
    ignorable: plan.present ? undefined : plan.ignorable,
    fields: plan.present && elementShape !== undefined ? declared(elementShape, version, element.struct!.flexible) : [],
  }
}

/** Our kinds differ from the published types where they say more about the value. */
function wireType(kind: string): string {
  const types: Record<string, string> = { int64Clamped: 'int64', bigint64: 'int64', recordChunks: 'records' }
  return types[kind] ?? kind
}

function comparable(value: unknown): unknown {
  if (value === Number.MAX_SAFE_INTEGER) return 9223372036854775807n
  if (typeof value === 'bigint') return Number(value)
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, comparable(part)]))
}

/** @param within the versions in which the structure around the fields exists */
function expected(fields: readonly PublishedField[], version: number, within: Range): Fact[] {
  return fields
    .filter(({ versions }) => versions[0] <= within[1] && versions[1] >= within[0])
    .map((field) => {
      const present = includes(field.versions, version)
      const inner: Range = [Math.max(within[0], field.versions[0]), Math.min(within[1], field.versions[1])]
      return {
        name: field.name,
        present,
        type: field.type,
        nullable: present && field.nullable !== undefined && includes(field.nullable, version),
        tag: field.tag,
        fallback: fallbackOf(field, inner),
        ignorable: present ? undefined : field.ignorable,
        fields: present ? expected(field.fields, version, inner) : [],
      }
    })
}

/** Defaults are published as text; none means 0, false, "", an empty array or the structure of its fields' defaults. */
function fallbackOf(field: PublishedField, within: Range): unknown {
  const { type, default: text } = field
  if (text === 'null') return null
  if (type.startsWith('[]')) return []
  switch (type) {
    case 'struct':
      return Object.fromEntries(
        field.fields
          .filter(({ versions }) => versions[0] <= within[1] && versions[1] >= within[0])
          .map((inner) => [inner.name, fallbackOf(inner, within)]),
      )
    case 'string':
    case 'bytes':
    case 'records':
      return text ?? ''
    case 'bool':
      return text === 'true'
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAA'
    default:
      return text === '9223372036854775807' ? 9223372036854775807n : Number(text ?? 0)
  }
}

function includes([min, max]: Range, version: number): boolean {
  return version >= min && version <= max
}

function versionsOf([min, max]: Range): number[] {
  return Array.from({ length: max - min + 1 }, (_, i) => min + i)
}
