import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompressionTypes } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { odradek, temporaryFolder } from '../support/cli.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'

const config = { 'log.index.interval.bytes': '1000', 'offsets.topic.num.partitions': '1' }

/** A broker whose folder has a topic of two segments, a group, and what lies beside them. */
async function filledBroker(dataDir: string): Promise<Broker> {
  const broker = await startBroker({ dataDir, config })
  onTestFinished(() => broker.stop())
  const kafka = kafkaClient(broker.bootstrap)
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic: 'orders', configEntries: [{ name: 'segment.bytes', value: '1048576' }] }],
  })
  await admin.disconnect()
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  for (const i of range(12)) {
    const compression = i % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP
    const messages = range(10).map((n) => ({
      key: `k${n}`,
      value: `${i}-${n}`.padEnd(20_000, 'x'),
      headers: { h: 'v' },
    }))
    await producer.send({ topic: 'orders', compression, messages })
  }
  await producer.send({ topic: 'orders', messages: [{ key: Buffer.from([0xff]), value: null }] })
  await producer.disconnect()
  const { consumer, inbox } = await consume(kafka, 'readers', 'orders')
  await inbox.count(121)
  await consumer.disconnect()
  return broker
}

async function run(...args: string[]) {
  const command = odradek(args)
  const { code } = await command.exit
  return { code, out: command.stdout, err: command.stderr, lines: command.stdout.trimEnd().split('\n') }
}

const json = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
const logs = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(folder, name))

