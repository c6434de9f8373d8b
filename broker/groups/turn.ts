import type { ErrorName } from '../../protocol/errors.ts'
import type { Decision, Moment } from '../coordinator/state-machine.ts'
import type { GroupReply, Refused } from './commands.ts'
import type { GroupEvent } from './events.ts'
import type { GroupConfig } from './group-config.ts'

/** A reply on its way to the request that waits under the token `to`. */
export interface GroupOutput {
  readonly to: number
  readonly reply: GroupReply
}

/** One decision in the making: what the rules of a group collect while they run. Lives for one call of `decide`. */
export class Turn {
  readonly now: Moment
  readonly config: GroupConfig
  readonly events: GroupEvent[] = []
  readonly outputs: GroupOutput[] = []
  readonly #wakeAt: (groupId: string, due: number) => void

  constructor(now: Moment, config: GroupConfig, wakeAt: (groupId: string, due: number) => void) {
    this.now = now
    this.config = config
    this.#wakeAt = wakeAt
  }

  reply(to: number, reply: GroupReply): void {
    this.outputs.push({ to, reply })
  }

  refuse(to: number, error: ErrorName, memberId?: string): void {
    const refused: Refused = memberId === undefined ? { kind: 'refused', error } : { kind: 'refused', error, memberId }
    this.outputs.push({ to, reply: refused })
  }

  write(event: GroupEvent): void {
    this.events.push(event)
  }

  /** @returns the deadline, after seeing to it that the group is looked at then. */
  deadline(groupId: string, delayMs: number): number {
    const due = this.now.mono + Math.max(delayMs, 0)
    this.#wakeAt(groupId, due)
    return due
  }

  /** The decision when memory has changed besides the events: a log that refuses them must be read anew. */
  decision(): Decision<GroupEvent, GroupOutput> {
    return { events: this.events, outputs: this.outputs }
  }

  /** The decision when nothing but the events changes anything: if the log refuses them, `to` hears why. */
  eventsOnly(to: number): Decision<GroupEvent, GroupOutput> {
    const refused = (error: ErrorName): GroupOutput[] => [{ to, reply: { kind: 'refused', error } }]
    return { events: this.events, outputs: this.outputs, refused }
  }
}
