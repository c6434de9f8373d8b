/**
 * One line about why the broker does not run: what, where, what to do. For a failure that we did not foresee it is the
 * stack, because then the line would help nobody.
 */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (error.name === 'StorageError') return withRemedy(error.message, storageRemedies.get(code))
  if ('syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo'))
    return explainListen(error, code)
  return unforeseen.has(error.name) ? (error.stack ?? error.message) : error.message
}

/** Names of errors that nobody wrote for an operator. Our own classes have names of their own and say everything. */
const unforeseen: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'AssertionError',
])

const otherFolder = 'take another folder with --set log.dirs=FOLDER'

const storageRemedies: ReadonlyMap<string, string> = new Map([
  ['LOCKED', `stop the broker that uses it, or ${otherFolder}`],
  ['NOT_WRITABLE', `let this user write there, or ${otherFolder}`],
  ['NO_SPACE', `make room on that disk, or ${otherFolder}`],
  ['TOO_MANY_FILES', 'raise the limit of open files (ulimit -n)'],
  ['WRONG_CLUSTER', `set cluster.id and node.id to those of the folder, or ${otherFolder}`],
])

function explainListen(error: Error, code: string): string {
  const where = listenAddress(error)
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is in use: stop the program that listens there, or choose another port with --set listeners=PLAINTEXT://127.0.0.1:PORT (HTTP: --set odradek.http.listen=127.0.0.1:PORT)`
    case 'EACCES':
      return `not allowed to listen on ${where}: ports below 1024 need privileges; choose a higher one with --set listeners=PLAINTEXT://127.0.0.1:PORT`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `cannot listen on ${where}: this machine has no such address; give one of its own in listeners, and the name for clients in advertised.listeners`
    default:
      return `cannot listen on ${where}: ${error.message}`
  }
}

/** Node puts the address into fields of its own; a name that does not resolve is in `hostname`. */
function listenAddress(error: Error): string {
  const { address, hostname, port } = error as Error & { address?: string; hostname?: string; port?: number }
  const host = address ?? hostname ?? 'the address'
  const bracketed = host.includes(':') ? `[${host}]` : host
  return port === undefined ? bracketed : `${bracketed}:${port}`
}

const withRemedy = (message: string, remedy: string | undefined): string =>
  remedy === undefined ? message : `${message}: ${remedy}`
