/** What compiled and composed codecs share: comparison with fallbacks, and what a message may not say. */
import { AssertionError } from '../assert.ts'

/** Whether a value equals a fallback that is an array, a buffer or a structure. */
export function isFallback(value: unknown, fallback: unknown): boolean {
  if (value === fallback) return true
  if (typeof value !== 'object' || typeof fallback !== 'object' || value === null || fallback === null) return false
  if (Array.isArray(fallback) || Buffer.isBuffer(fallback)) {
    return fallback.length === 0 && (value as { length: number }).length === 0
  }
  const struct = value as Record<string, unknown>
  return Object.entries(fallback).every(([name, expected]) => isFallback(struct[name], expected))
}

/** A field that a version lacks and must not lose silently was given a value. */
export function refuseUnsupported(field: string): never {
  throw new AssertionError(`this version cannot say ${field}`)
}

/** Null in a version that cannot say null. */
export function refuseNull(): never {
  throw new AssertionError('null where this version needs a value')
}
