/** What the first bytes of a connection look like when it is not a Kafka client's. */
export interface Hint {
  /** Word for the metric `odradek_connections_closed_total`. */
  readonly kind: 'http' | 'tls' | 'smb' | 'ssh' | 'amqp'
  /** A sentence for the log: what came, and what to do. */
  readonly says: string
}

/** As many bytes as `hintFor` wants to see. */
export const OPENING_BYTES = 8

const HTTP: Hint = {
  kind: 'http',
  says: 'an HTTP client spoke to a Kafka port: browsers, curl and scrapers want the address of odradek.http.listen',
}
const TLS: Hint = {
  kind: 'tls',
  says: 'a TLS client spoke to a PLAINTEXT port: set security.protocol=PLAINTEXT (ssl: false) in the client',
}
const SMB: Hint = { kind: 'smb', says: 'a Windows file sharing (SMB) client or a port scanner spoke to a Kafka port' }
const SSH: Hint = { kind: 'ssh', says: 'an SSH client spoke to a Kafka port' }
const AMQP: Hint = { kind: 'amqp', says: 'an AMQP client spoke to a Kafka port' }

/** The four bytes that other protocols begin with, as Kafka reads them: the length of a frame. */
const byFirstWord = new Map<number, Hint>([
  ...['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'TRAC', 'PRI '].map((word): [number, Hint] => [
    Buffer.from(word, 'latin1').readInt32BE(0),
    HTTP,
  ]),
  [Buffer.from('SSH-', 'latin1').readInt32BE(0), SSH],
  [Buffer.from('AMQP', 'latin1').readInt32BE(0), AMQP],
])

/**
 * Recognises HTTP (`GET ` reads as a frame of 1195725856 bytes), TLS (369295616 and up), SMB and others by the first
 * bytes of a connection. For years users have pasted these numbers into issue trackers; a sentence helps them more.
 * @param opening the first bytes, fewer than OPENING_BYTES where no more have come
 * @returns undefined for what may be Kafka
 */
export function hintFor(opening: Buffer): Hint | undefined {
  if (opening.length < 4) return undefined
  const word = opening.readInt32BE(0)
  // A TLS record: handshake (0x16), version 3.0 to 3.4. Its length, 16 bits, has only begun.
  if (word >>> 16 === 0x1603 && ((word >>> 8) & 0xff) <= 4) return TLS
  // SMB comes with a plausible length; what gives it away is 0xff 'SMB' (or 0xfe for SMB 2) where the API key belongs.
  if (opening.length >= 8) {
    const next = opening.readUInt32BE(4)
    if (next === 0xff534d42 || next === 0xfe534d42) return SMB
  }
  return byFirstWord.get(word)
}

/** What an HTTP client is told before the connection ends. `url`: where HTTP is served, if it is. */
export function httpAnswer(url: string | undefined): Buffer {
  const where = url === undefined ? 'This broker serves no HTTP (odradek.http.listen).' : `HTTP is served at ${url}`
  const body = `This port speaks the Kafka protocol, not HTTP. ${where}\n`
  const head = [
    'HTTP/1.1 400 Bad Request',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
