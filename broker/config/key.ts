/** What kind of value a key holds; the number is the type of DescribeConfigs v3+. */
export const configTypes = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const
export type ConfigType = keyof typeof configTypes

/** When a broker key may change: only in the file, for one broker at run time, or also for all brokers at once. */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide'

/** Java's Long.MAX_VALUE as a number. Kafka's word for "never" or "no limit"; saturates to 2^63. */
export const LONG_MAX = 2 ** 63
const INT_MAX = 2 ** 31 - 1

/** One configuration key: its type, default, range, and what it is for. */
export interface Key<T> {
  readonly type: ConfigType
  readonly default: T
  /** Legal values in words, for documents and error messages. Undefined: whatever the type allows. */
  readonly valid: string | undefined
  readonly unit: 'ms' | 'bytes' | 'minutes' | 'hours' | 'count' | undefined
  readonly update: UpdateMode
  /** Passwords and keys: never shown, not in DescribeConfigs, logs or status. */
  readonly sensitive: boolean
  /** Hidden from DescribeConfigs and documents, as Kafka's internal keys are. */
  readonly internal: boolean
  /** Why the key is understood and changes nothing; undefined for a key that works. */
  readonly unused: string | undefined
  readonly doc: string
  /** @throws {InvalidConfigValue} in Kafka's words */
  parse(name: string, text: string): T
  /** The value as Kafka prints it; null for null. */
  format(value: T): string | null
}

/** A row as it is written in the tables. `V` is what a value parses to. */
export interface Row<D, V = never> {
  readonly default: D
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly nonEmpty?: boolean
  /** A rule beyond range and choice: what is wrong with the value, in Kafka's words; undefined if nothing is. */
  readonly check?: (value: V, name: string) => string | undefined
  readonly unit?: NonNullable<Key<unknown>['unit']>
  readonly update?: UpdateMode
  readonly internal?: boolean
  readonly unused?: string
  readonly doc: string
}

/** A value that its key does not allow. The message is Kafka's, since clients' tests read it. */
export class InvalidConfigValue extends Error {
  override readonly name = 'InvalidConfigValue'
  readonly key: string
  readonly value: string | null
  readonly reason: string

  constructor(key: string, value: string | null, reason: string) {
    super(`Invalid value ${value} for configuration ${key}: ${reason}`)
    this.key = key
    this.value = value
    this.reason = reason
  }
}

/** 32-bit number. A null default makes null (not set) a value. */
export const int = <D extends number | null>(row: Row<D, number>): Key<number | Extract<D, null>> => numeric('int', row)
/** 64-bit number, read as a number: beyond 2^53 it is only ever compared with times and sizes. */
export const long = <D extends number | null>(row: Row<D, number>): Key<number | Extract<D, null>> =>
  numeric('long', row)
/** 16-bit number. */
export const short = <D extends number | null>(row: Row<D, number>): Key<number | Extract<D, null>> =>
  numeric('short', row)
/** Floating point number. */
export const double = <D extends number | null>(row: Row<D, number>): Key<number | Extract<D, null>> =>
  numeric('double', row)

/** `true` or `false`, in any case. */
export const bool = (row: Row<boolean>): Key<boolean> => ({
  ...common('boolean', row, undefined),
  default: row.default,
  parse(name, text) {
    const word = text.trim().toLowerCase()
    if (word !== 'true' && word !== 'false') {
      throw new InvalidConfigValue(name, text, 'Expected value to be either true or false')
    }
    return word === 'true'
  },
  format: String,
})

/** Any text, or one of `oneOf`. */
export const string = <D extends string | null>(row: Row<D, string>): Key<string | Extract<D, null>> =>
  textual('string', row)
/** A choice, typed as such: `choice(['commit', 'os'], {...})` is a Key<'commit' | 'os'>. */
export const choice = <const V extends string>(oneOf: readonly V[], row: Omit<Row<V>, 'check'>): Key<V> =>
  textual('string', { ...row, oneOf }) as Key<V>
/** The name of a Java class. Kept as text; nothing of it is loaded here. */
export const className = <D extends string | null>(row: Row<D, string>): Key<string | Extract<D, null>> =>
  textual('class', row)
/** A secret. Shown to nobody. */
export const password = <D extends string | null>(row: Row<D, string>): Key<string | Extract<D, null>> =>
  textual('password', row)

