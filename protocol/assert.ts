/**
 * Stops on a broken invariant: a bug of ours, never something that came from outside.
 * Active in production. On the hot path at most once per batch.
 * @throws {AssertionError} which nothing may catch and go on; the broker stops before it writes anything more.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the `default` of a switch over a union: does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}
