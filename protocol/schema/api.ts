/** An API: one request and its response, declared once over all the versions that we speak. */
import type { Shape, TypeOf } from './field.ts'

export interface Api<Req extends Shape = Shape, Res extends Shape = Shape> {
  /** Kafka's number of the API. */
  readonly key: number
  readonly name: string
  /** First and last version that can be read and written. */
  readonly versions: readonly [min: number, max: number]
  /** First version with compact lengths and tagged fields (KIP-482); Infinity if there is none. */
  readonly flexibleSince: number
  readonly request: Req
  readonly response: Res
  /** What ApiVersions tells instead of `versions`, if that differs. */
  readonly advertise?: readonly [min: number, max: number]
}

/** What a handler gets. */
export type RequestOf<A> = A extends Api<infer Req, infer _Res> ? TypeOf<Req> : never
/** What a handler answers. */
export type ResponseOf<A> = A extends Api<infer _Req, infer Res> ? TypeOf<Res> : never

export function defineApi<Req extends Shape, Res extends Shape>(api: Api<Req, Res>): Api<Req, Res> {
  return api
}

/** Request header: 1 (client id) or, in flexible versions, 2 (client id and tagged fields). */
export function requestHeaderVersion(api: Api, version: number): 1 | 2 {
  return version >= api.flexibleSince ? 2 : 1
}

/** Response header: 0, or in flexible versions 1 (tagged fields). ApiVersions always 0, for clients of any age (AV-1). */
export function responseHeaderVersion(api: Api, version: number): 0 | 1 {
  return version >= api.flexibleSince && api.key !== API_VERSIONS_KEY ? 1 : 0
}

const API_VERSIONS_KEY = 18
