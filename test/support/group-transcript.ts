import type { GroupReply } from '../../broker/groups/commands.ts'
import type { GroupEvent } from '../../broker/groups/events.ts'
import { type GroupContext, groupContext, type MemberOptions } from './group-context.ts'

/**
 * Plays a transcript: a text of commands to one group and what came of each, that a person who knows Kafka can read and
 * write. Lines are `# comment`, `config key=value`, `SS.mmm  command name key=value...` and, indented below a command,
 * `-> ` what was written or answered. Returned is the transcript as it really went; equal texts are a passed test.
 */
export function playTranscript(text: string): string {
  const lines: string[] = []
  let group: GroupContext | undefined
  let config = {}
  for (const line of text.split('\n')) {
    if (line.startsWith('config ')) config = { ...config, ...configOf(options(line.split(' ').slice(1))) }
    const match = /^(\d\d)\.(\d\d\d) {2}(\w+)(.*)$/.exec(line)
    if (match === null) {
      if (!/^\s+-> /.test(line)) lines.push(line)
      continue
    }
    // No sweep for expired offsets in between.
    group ??= groupContext({ offsetsRetentionCheckIntervalMs: 2 ** 40, ...config })
    lines.push(line)
    const written = group.events.length
    group.jumpTo(Number(match[1]) * 1_000 + Number(match[2]))
    const answers = run(group, match[3] ?? '', (match[4] ?? '').trim().split(/\s+/).filter(Boolean))
    const events = group.events.slice(written).map((event) => eventText(group!, event))
    for (const outcome of [...events, ...answers]) lines.push(`        -> ${outcome}`)
  }
  return lines.join('\n')
}

/** Runs one command; what was answered, also to others, in order. */
function run(group: GroupContext, command: string, words: readonly string[]): string[] {
  const answered = group.answered.length
  const [name = ''] = words.filter((word) => !word.includes('='))
  ask(group, command, name, words, options(words))
  return group.answered
    .slice(answered)
    .map((exchange) => `${exchange.name}: ${replyText(group, exchange.reply as GroupReply)}`.replace(/^: /, ''))
}

function ask(group: GroupContext, command: string, name: string, words: readonly string[], said: Map<string, string>) {
  const member = memberOptions(group, said)
  switch (command) {
    case 'join':
      return group.join(name, member)
    case 'sync':
      return group.sync(name, member, assignments(said.get('assign') ?? ''))
    case 'heartbeat':
      return group.heartbeat(name, member)
    case 'leave':
      return group.leave(...words)
    case 'commit':
      return group.commit(name, { ...member, offset: BigInt(said.get('offset') ?? 0) })
    case 'fetch':
      return group.fetch()
    case 'describe':
      return group.describe()
    case 'tick':
      return group.after(0)
    case 'restart':
      return group.restart()
    default:
      throw new Error(`no such command: ${command}`)
  }
}

function replyText(group: GroupContext, reply: GroupReply): string {
  switch (reply.kind) {
    case 'refused':
      return reply.error
    case 'done':
      return 'ok'
    case 'joined': {
      const members = reply.members.map(({ memberId }) => group.nameOf(memberId))
      const leader = `leader=${group.nameOf(reply.leader)}`
      const list = members.length > 0 ? ` members=${members.join(',')}` : ''
      const skip = reply.skipAssignment ? ' skip-assignment' : ''
      return `joined generation=${reply.generation} protocol=${reply.protocolName} ${leader}${list}${skip}`
    }
    case 'synced':
      return `synced [${reply.assignment}]`
    case 'left':
      return reply.members.map(({ memberId, error }) => `${group.nameOf(memberId)} left: ${error}`).join(', ')
    case 'offsetsCommitted':
      return `committed ${reply.errors.join(',')}`
    case 'offsetsFetched':
      return `offsets ${reply.offsets.map(({ topic, partition, committed }) => `${topic}-${partition}=${committed?.offset ?? 'none'}`).join(',')}`
    case 'described':
      return `${reply.state} ${reply.members.map(({ memberId }) => group.nameOf(memberId)).join(',')}`.trim()
    default:
      throw new Error(`no text for ${reply.kind}`)
  }
}

function eventText(group: GroupContext, event: GroupEvent): string {
  switch (event.kind) {
    case 'groupStored': {
      const { generation, members } = event.group
      const list = members.map(({ memberId, assignment }) => `${group.nameOf(memberId)}=[${assignment}]`)
      return `written: generation=${generation} ${list.length === 0 ? 'empty' : list.join(' ')}`
    }
    case 'offsetCommitted':
      return `written: ${event.topic}-${event.partition}=${event.committed.offset}`
    default:
      return `written: ${event.kind}`
  }
}

const options = (words: readonly string[]): Map<string, string> =>
  new Map(words.filter((word) => word.includes('=')).map((word) => word.split('=', 2) as [string, string]))

/** `6s`, `500ms`, or a number. */
function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return text.endsWith('ms')
    ? Number(text.slice(0, -2))
    : text.endsWith('s')
      ? Number(text.slice(0, -1)) * 1_000
      : Number(text)
}

function memberOptions(group: GroupContext, said: Map<string, string>): MemberOptions {
  const number = (key: string) => (said.has(key) ? Number(said.get(key)) : undefined)
  const id = said.get('id')
  const entries = {
    memberId: id === undefined ? undefined : id === 'none' ? '' : group.id(id),
    instanceId: said.get('instance'),
    generation: number('generation'),
    protocolType: said.get('type'),
    protocols: said.get('protocols')?.split(','),
    session: milliseconds(said.get('session')),
    rebalance: milliseconds(said.get('rebalance')),
    version: number('version'),
  }
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))
}

/** `a:0,1;b:2` */
const assignments = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(';')
      .filter(Boolean)
      .map((part) => part.split(':', 2) as [string, string]),
  )

function configOf(said: Map<string, string>) {
  const delay = milliseconds(said.get('initial-rebalance-delay'))
  const size = said.get('max-size')
  return {
    ...(delay !== undefined && { initialRebalanceDelayMs: delay }),
    ...(size !== undefined && { maxSize: Number(size) }),
  }
}
