import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../../broker/coordinator/deadlines.ts'

describe('deadlines', () => {
  it('come up in the order of time, each key once', () => {
    const deadlines = new Deadlines()
    deadlines.set('b', 20)
    deadlines.set('a', 10)
    deadlines.set('a', 5)
    deadlines.set('b', 30)
    expect(deadlines.next()).toBe(5)
    expect(deadlines.take(4)).toBeUndefined()
    expect([deadlines.take(20), deadlines.take(20), deadlines.take(20)]).toEqual(['a', 'b', undefined])
    expect(deadlines.next()).toBe(Infinity)
  })

  it('a key that was deleted does not come up', () => {
    const deadlines = new Deadlines()
    deadlines.set('a', 1)
    deadlines.delete('a')
    expect(deadlines.take(10)).toBeUndefined()
    deadlines.set('a', 7)
    expect(deadlines.take(10)).toBe('a')
  })

  it('are those of a plain map, whatever is set, deleted and taken', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('set' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), at: fc.nat(50) }),
      fc.record({ op: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), at: fc.nat(50) }),
      fc.record({ op: fc.constant('take' as const), key: fc.constant(''), at: fc.nat(60) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines()
        const model = new Map<string, number>()
        for (const { op, key, at } of steps) {
          if (op === 'set') {
            deadlines.set(key, at)
            model.set(key, Math.min(at, model.get(key) ?? Infinity))
          } else if (op === 'delete') {
            deadlines.delete(key)
            model.delete(key)
          } else {
            const earliest = Math.min(...model.values())
            const taken = deadlines.take(at)
            if (earliest > at) expect(taken).toBeUndefined()
            else {
              expect(model.get(taken!)).toBe(earliest)
              model.delete(taken!)
            }
          }
          expect(deadlines.next()).toBe(Math.min(...model.values()))
        }
      }),
    )
  })
})
