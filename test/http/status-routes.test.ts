import { expect, it } from 'vitest'
import { startHttp } from '../../http/server.ts'
import { fakeBroker, fakeTopic } from '../support/fake-broker.ts'

it('/v1/status shows the broker in one document', async () => {
  const broker = fakeBroker()
  broker.topics = [fakeTopic('orders')]
  const server = await startHttp(broker, '127.0.0.1:0')
  const answer = await fetch(`${server.url}/v1/status`)
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(await answer.json()).toEqual(broker.status())
  await server.stop()
})

it('/v1/status and /metrics have little to say while logs recover, and do not fail', async () => {
  const broker = fakeBroker()
  broker.state = 'recovering'
  broker.status = () => {
    throw new Error('nothing is open yet')
  }
  const server = await startHttp(broker, '127.0.0.1:0')
  const answer = await fetch(`${server.url}/v1/status`)
  expect(answer.status).toBe(503)
  expect(await answer.json()).toEqual({ version: '0.1.0', state: 'recovering' })
  expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('odradek_connections_active 0')
  await server.stop()
})
