import { describe, expect, it } from 'vitest'
import { capabilities, Tally, tableOf } from '../interop/tally.ts'

const tallyOf = (lines: readonly string[], exit?: string): Tally => {
  const tally = new Tally()
  for (const line of lines) tally.line(line)
  tally.end(exit)
  return tally
}

/** A driver that says that its client lacks everything but `headers`. */
const allButHeaders = Object.keys(capabilities)
  .filter((name) => name !== 'headers' && name !== 'admin')
  .map((name) => `lacks ${name}/all no such thing`)

describe('the count of what clients can do', () => {
  it('counts what works and what does not, and takes other lines for noise', () => {
    const tally = tallyOf([
      ...allButHeaders,
      'begin headers/one',
      'connected to 127.0.0.1',
      'ok headers/one',
      'begin headers/two',
      'fail headers/two 1 instead of 2',
    ])
    expect(tally.passed).toEqual(['headers/one'])
    expect(tally.failed).toEqual([{ name: 'headers/two', why: '1 instead of 2' }])
    expect([tally.cell('headers'), tally.cell('codecs')]).toEqual(['1/2', '–'])
  })

  it('a driver that ends in the middle of a case has failed in it', () => {
    const { failed } = tallyOf(
      [...allButHeaders, 'ok headers/one', 'begin groups/more'],
      'the driver ended with SIGKILL',
    )
    expect(failed).toEqual([{ name: 'groups/more', why: 'the driver ended with SIGKILL' }])
  })

  it('a driver that fails outside of its cases has failed', () => {
    const { failed } = tallyOf([...allButHeaders, 'ok headers/one'], 'the driver ended with 1')
    expect(failed).toEqual([{ name: 'driver', why: 'the driver ended with 1' }])
  })

  it('what a driver leaves out is a failure, not a lack', () => {
    expect(tallyOf(allButHeaders).failed).toEqual([{ name: 'headers', why: 'the driver says nothing about it' }])
    expect(tallyOf([...allButHeaders, 'ok headers/one', 'ok haeders/two']).failed).toEqual([
      { name: 'haeders/two', why: 'belongs to no capability' },
    ])
  })

  it('is a table with a row for each client, also for one that did not run', () => {
    const rows = new Map<string, Tally | string>([
      ['works', tallyOf([...allButHeaders, 'ok headers/one'])],
      ['absent', 'no cargo'],
    ])
    const [head, rule, works, absent] = tableOf(rows).split('\n')
    expect(new Set([head, rule, works, absent].map((line) => line?.length)).size).toBe(1)
    expect(works).toContain('1/1')
    expect(absent?.replace(/[ |]/g, '')).toBe('absent')
  })
})
