import { describe, expect, it } from 'vitest'
import { chooseCells, label } from '../../bench/cells.ts'
import { parseOptions } from '../../bench/options.ts'

const cells = (...argv: string[]) => chooseCells(parseOptions(argv)).map(label)

describe('which cells run', () => {
  it('without flags: each name once, under both flush policies', () => {
    const all = cells()
    expect(new Set(all).size).toBe(all.length)
    expect(all.some((name) => name.startsWith('produce (os)'))).toBe(true)
    expect(all.some((name) => name.startsWith('produce (commit)'))).toBe(true)
  })

  it('--only leaves those whose name contains a text, --flush those of a policy', () => {
    expect(cells('--only', 'idle', '--only', 'start')).toEqual(['start: time to start', 'idle: memory and CPU'])
    expect(cells('--flush', 'commit', '--only', 'produce (os)')).toEqual([])
  })

  it('dimensions make one cell of each combination', () => {
    expect(cells('--flush', 'os', '--only', 'produce', '--record-size', '100,1000', '--acks', '0,all')).toEqual([
      'produce (os): 100 B, acks=0, 16 KB batches',
      'produce (os): 100 B, acks=all, 16 KB batches',
      'produce (os): 1 KB, acks=0, 16 KB batches',
      'produce (os): 1 KB, acks=all, 16 KB batches',
    ])
  })

  it('of a broker that runs already its start and its idleness are not measured', () => {
    const groups = new Set(cells('--bootstrap', '127.0.0.1:9092').map((name) => name.split(/[ :]/)[0]))
    expect([...groups]).toEqual(['produce', 'consume', 'latency', 'kafkajs'])
  })

  it.each([
    [['--acks', '2'], '--acks: expected 0, 1 or all, got 2'],
    [['--flush', 'never'], '--flush: expected os or commit, got never'],
    [['--partitions', '1,x'], '--partitions: expected a whole number from 1 on, got x'],
    [['--seconds', 'long'], '--seconds: expected seconds, got long'],
    [['--bootstrap', 'here'], '--bootstrap: expected host:port, got here'],
  ])('%j is refused: %s', (argv, message) => {
    expect(() => parseOptions(argv)).toThrow(message)
  })
})
