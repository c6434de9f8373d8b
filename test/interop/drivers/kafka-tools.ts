/** Apache Kafka's own command-line tools, each run in a JVM of its own. INTEROP_CLASSPATH has them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrap, equal, named, range, run as runWithin, until } from './cases.ts'
import { command, Running } from './command.ts'

const tools = 'org.apache.kafka.tools'
const classes = {
  'kafka-topics': `${tools}.TopicCommand`,
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': `${tools}.consumer.group.ConsumerGroupCommand`,
  'kafka-groups': `${tools}.GroupsCommand`,
  'kafka-get-offsets': `${tools}.GetOffsetShell`,
  'kafka-delete-records': `${tools}.DeleteRecordsCommand`,
  'kafka-log-dirs': `${tools}.LogDirsCommand`,
  'kafka-broker-api-versions': `${tools}.BrokerApiVersionsCommand`,
  'kafka-cluster': `${tools}.ClusterTool`,
  'kafka-leader-election': `${tools}.LeaderElectionCommand`,
  'kafka-reassign-partitions': `${tools}.reassign.ReassignPartitionsCommand`,
  'kafka-console-producer': `${tools}.ConsoleProducer`,
  'kafka-console-consumer': `${tools}.consumer.ConsoleConsumer`,
  'kafka-verifiable-producer': `${tools}.VerifiableProducer`,
  'kafka-verifiable-consumer': `${tools}.VerifiableConsumer`,
  'kafka-producer-perf-test': `${tools}.ProducerPerformance`,
  'kafka-consumer-perf-test': `${tools}.ConsumerPerformance`,
  'kafka-e2e-latency': `${tools}.EndToEndLatency`,
} as const
type Tool = keyof typeof classes

/** A case starts up to ten JVMs, one after the other. */
const run = (name: string, body: () => Promise<unknown>) => runWithin(name, body, 180_000)

