/**
 * Soft state of a classic group: who waits for an answer, and until when. A crash may forget all of it: clients ask
 * again, and members found in the log get a whole session to be heard of. Deadlines are monotonic milliseconds.
 */
export class ClassicWaits {
  /** Members that wait in JoinGroup, with the token of their request. */
  readonly joining = new Map<string, number>()
  /** Members that wait in SyncGroup, with the token of their request. */
  readonly syncing = new Map<string, number>()
  /** Ids that were given out and have not joined yet (KIP-394); they are no members, but a round waits for them. */
  readonly pendingIds = new Set<string>()
  /** Members that have their JoinGroup answer and have not sent SyncGroup since. */
  readonly pendingSync = new Set<string>()
  /** Members that have not come through a whole join phase: they do not know their id and cannot heartbeat. */
  readonly newcomers = new Set<string>()
  /** When each member or pending id is given up. */
  readonly sessions = new Map<string, number>()
  /** When the join phase ends; undefined outside of one. */
  joinDeadline: number | undefined
  /** When those in `pendingSync` are removed. */
  syncDeadline: number | undefined
  /** The first round of an empty group, which waits for more members to come (JG-8). */
  initial: InitialDelay | undefined

  /** Forgets a member or pending id. Its tokens must have been answered. */
  forget(memberId: string): void {
    this.joining.delete(memberId)
    this.syncing.delete(memberId)
    this.pendingIds.delete(memberId)
    this.pendingSync.delete(memberId)
    this.newcomers.delete(memberId)
    this.sessions.delete(memberId)
  }

  /** The next thing that time will do to the group, or Infinity. */
  earliest(): number {
    let earliest = Math.min(this.joinDeadline ?? Infinity, this.syncDeadline ?? Infinity)
    for (const due of this.sessions.values()) earliest = Math.min(earliest, due)
    return earliest
  }
}

export interface InitialDelay {
  /** Length of the step that is running. */
  delayMs: number
  /** What may still be added to it. */
  remainingMs: number
  /** Someone came in this step: it will be followed by another. */
  memberAdded: boolean
}
