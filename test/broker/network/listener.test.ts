import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { Heartbeat } from '../../../protocol/apis/group-membership.ts'
import { RawClient } from '../../support/raw-client.ts'
import { eventually } from './network-context.ts'

it('without file descriptors turns connections away, says so once, and goes on when there are some', async () => {
  const program = new URL('few-descriptors.ts', import.meta.url).pathname
  const command = `ulimit -n 64 && exec "${process.execPath}" --import tsx "${program}"`
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await eventually(() => lines.length === 1, 'the child listens')
  const port = Number(lines[0])

  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(port)))
  let closed = 0
  for (const client of clients) void client.closed.then(() => closed++)
  await eventually(() => closed > 0, 'some are turned away')
  // Who got in is served all the while.
  const served = await Promise.any(clients.map((client) => client.call(Heartbeat, 4, {})))
  expect(served.errorCode).toBe(0)
  expect(closed).toBeLessThan(100)
  for (const client of clients) client.destroy()
  await Promise.all(clients.map((client) => client.closed))

  const answer = async () => {
    await using client = await RawClient.connect(port)
    return await client.call(Heartbeat, 4, {}).catch(() => undefined)
  }
  let last = await answer()
  for (let i = 0; i < 100 && last === undefined; i++) last = await answer()
  expect(last?.errorCode).toBe(0)
  expect(lines.filter((line) => line.includes('too many open files'))).toHaveLength(1)
})
