import { cutMessage, type ErrorName, errorMessage } from '../../protocol/errors.ts'

/** Why something that a client asked of the metadata was not done: an ordinary answer, so a value and no exception. */
export interface Refusal {
  readonly error: ErrorName
  /** Kafka's words where clients' tests read them (FS-7); null where it says the error alone. */
  readonly message: string | null
}

export const refusal = (error: ErrorName, message: string | null = errorMessage(error)): Refusal => ({
  error,
  message: message === null ? null : cutMessage(message),
})

export const isRefusal = (value: object): value is Refusal => 'error' in value
