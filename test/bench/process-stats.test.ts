import { describe, expect, it } from 'vitest'
import { cpuSeconds, parseCpuSeconds, residentBytes } from '../../bench/process-stats.ts'

describe('CPU time of a process', () => {
  it('is the sum of user and system ticks, whatever the process is called', () => {
    const rest = 'S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 11 0 221200 3133440 394'
    expect(parseCpuSeconds(`42 (node) ${rest}`)).toBe(1.75)
    expect(parseCpuSeconds(`42 (a) b (c d) ${rest}`)).toBe(1.75)
  })

  it('and its memory are unknown for a process that is not there', () => {
    // Linux numbers processes up to 2^22.
    expect(cpuSeconds(2 ** 22 + 1)).toBeUndefined()
    expect(residentBytes(2 ** 22 + 1)).toBeUndefined()
  })
})
