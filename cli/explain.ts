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

/** Why a running broker ends at once. What it held in memory only is lost, as in a crash; the next start recovers. */
export function lastWords(error: unknown): string {
  const why = explain(error)
  return why.includes('\n') ? `stopped by a bug; the next start checks the logs\n${why}` : `gave up: ${why}`
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

/** Kafka listeners explain themselves (ListenError); what comes here as the system's own error is the HTTP server's. */
function explainListen(error: Error, code: string): string {
  const reason = listenReasons.get(code) ?? error.message
  return `cannot serve HTTP on ${listenAddress(error)}: ${reason}; choose another address with --set odradek.http.listen=127.0.0.1:PORT, or none with --set odradek.http.listen=`
}

const listenReasons: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is taken by another program'],
  ['EACCES', 'ports below 1024 need privileges'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'this machine knows no such name'],
])

/** Node puts the address into fields of its own; a name that does not resolve is in `hostname`. */
function listenAddress(error: Error): string {
  const { address, hostname, port } = error as Error & { address?: string; hostname?: string; port?: number }
  const host = address ?? hostname ?? 'the address'
  const bracketed = host.includes(':') ? `[${host}]` : host
  return port === undefined ? bracketed : `${bracketed}:${port}`
}

const withRemedy = (message: string, remedy: string | undefined): string =>
  remedy === undefined ? message : `${message}: ${remedy}`
