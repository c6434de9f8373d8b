/** kcat: a producer and a consumer on the command line, over librdkafka. Topics of several partitions come from kafkajs. */
import { Kafka } from 'kafkajs'
import { big, bootstrap, equal, lacks, named, range, run, until } from './cases.ts'
import { command, Running } from './command.ts'

const admin = new Kafka({ clientId: 'interop', brokers: [bootstrap] }).admin()
await admin.connect()

const create = async (name: string, numPartitions: number): Promise<string> => {
  const topic = named(name)
  await admin.createTopics({ topics: [{ topic, numPartitions }] })
  return topic
}

const lines = (from: number, end: number): string =>
  range(from, end)
    .map((i) => `${i}\n`)
    .join('')

const produce = (topic: string, input: string | Buffer, ...args: string[]) =>
  command('kcat', ['-b', bootstrap, '-P', '-t', topic, ...args], input)

const read = async (topic: string, ...args: string[]): Promise<string[]> => {
  const { stdout } = await command('kcat', ['-b', bootstrap, '-C', '-q', '-e', '-t', topic, '-o', 'beginning', ...args])
  return stdout.split('\n').slice(0, -1)
}

const wanted = (from: number, end: number): string[] => range(from, end).map(String)

/** A member of a group; prints partition and value of each message. */
const member = (group: string, topic: string): Running => {
  const settings = ['auto.offset.reset=earliest', 'session.timeout.ms=10000', 'heartbeat.interval.ms=300']
  const flags = settings.flatMap((setting) => ['-X', setting])
  return new Running('kcat', ['-b', bootstrap, ...flags, '-u', '-f', '%p %s\n', '-G', named(group), topic])
}

/** How many partitions the last assignment that a member spoke of has. */
const partitions = ({ stderr }: Running): number => {
  const [, list = ''] = /.*assigned: (.*)$/s.exec(stderr) ?? []
  return (list.split('\n')[0]?.match(/\[\d+\]/g) ?? []).length
}

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  await run(`codecs/${codec}`, async () => {
    const topic = named(`codec-${codec}`)
    await produce(topic, lines(0, 50), ...(codec === 'none' ? [] : ['-z', codec]))
    equal(await read(topic), wanted(0, 50))
  })
}

for (const acks of ['0', '1', 'all']) {
  await run(`acks/${acks}`, async () => {
    const topic = named(`acks-${acks}`)
    await produce(topic, lines(0, 50), '-X', `acks=${acks}`)
    equal(await read(topic), wanted(0, 50))
  })
}

await run('beginning/all-partitions', async () => {
  const topic = await create('beginning', 3)
  for (const p of range(0, 3)) await produce(topic, lines(p * 100, p * 100 + 100), '-p', `${p}`)
  const found = (await read(topic, '-f', '%p %s\n')).map((line) => line.split(' '))
  for (const p of range(0, 3)) {
    const values = found.filter(([partition]) => partition === `${p}`).map(([, value]) => value)
    equal(values, wanted(p * 100, p * 100 + 100), `partition ${p}`)
  }
})

await run('group/two-members-one-leaves', async () => {
  const topic = await create('group', 4)
  const [one, two] = [member('group', topic), member('group', topic)]
  await until(() => [partitions(one), partitions(two)], [2, 2], 'partitions of the two')
  for (const p of range(0, 4)) await produce(topic, lines(p * 10, p * 10 + 10), '-p', `${p}`)
  const seen = () => new Set([...one.lines, ...two.lines].map((line) => line.split(' ')[1])).size
  await until(seen, 40, 'values seen by both')
  await one.stop()
  await until(() => partitions(two), 4, 'partitions of the one that stays')
  for (const p of range(4, 8)) await produce(topic, lines(p * 10, p * 10 + 10), '-p', `${p - 4}`)
  await until(seen, 80, 'values seen after one left')
  await two.stop()
})

await run('commit/resume', async () => {
  const topic = await create('commit', 1)
  await produce(topic, lines(0, 10))
  const first = member('commit', topic)
  await until(() => first.lines.length, 10, 'read')
  await first.stop()
  await produce(topic, lines(10, 20))
  const second = member('commit', topic)
  await until(() => second.lines.map((line) => line.split(' ')[1] ?? ''), wanted(10, 20), 'read after the commit')
  await second.stop()
})

await run('time/query', async () => {
  const topic = named('time')
  await produce(topic, lines(0, 10))
  const { stdout } = await command('kcat', ['-b', bootstrap, '-Q', '-t', `${topic}:0:1000`, '-t', `${topic}:1:-1`])
  equal(stdout.includes(`${topic} [0] offset 0`), true, `offset 0 in ${stdout}`)
  equal(await read(topic, '-o', 's@1000'), wanted(0, 10), 'from a time on')
})

await run('headers/several', async () => {
  const topic = named('headers')
  await produce(topic, 'x\n', '-H', 'a=1', '-H', 'b=2')
  equal(await read(topic, '-f', '%h\n'), ['a=1,b=2'])
})

await run('nulls/key-and-value', async () => {
  const topic = named('nulls')
  await produce(topic, 'v\n')
  await produce(topic, 'k:\n', '-K', ':', '-Z')
  equal(await read(topic, '-f', '%K %S\n'), ['-1 1', '1 -1'])
})

await run('large/1MB', async () => {
  const topic = named('large')
  // The delimiter of messages must not be in the value.
  const text = big().toString('base64').slice(0, 1_000_000)
  await produce(topic, `${text}\n`, '-X', 'message.max.bytes=1000500')
  equal((await read(topic))[0] === text, true, 'the value is whole')
})

await run('idempotence/producer', async () => {
  const topic = named('idempotence')
  await produce(topic, lines(0, 500), '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=10')
  equal(
    await read(topic, '-f', '%o %s\n'),
    range(0, 500).map((i) => `${i} ${i}`),
  )
})

await run('topics/list', async () => {
  const topic = await create('listed', 2)
  const { stdout } = await command('kcat', ['-b', bootstrap, '-L', '-J', '-t', topic])
  const { topics } = JSON.parse(stdout) as { topics: { topic: string; partitions: unknown[] }[] }
  equal([topics[0]?.topic, topics[0]?.partitions.length], [topic, 2])
})
lacks('configs/describe', 'no administration')
lacks('delete-records/before', 'no administration')
lacks('groups/administration', 'no administration')

await admin.disconnect()
