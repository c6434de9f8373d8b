import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpServer, startHttp } from '../../http/server.ts'
import { fakeBroker } from '../support/fake-broker.ts'

const broker = fakeBroker()
let server: HttpServer
beforeAll(async () => {
  server = await startHttp(broker, '127.0.0.1:0')
})
afterAll(() => server.stop())

const get = async (path: string) => {
  const answer = await fetch(server.url + path)
  return { status: answer.status, body: await answer.json() }
}

describe('health', () => {
  it('is ready while the broker runs', async () => {
    Object.assign(broker, { state: 'running', ready: true })
    expect(await get('/healthz')).toEqual({ status: 200, body: { status: 'ok' } })
    const checks = { listeners: true, recovered: true }
    expect(await get('/readyz')).toEqual({ status: 200, body: { ready: true, state: 'running', checks } })
    expect(await get('/v1/status/ready')).toEqual({ status: 200, body: { status: 'ready' } })
  })

  it('is alive but not ready while logs recover, and says what is missing', async () => {
    Object.assign(broker, { state: 'recovering', ready: false })
    expect((await get('/healthz')).status).toBe(200)
    const checks = { listeners: true, recovered: false }
    expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, state: 'recovering', checks } })
    expect(await get('/v1/status/ready')).toEqual({ status: 503, body: { status: 'recovering' } })
  })

  it('is not alive once the broker has stopped', async () => {
    Object.assign(broker, { state: 'stopped', ready: false })
    expect(await get('/healthz')).toEqual({ status: 503, body: { status: 'stopped' } })
  })
})
