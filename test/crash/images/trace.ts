import { walk } from './image.ts'
import type { Fact } from './oracle.ts'
import type { DiskEvent, RecordedDisk } from './recorded-disk.ts'

/** The last events of a record before `point`, a line each, for whoever looks into a failure. */
export function trace(disk: RecordedDisk<Fact>, point: number, count: number): string[] {
  const paths = new Map<number, string>()
  for (const { path } of walk(disk.start)) paths.set(paths.size, path === '/' ? '' : path)
  const lines: string[] = []
  for (const [index, event] of disk.events.slice(0, point + 1).entries()) {
    if (event.kind === 'link') paths.set(event.node, `${paths.get(event.folder)}/${event.name}`)
    if (index > point - count) lines.push(`${index === point ? '>' : ' '} ${index} ${describe(event, paths)}`)
    if (event.kind === 'rename') paths.set(event.node, `${paths.get(event.folder)}/${event.to}`)
  }
  return lines
}

function describe(event: DiskEvent<Fact>, paths: ReadonlyMap<number, string>): string {
  switch (event.kind) {
    case 'fact':
      return `  ${tell(event.fact)}`
    case 'link':
      return `create ${paths.get(event.node)}`
    case 'rename':
      return `rename ${paths.get(event.folder)}/${event.from} to ${event.to}`
    case 'unlink':
      return `remove ${paths.get(event.folder)}/${event.name}`
    case 'write':
      return `write ${paths.get(event.node)}: ${event.bytes.length} bytes at ${event.position}${text(event.bytes)}`
    case 'truncate':
      return `cut ${paths.get(event.node)} to ${event.sizeBytes} bytes`
    case 'syncBegan':
    case 'syncEnded':
    case 'syncFailed':
      return `${event.kind} ${paths.get(event.node)}${event.kind === 'syncFailed' ? '' : ` (${event.sync})`}`
  }
}

function tell(fact: Fact): string {
  const { kind, ...rest } = fact
  return `${kind} ${JSON.stringify(rest, (key, value: unknown) => (key === 'bytes' || key === 'config' ? undefined : value))}`
}

/** Checkpoints are worth reading. */
function text(bytes: Buffer): string {
  const start = bytes.subarray(0, 60).toString('latin1')
  return /^[\t\n -~]+$/.test(start) ? ` ${JSON.stringify(start.replace(/[ \t]+$/gm, ''))}` : ''
}
