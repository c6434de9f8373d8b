import { bool, className, double, int, type Key, list, long, password, type Row, short, string } from './key.ts'

type Options = Omit<Row<unknown>, 'default' | 'doc' | 'unused' | 'oneOf' | 'check'>
type NumberKey<D> = Key<number | Extract<D, null>>
type TextKey<D> = Key<string | Extract<D, null>>

/**
 * Writes rows of keys that Kafka has and that change nothing here, so that an existing server.properties starts
 * without complaints and DescribeConfigs shows what a tool looks for. `why` completes the sentence "No effect: …".
 */
export function unused(why: string) {
  const row = <D, V = never>(value: D, options: Options = {}): Row<D, V> => ({
    ...options,
    default: value,
    unused: why,
    doc: `No effect: ${why}.`,
  })
  return {
    bool: (value: boolean, options?: Options) => bool(row(value, options)),
    int: <D extends number | null>(value: D, options?: Options): NumberKey<D> => int(row(value, options)),
    long: <D extends number | null>(value: D, options?: Options): NumberKey<D> => long(row(value, options)),
    short: <D extends number | null>(value: D, options?: Options): NumberKey<D> => short(row(value, options)),
    double: <D extends number | null>(value: D, options?: Options): NumberKey<D> => double(row(value, options)),
    string: <D extends string | null>(value: D, options?: Options): TextKey<D> => string(row(value, options)),
    className: <D extends string | null>(value: D, options?: Options): TextKey<D> => className(row(value, options)),
    password: <D extends string | null>(value: D, options?: Options): TextKey<D> => password(row(value, options)),
    list: <D extends readonly string[] | null>(value: D, options?: Options) => list(row(value, options)),
  }
}
