import type { Hint } from './hints.ts'

/** Why a connection ended: the words of the metric `odradek_connections_closed_total`. */
export type ClosedKind =
  | 'client'
  | 'idle'
  | 'slow_frame'
  | 'slow_reader'
  | 'malformed'
  | 'unknown_api'
  | 'unsupported_version'
  | 'refused'
  | 'error'
  | 'io'
  | 'shutdown'
  | Hint['kind']

/** The end of a connection, as it is counted and logged. `says` is a sentence of ours; `detail` may come from outside. */
export interface CloseReason {
  readonly kind: ClosedKind
  readonly says: string
  readonly detail?: string | undefined
}

export const closedByClient: CloseReason = { kind: 'client', says: 'the client closed the connection' }
export const closedByShutdown: CloseReason = { kind: 'shutdown', says: 'the broker stops' }
export const closedAsIdle: CloseReason = { kind: 'idle', says: 'nothing came for connections.max.idle.ms' }
export const closedAsSlow: CloseReason = {
  kind: 'slow_frame',
  says: 'a request began and did not arrive whole in reasonable time',
}

/** @param untakenBytes of answers that the client was sent and has not taken */
export const closedAsSlowReader = (untakenBytes: number, stalledMs: number): CloseReason => ({
  kind: 'slow_reader',
  says: 'the client did not take its answers (odradek.slow.reader.timeout.ms) while memory for answers was short (odradek.outgoing.max.bytes)',
  detail: `${untakenBytes} bytes, nothing taken for ${Math.round(stalledMs)} ms`,
})