const folder = mkdtempSync(join(tmpdir(), 'odradek-interop-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const java = (tool: Tool, args: readonly string[]): string[] => [
  ...['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
  ...['-cp', process.env.INTEROP_CLASSPATH ?? '', classes[tool], ...args],
]

/** Runs a tool with `--bootstrap-server`. @returns what it printed on stdout */
async function use(tool: Tool, args: string, input = ''): Promise<string> {
  const all = ['--bootstrap-server', bootstrap, ...args.split(' ')]
  return (await command('java', java(tool, all), input)).stdout
}

const start = (tool: Tool, args: string) =>
  new Running('java', java(tool, ['--bootstrap-server', bootstrap, ...args.split(' ')]))

async function create(name: string, partitions = 1, more = ''): Promise<string> {
  const topic = named(name)
  await use('kafka-topics', `--create --topic ${topic} --partitions ${partitions}${more}`)
  return topic
}

const lines = (from: number, end: number): string =>
  range(from, end)
    .map((i) => `${i}\n`)
    .join('')
const printed = (stdout: string): string[] => stdout.split('\n').filter((line) => line !== '')
const texts = (from: number, end: number): string[] => range(from, end).map(String)

const produce = (topic: string, input: string, more = '') =>
  use('kafka-console-producer', `--topic ${topic}${more}`, input)

const read = async (topic: string, count: number, more = ''): Promise<string[]> =>
  printed(await use('kafka-console-consumer', `--topic ${topic} --max-messages ${count} --timeout-ms 20000${more}`))

const contains = (text: string, ...parts: readonly (string | RegExp)[]) => {
  for (const part of parts)
    equal(typeof part === 'string' ? text.includes(part) : part.test(text), true, `${part} in ${text}`)
}

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  await run(`codecs/console-${codec}`, async () => {
    const topic = named(`codec-${codec}`)
    await produce(topic, lines(0, 50), ` --compression-codec ${codec}`)
    equal(await read(topic, 50, ' --from-beginning'), texts(0, 50))
  })
}

for (const acks of ['0', '1', 'all']) {
  await run(`acks/perf-test-${acks}`, async () => {
    const topic = await create(`acks-${acks}`)
    const props = `bootstrap.servers=${bootstrap} acks=${acks} enable.idempotence=false`
    const args = `--topic ${topic} --num-records 500 --record-size 100 --throughput -1 --producer-props ${props}`
    contains((await command('java', java('kafka-producer-perf-test', args.split(' ')))).stdout, '500 records sent')
    equal(printed(await use('kafka-get-offsets', `--topic ${topic}`)), [`${topic}:0:500`])
  })
}

await run('beginning/consumer-perf-test', async () => {
  const topic = await create('beginning', 3)
  const sent = printed(await use('kafka-verifiable-producer', `--topic ${topic} --max-messages 300`))
  contains(sent.at(-1) ?? '', '"sent":300', '"acked":300')
  const found = (await read(topic, 300, ' --from-beginning')).map(Number).sort((a, b) => a - b)
  equal(found, range(0, 300))
  const measured = await use('kafka-consumer-perf-test', `--topic ${topic} --messages 300 --timeout 20000`)
  contains(measured, /, 300, /)
})

await run('group/verifiable-consumers', async () => {
  const topic = await create('group', 4)
  const join = () => start('kafka-verifiable-consumer', `--topic ${topic} --group-id ${named('group')} --verbose`)
  const events = (member: Running) => member.lines.map((line) => JSON.parse(line) as VerifiableEvent)
  const partitions = (member: Running) =>
    events(member).findLast(({ name }) => name === 'partitions_assigned')?.partitions?.length
  const values = (...members: Running[]) =>
    new Set(members.flatMap(events).flatMap(({ name, value }) => (name === 'record_data' ? [value] : []))).size
  const [one, two] = [join(), join()]
  await until(() => [partitions(one), partitions(two)], [2, 2], 'partitions of the two')
  await use('kafka-verifiable-producer', `--topic ${topic} --max-messages 100`)
  await until(() => values(one, two), 100, 'values seen by both')
  await one.stop()
  await until(() => partitions(two), 4, 'partitions of the one that stays')
  await use('kafka-verifiable-producer', `--topic ${topic} --max-messages 50 --value-prefix 1`)
  await until(() => values(one, two), 150, 'values seen after one left')
  await two.stop()
})

interface VerifiableEvent {
  readonly name: string
  readonly value?: string
  readonly partitions?: readonly unknown[]
}

await run('commit/console-consumer', async () => {
  const topic = await create('commit')
  await produce(topic, lines(0, 20))
  const group = ` --group ${named('commit')} --from-beginning`
  equal(await read(topic, 10, group), texts(0, 10), 'first')
  equal(await read(topic, 10, group), texts(10, 20), 'second')
})

await run('time/get-offsets', async () => {
  const topic = await create('time', 2)
  await produce(topic, '1000000\n')
  const at = async (time: string) =>
    printed(await use('kafka-get-offsets', `--topic-partitions ${topic}:0,${topic}:1 --time ${time}`))
      .map((line) => Number(line.split(':')[2]))
      .reduce((sum, offset) => sum + offset, 0)
  equal([await at('latest'), await at('earliest')], [1, 0], 'ends')
  equal(await at('1000'), 0, 'offset by time')
  contains(await use('kafka-get-offsets', `--topic ${topic} --time max-timestamp`), `${topic}:`)
})

await run('headers/console', async () => {
  const topic = named('headers')
  const parse = ' --reader-property parse.headers=true --reader-property parse.key=true'
  await produce(topic, 'a:1,b:2\tk\tv\n', parse)
  const print = ' --from-beginning --formatter-property print.headers=true --formatter-property print.key=true'
  equal(await read(topic, 1, print), ['a:1,b:2\tk\tv'])
})

await run('nulls/console', async () => {
  const topic = named('nulls')
  await produce(topic, 'k\tNULL\n', ' --reader-property parse.key=true --reader-property null.marker=NULL')
  await produce(topic, 'v\n')
  const print = ' --from-beginning --formatter-property print.key=true --formatter-property null.literal=NIL'
  equal((await read(topic, 2, print)).sort(), ['NIL\tv', 'k\tNIL'])
})

await run('large/perf-test', async () => {
  const topic = await create('large')
  const props = `bootstrap.servers=${bootstrap} max.request.size=1048576 compression.type=none`
  const args = `--topic ${topic} --num-records 5 --record-size 1000000 --throughput -1 --producer-props ${props}`
  contains((await command('java', java('kafka-producer-perf-test', args.split(' ')))).stdout, '5 records sent')
  contains(await use('kafka-consumer-perf-test', `--topic ${topic} --messages 5 --timeout 20000`), /, 5, /)
})

await run('idempotence/perf-test', async () => {
  const topic = await create('idempotence')
  const props = `bootstrap.servers=${bootstrap} enable.idempotence=true acks=all batch.size=1000`
  const args = `--topic ${topic} --num-records 5000 --record-size 100 --throughput -1 --producer-props ${props}`
  contains((await command('java', java('kafka-producer-perf-test', args.split(' ')))).stdout, '5000 records sent')
  equal(printed(await use('kafka-get-offsets', `--topic ${topic}`)), [`${topic}:0:5000`])
})

await run('topics/kafka-topics', async () => {
  const topic = await create('admin', 2, ' --config retention.ms=60000')
  contains(await use('kafka-topics', '--list'), topic)
  await use('kafka-topics', `--alter --topic ${topic} --partitions 4`)
  const described = await use('kafka-topics', `--describe --topic ${topic}`)
  contains(described, 'PartitionCount: 4', 'ReplicationFactor: 1', 'retention.ms=60000', /Partition: 3\s+Leader: \d+/)
  equal(printed(await use('kafka-topics', `--describe --topic ${topic} --unavailable-partitions`)), [], 'unavailable')
  await use('kafka-topics', `--delete --topic ${topic}`)
  equal((await use('kafka-topics', '--list')).includes(topic), false, 'listed')
})

await run('configs/kafka-configs-topic', async () => {
  const topic = await create('configs')
  const entity = `--entity-type topics --entity-name ${topic}`
  await use('kafka-configs', `--alter ${entity} --add-config retention.ms=70000,cleanup.policy=[compact,delete]`)
  contains(await use('kafka-configs', `--describe ${entity}`), 'retention.ms=70000', 'cleanup.policy=compact,delete')
  await use('kafka-configs', `--alter ${entity} --delete-config retention.ms`)
  equal((await use('kafka-configs', `--describe ${entity}`)).includes('retention.ms'), false, 'deleted')
  contains(await use('kafka-configs', `--describe --all ${entity}`), 'retention.ms=604800000')
})

await run('configs/kafka-configs-broker', async () => {
  await use('kafka-configs', '--alter --entity-type brokers --entity-default --add-config log.cleaner.threads=2')
  contains(await use('kafka-configs', '--describe --entity-type brokers --entity-default'), 'log.cleaner.threads=2')
  await use('kafka-configs', '--alter --entity-type brokers --entity-default --delete-config log.cleaner.threads')
  const all = await use('kafka-configs', '--describe --entity-type brokers --entity-name 1 --all')
  contains(all, 'log.cleaner.threads=1', 'STATIC_BROKER_CONFIG')
})

await run('delete-records/kafka-delete-records', async () => {
  const topic = await create('delete-records')
  await produce(topic, lines(0, 50))
  const file = join(folder, 'offsets.json')
  writeFileSync(file, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 20 }], version: 1 }))
  contains(await use('kafka-delete-records', `--offset-json-file ${file}`), 'low_watermark: 20')
  equal(printed(await use('kafka-get-offsets', `--topic ${topic} --time earliest`)), [`${topic}:0:20`])
})

