import { type ChildProcess, spawn } from 'node:child_process'
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
  const node = await ApacheKafkaNode.format(options)
  // Nothing of it is wanted any more when it stops: no need to wait for an orderly shutdown.
  const stop = async () => {
    await node.end('SIGKILL')
    await node.remove()
  }
  try {
    return { bootstrap: await node.start(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** One that can be stopped and started again on its data, which may be changed in between. */
export class ApacheKafkaNode {
  /** Its log directory. */
  readonly data: string
  readonly #folder: string
  readonly #port: number
  #child: ChildProcess | undefined

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.data = join(folder, 'data')
    this.#port = port
  }

  /** Chooses ports and formats the data; nothing runs yet. @throws without Java and Maven */
  static async format(options: ApacheKafkaOptions = {}): Promise<ApacheKafkaNode> {
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
    return new ApacheKafkaNode(folder, port)
  }

  /** @returns `host:port` for clients, once it accepts them. @throws with the last lines of its log */
  async start(): Promise<string> {
    const logFile = join(this.#folder, 'server.log')
    const log = await open(logFile, 'w')
    const flags = ['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
    const classPath = (await kafkaTools?.classPath()) ?? ''
    const args = [...flags, logging, '-cp', classPath, 'kafka.Kafka', join(this.#folder, 'server.properties')]
    const child = spawn('java', args, { stdio: ['ignore', log.fd, log.fd] })
    this.#child = child
    await log.close()
    for (let tries = 0; !(await accepts(this.#port)); tries++) {
      if (child.exitCode !== null || tries === 600) throw new Error(`Apache Kafka did not start:\n${await this.log()}`)
      await sleep(50)
    }
    return `127.0.0.1:${this.#port}`
  }

  /** The last lines of what it said since it was started. */
  async log(): Promise<string> {
    return (await readFile(join(this.#folder, 'server.log'), 'utf8')).slice(-3000)
  }

  /** SIGTERM is an orderly shutdown, after which its logs are closed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    await exited
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
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
