import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kafkaTools } from './apache-kafka.ts'
import { freePort } from './free-port.ts'

export interface ApacheKafka {
  /** `host:port` for clients. */
  readonly bootstrap: string
  /** Ends the process and removes its data. */
  stop(): Promise<void>
}

export interface ApacheKafkaOptions {
  /** `server.properties`, beside those of one node that is broker and controller on 127.0.0.1. */
  readonly properties?: Readonly<Record<string, string>>
  /** Feature levels to format with, where they shall not be the newest. */
  readonly features?: Readonly<Record<string, number>>
}

/**
 * A real Apache Kafka on free ports of 127.0.0.1, with new data in a temporary folder and a small heap. It takes some
 * three seconds, and a first time ever the download of its artifacts.
 * @throws without Java and Maven, and with the last lines of its log when it does not start
 */
export async function startApacheKafka(options: ApacheKafkaOptions = {}): Promise<ApacheKafka> {
  if (kafkaTools === undefined) throw new Error('Apache Kafka needs Java 17 and Maven')
  const folder = await mkdtemp(join(tmpdir(), 'apache-kafka-'))
  const [port, controllerPort] = [await freePort(), await freePort()]
  const file = join(folder, 'server.properties')
  await writeFile(
    file,
    propertiesText({ ...oneNode(port, controllerPort, join(folder, 'data')), ...options.properties }),
  )
  await mkdir(join(folder, 'data'))
  const features = Object.entries(options.features ?? {}).flatMap(([name, level]) => ['-f', `${name}=${level}`])
  await kafkaTools.run('kafka.tools.StorageTool', 'format', '-t', 'odradek-oracle-AAAAAAA', '-c', file, ...features)

  const logFile = join(folder, 'server.log')
  const log = await open(logFile, 'w')
  const flags = ['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  const args = [...flags, logging, '-cp', await kafkaTools.classPath(), 'kafka.Kafka', file]
  const child = spawn('java', args, { stdio: ['ignore', log.fd, log.fd] })
  await log.close()
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    // Nothing of it is wanted any more: no need to wait for an orderly shutdown.
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (child.exitCode !== null || tries === 600) {
      const lastWords = (await readFile(logFile, 'utf8')).slice(-3000)
      await stop()
      throw new Error(`Apache Kafka did not start:\n${lastWords}`)
    }
    await sleep(50)
  }
  return { bootstrap: `127.0.0.1:${port}`, stop }
}

const oneNode = (port: number, controllerPort: number, data: string): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'controller.listener.names': 'CONTROLLER',
  'log.dirs': data,
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
})

const propertiesText = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
