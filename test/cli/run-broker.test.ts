import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { listeningLine } from '../../cli/run-broker.ts'
import { odradek, temporaryFolder } from '../support/cli.ts'

const freePort = ['--set', 'listeners=PLAINTEXT://127.0.0.1:0']
const dataIn = (folder: string) => ['--set', `log.dirs=${folder}`]

/** What a failed start must look like: one line on stderr, nothing on stdout, exit code 1. */
async function failure(args: readonly string[], options: Parameters<typeof odradek>[1] = {}): Promise<string> {
  const running = odradek(args, options)
  expect(await running.exit).toEqual({ code: 1, signal: null })
  expect(running.stdout).toBe('')
  expect(running.stderr).toMatch(/^odradek: [^\n]+\n$/)
  return running.stderr
}

async function topicsOf(bootstrap: string): Promise<string[]> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const topics = await admin.listTopics()
  await admin.disconnect()
  return topics
}

describe('odradek start', () => {
  it('prints the listener with the port that it got, serves there, and stops cleanly at SIGTERM', async () => {
    const folder = temporaryFolder()
    const broker = odradek(['start', ...freePort, ...dataIn(folder)])
    const bootstrap = await broker.bootstrap()
    expect(bootstrap).toMatch(/^127\.0\.0\.1:[1-9]\d+$/)
    expect(await topicsOf(bootstrap)).not.toContain('never-made')
    broker.process.kill('SIGTERM')
    expect(await broker.exit).toEqual({ code: 0, signal: null })
    expect(broker.stdout).toBe(`listening PLAINTEXT://${bootstrap}\n`)
    expect(broker.stderr).toBe('')
    expect(existsSync(join(folder, '.kafka_cleanshutdown'))).toBe(true)
  })

  it('stops cleanly at Ctrl-C, too', async () => {
    const broker = odradek(['start', ...freePort, ...dataIn(temporaryFolder())])
    await broker.bootstrap()
    broker.process.kill('SIGINT')
    expect(await broker.exit).toEqual({ code: 0, signal: null })
  })

  it('goes on when nobody reads its output any more', async () => {
    const args = [...freePort, ...dataIn(temporaryFolder()), '--log-level', 'debug']
    const broker = odradek(['start', ...args])
    const bootstrap = await broker.bootstrap()
    broker.process.stdout?.destroy()
    broker.process.stderr?.destroy()
    await topicsOf(bootstrap)
    broker.process.kill('SIGTERM')
    expect(await broker.exit).toEqual({ code: 0, signal: null })
  })

  it('starts again on the folder of a broker that was killed', async () => {
    const folder = temporaryFolder()
    const first = odradek(['start', ...freePort, ...dataIn(folder)])
    await first.bootstrap()
    first.process.kill('SIGKILL')
    await first.exit
    const second = odradek(['start', ...freePort, ...dataIn(folder)])
    expect(await topicsOf(await second.bootstrap())).not.toContain('never-made')
  })

  it('takes --set before KAFKA_* variables before the properties file', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'server.properties')
    writeFileSync(
      file,
      'listeners=PLAINTEXT://127.0.0.1:0\nnode.id=11\nodradek.http.listen=127.0.0.1:1\nlog.dirs=/dev/null/none\n',
    )
    const broker = odradek(['start', file, '--set', 'odradek.http.listen=127.0.0.1:0', '--set', 'node.id=13'], {
      environment: { KAFKA_NODE_ID: '12', KAFKA_LOG_DIRS: join(folder, 'logs') },
    })
    await broker.bootstrap()
    expect(readFileSync(join(folder, 'logs', 'meta.properties'), 'utf8')).toContain('node.id=13')
  })

  it('warns of an unknown key, with the nearest name, and starts all the same', async () => {
    const broker = odradek(['start', ...freePort, ...dataIn(temporaryFolder()), '--set', 'num.partition=3'])
    await broker.bootstrap()
    expect(broker.stderr).toBe('odradek: --set: unknown config key num.partition; did you mean num.partitions?\n')
  })
})

describe('the line of a listener', () => {
  const bound = { name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }

  it('is the bound address', () => {
    expect(listeningLine({ ...bound, advertisedHost: '127.0.0.1', advertisedPort: 9092 })).toBe(
      'listening PLAINTEXT://127.0.0.1:9092',
    )
  })

  it('adds where clients are sent if that is another one, the classic trap of containers', () => {
    expect(listeningLine({ ...bound, host: '::', advertisedHost: 'kafka.example', advertisedPort: 29092 })).toBe(
      'listening PLAINTEXT://[::]:9092 (clients are sent to kafka.example:29092)',
    )
  })
})

