import type { Logger as PinoLogger } from 'pino'
import type { Clock } from '../../storage/clock.ts'

/**
 * Where the broker says what an operator should know. `fields` are data (their strings may come from clients: they are
 * escaped and cut here), `message` is a sentence of ours and never contains anything from outside.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['text', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

/** Says nothing: tests and embedded brokers. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A string in a log line is cut to this many characters: a client id may have 32,767 of them. */
const MAX_STRING_CHARACTERS = 256

export interface LoggerOptions {
  readonly clock: Pick<Clock, 'wallTime'>
  /** Lines below this level are dropped before anything is computed. */
  readonly level: LogLevel
  /** `text`: a line for people, written by us. `json`: pino's, loaded when the first line is due. */
  readonly format: LogFormat
  /** Takes one whole line, newline included. */
  readonly write: (line: string) => void
}

/** A logger over `write`. Lines come out in the order in which they were logged. */
export function createLogger(options: LoggerOptions): Logger {
  if (options.level === 'silent') return silentLogger
  const emit = options.format === 'json' ? jsonLines(options) : textLines(options)
  const least = logLevels.indexOf(options.level)
  const at = (level: Exclude<LogLevel, 'silent'>) => {
    if (logLevels.indexOf(level) < least) return () => {}
    return (fields: object, message: string) => emit(level, plain(fields), message)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

type Emit = (level: Exclude<LogLevel, 'silent'>, fields: Record<string, unknown>, message: string) => void

function textLines({ clock, write }: LoggerOptions): Emit {
  return (level, fields, message) => {
    const facts = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
    write(`${new Date(clock.wallTime()).toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${facts.join('')}\n`)
  }
}

/** Importing pino takes longer than opening a listener, so lines wait in memory for it, once. */
function jsonLines({ clock, write }: LoggerOptions): Emit {
  let pino: PinoLogger | undefined
  const waiting: Parameters<Emit>[] = []
  const load = async () => {
    const module = await import('pino')
    const timestamp = () => `,"time":"${new Date(clock.wallTime()).toISOString()}"`
    pino = module.pino({ level: 'debug', base: null, timestamp }, { write })
    for (const [level, fields, message] of waiting.splice(0)) pino[level](fields, message)
  }
  return (level, fields, message) => {
    if (pino !== undefined) return pino[level](fields, message)
    waiting.push([level, fields, message])
    if (waiting.length === 1) void load()
  }
}

/** The fields with errors opened up and every string harmless. */
function plain(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, harmless(value, 0)]))
}

function harmless(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return printable(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return describeError(value)
  if (depth === 3) return '[…]'
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => harmless(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), harmless(inner, depth + 1)]))
}

function describeError(error: Error): object {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  // A stack is ours, line by line; its first line repeats the message, which may not be.
  const stack = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  return {
    name: error.name,
    ...code,
    message: printable(error.message),
    stack: stack.slice(0, 12).map((line) => line.trim()),
  }
}

/**
 * The string as it may stand in a log: cut, and with every character that a terminal or an editor would obey instead
 * of show (control characters, escape sequences, direction marks, lone surrogates) as `\uXXXX`.
 */
export function printable(text: string): string {
  const cut = text.length > MAX_STRING_CHARACTERS ? `${text.slice(0, MAX_STRING_CHARACTERS)}…` : text
  return cut.replace(UNPRINTABLE, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

/** Control, format, line and paragraph separator characters, and surrogates that have lost their other half. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
