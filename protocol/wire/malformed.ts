/**
 * Bytes from outside that are not what they should be: too short, a length or count that cannot be, a value outside
 * its range. The one error that readers throw, whatever they are fed; a connection that sent them is closed (NET-6).
 */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}
