import { request } from 'node:http'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type HttpServer, parseAddress, startHttp } from '../../http/server.ts'
import { fakeBroker } from '../support/fake-broker.ts'

let server: HttpServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

describe('the HTTP server', () => {
  it('listens where it was told, and names the port that it got', async () => {
    server = await startHttp(fakeBroker(), '127.0.0.1:0')
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('answers an unknown path with 404 and JSON', async () => {
    server = await startHttp(fakeBroker(), '127.0.0.1:0')
    const answer = await fetch(`${server.url}/nothing-here`)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({ error: 'not found' })
  })

  it('fails with the code of the system when the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const bound = other.address()
    const port = typeof bound === 'object' ? bound?.port : undefined
    await expect(startHttp(fakeBroker(), `127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await new Promise((resolve) => other.close(resolve))
  })

  it('serves routes that others add, as the console will', async () => {
    server = await startHttp(fakeBroker(), '127.0.0.1:0', {
      routes: [(app, broker) => void app.get('/name', async () => ({ cluster: broker.clusterId }))],
    })
    expect(await (await fetch(`${server.url}/name`)).json()).toEqual({ cluster: 'rJ8fQ2mXTVqkzXcMB0w5Zg' })
  })

  it('refuses a foreign Host on a loopback address, so that no web page reads us through DNS rebinding', async () => {
    server = await startHttp(fakeBroker(), '127.0.0.1:0')
    expect(await statusWithHost(server.url, 'evil.example')).toBe(421)
    expect(await statusWithHost(server.url, 'localhost:9644')).toBe(200)
  })

  it('ends open keep-alive connections when it stops', async () => {
    server = await startHttp(fakeBroker(), '127.0.0.1:0')
    await (await fetch(`${server.url}/healthz`)).text()
    await server.stop()
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
    server = undefined
  })
})

describe('odradek.http.listen', () => {
  it.each([
    ['127.0.0.1:9644', { host: '127.0.0.1', port: 9644 }],
    ['[::1]:9644', { host: '::1', port: 9644 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    [':9644', { host: '0.0.0.0', port: 9644 }],
  ])('reads %s', (text, address) => expect(parseAddress(text)).toEqual(address))

  it.each(['9644', '127.0.0.1', 'host:', 'host:70000', 'host:9x'])('refuses %s and says how it should look', (text) =>
    expect(() => parseAddress(text)).toThrow('is not host:port, such as 127.0.0.1:9644'),
  )
})

function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${url}/healthz`, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
