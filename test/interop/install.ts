/** Where clients come from: the ordinary registries, by their own programs, into one folder that git ignores. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const drivers = join(import.meta.dirname, 'drivers')
export const folder = join(import.meta.dirname, '../../.interop')

/** A client cannot be had on this machine: its row says why, and that is no failure of the broker. */
export class NotHere extends Error {}

export const has = (program: string): boolean => spawnSync('which', [program], { stdio: 'ignore' }).status === 0

/** @throws {NotHere} when a program is missing */
export function need(...programs: readonly string[]): void {
  for (const program of programs) if (!has(program)) throw new NotHere(`no ${program}`)
}

/** Fetches something. @throws {NotHere} when that fails */
async function fetch(program: string, args: readonly string[], options: { cwd?: string } = {}): Promise<void> {
  need(program)
  try {
    await execute(program, args, { ...options, timeout: 300_000, maxBuffer: 64 << 20 })
  } catch (error) {
    const last = `${(error as { stderr?: string }).stderr || (error as Error).message}`.trim().split('\n').at(-1)
    throw new NotHere(`${program} could not fetch it: ${last}`)
  }
}

/** Builds a driver of ours. @throws what the compiler says */
async function build(program: string, args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  await execute(program, args, { cwd, env: { ...process.env, ...env }, timeout: 600_000, maxBuffer: 64 << 20 })
}

/** Packages of PyPI in a folder of their own. @returns what PYTHONPATH is to be */
export async function fromPyPI(...packages: readonly string[]): Promise<string> {
  const target = join(folder, 'python', packages.join('+').replace(/[^\w.+-]/g, '_'))
  if (!existsSync(join(target, '.complete'))) {
    rmSync(target, { recursive: true, force: true })
    const flags = ['--quiet', '--disable-pip-version-check', '--no-input', '--target', target]
    need('python3')
    await fetch('python3', ['-m', 'pip', 'install', ...flags, ...packages])
    writeFileSync(join(target, '.complete'), '')
  }
  return `${target}:${drivers}`
}

let debian: Promise<string> | undefined

/**
 * Debian's packages with what they need and the system has not, unpacked aside: nothing is installed.
 * @returns the folder that has `usr`
 */
export function fromDebian(): Promise<string> {
  debian ??= unpackDebian()
  return debian
}

async function unpackDebian(): Promise<string> {
  need('apt-get', 'dpkg-deb')
  const root = join(folder, 'debian')
  if (existsSync(join(root, '.complete'))) return root
  const archives = join(folder, 'debian-archives')
  mkdirSync(join(archives, 'partial'), { recursive: true })
  const packages = [
    'kcat',
    'python3-kafka',
    'python3-confluent-kafka',
    'python3-lz4',
    'python3-snappy',
    'python3-zstandard',
  ]
  const flags = ['-qq', '-y', '--no-install-recommends', '--download-only', '-o', `Dir::Cache::archives=${archives}`]
  try {
    await fetch('apt-get', ['install', ...flags, ...packages])
  } catch {
    await fetch('apt-get', ['update', '-qq']) // a new machine knows no packages yet
    await fetch('apt-get', ['install', ...flags, ...packages])
  }
  const found = readdirSync(archives).filter((name) => name.endsWith('.deb'))
  if (found.length === 0) return '/' // all of them are installed
  for (const name of found) await execute('dpkg-deb', ['-x', join(archives, name), root])
  writeFileSync(join(root, '.complete'), '')
  return root
}

/** The environment in which programs and Python modules of `fromDebian` are found. */
export async function debianEnvironment(): Promise<Record<string, string>> {
  const usr = join(await fromDebian(), 'usr')
  const libraries = readdirSync(join(usr, 'lib')).filter((name) => name.endsWith('-linux-gnu'))
  return {
    PATH: `${join(usr, 'bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: libraries.map((name) => join(usr, 'lib', name)).join(':'),
    PYTHONPATH: `${join(usr, 'lib/python3/dist-packages')}:${drivers}`,
  }
}

/** Apache Kafka's client of a version, and our program compiled against it. @returns the class path */
export async function javaDriver(version: string): Promise<string> {
  need('java', 'javac', 'mvn')
  const classes = join(folder, 'java', version)
  mkdirSync(classes, { recursive: true })
  const file = join(classes, 'classpath')
  const source = join(drivers, 'java')
  if (!existsSync(file)) {
    const [pom, versionFlag] = [join(source, 'pom.xml'), `-Dkafka.version=${version}`]
    await fetch('mvn', ['-q', '-B', '-f', pom, versionFlag, 'dependency:build-classpath', `-Dmdep.outputFile=${file}`])
  }
  const classPath = readFileSync(file, 'utf8').trim()
  const sources = readdirSync(source).filter((name) => name.endsWith('.java'))
  await build('javac', ['-nowarn', '-d', classes, '-cp', classPath, ...sources], source)
  return `${classes}:${classPath}`
}

let go: Promise<string> | undefined

/** All drivers in Go. @returns the folder of their programs */
export function goDrivers(): Promise<string> {
  go ??= (async () => {
    need('go')
    const [cwd, programs] = [join(drivers, 'go'), join(folder, 'go')]
    await fetch('go', ['mod', 'download'], { cwd })
    mkdirSync(programs, { recursive: true })
    await build('go', ['build', '-o', `${programs}/`, './...'], cwd)
    return programs
  })()
  return go
}

/** @returns the program of the driver in Rust */
export async function rustDriver(): Promise<string> {
  need('cargo', 'cc')
  const [cwd, target] = [join(drivers, 'rust'), join(folder, 'rust')]
  await fetch('cargo', ['fetch', '--quiet', '--locked'], { cwd })
  await build('cargo', ['build', '--quiet', '--locked'], cwd, { CARGO_TARGET_DIR: target })
  return join(target, 'debug/interop')
}
