import { type Facts, HighestSoFar, perKey } from './facts.ts'
import type { Findings } from './findings.ts'

/**
 * Commits and ownership. The groups of a campaign only ever commit larger offsets: a member begins where its partition
 * was left, and an older generation is refused. So what a group is told never falls.
 */
export function checkGroups(facts: Facts, findings: Findings): void {
  checkCommits(facts, findings)
  checkOwners(facts, findings)
}

function checkCommits({ events }: Facts, findings: Findings): void {
  const least = perKey(() => new HighestSoFar())
  const asked = perKey(() => new Set<number>())
  const open = new Map<number, { key: string; offset: number }>()
  for (const [index, event] of events.entries()) {
    if (event.f === 'commit' && event.type === 'invoke') {
      const key = `${event.group} ${event.partition}`
      open.set(event.op, { key, offset: event.offset })
      asked(key).add(event.offset)
    } else if (event.f === 'commit') {
      const commit = open.get(event.op)
      if (commit === undefined) throw new Error(`the history has an outcome of commit ${event.op}, which never began`)
      if (event.type === 'ok') least(commit.key).note(index, commit.offset)
    } else if (event.f === 'committed') {
      const key = `${event.group} ${event.partition}`
      const bound = least(key).before(event.since)
      if (event.offset < bound) findings.add('commit went back', `${key}: from ${bound} to ${event.offset}`)
      const isOurs = event.offset === -1 || asked(key).has(event.offset)
      if (!isOurs && asked(key).size > 0) findings.add('commit nobody made', `${key}: ${event.offset}`)
      least(key).note(index, event.offset)
    }
  }
}

function checkOwners({ events }: Facts, findings: Findings): void {
  const owners = new Map<string, string>()
  for (const event of events) {
    if (event.f !== 'own') continue
    for (const partition of event.partitions) {
      const key = `${partition} in generation ${event.generation} of ${event.group}`
      const other = owners.get(key)
      if (other !== undefined && other !== event.member) {
        findings.add('two owners', `${key} belongs to ${other} and to ${event.member}`)
      }
      owners.set(key, event.member)
    }
  }
}
