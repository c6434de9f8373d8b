import { type Refusal, refusal } from './refusal.ts'

const MAX_NAME_LENGTH = 249

/** The rule of Kafka's topic names (MD-6); what passes is safe as part of a folder's name. */
export function checkTopicName(name: string): Refusal | undefined {
  const wrong = whatIsWrong(name)
  return wrong === undefined ? undefined : refusal('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${wrong}`)
}

function whatIsWrong(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'${name}' is not allowed`
  if (name.length > MAX_NAME_LENGTH) {
    return `the length of '${name}' is longer than the max allowed length ${MAX_NAME_LENGTH}`
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  }
  return undefined
}

/**
 * Topics whose names differ only by `.` and `_` would share one metric name in Kafka, so they may not exist together
 * (AD-2). Equal keys collide.
 */
export const collisionKey = (name: string): string => name.replaceAll('.', '_')
