import { InvalidConfigValue, type Key } from './key.ts'
import { allKeys, type Config, type ConfigName, keyOf } from './keys.ts'

/** Where a value came from, from strong to weak; the names are those of DescribeConfigs. */
export type ConfigSource =
  | 'DYNAMIC_BROKER_CONFIG'
  | 'DYNAMIC_DEFAULT_BROKER_CONFIG'
  | 'STATIC_BROKER_CONFIG'
  | 'DEFAULT_CONFIG'

/** A value set at start: its text, and where it stands (`server.properties:12`, `--set`, `KAFKA_NUM_PARTITIONS`). */
export interface Setting {
  readonly text: string
  readonly origin: string
}

/**
 * The configuration of this broker: what the start gave (static) under what was altered at run time (dynamic).
 * Values are checked when they come in, so `get` never fails. Read a value when it is needed, or follow `onChange`:
 * keys whose update mode is not read-only change while the broker runs.
 */
export class BrokerConfig {
  readonly #static: ReadonlyMap<string, Setting>
  #dynamicDefaults: ReadonlyMap<string, string> = new Map()
  #dynamicOwn: ReadonlyMap<string, string> = new Map()
  #values = new Map<string, unknown>()
  #listeners = new Set<(changed: ReadonlySet<string>) => void>()
  /** What the operator should know: unknown keys with the nearest name, keys without effect. One sentence each. */
  readonly warnings: readonly string[]

  /**
   * @param settings what was given at start, by key; unknown keys are kept and have no effect
   * @throws {InvalidConfigValue} a value that its key does not allow; load.ts words it with file and line
   */
  constructor(settings: ReadonlyMap<string, Setting>, warnings: readonly string[] = []) {
    this.#static = settings
    this.warnings = warnings
    this.#values = this.#evaluate()
  }

  /** From plain values, as tests and embedding programs give them. @throws {InvalidConfigValue} */
  static of(values: Readonly<Record<string, string>> = {}): BrokerConfig {
    return new BrokerConfig(new Map(Object.entries(values).map(([key, text]) => [key, { text, origin: 'option' }])))
  }

  /** The value of a key in force now. Cheap (one Map lookup), yet not for a loop over records. */
  get<K extends ConfigName>(key: K): Config[K] {
    return this.#values.get(key) as Config[K]
  }

  /** node.id, or broker.id if only that is set. */
  get nodeId(): number {
    return !this.isSet('node.id') && this.get('broker.id') >= 0 ? this.get('broker.id') : this.get('node.id')
  }

  /** log.dirs, or log.dir if that is not set. At least one. */
  get logDirs(): readonly string[] {
    return (
      this.get('log.dirs') ??
      this.get('log.dir')
        .split(',')
        .map((dir) => dir.trim())
    )
  }

  /** Whether the start gave a value for the key. */
  isSet(key: ConfigName): boolean {
    return this.#static.has(key)
  }

  /** What the start gave, unknown keys included: for `config print --source` and for DescribeConfigs. */
  settings(): ReadonlyMap<string, Setting> {
    return this.#static
  }

  /** The text that is set at a level, undefined if it is not set there. A default of null is undefined, too. */
  textAt(source: ConfigSource, name: string): string | undefined {
    switch (source) {
      case 'DYNAMIC_BROKER_CONFIG':
        return this.#dynamicOwn.get(name)
      case 'DYNAMIC_DEFAULT_BROKER_CONFIG':
        return this.#dynamicDefaults.get(name)
      case 'STATIC_BROKER_CONFIG':
        return this.#static.get(name)?.text
      case 'DEFAULT_CONFIG': {
        const key = keyOf(name)
        return key === undefined ? undefined : (key.format(key.default) ?? undefined)
      }
    }
  }

  /** Names set at run time that no table has, with the stronger of their sources. They have no effect. */
  unknownDynamic(): [string, 'DYNAMIC_BROKER_CONFIG' | 'DYNAMIC_DEFAULT_BROKER_CONFIG'][] {
    const names = new Set([...this.#dynamicOwn.keys(), ...this.#dynamicDefaults.keys()])
    return [...names]
      .filter((name) => keyOf(name) === undefined)
      .map((name) => [name, this.#dynamicOwn.has(name) ? 'DYNAMIC_BROKER_CONFIG' : 'DYNAMIC_DEFAULT_BROKER_CONFIG'])
  }

  /**
   * Puts the dynamic configs in force, those of this broker before the cluster's defaults, and tells who follows.
   * A stored value that is not legal (any more) is left out and returned as a warning.
   */
  setDynamic(defaults: ReadonlyMap<string, string>, own: ReadonlyMap<string, string>): string[] {
    const refused: string[] = []
    this.#dynamicDefaults = legalOnly(defaults, refused)
    this.#dynamicOwn = legalOnly(own, refused)
    const before = this.#values
    this.#values = this.#evaluate()
    const changed = new Set(
      [...this.#values].filter(([key, value]) => !same(value, before.get(key))).map(([key]) => key),
    )
    if (changed.size > 0) for (const listener of this.#listeners) listener(changed)
    return refused
  }

  /** Calls `listener` with the names of the keys whose values have changed. Returns how to end it. */
  onChange(listener: (changed: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #evaluate(): Map<string, unknown> {
    const values = new Map<string, unknown>()
    for (const [name, key] of allKeys()) {
      const text = this.#dynamicOwn.get(name) ?? this.#dynamicDefaults.get(name) ?? this.#static.get(name)?.text
      values.set(name, text === undefined ? key.default : parseSetting(name, key, text))
    }
    return values
  }
}

/** An empty value of a key whose default is null means null: `KAFKA_BROKER_RACK=` in a compose file. */
function parseSetting(name: string, key: Key<unknown>, text: string): unknown {
  if (key.default === null && text.trim() === '' && key.type !== 'string') return null
  return key.parse(name, text)
}

function legalOnly(texts: ReadonlyMap<string, string>, refused: string[]): ReadonlyMap<string, string> {
  const legal = new Map<string, string>()
  for (const [name, text] of texts) {
    try {
      keyOf(name)?.parse(name, text)
      legal.set(name, text)
    } catch (error) {
      if (!(error instanceof InvalidConfigValue)) throw error
      refused.push(error.message)
    }
  }
  return legal
}

function same(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) ? a.join() === b.join() : a === b
}
