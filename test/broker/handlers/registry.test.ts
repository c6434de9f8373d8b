import { describe, expect, it } from 'vitest'
import type { AnyHandler } from '../../../broker/handlers/handler.ts'
import { handlers } from '../../../broker/handlers/registry.ts'
import { errorNames } from '../../../protocol/errors.ts'

describe('the registry', () => {
  it('is sorted by key, each key once', () => {
    const keys = handlers.map(({ api }) => api.key)
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b))
  })

  it('AV-7, AV-9: advertises no version that is not served, but Produce 0-2', () => {
    const wider = handlers.filter(({ api: { versions, advertise = versions } }: AnyHandler) => {
      return advertise[0] !== versions[0] || advertise[1] !== versions[1]
    })
    expect(wider.map(({ api }) => [api.name, api.versions, api.advertise])).toEqual(
      handlers.some(({ api }) => api.key === 0) ? [['Produce', [3, 13], [0, 13]]] : [],
    )
  })

  it('each API says what its caller must be allowed; only what everybody may do says none', () => {
    const open = handlers.filter(({ requires }) => requires === 'none').map(({ api }) => api.name)
    // DescribeCluster is open in Kafka, too; only the authorized operations in it need DESCRIBE.
    expect(['ApiVersions', 'DescribeCluster']).toEqual(expect.arrayContaining(open))
    for (const { requires } of handlers) {
      if (requires === 'none') continue
      expect(requires.length).toBeGreaterThan(0)
      for (const { refusal } of requires) expect(errorNames).toContain(refusal)
    }
  })
})