describe('a start that fails says in one line what, where, and what to do', () => {
  it('when the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const bound = other.address()
    const port = typeof bound === 'object' ? bound?.port : undefined
    const args = ['--set', `listeners=PLAINTEXT://127.0.0.1:${port}`, ...dataIn(temporaryFolder())]
    expect(await failure(['start', ...args])).toContain(
      `cannot listen on PLAINTEXT://127.0.0.1:${port}: port ${port} is taken by another program; stop it, or choose another port`,
    )
    await new Promise((resolve) => other.close(resolve))
  })

  it('when the HTTP port is taken, and then no longer serves Kafka either', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const bound = other.address()
    const address = `127.0.0.1:${typeof bound === 'object' ? bound?.port : undefined}`
    const args = [...freePort, ...dataIn(temporaryFolder()), '--set', `odradek.http.listen=${address}`]
    const broker = odradek(['start', ...args])
    expect(await broker.exit).toEqual({ code: 1, signal: null })
    expect(broker.stderr).toMatch(/^odradek: [^\n]+\n$/)
    expect(broker.stderr).toContain(`cannot serve HTTP on ${address}: the port is taken by another program`)
    await new Promise((resolve) => other.close(resolve))
  })

  it('when the folder is in use, and leaves the broker that uses it alone', async () => {
    const folder = temporaryFolder()
    const first = odradek(['start', ...freePort, ...dataIn(folder)])
    const bootstrap = await first.bootstrap()
    const line = await failure(['start', ...freePort, ...dataIn(folder)])
    expect(line).toContain(folder)
    expect(line).toContain(String(first.process.pid))
    expect(line).toContain('stop the broker that uses it, or take another folder')
    expect(await topicsOf(bootstrap)).not.toContain('never-made')
    first.process.kill('SIGTERM')
    expect((await first.exit).code).toBe(0)
  })

  it('when the folder cannot be made', async () => {
    const file = join(temporaryFolder(), 'a-file')
    writeFileSync(file, 'not a folder')
    expect(await failure(['start', ...freePort, ...dataIn(join(file, 'data'))])).toContain(join(file, 'data'))
    expect(readFileSync(file, 'utf8')).toBe('not a folder')
  })

  it('when a value in the file is bad, naming file and line, before it touches anything', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'server.properties')
    writeFileSync(file, `# a comment\nlog.dirs=${folder}/logs\nnum.partitions=many\n`)
    expect(await failure(['start', file, ...freePort])).toContain(`${file}:3: num.partitions="many"`)
    expect(existsSync(join(folder, 'logs'))).toBe(false)
  })

  it('when a value on the command line or in the environment is bad', async () => {
    expect(await failure(['start', ...freePort, '--set', 'log.segment.bytes=-1'])).toContain(
      '--set: log.segment.bytes="-1"',
    )
    const environment = { KAFKA_NUM_PARTITIONS: 'x' }
    expect(await failure(['start', ...freePort], { environment })).toContain('KAFKA_NUM_PARTITIONS: num.partitions="x"')
    expect(await failure(['start', '--set', 'listeners=nonsense'])).toContain('"nonsense" is not NAME://host:port')
    expect(await failure(['start', '--set', 'novalue'])).toContain('expected key=value')
  })

  it.runIf(process.getuid?.() !== 0)('when the folder may not be written', async () => {
    const folder = temporaryFolder()
    chmodSync(folder, 0o500)
    expect(await failure(['start', ...freePort, ...dataIn(folder)])).toContain('let this user write there')
  })

  it('when the properties file is not there', async () => {
    expect(await failure(['start', '/nowhere/server.properties'])).toContain(
      '/nowhere/server.properties: cannot be read',
    )
  })
})

describe('odradek dev', () => {
  it('has its data in ./data, HTTP beside it, and says what to try', async () => {
    const folder = temporaryFolder()
    const broker = odradek(['dev', ...freePort, '--set', 'odradek.http.listen=127.0.0.1:0'], { cwd: folder })
    const bootstrap = await broker.bootstrap()
    await broker.says(new RegExp(`new Kafka\\(\\{ brokers: \\['${bootstrap}'\\] \\}\\)`))
    const url = (await broker.says(/status (http:\/\/\S+)\/v1\/status/))[1]
    expect(existsSync(join(folder, 'data', 'meta.properties'))).toBe(true)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await (await fetch(`${url}/v1/status`)).json()).toMatchObject({ state: 'running', nodeId: 1 })
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('kafka_server_replicamanager_partitioncount')
    broker.process.kill('SIGINT')
    expect(await broker.exit).toEqual({ code: 0, signal: null })
  })
})

describe('odradek', () => {
  it('prints its version', async () => {
    const running = odradek(['version'])
    expect(await running.exit).toEqual({ code: 0, signal: null })
    expect(running.stdout).toBe(`odradek 0.1.0 (node ${process.version})\n`)
  })

  it('prints help, and ends with 2 where the command makes no sense', async () => {
    const help = odradek(['--help'])
    expect((await help.exit).code).toBe(0)
    expect(help.stdout).toContain('start [options] [server.properties]')
    for (const args of [['strat'], ['start', '--sett', 'x=y'], ['start', 'a', 'b'], ['dev', '--log-level', 'loud']]) {
      const running = odradek(args)
      expect((await running.exit).code, args.join(' ')).toBe(2)
      expect(running.stderr).toContain('error: ')
    }
  })
})
