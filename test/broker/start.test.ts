import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createBroker, type StartableBroker, startBroker } from '../../broker/index.ts'
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { temporaryFolder } from '../support/broker-process.ts'
import { TestBroker } from '../support/embedded-broker.ts'
import { freePort } from '../support/free-port.ts'
import { RawClient } from '../support/raw-client.ts'

/** Data of a broker that did not end as it should: each of its logs is read through at the next start. */
async function dataToRecover(): Promise<string> {
  const folder = temporaryFolder()
  const broker = await startBroker({ dataDir: folder })
  const client = await RawClient.to(broker.bootstrap)
  await new TestBroker(broker, client).createTopic('many', 100)
  client.destroy()
  await broker.stop()
  rmSync(join(folder, '.kafka_cleanshutdown'))
  return folder
}

/** Waits until the broker has found its ports free and goes on to its data. */
async function recovering(broker: StartableBroker): Promise<void> {
  while (broker.state === 'starting') await new Promise((resolve) => setImmediate(resolve))
  expect(broker.state).toBe('recovering')
}

describe('a broker that recovers', () => {
  it('KJ-11: refuses connections until it can answer, so that nobody waits in vain; then it is there', async () => {
    const port = await freePort()
    const broker = createBroker({ dataDir: await dataToRecover(), port })
    onTestFinished(() => broker.stop())
    const started = broker.start()
    await recovering(broker)
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(broker.state).toBe('recovering')
    await started
    await using client = await RawClient.connect(port)
    expect((await client.call(ApiVersions, 0)).errorCode).toBe(0)
  })

  it('KJ-11, KJ-6: is found by a kafkajs client that tries meanwhile, by its ordinary retries', async () => {
    const port = await freePort()
    const broker = createBroker({ dataDir: await dataToRecover(), port })
    onTestFinished(() => broker.stop())
    const started = broker.start()
    await recovering(broker)
    const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    onTestFinished(() => admin.disconnect())
    expect(await admin.listTopics()).toContain('many')
    await started
  })

  it('finds a taken port before it touches its data', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    onTestFinished(() => void other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const broker = createBroker({ dataDir: temporaryFolder(), port })
    await expect(broker.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(broker.state).toBe('stopped')
  })

  it('finds that two listeners want the same port, and keeps neither', async () => {
    const port = await freePort()
    const listeners = `PLAINTEXT://127.0.0.1:${port},OTHER://127.0.0.1:${port}`
    const config = { listeners, 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT' }
    await expect(startBroker({ dataDir: temporaryFolder(), config })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
