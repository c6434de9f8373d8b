import { describe, expect, it, vi } from 'vitest'
import { createLogger, type LogFormat, type LogLevel, printable } from '../../../broker/runtime/logger.ts'

function logInto(lines: string[], format: LogFormat, level: LogLevel = 'debug') {
  return createLogger({ clock: { wallTime: () => 0 }, level, format, write: (line) => lines.push(line) })
}

describe('the logger for people', () => {
  it('writes time, level, sentence and facts on one line', () => {
    const lines: string[] = []
    logInto(lines, 'text').warn({ peer: '10.0.0.7', bytes: 12 }, 'connection closed')
    expect(lines).toEqual(['1970-01-01T00:00:00.000Z WARN  connection closed peer="10.0.0.7" bytes=12\n'])
  })

  it('drops what is below its level', () => {
    const lines: string[] = []
    const logger = logInto(lines, 'text', 'warn')
    logger.debug({}, 'one')
    logger.info({}, 'two')
    logger.error({}, 'three')
    expect(lines).toHaveLength(1)
    logInto(lines, 'text', 'silent').error({}, 'four')
    expect(lines).toHaveLength(1)
  })

  it('never breaks its line, nor lets a client write on the terminal', () => {
    const lines: string[] = []
    logInto(lines, 'text').info({ clientId: 'a\n2026 ERROR fake \u001b[2J\u009b31m\u202e' }, 'joined')
    expect(lines[0]).not.toMatch(/[\p{Cc}\p{Cf}](?!$)/u)
    expect(lines[0]?.split('\n')).toHaveLength(2)
  })

  it('opens errors up, with their code and where they were thrown', () => {
    const lines: string[] = []
    logInto(lines, 'text').error({ error: Object.assign(new Error('disk\nfull'), { code: 'ENOSPC' }) }, 'append failed')
    expect(lines[0]).toContain('"code":"ENOSPC","message":"disk\\\\u000afull"')
    expect(lines[0]).toContain('logger.test.ts')
  })

  it('cuts long strings and deep objects', () => {
    const lines: string[] = []
    logInto(lines, 'text').info(
      { name: 'x'.repeat(32_767), deep: { a: { b: { c: { d: 1 } } } }, big: 2n ** 63n },
      'odd',
    )
    expect(lines[0]?.length).toBeLessThan(600)
    expect(lines[0]).toContain('…')
    expect(lines[0]).toContain('big="9223372036854775808"')
  })
})

describe('the logger for machines', () => {
  it('writes a JSON document a line, in the order of logging, though pino is loaded late', async () => {
    const lines: string[] = []
    const logger = logInto(lines, 'json', 'info')
    logger.info({ topic: 'orders' }, 'first')
    logger.error({}, 'second')
    logger.debug({}, 'unseen')
    await vi.waitFor(() => expect(lines).toHaveLength(2))
    logger.warn({}, 'third')
    const documents = lines.map((line) => JSON.parse(line) as { msg: string; topic?: string; time: string })
    expect(documents.map(({ msg }) => msg)).toEqual(['first', 'second', 'third'])
    expect(documents[0]).toMatchObject({ topic: 'orders', time: '1970-01-01T00:00:00.000Z', level: 30 })
  })
})

describe('printable', () => {
  it('leaves words of any language alone', () => {
    expect(printable('Bestellungen-für-München 注文 😀')).toBe('Bestellungen-für-München 注文 😀')
  })

  it('shows lone surrogates and separators as numbers', () => {
    expect(printable('\ud800\u2028')).toBe('\\ud800\\u2028')
  })
})
