import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = join(import.meta.dirname, 'apache-kafka/pom.xml')
const works = (command: string, flag: string) => spawnSync(command, [flag], { stdio: 'ignore' }).status === 0

/**
 * Apache Kafka's own tools, from its Maven artifacts: some 100 MB on the first call, from Maven's cache afterwards.
 * `undefined` where there is no Java 17 or no Maven: tests that need them are skipped then and say so.
 */
export const kafkaTools: KafkaTools | undefined =
  works('java', '-version') && works('mvn', '-version') ? { run: runTool, classPath } : undefined

export interface KafkaTools {
  /** Runs the tool of a main class. @returns what it printed on stdout; rejects when it fails */
  run(mainClass: string, ...args: readonly string[]): Promise<string>
  /** For Java programs of one's own: broker, tools and clients. */
  classPath(): Promise<string>
}

async function runTool(mainClass: string, ...args: readonly string[]): Promise<string> {
  const flags = ['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', await classPath()]
  const { stdout } = await run('java', [...flags, mainClass, ...args], { maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

async function classPath(): Promise<string> {
  const folder = join(tmpdir(), 'odradek-test-apache-kafka')
  const file = join(folder, '4.3.1.classpath')
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true })
    const fresh = `${file}.${process.pid}`
    await run('mvn', ['-q', '-B', '-f', pom, 'dependency:build-classpath', `-Dmdep.outputFile=${fresh}`])
    renameSync(fresh, file)
  }
  return readFileSync(file, 'utf8').trim()
}
