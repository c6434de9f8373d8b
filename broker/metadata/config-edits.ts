import type { Key } from '../config/key.ts'
import { type Refusal, refusal } from './refusal.ts'

/** What may be done to one config, by the codes of IncrementalAlterConfigs (KIP-339). */
const operations = ['SET', 'DELETE', 'APPEND', 'SUBTRACT'] as const
export type EditOperation = (typeof operations)[number]

export const editOperation = (code: number): EditOperation | undefined => operations[code]

/** One wanted change of one config. */
export interface ConfigEdit {
  readonly name: string
  /** Undefined: a code that nobody knows. */
  readonly operation: EditOperation | undefined
  readonly value: string | null
}

/** How to work with the configs of one kind of resource. */
export interface EditContext {
  /** What is set on the resource now. */
  readonly current: ReadonlyMap<string, string>
  /** The row of a name; undefined for none. */
  keyOf(name: string): Key<unknown> | undefined
  /** What a list is when the resource does not set it: where APPEND begins. */
  inherited(name: string): readonly string[]
}

/**
 * Works out what a list of edits comes to: text to set, null to take back. Values are not checked here, but for the
 * shape of the edits (AD-16).
 */
export function resolveEdits(edits: readonly ConfigEdit[], context: EditContext): Map<string, string | null> | Refusal {
  const resolved = new Map<string, string | null>()
  if (new Set(edits.map(({ name }) => name)).size < edits.length) {
    return refusal('INVALID_REQUEST', 'Error due to duplicate config keys')
  }
  for (const { name, operation, value } of edits) {
    if (operation === undefined) return refusal('INVALID_REQUEST', `Unknown operation for config ${name}`)
    if (operation === 'DELETE') {
      resolved.set(name, null)
      continue
    }
    if (value === null) return refusal('INVALID_REQUEST', `Null value not supported for : ${name}`)
    if (operation === 'SET') {
      resolved.set(name, value)
      continue
    }
    if (context.keyOf(name)?.type !== 'list') {
      return refusal('INVALID_CONFIG', `Can't ${operation} to key ${name} because its type is not LIST.`)
    }
    resolved.set(name, changeList(operation, value, context.current.get(name), context.inherited(name)))
  }
  return resolved
}

/** The edits that turn what is set now into exactly what AlterConfigs names: the rest is taken back (AD-15). */
export function replacingEdits(
  wanted: readonly { readonly name: string; readonly value: string | null }[],
  current: ReadonlyMap<string, string>,
): ConfigEdit[] {
  const named = new Set(wanted.map(({ name }) => name))
  const gone = [...current.keys()].filter((name) => !named.has(name))
  return [
    ...wanted.map(({ name, value }): ConfigEdit => ({ name, operation: 'SET', value })),
    ...gone.map((name): ConfigEdit => ({ name, operation: 'DELETE', value: null })),
  ]
}

function changeList(
  operation: 'APPEND' | 'SUBTRACT',
  value: string,
  own: string | undefined,
  inherited: readonly string[],
): string {
  const items = own === undefined ? [...inherited] : split(own)
  // An empty item stays one when it is appended: that is no legal value of any list, and is refused as such.
  const named = value.split(',').map((item) => item.trim())
  const changed = operation === 'APPEND' ? [...items, ...named] : items.filter((item) => !named.includes(item))
  return [...new Set(changed)].join(',')
}

const split = (text: string): string[] => (text.trim() === '' ? [] : text.split(',').map((item) => item.trim()))
