/**
 * The words in which cases are written. A theme is a list of cases; a case is one request in all the versions that can
 * say it (`each`), or a small script (`script`). All of it runs against both brokers.
 */
import type { Api } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import type { Stage } from './stage.ts'

export interface Theme {
  readonly name: string
  readonly cases: readonly Case[]
}

export interface Case {
  readonly title: string
  /** One run for each; a script that does not care for versions has one. */
  readonly versions: readonly number[]
  readonly version: (version: number) => string
  readonly run: (stage: Stage, version: number) => Promise<void>
  /** Nothing else may run meanwhile: it looks at, or changes, what all cases share. */
  readonly alone: boolean
}

/** What a request does not say has its fallback, at any depth. */
export type Loose<T> = T extends Buffer | bigint | string | number | boolean | null
  ? T
  : T extends readonly (infer E)[]
    ? readonly Loose<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Loose<T[K]> }
      : T

/** Done before the request that is compared, and not compared itself. */
export type Given = (stage: Stage) => Promise<unknown>

export interface EachOptions {
  readonly given?: readonly Given[]
  /** Only these versions; without it all that we advertise and that can say the request. */
  readonly versions?: readonly [from: number, to: number]
  /** Compare only entries that carry a name of this case: for answers that list everything there is. */
  readonly mine?: boolean
  readonly alone?: boolean
  /** More requests, compared too. */
  readonly andThen?: (stage: Stage, version: number) => Promise<unknown>
}

export const theme = (name: string, cases: readonly Case[]): Theme => ({ name, cases })

/**
 * One request, in every version that can say it. `$` is the stage: `$('orders')` is a topic name of this run's own,
 * `$.group('readers')` a group id.
 */
export function each<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  title: string,
  request: ($: Stage, version: number) => Loose<TypeOf<Q>>,
  options: EachOptions = {},
): Case {
  const [first, last] = options.versions ?? api.versions
  return {
    title: `${api.name}: ${title}`,
    versions: Array.from({ length: last - first + 1 }, (_, at) => first + at),
    version: (version) => `v${version}`,
    alone: options.alone ?? false,
    run: async ($, version) => {
      for (const prepare of options.given ?? []) await prepare($)
      await $.ask(api, version, request($, version), { mine: options.mine ?? false })
      await options.andThen?.($, version)
    },
  }
}

/** A small script; `versions` runs it once for each. */
export function script(
  title: string,
  run: ($: Stage, version: number) => Promise<unknown>,
  options: { readonly versions?: readonly number[]; readonly alone?: boolean } = {},
): Case {
  return {
    title,
    versions: options.versions ?? [0],
    version: (version) => (options.versions === undefined ? '' : `v${version}`),
    alone: options.alone ?? false,
    run: async ($, version) => {
      await run($, version)
    },
  }
}
