import { describe, expect, it } from 'vitest'
import {
  allowAll,
  anonymous,
  authorizedOperations,
  CLUSTER_NAME,
  needs,
} from '../../../broker/security/requirements.ts'

describe('requirements', () => {
  it('refuse with the error of the kind of resource', () => {
    const refusals = (['topic', 'group', 'cluster', 'transactionalId'] as const).map(
      (kind) => needs(kind, 'READ').refusal,
    )
    expect(refusals).toEqual([
      'TOPIC_AUTHORIZATION_FAILED',
      'GROUP_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    ])
  })

  it('MD-16: count authorised operations as Kafka 4.3.1 does without an authorizer', () => {
    const all = (kind: 'topic' | 'group' | 'cluster', name: string) =>
      authorizedOperations(allowAll, anonymous, kind, name)
    expect(all('cluster', CLUSTER_NAME)).toBe(8096)
    expect(all('topic', 't')).toBe(3576)
  })

  it('count only what is allowed', () => {
    const reader = { allows: (_who: unknown, operation: string) => operation === 'READ' || operation === 'DESCRIBE' }
    expect(authorizedOperations(reader, anonymous, 'topic', 't')).toBe((1 << 3) | (1 << 8))
    expect(authorizedOperations({ allows: () => false }, anonymous, 'group', 'g')).toBe(0)
  })
})
