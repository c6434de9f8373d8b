/** Every client that is let loose on the broker: a row of the table each. */
import { join } from 'node:path'
import { kafkaTools } from '../support/apache-kafka.ts'
import { debianEnvironment, fromPyPI, goDrivers, javaDriver, NotHere, need, rustDriver } from './install.ts'

const drivers = join(import.meta.dirname, 'drivers')
const tsx = join(import.meta.dirname, '../../node_modules/.bin/tsx')

export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export interface Client {
  /** Also the beginning of the names of its topics. */
  readonly id: string
  readonly title: string
  /** Left out of a quick run: takes long to build or to run. */
  readonly slow?: true
  /** @throws {NotHere} when this machine cannot have it */
  install(): Promise<Launch>
}

const node = (file: string, environment: Readonly<Record<string, string>> = {}): Launch => ({
  program: tsx,
  args: [join(drivers, file)],
  environment,
})

const python = (file: string, path: string): Launch => ({
  program: 'python3',
  args: ['-W', 'ignore', join(drivers, file)],
  environment: { PYTHONPATH: path },
})

const debianPython = async (file: string): Promise<Launch> => {
  need('/usr/bin/python3')
  const environment = await debianEnvironment()
  return { program: '/usr/bin/python3', args: ['-W', 'ignore', join(drivers, file)], environment }
}

const java = async (version: string): Promise<Launch> => {
  const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  return { program: 'java', args: [...flags, logging, '-cp', await javaDriver(version), 'Interop'] }
}

const go = async (name: string): Promise<Launch> => ({ program: join(await goDrivers(), name), args: [] })

export const clients: readonly Client[] = [
  { id: 'kafkajs', title: 'kafkajs 2.2.4', install: async () => node('kafkajs.ts') },
  { id: 'platformatic', title: '@platformatic/kafka 1.35', install: async () => node('platformatic.ts') },
  { id: 'kcat', title: 'kcat 1.7 (Debian)', install: async () => node('kcat.ts', await debianEnvironment()) },
  {
    id: 'confluent-kafka',
    title: 'confluent-kafka (PyPI)',
    install: async () => python('confluent_kafka_driver.py', await fromPyPI('confluent-kafka')),
  },
  {
    id: 'confluent-kafka-debian',
    title: 'confluent-kafka 1.7 (Debian)',
    install: () => debianPython('confluent_kafka_driver.py'),
  },
  {
    id: 'kafka-python',
    title: 'kafka-python (PyPI)',
    install: async () => python('kafka_python_driver.py', await fromPyPI('kafka-python[lz4,snappy,zstd]')),
  },
  {
    id: 'kafka-python-debian',
    title: 'kafka-python 2.0.2 (Debian)',
    install: () => debianPython('kafka_python_driver.py'),
  },
  {
    id: 'aiokafka',
    title: 'aiokafka (PyPI)',
    install: async () => python('aiokafka_driver.py', await fromPyPI('aiokafka[lz4,snappy,zstd]')),
  },
  { id: 'java-4.3', title: 'Java client 4.3.1', install: () => java('4.3.1') },
  { id: 'java-2.8', title: 'Java client 2.8.2', install: () => java('2.8.2') },
  { id: 'franz-go', title: 'franz-go 1.22', install: () => go('franz') },
  { id: 'sarama', title: 'sarama 1.61', install: () => go('sarama') },
  { id: 'kafka-go', title: 'segmentio/kafka-go 0.4', install: () => go('segmentio') },
  {
    id: 'rskafka',
    title: 'rskafka 0.6',
    slow: true,
    install: async () => ({ program: await rustDriver(), args: [] }),
  },
  {
    id: 'kafka-tools',
    title: "Apache Kafka's tools 4.3.1",
    slow: true,
    async install() {
      if (kafkaTools === undefined) throw new NotHere('no Java 17 or no Maven')
      return node('kafka-tools.ts', { INTEROP_CLASSPATH: await kafkaTools.classPath() })
    },
  },
]
