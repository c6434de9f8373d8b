import { BrokerConfig, type Setting } from './broker-config.ts'
import { readEnvironment } from './environment.ts'
import { InvalidConfigValue } from './key.ts'
import { allKeys, keyOf } from './keys.ts'
import { parseProperties } from './properties.ts'

export { BrokerConfig }

/** Where a configuration comes from; the later in this list, the stronger. */
export interface ConfigInput {
  /** Defaults of a mode, such as the zero rebalance delay of `odradek dev`. Below the file. */
  readonly preset?: Readonly<Record<string, string>>
  /** A properties file that the caller has read; `path` is named in errors. */
  readonly file?: { readonly path: string; readonly text: string }
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** From the command line, `key=value` each, in order. */
  readonly set?: readonly string[]
}

/** The configuration is not usable. The message says where it stands, what is wrong, and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Puts a configuration together: `--set` before KAFKA_* before the file before the preset before the defaults.
 * @throws {ConfigError} for a bad value, or an unknown key under `odradek.config.strict`
 */
export function loadConfig(input: ConfigInput): BrokerConfig {
  const settings = new Map<string, Setting>()
  for (const [key, text] of Object.entries(input.preset ?? {})) settings.set(key, { text, origin: 'preset' })
  if (input.file !== undefined) {
    for (const { key, value, line } of parseProperties(input.file.text)) {
      settings.set(key, { text: value, origin: `${input.file.path}:${line}` })
    }
  }
  for (const { key, value, variable } of readEnvironment(input.environment ?? {})) {
    settings.set(key, { text: value, origin: variable })
  }
  for (const argument of input.set ?? []) {
    const [key, text] = splitArgument(argument)
    settings.set(key, { text, origin: '--set' })
  }
  for (const [key, { text, origin }] of settings) check(key, text, origin)
  const strict = settings.get('odradek.config.strict')?.text.trim() === 'true'
  return new BrokerConfig(settings, remarks(settings, strict))
}

function splitArgument(argument: string): [string, string] {
  const at = argument.indexOf('=')
  if (at <= 0) throw new ConfigError(`--set ${argument}: expected key=value, for example --set num.partitions=3`)
  return [argument.slice(0, at).trim(), argument.slice(at + 1)]
}

function check(name: string, text: string, origin: string): void {
  const key = keyOf(name)
  if (key === undefined) return
  if (key.default === null && text.trim() === '') return
  try {
    key.parse(name, text)
  } catch (error) {
    if (!(error instanceof InvalidConfigValue)) throw error
    const shown = key.sensitive ? '(hidden)' : JSON.stringify(text)
    const expected = `${article(key.type)} ${key.type}${key.valid === undefined ? '' : ` in ${key.valid}`}`
    const example = key.sensitive ? null : key.format(key.default)
    throw new ConfigError(
      `${origin}: ${name}=${shown}: ${error.reason}; expected ${expected}${example === null ? '' : `, for example ${name}=${example}`}`,
    )
  }
}

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a')

function remarks(settings: ReadonlyMap<string, Setting>, strict: boolean): string[] {
  const warnings: string[] = []
  const idle: string[] = []
  for (const [name, { origin }] of settings) {
    const key = keyOf(name)
    if (key === undefined) {
      if (name.startsWith('listener.name.')) continue
      const nearest = nearestKey(name)
      const text = `${origin}: unknown config key ${name}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
      if (strict) throw new ConfigError(text)
      warnings.push(text)
    } else if (key.unused !== undefined) {
      idle.push(name)
    }
  }
  if (idle.length > 0) warnings.push(`understood, without effect here: ${idle.join(', ')}`)
  return warnings
}

/** The known key with the fewest changed letters, if they are few enough to be a slip. */
export function nearestKey(name: string): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 4)) + 1
  for (const [candidate, key] of allKeys()) {
    if (key.internal || Math.abs(candidate.length - name.length) >= fewest) continue
    const changes = editDistance(name.toLowerCase(), candidate, fewest)
    if (changes < fewest) {
      fewest = changes
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein distance, or `limit` as soon as it is known to reach that. */
function editDistance(a: string, b: string, limit: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + change)
    }
    if (Math.min(...current) >= limit) return limit
    previous = current
  }
  return previous[b.length]!
}