/** All bytes and times of change of a folder. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    hash.update(`${path} ${statSync(path).mtimeMs}`)
    if (entry.isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

describe('odradek log', () => {
  it('verify: is content with a folder of ours, says what it saw, and leaves it as it was', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const before = fingerprint(folder)
    const { code, out } = await run('log', 'verify', folder)
    expect(out).toMatch(/: 2 partitions, 3 segments, \d+ batches, \d+ records, \d+ bytes: no errors\n$/)
    expect(code).toBe(0)
    await run('log', 'dump', '--records', folder)
    expect(fingerprint(folder)).toBe(before)
  })

  it('verify: names file and position of what is wrong, and exits with 1', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const [first = ''] = logs(join(folder, 'orders-0'))
    const bytes = readFileSync(first)
    bytes[1000]! ^= 1
    writeFileSync(first, bytes)
    const text = await run('log', 'verify', folder)
    expect(text.code).toBe(1)
    expect(text.lines[0]).toMatch(`error ${first}:0: the batch at offset 0 does not match its checksum`)
    const [finding, done] = json((await run('log', 'verify', '--json', join(folder, 'orders-0'))).lines)
    expect(finding).toMatchObject({ level: 'error', file: first, position: 0 })
    expect(done).toMatchObject({ level: 'done', partitions: 1, errors: 1 })
    bytes[1000]! ^= 1
    writeFileSync(first, bytes)

    const metadata = join(folder, 'odradek.mdb')
    const file = readFileSync(metadata)
    for (let at = file.indexOf('orders'); at >= 0; at = file.indexOf('orders', at + 1)) file[at]! ^= 1
    writeFileSync(metadata, file)
    const damaged = await run('log', 'verify', folder)
    expect(damaged.code).toBe(1)
    expect(damaged.out).toContain(`error ${metadata}`)
  })

  it('verify: looks at the folder of a running broker, says so, and does not disturb it', async () => {
    const folder = temporaryFolder()
    const broker = await filledBroker(folder)
    const { code, lines } = await run('log', 'verify', folder)
    expect(lines[0]).toContain(`in use by a broker (process ${process.pid})`)
    expect(code).toBe(0)
    expect(lines.at(-1)).toContain('no errors')
    expect((await run('log', 'dump', folder)).code).toBe(0)
    expect(broker.readiness().ready).toBe(true)
  })

  it('verify, dump: tell a path that is not there from a log that is damaged', async () => {
    const folder = temporaryFolder()
    for (const command of ['verify', 'dump']) {
      const { code, err } = await run('log', command, join(folder, 'nothing'))
      expect(code).toBe(2)
      expect(err).toMatch(/^odradek: .*nothing is not there\n$/)
      expect((await run('log', command)).code).toBe(2)
    }
    writeFileSync(join(folder, 'letter.txt'), 'dear log')
    expect((await run('log', 'dump', join(folder, 'letter.txt'))).err).toMatch(/letter\.txt is not a file of a log\n$/)
  })

  it('dump: prints batches with their header fields, and all that lies beside them', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const { code, out, lines } = await run('log', 'dump', folder)
    expect(code).toBe(0)
    expect(lines).toContain(`# ${logs(join(folder, 'orders-0'))[0]}`)
    expect(out).toMatch(
      /^batch offsets 0-9 position 0 size 20\d{4} records 10 magic 2 crc \d+ codec none CreateTime \S+Z epoch 0 producer \d+\/0 sequence 0-9$/m,
    )
    expect(out).toMatch(/^offset index: offset \d+ position [1-9]\d*$/m)
    expect(out).toMatch(/^time index: timestamp \d{13} offset \d+$/m)
    expect(out).toMatch(/^producer: producerId \d+ producerEpoch 0 lastSequence 120 lastOffset 120 /m)
    expect(out).toMatch(/^checkpoint: topic "orders" partition 0 offset 121$/m)
    expect(out).toMatch(/^leader epoch: epoch 0 startOffset 0$/m)
    expect(out).toMatch(/^properties: topicId "[\w-]{22}"$/m)
    expect(out).toMatch(/^properties: clusterId "[\w-]{22}" nodeId 1 directoryId "[\w-]{22}"$/m)
    expect(out).not.toContain('  record')
  })

  it('dump --records --json: one object a line, text where it is text; what __consumer_offsets says is decoded', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const found = json((await run('log', 'dump', '--records', '--json', folder)).lines)
    const records = found.filter(({ type, file }) => type === 'record' && String(file).includes('orders-0'))
    expect(records.map(({ offset }) => offset)).toEqual(range(121))
    expect(records[7]).toMatchObject({
      key: 'k7',
      value: '0-7'.padEnd(20_000, 'x'),
      headers: [{ key: 'h', value: 'v' }],
    })
    expect(records[120]).toMatchObject({ key: { base64: '/w==' }, value: null, headers: [] })
    expect(found.filter(({ type, codec }) => type === 'batch' && codec === 'gzip')).toHaveLength(6)
    const offsets = found.filter(({ type, file }) => type === 'record' && String(file).includes('__consumer_offsets'))
    expect(offsets).toContainEqual(
      expect.objectContaining({ group: 'readers', topic: 'orders', partition: 0, committed: '121' }),
    )
    expect(offsets).toContainEqual(
      expect.objectContaining({ group: 'readers', protocolType: 'consumer', generation: 1 }),
    )
  })

  it('dump: of a damaged file tells what is good before and after, and exits with 1', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const [first = ''] = logs(join(folder, 'orders-0'))
    const bytes = readFileSync(first)
    const second = bytes.readInt32BE(8) + 12
    bytes[second + 100]! ^= 1
    writeFileSync(first, bytes)
    const { code, out } = await run('log', 'dump', first)
    expect(code).toBe(1)
    expect(out).toMatch(`DAMAGED from position ${second} to `)
    expect(out).toMatch(/^batch offsets 0-9 /m)
    expect(out).toMatch(/^batch offsets 20-29 /m)
    expect(out).not.toMatch(/^batch offsets 10-19 /m)
  })

  it('dump: ends quietly when nobody reads any more', async () => {
    const folder = temporaryFolder()
    await (await filledBroker(folder)).stop()
    const command = new URL('../../bin/odradek', import.meta.url).pathname
    const shell = `"$0" log dump --records "$1" 2>&1 | head -n 3`
    expect(execFileSync('/bin/sh', ['-c', shell, command, folder], { encoding: 'utf8' }).split('\n')).toHaveLength(4)
  })
})
