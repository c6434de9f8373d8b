/** `make interop`: lets every client loose on a broker and prints what works. See README.md. */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { BrokerChild } from '../support/broker-child.ts'
import { type Client, clients, type Launch } from './clients.ts'
import { folder, NotHere } from './install.ts'
import { Tally, tableOf } from './tally.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    bootstrap: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})

/** No driver takes longer; a client that hangs fails in the case where it hangs. */
const LIMIT_MS = 900_000
const started = Date.now()
const wanted = (options.only ?? '').split(',').filter(Boolean)
const chosen = clients.filter(({ id, slow }) => (wanted.length > 0 ? wanted.includes(id) : !(options.quick && slow)))
const unknown = wanted.filter((id) => !clients.some((client) => client.id === id))
if (unknown.length > 0) {
  console.error(`no client ${unknown.join(', ')}; there are ${clients.map(({ id }) => id).join(', ')}`)
  process.exit(2)
}

mkdirSync(join(folder, 'logs'), { recursive: true })
const data = mkdtempSync(join(tmpdir(), 'odradek-interop-'))
const broker = options.bootstrap === undefined ? await BrokerChild.start(data) : undefined
const bootstrap = options.bootstrap ?? `127.0.0.1:${await broker?.listening}`

const rows = new Map<string, Tally | string>(chosen.map(({ title }) => [title, 'not run']))
const waiting = [...chosen]
// Two at a time: most of them wait most of the time.
await Promise.all([work(), work()])
await broker?.end('SIGTERM')
rmSync(data, { recursive: true, force: true })
report()

async function work(): Promise<void> {
  for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
    const row = await outcomeOf(client)
    rows.set(client.title, row)
    say(
      client.title,
      typeof row === 'string' ? `skipped: ${row}` : `${row.passed.length} ok, ${row.failed.length} failed`,
    )
  }
}

async function outcomeOf(client: Client): Promise<Tally | string> {
  try {
    return await drive(client, await client.install())
  } catch (error) {
    if (error instanceof NotHere) return error.message
    const tally = new Tally()
    tally.end(error instanceof Error ? `${error.message} ${(error as { stderr?: string }).stderr ?? ''}` : `${error}`)
    return tally
  }
}

function drive({ id }: Client, { program, args, environment }: Launch): Promise<Tally> {
  const tally = new Tally()
  const log = createWriteStream(join(folder, 'logs', `${id}.log`))
  const names = { INTEROP_BOOTSTRAP: bootstrap, INTEROP_PREFIX: `${id}-${started.toString(36)}` }
  const child = spawn(program, args, {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...environment, ...names },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  createInterface({ input: child.stdout }).on('line', (line) => {
    tally.line(line)
    log.write(`${line}\n`)
  })
  child.stderr.on('data', (chunk: Buffer) => log.write(chunk))
  return new Promise((resolve) => {
    child.once('error', (error) => {
      tally.end(error.message)
      resolve(tally)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      log.end()
      tally.end(code === 0 ? undefined : `the driver ended with ${code ?? signal}`)
      resolve(tally)
    })
  })
}

function report(): void {
  console.log(`\n${tableOf(rows)}\n`)
  let [passed, failed, skipped] = [0, 0, 0]
  for (const [title, row] of rows) {
    if (typeof row === 'string') {
      skipped++
      console.log(`${title} is skipped: ${row}`)
      continue
    }
    passed += row.passed.length
    failed += row.failed.length
    for (const { name, why } of row.failed) console.log(`${title}: ${name} FAILED: ${why}`)
    if (row.lacking.length > 0)
      console.log(`${title} lacks ${row.lacking.map(({ name, why }) => `${name} (${why})`).join(', ')}`)
  }
  if (failed > 0) console.log(`What they said: ${join(folder, 'logs')}`)
  console.log(`interop: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

function say(title: string, text: string): void {
  console.log(`${((Date.now() - started) / 1000).toFixed(0).padStart(4)} s  ${title}: ${text}`)
}
