/** How a driver in TypeScript tells what it found: see ../README.md for the lines. */
import { isDeepStrictEqual } from 'node:util'

export const bootstrap = process.env.INTEROP_BOOTSTRAP ?? '127.0.0.1:9092'
const prefix = process.env.INTEROP_PREFIX ?? 'interop'

/** A name that no other driver has, for topics and groups. */
export const named = (name: string): string => `${prefix}-${name}`

/** Runs one case and says how it ended. */
export async function run(name: string, body: () => Promise<unknown>, limitMs = 45_000): Promise<void> {
  console.log(`begin ${name}`)
  try {
    await limited(body(), limitMs)
    console.log(`ok ${name}`)
  } catch (error) {
    console.error(error)
    const text = error instanceof Error ? [error.message, (error as { cause?: unknown }).cause] : [error]
    console.log(`fail ${name} ${text.filter(Boolean).join(' ').replace(/\s+/g, ' ').slice(0, 300)}`)
  }
}

/** Says that the client has no such thing. */
export function lacks(name: string, why: string): void {
  console.log(`begin ${name}\nlacks ${name} ${why}`)
}

export function equal(found: unknown, wanted: unknown, what = 'found'): void {
  if (!isDeepStrictEqual(found, wanted)) throw new Error(`${what}: ${show(found)} instead of ${show(wanted)}`)
}

/** Reads again and again until it is as wanted. */
export async function until<T>(read: () => T | Promise<T>, wanted: T, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!isDeepStrictEqual(await read(), wanted)) {
    if (Date.now() > deadline) equal(await read(), wanted, what)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const range = (from: number, end: number): number[] => Array.from({ length: end - from }, (_, i) => from + i)

/** A value of a million bytes. */
export const big = (): Buffer => Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251))

const show = (value: unknown): string =>
  (JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part)) ?? 'undefined').slice(0, 200)

function limited<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
