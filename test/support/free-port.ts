import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * A free port that no outgoing connection is given meanwhile: below the range of those (where the system tells it). A
 * broker that comes back on its port needs that. Clients which knock at a closed port out of that range sooner or later
 * get the very port for their own end, and then are connected to themselves.
 */
export async function freePort(random: () => number = Math.random): Promise<number> {
  const end = firstOutgoingPort()
  for (;;) {
    const port = 10_000 + Math.floor(random() * (end - 10_000))
    if (await isFree(port)) return port
  }
}

function firstOutgoingPort(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)
    return Math.max(Number(first), 11_000)
  } catch {
    return 32_768
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
