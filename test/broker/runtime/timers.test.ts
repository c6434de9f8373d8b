import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timers } from '../../../broker/runtime/timers.ts'
import { FakeClock } from '../../support/fake-clock.ts'

describe('Timers: many deadlines on one timer', () => {
  it('runs each at its time, in order of time', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    const ran: [string, number][] = []
    for (const [name, delay] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const) {
      timers.after(delay, () => ran.push([name, clock.now()]))
    }
    clock.advance(15)
    expect(ran).toEqual([['a', 10]])
    clock.advance(100)
    expect(ran).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 30],
    ])
    expect(timers.size).toBe(0)
  })

  it('does not run what was cancelled, and cancelling twice or late is harmless', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    let ran = 0
    const cancel = timers.after(10, () => ran++)
    const late = timers.after(5, () => ran++)
    cancel()
    cancel()
    clock.advance(20)
    late()
    expect(ran).toBe(1)
    expect(timers.size).toBe(0)
  })

  it('may be set and cleared by what it runs', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    const at: number[] = []
    const tick = () => {
      at.push(clock.now())
      if (at.length < 3) timers.after(10, tick)
      else timers.clear()
    }
    timers.after(10, tick)
    timers.after(1000, () => at.push(-1))
    clock.advance(5000)
    expect(at).toEqual([10, 20, 30])
  })

  it('T03: after the process stood still, hears what waits in the sockets before any deadline counts', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    const ran: string[] = []
    const expel = timers.after(1000, () => ran.push('expelled'))
    timers.after(2000, () => ran.push('fetch'))
    clock.standStill(60_000)
    clock.arrives(() => {
      ran.push('connection')
      // What it brings is read one turn later.
      clock.afterTurn(() => {
        ran.push('heartbeat')
        expel()
      })
    })
    clock.advance(0)
    expect(ran).toEqual(['connection', 'heartbeat', 'fetch'])
    expect(timers.size).toBe(0)
  })

  it('T03: tells everybody the time before the first was run, whatever happens meanwhile', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    const told: number[] = []
    timers.after(1000, (now) => {
      told.push(now)
      clock.standStill(60_000)
    })
    timers.after(1000, (now) => told.push(now))
    timers.after(2000, (now) => told.push(now))
    clock.advance(1000)
    expect(told).toEqual([1000, 1000])
    clock.advance(0)
    expect(told).toEqual([1000, 1000, 61_000])
  })

  it('T03: may be set and cleared while it is put off', () => {
    const clock = new FakeClock()
    const timers = new Timers(clock)
    const ran: string[] = []
    timers.after(1000, () => ran.push('a'))
    clock.standStill(60_000)
    clock.arrives(() => {
      timers.after(0, () => ran.push('c'))
      timers.at(1, () => ran.push('b'))
    })
    clock.advance(0)
    expect(ran).toEqual(['b', 'a', 'c'])
    timers.after(1000, () => ran.push('d'))
    clock.standStill(60_000)
    clock.arrives(() => timers.clear())
    clock.advance(5000)
    expect(ran).toEqual(['b', 'a', 'c'])
  })

  it('keeps to a sorted list, whatever is set and cancelled', () => {
    const step = fc.oneof(
      fc.record({ set: fc.integer({ min: 0, max: 100 }) }),
      fc.record({ cancel: fc.nat() }),
      fc.record({ advance: fc.integer({ min: 0, max: 50 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const clock = new FakeClock()
        const timers = new Timers(clock)
        const model = new Map<number, number>()
        const cancels: (() => void)[] = []
        const ran: number[] = []
        for (const step of steps) {
          if ('set' in step) {
            const id = cancels.length
            model.set(id, clock.now() + step.set)
            cancels.push(timers.after(step.set, () => ran.push(id)))
          } else if ('cancel' in step) {
            const id = step.cancel % (cancels.length || 1)
            cancels[id]?.()
            model.delete(id)
          } else {
            clock.advance(step.advance)
            const due = [...model].filter(([, at]) => at <= clock.now())
            expect([...ran].sort((a, b) => a - b)).toEqual(due.map(([id]) => id).sort((a, b) => a - b))
            for (const id of ran.splice(0)) model.delete(id)
          }
          expect(timers.size).toBe(model.size)
        }
      }),
    )
  })
})
