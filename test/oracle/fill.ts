import { type Field, fallbackOf, type Shape, type TypeOf } from '../../protocol/schema/field.ts'
import type { Loose } from './scenario.ts'

/** A whole request from what a case says of it: at any depth, what is not said has its fallback. */
export function fill<S extends Shape>(shape: S, said: Loose<TypeOf<S>>): TypeOf<S> {
  const whole: Record<string, unknown> = fallbackOf(shape)
  for (const [name, value] of Object.entries(said)) {
    const field = shape[name]
    if (field === undefined) throw new Error(`there is no field ${name}`)
    if (value !== undefined) whole[name] = fillField(field, value)
  }
  return whole as TypeOf<S>
}

function fillField(field: Field<unknown>, value: unknown): unknown {
  if (value === null) return null
  const { kind, element, shape } = field.rules
  if (kind === 'array') return (value as readonly unknown[]).map((one) => fillField(element!, one))
  if (kind === 'struct') return fill(shape!, value as never)
  return value
}