/** A topic of 50 messages with a group that has read 10 of them. */
async function readTen(name: string): Promise<{ topic: string; group: string }> {
  const [topic, group] = [await create(name), named(name)]
  await produce(topic, lines(0, 50))
  await read(topic, 10, ` --group ${group} --from-beginning`)
  return { topic, group }
}

await run('groups/kafka-consumer-groups', async () => {
  const { topic, group } = await readTen('groups')
  const about = (args: string) => use('kafka-consumer-groups', `${args} --group ${group}`)
  contains(await use('kafka-consumer-groups', '--list'), group)
  contains(await use('kafka-groups', '--list'), group)
  contains(await about('--describe'), /\s0\s+10\s+50\s+40\s/)
  contains(await about('--describe --state'), 'Empty')
  const member = start('kafka-console-consumer', `--topic ${topic} --group ${group}`)
  await until(async () => /Stable/.test(await about('--describe --state')), true, 'stable')
  contains(await about('--describe --members --verbose'), `${topic}:0`)
  const refused = await about(`--reset-offsets --to-earliest --topic ${topic} --execute`).catch(
    ({ message }) => message,
  )
  contains(refused, 'inactive')
  await member.stop()
  await about(`--delete-offsets --topic ${topic}`)
  await about('--delete')
  equal((await use('kafka-consumer-groups', '--list')).includes(group), false, 'listed')
})