/** Values separated by commas, each trimmed. */
export const list = <D extends readonly string[] | null>(
  row: Row<D, readonly string[]>,
): Key<readonly string[] | Extract<D, null>> => ({
  ...common('list', row, row.oneOf === undefined ? undefined : `[${row.oneOf.join(', ')}]`),
  default: row.default as readonly string[] | Extract<D, null>,
  parse(name, text) {
    const items = text.trim() === '' ? [] : text.split(',').map((item) => item.trim())
    if (row.nonEmpty === true && items.length === 0) {
      throw new InvalidConfigValue(
        name,
        text,
        `Configuration '${name}' must not be empty. Valid values include: any non-empty value`,
      )
    }
    if (items.includes(''))
      throw new InvalidConfigValue(name, text, `Configuration '${name}' values must not be empty.`)
    for (const item of items) {
      if (row.oneOf !== undefined && !row.oneOf.includes(item)) {
        throw new InvalidConfigValue(name, item, `String must be one of: ${row.oneOf.join(', ')}`)
      }
    }
    const unique = [...new Set(items)]
    if (row.oneOf === undefined && unique.length < items.length) {
      throw new InvalidConfigValue(name, text, `Configuration '${name}' values must not be duplicated.`)
    }
    const wrong = row.check?.(unique, name)
    if (wrong !== undefined) throw new InvalidConfigValue(name, `[${unique.join(', ')}]`, wrong)
    return unique
  },
  format: (value) => value?.join(',') ?? null,
})

function numeric<D extends number | null>(
  type: 'int' | 'long' | 'short' | 'double',
  row: Row<D, number>,
): Key<number | Extract<D, null>> {
  const min =
    row.min ?? (type === 'double' ? undefined : type === 'long' ? -LONG_MAX : type === 'int' ? -INT_MAX - 1 : -32768)
  const max = row.max ?? (type === 'double' ? undefined : type === 'long' ? LONG_MAX : type === 'int' ? INT_MAX : 32767)
  return {
    ...common(type, row, range(row)),
    default: row.default as number | Extract<D, null>,
    parse(name, text) {
      const value = type === 'double' ? parseDouble(text) : parseWhole(text, type)
      if (value === undefined) {
        throw new InvalidConfigValue(name, text, `Not a number of type ${type.toUpperCase()}`)
      }
      const wrong =
        row.check?.(value, name) ??
        (min !== undefined && value < min ? `Value must be at least ${min}` : undefined) ??
        (max !== undefined && value > max ? `Value must be no more than ${max}` : undefined)
      if (wrong !== undefined) throw new InvalidConfigValue(name, formatNumber(value, type), wrong)
      return value
    },
    format: (value) => (value === null ? null : formatNumber(value, type)),
  }
}

const bounds = { short: 2n ** 15n, int: 2n ** 31n, long: 2n ** 63n }

function parseWhole(text: string, type: 'int' | 'long' | 'short'): number | undefined {
  const trimmed = text.trim()
  if (!/^[+-]?\d{1,40}$/.test(trimmed)) return undefined
  const exact = BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed)
  if (exact >= bounds[type] || exact < -bounds[type]) return undefined
  return Number(exact)
}

function parseDouble(text: string): number | undefined {
  const value = Number(text.trim())
  return text.trim() === '' || Number.isNaN(value) ? undefined : value
}

/** Kafka's rule for gzip levels. */
export const gzipLevel = (value: number): string | undefined =>
  value === -1 || (value >= 1 && value <= 9) ? undefined : 'Value must be between 1 and 9 or equal to -1'

function formatNumber(value: number, type: ConfigType): string {
  if (type === 'long' && value >= LONG_MAX) return '9223372036854775807'
  if (type === 'double' && value === Number.MAX_VALUE) return '1.7976931348623157E308'
  if (type === 'double' && Number.isInteger(value)) return `${value}.0`
  return type === 'long' ? BigInt(value).toString() : String(value)
}

function range(row: Row<unknown, number>): string | undefined {
  if (row.min === undefined && row.max === undefined) return undefined
  return `[${row.min ?? ''},...${row.max === undefined ? '' : `,${row.max}`}]`
}

function textual<D extends string | null>(
  type: 'string' | 'class' | 'password',
  row: Row<D, string>,
): Key<string | Extract<D, null>> {
  return {
    ...common(type, row, row.oneOf === undefined ? undefined : `[${row.oneOf.join(', ')}]`),
    default: row.default as string | Extract<D, null>,
    parse(name, text) {
      const value = text.trim()
      if (row.nonEmpty === true && value === '') throw new InvalidConfigValue(name, text, 'String must be non-empty')
      if (row.oneOf !== undefined && !row.oneOf.includes(value)) {
        throw new InvalidConfigValue(name, text, `String must be one of: ${row.oneOf.join(', ')}`)
      }
      const wrong = row.check?.(value, name)
      if (wrong !== undefined) throw new InvalidConfigValue(name, text, wrong)
      return value
    },
    format: (value) => value,
  }
}

function common(type: ConfigType, row: Omit<Row<unknown>, 'check'>, valid: string | undefined) {
  return {
    type,
    valid,
    unit: row.unit,
    update: row.update ?? ('read-only' as const),
    sensitive: type === 'password',
    internal: row.internal ?? false,
    unused: row.unused,
    doc: row.doc,
  }
}
