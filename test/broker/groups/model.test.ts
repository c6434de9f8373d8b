import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Joined } from '../../../broker/groups/commands.ts'
import { GroupMachine } from '../../../broker/groups/machine.ts'
import { type GroupContext, groupContext } from '../../support/group-context.ts'

/** What clients may do to a group, in any order: come, go, fall silent, come back as someone else, restart the broker. */
type Step =
  | {
      kind: 'join'
      name: string
      isStatic: boolean
      isNew: boolean
      protocols: readonly string[]
      version: number
      session: number
    }
  | { kind: 'sync' | 'heartbeat' | 'commit' | 'leave'; name: string; generation: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'restart' }

const name = fc.constantFrom('a', 'b', 'c', 'd')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      name,
      isStatic: fc.boolean(),
      isNew: fc.boolean(),
      protocols: fc.constantFrom(['x'], ['x', 'y'], ['y', 'x'], ['y']),
      version: fc.constantFrom(0, 4, 9),
      session: fc.constantFrom(6_000, 10_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'sync' as const,
        'sync' as const,
        'heartbeat' as const,
        'commit' as const,
        'leave' as const,
      ),
      name,
      // Usually the current one.
      generation: fc.constantFrom(0, 0, 0, 0, -1, 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 1_000, 3_000, 6_000, 20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)

function play(group: GroupContext, said: Step): void {
  switch (said.kind) {
    case 'join': {
      const { isNew, isStatic, protocols, version, session } = said
      const instanceId = isStatic ? `static ${said.name}` : null
      const options = { instanceId, protocols, version, session, rebalance: 15_000 }
      group.join(said.name, isNew ? { ...options, memberId: '' } : options)
      return
    }
    case 'sync':
      group.sync(said.name, { generation: group.generation() + said.generation }, { a: '1', b: '2', c: '3', d: '4' })
      return
    case 'heartbeat':
      group.heartbeat(said.name, { generation: group.generation() + said.generation })
      return
    case 'commit':
      group.commit(said.name, { generation: group.generation() + said.generation })
      return
    case 'leave':
      group.leave(said.name)
      return
    case 'pass':
      group.after(said.ms)
      return
    default:
      group.restart()
  }
}

/** What holds after every step, whatever the steps were. */
function checkInvariants(group: GroupContext): void {
  const live = group.machine.groups.get('g')
  const waits = live?.waits
  const waiting = [...(waits?.joining.values() ?? []), ...(waits?.syncing.values() ?? [])]
  expect(waiting.sort(), 'who has no answer waits in the group, and nobody else does').toEqual(
    [...group.waiting.keys()].sort(),
  )
  if (live === undefined || waits === undefined) return
  if (waiting.length > 0) expect(group.machine.nextDeadline(), 'a wait ends by itself').toBeLessThan(Infinity)
  const members = [...live.members.keys()]
  for (const memberId of [...waits.joining.keys(), ...waits.syncing.keys(), ...waits.pendingSync]) {
    expect(members, 'members wait, strangers do not').toContain(memberId)
  }
  for (const memberId of waits.pendingIds) expect(members).not.toContain(memberId)
  if (waits.joining.size > 0) expect(live.state).toBe('PreparingRebalance')
  if (waits.syncing.size > 0) expect(live.state).toBe('CompletingRebalance')
  expect(live.state === 'Empty').toBe(live.members.size === 0 && live.state !== 'PreparingRebalance')
  if (live.state === 'Stable' || live.state === 'CompletingRebalance') {
    expect(members, 'a member leads').toContain(live.leader)
    for (const member of live.members.values()) {
      expect(
        member.protocols.map((protocol) => protocol.name),
        'all speak the chosen protocol',
      ).toContain(live.protocolName)
    }
  }
}

describe('a group under any sequence of joins, leaves, silences and restarts', () => {
  it('keeps its invariants, loses no reply, and ends empty once nobody is heard of any more', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const group = groupContext({ initialRebalanceDelayMs: 3_000, offsetsRetentionCheckIntervalMs: 2 ** 40 })
        let generation = 0
        for (const said of steps) {
          play(group, said)
          checkInvariants(group)
          // Only a restart may forget a round: one that was never written down.
          if (said.kind !== 'restart')
            expect(group.generation()).toBeGreaterThanOrEqual(group.state() === 'none' ? 0 : generation)
          generation = group.generation()
        }
        group.after(600_000)
        expect([...group.waiting.values()]).toEqual([])
        expect(['Empty', 'none']).toContain(group.state())
      }),
      { numRuns: 600 },
    )
  })

  it('has one leader and one protocol in a generation, and the log never goes back', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const group = groupContext({ initialRebalanceDelayMs: 0, offsetsRetentionCheckIntervalMs: 2 ** 40 })
        for (const said of steps) if (said.kind !== 'restart') play(group, said)
        const rounds = new Map<number, Joined>()
        for (const { reply } of group.answered) {
          if (reply?.kind !== 'joined' || reply.leader.startsWith('static')) continue
          const first = rounds.get(reply.generation) ?? reply
          rounds.set(reply.generation, first)
          expect([reply.leader, reply.protocolName]).toEqual([first.leader, first.protocolName])
          // The leader alone is told the members, and is one of them.
          if (reply.members.length > 0) expect(reply.memberId).toBe(reply.leader)
        }
        const written = group.events.flatMap((event) => (event.kind === 'groupStored' ? [event.group.generation] : []))
        expect(written).toEqual([...written].sort((a, b) => a - b))
      }),
      { numRuns: 300 },
    )
  })

  it('is after a restart what its records say, and a restart of that the same again', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const group = groupContext({ initialRebalanceDelayMs: 0, offsetsRetentionCheckIntervalMs: 2 ** 40 })
        for (const said of steps) play(group, said)
        const replayed = new GroupMachine(group.config)
        for (const event of group.events) replayed.apply(event)
        const live = group.machine.groups.get('g')
        const read = replayed.groups.get('g')
        // Where no round is under way, memory and log say the same.
        if (live !== undefined && (live.state === 'Stable' || live.state === 'Empty') && live.stored) {
          const assignments = new Map([...live.members].map(([id, { assignment }]) => [id, assignment]))
          expect(read?.toStored(assignments)).toEqual(live.toStored(assignments))
          expect(read?.state).toBe(live.state)
        }
        expect([...replayed.offsets.of('g')]).toEqual([...group.machine.offsets.of('g')])
      }),
      { numRuns: 300 },
    )
  })
})