await run('groups/reset-offsets', async () => {
  const { topic, group } = await readTen('resets')
  const reset = async (how: string) => {
    const what = `--reset-offsets --group ${group} --topic ${topic} --execute ${how}`
    const [, offset] = /\s0\s+(\d+)\s*$/m.exec(await use('kafka-consumer-groups', what)) ?? []
    return Number(offset)
  }
  equal(await reset('--to-current'), 10, 'current')
  equal(await reset('--to-latest'), 50, 'latest')
  equal(await reset('--to-earliest'), 0, 'earliest')
  equal(await reset('--to-offset 30'), 30, 'offset')
  equal(await reset('--shift-by -5'), 25, 'shift')
  equal(await reset('--by-duration PT1H'), 0, 'an hour ago')
  equal(await reset('--to-datetime 2001-01-01T00:00:00.000'), 0, 'a date')
  const file = join(folder, 'resets.csv')
  writeFileSync(file, `${topic},0,40\n`)
  equal(await reset(`--from-file ${file}`), 40, 'file')
  const described = await use('kafka-consumer-groups', `--describe --group ${group}`)
  contains(described, /\s0\s+40\s+50\s+10\s/)
})

await run('admin/kafka-log-dirs', async () => {
  const topic = await create('log-dirs')
  await produce(topic, lines(0, 50))
  const described = await use('kafka-log-dirs', `--describe --topic-list ${topic}`)
  contains(described, /"partition":"[^"]+-0","size":[1-9]/)
})

await run('admin/broker-api-versions', async () => {
  const all = java('kafka-broker-api-versions', ['--bootstrap-server', bootstrap])
  contains((await command('java', all)).stdout, 'Produce(0): 0 to 13 [usable: 13]')
})

await run('admin/kafka-cluster', async () => {
  const all = java('kafka-cluster', ['cluster-id', '--bootstrap-server', bootstrap])
  contains((await command('java', all)).stdout, /Cluster ID: [\w-]{22}/)
})

await run('admin/leader-election-and-reassignment', async () => {
  const topic = await create('placed')
  const elected = await use('kafka-leader-election', `--election-type preferred --topic ${topic} --partition 0`)
  contains(elected, /elect|Valid replica already elected|Successfully completed/i)
  contains(await use('kafka-reassign-partitions', '--list'), 'No partition reassignments found.')
})

await run('admin/e2e-latency', async () => {
  const topic = await create('latency')
  const args = `--topic ${topic} --num-records 50 --producer-acks all --record-size 100`
  contains(await use('kafka-e2e-latency', args), 'Avg latency')
})
