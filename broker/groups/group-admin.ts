/** DescribeGroups, ListGroups, DeleteGroups. */
import type { ClassicGroup } from './classic-group.ts'
import { metadataOf, noBytes } from './classic-member.ts'
import type { Described, Listed } from './commands.ts'
import type { OffsetStore } from './offset-store.ts'
import type { Turn } from './turn.ts'

/**
 * The protocol and the members' metadata are shown in a stable group alone; during a round each member still has the
 * assignment of the round before, and that is shown (GA-3).
 */
export function describeGroup(group: ClassicGroup | undefined): Described {
  if (group === undefined) return { kind: 'described', state: 'Dead', protocolType: '', protocolName: '', members: [] }
  const protocol = group.state === 'Stable' ? group.protocolName : null
  return {
    kind: 'described',
    state: group.state,
    protocolType: group.protocolType,
    protocolName: protocol ?? '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: protocol === null ? noBytes : (metadataOf(member, protocol) ?? noBytes),
      assignment: member.assignment,
    })),
  }
}

export const listGroups = (groups: Iterable<ClassicGroup>): Listed => ({
  kind: 'listed',
  groups: Array.from(groups, ({ groupId, protocolType, state }) => ({ groupId, protocolType, state })),
})

/** Tombstones for the offsets first: should only a part of them get into the log, the group is still there to delete. */
export function deleteGroup(turn: Turn, store: OffsetStore, group: ClassicGroup | undefined, to: number): void {
  if (group === undefined) {
    turn.refuse(to, 'GROUP_ID_NOT_FOUND')
    return
  }
  if (group.state !== 'Empty') {
    turn.refuse(to, 'NON_EMPTY_GROUP')
    return
  }
  const { groupId } = group
  for (const [topic, partition] of store.of(groupId)) turn.write({ kind: 'offsetDeleted', groupId, topic, partition })
  turn.write({ kind: 'groupDeleted', groupId })
  turn.reply(to, { kind: 'done' })
}
