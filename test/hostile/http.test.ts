import { connect } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { type HttpServer, startHttp } from '../../http/server.ts'

let broker: Broker
let http: HttpServer
beforeAll(async () => {
  broker = await startBroker()
  http = await startHttp(broker, '127.0.0.1:0')
  return async () => {
    await http.stop()
    await broker.stop()
  }
})

/** Sends these bytes and nothing else. @returns all that comes back until the server closes */
function send(bytes: string | Buffer): Promise<string> {
  const port = Number(http.url.split(':').at(-1))
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    // A server that has refused a body need not read it to the end.
    socket.on('error', () => {})
    socket.once('close', () => resolve(answer))
    socket.write(bytes)
  })
}

const request = (line: string, headers: readonly string[] = [], body = '') =>
  [line, 'host: 127.0.0.1', 'connection: close', ...headers, '', body].join('\r\n')

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

describe('H30: the HTTP listener', () => {
  it.each([
    [
      'a body with __proto__',
      request(
        'POST /v1/status HTTP/1.1',
        ['content-type: application/json', 'content-length: 29'],
        '{"__proto__":{"polluted":true}}'.slice(0, 29),
      ),
      [400, 404],
    ],
    [
      '200,000 brackets',
      request(
        'POST /v1/status HTTP/1.1',
        ['content-type: application/json', 'content-length: 200000'],
        '['.repeat(200_000),
      ),
      [400, 404, 413],
    ],
    [
      'a body of 1 GiB to come',
      request(
        'POST /v1/status HTTP/1.1',
        ['content-type: application/json', 'content-length: 1073741824'],
        'x'.repeat(10_000),
      ),
      [400, 404, 413],
    ],
    [
      '10,000 headers',
      request(
        'GET /healthz HTTP/1.1',
        Array.from({ length: 10_000 }, (_, i) => `x-${i}: y`),
      ),
      [431],
    ],
    ['a path that leads out', request('GET /%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1'), [404]],
    ['a path of 100 KB', request(`GET /${'x'.repeat(100_000)} HTTP/1.1`), [414, 431]],
    ['bytes that are no HTTP', '\0\0\0\u0012\0\u0012\0\u0004', [400]],
    ['a request without a host', 'GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n', [400, 421]],
    ['a foreign host', 'GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n', [421]],
  ])('answers %s with a refusal, and serves the next', async (_what, bytes, expected) => {
    expect(expected).toContain(statusOf(await send(bytes)))
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200)
  })

  it('makes no websocket for a page from elsewhere', async () => {
    const upgrade = ['upgrade: websocket', 'origin: http://evil.example', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==']
    const headers = ['host: 127.0.0.1', 'connection: upgrade', 'sec-websocket-version: 13', ...upgrade]
    const answered = await Promise.race([
      send(
        `GET /v1/status HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`,
      ),
      new Promise<string>((resolve) => setTimeout(resolve, 5_000, 'no answer')),
    ])
    expect(statusOf(answered)).not.toBe(101)
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200)
  })
})
