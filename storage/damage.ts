/**
 * What was found to be other than it was written.
 * - `segment` a range of a log file: it is never served
 * - `index`, `snapshot`, `checkpoint` files beside the logs: they are rebuilt, or done without
 */
export type DamageKind = 'segment' | 'index' | 'snapshot' | 'checkpoint'

export const damageKinds: readonly DamageKind[] = ['segment', 'index', 'snapshot', 'checkpoint']

/** Counts what a log directory has found damaged since its start, for whoever watches the disk's health. */
export class DamageCounts {
  readonly #counts = new Map<DamageKind, number>()

  found(kind: DamageKind): void {
    this.#counts.set(kind, this.of(kind) + 1)
  }

  of(kind: DamageKind): number {
    return this.#counts.get(kind) ?? 0
  }
}
