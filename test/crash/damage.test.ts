import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../broker/index.ts'
import { temporaryFolder } from '../support/broker-process.ts'
import { TestBroker } from '../support/embedded-broker.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'
import { RawClient } from '../support/raw-client.ts'

async function brokerOn(dataDir: string) {
  const lines: { fields: object; message: string }[] = []
  const say = (fields: object, message: string) => void lines.push({ fields, message })
  const logger = { debug: say, info: say, warn: say, error: say }
  const broker = await startBroker({ dataDir, logger, config: { 'log.index.interval.bytes': '200' } })
  onTestFinished(() => broker.stop())
  const client = await RawClient.to(broker.bootstrap)
  onTestFinished(() => client.destroy())
  const damage = () =>
    Object.fromEntries(
      [...(broker.metrics.gauges.get('odradek_damage_found_total')!() as Iterable<[{ kind: string }, number]>)].map(
        ([{ kind }, count]) => [kind, count],
      ),
    )
  return { broker, test: new TestBroker(broker, client), lines, damage }
}

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path)
  bytes[byte]! ^= 4
  writeFileSync(path, bytes)
}

describe('Bits that are flipped in the folder of a stopped broker', () => {
  it('D03, D06, D09: are reported with file and place, counted, never served; all else is', async () => {
    const dataDir = temporaryFolder()
    const before = await brokerOn(dataDir)
    await before.test.createTopic('events')
    for (const i of range(30)) await before.test.produce('events', [`value ${i}`])
    await before.broker.stop()
    const folder = join(dataDir, 'events-0')
    const [log = ''] = readdirSync(folder).filter((name) => name.endsWith('.log'))
    const size = readFileSync(join(folder, log)).readInt32BE(8) + 12
    const tenth = readFileSync(join(folder, log)).indexOf('value 10')
    flip(join(folder, log), tenth)
    flip(join(folder, log.replace('.log', '.index')), 7)
    flip(join(folder, 'leader-epoch-checkpoint'), 4)
    flip(join(dataDir, 'log-start-offset-checkpoint'), 13)
    const [snapshot = ''] = readdirSync(folder).filter((name) => name.endsWith('.snapshot'))
    flip(join(folder, snapshot), 9)

    const { broker, test, lines, damage } = await brokerOn(dataDir)
    expect((await test.fetch('events', 0)).values).toEqual(range(10).map((i) => `value ${i}`))
    const bad = await test.fetch('events', 10)
    expect([bad.error, bad.values]).toEqual(['CORRUPT_MESSAGE', []])
    for (const from of range(19, 11)) {
      const { values } = await test.fetch('events', from)
      expect(values).toEqual(range(30 - from, from).map((i) => `value ${i}`))
    }
    expect(damage()).toEqual({ segment: 1, index: 1, snapshot: 1, checkpoint: 2 })
    expect(lines.map(({ fields }) => fields)).toContainEqual(
      expect.objectContaining({ segment: join(folder, log), start: expect.any(Number), fromOffset: 10, toOffset: 11 }),
    )
    const where = lines.find(({ fields }) => 'segment' in fields)?.fields as { start: number; end: number }
    expect(where.start).toBeLessThan(tenth)
    expect(where.end).toBeGreaterThan(tenth)
    expect(where.end - where.start).toBeLessThan(2 * size)
    expect((await test.produce('events', ['next'])).baseOffset).toBe(30)
    expect(broker.readiness().ready).toBe(true)
  })

  it('D03: stop a kafkajs consumer at the damage, and let it go on behind it when told to', async () => {
    const dataDir = temporaryFolder()
    const before = await brokerOn(dataDir)
    await before.test.createTopic('events')
    for (const i of range(20)) await before.test.produce('events', [`value ${i}`])
    await before.broker.stop()
    const log = join(dataDir, 'events-0', '00000000000000000000.log')
    flip(log, readFileSync(log).indexOf('value 10'))
    const { broker } = await brokerOn(dataDir)
    const { consumer, inbox } = await consume(kafkaClient(broker.bootstrap), 'g', 'events')
    await inbox.count(10)
    consumer.seek({ topic: 'events', partition: 0, offset: '11' })
    await inbox.count(19)
    expect(inbox.values).toEqual(
      range(20)
        .filter((i) => i !== 10)
        .map((i) => `value ${i}`),
    )
  }, 60_000)
})
