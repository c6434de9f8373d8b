import { describe, expect, it } from 'vitest'
import { hottest } from '../../bench/profile.ts'

const node = (id: number, functionName: string) => ({
  id,
  callFrame: { functionName, url: '', lineNumber: 0, columnNumber: 0 },
})

describe('a CPU profile', () => {
  it('gives each function its share of the time in which the process was busy', () => {
    const profile = {
      nodes: [node(1, '(root)'), node(2, '(idle)'), node(3, 'append'), node(4, 'read'), node(5, 'append')],
      samples: [2, 3, 4, 5, 2],
      timeDeltas: [5_000, 1_000, 1_000, 2_000, 5_000],
    }
    expect(hottest(profile)).toEqual({
      busyMs: 4,
      functions: [
        { name: 'append', selfMs: 3, share: 0.75 },
        { name: 'read', selfMs: 1, share: 0.25 },
      ],
    })
  })
})
