/** Requests and responses as bytes: headers, bodies, whole frames. Codecs are built on first use and kept. */
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { type Api, requestHeaderVersion, responseHeaderVersion } from './api.ts'
import { type Codec, type CodecOptions, codecOf } from './codec.ts'
import { fallbackOf, type Shape, type TypeOf } from './field.ts'

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/** Whether a version of an API is flexible; false for what is not known. */
export type FlexibleLookup = (apiKey: number, apiVersion: number) => boolean

/**
 * Reads a request header; the reader then stands at the body. The client id keeps its int16 length in every version,
 * and may be null (NET-8, NET-9).
 * @throws {MalformedError} cut off, a client id length below -1, or tagged fields that are not well-formed
 */
export function decodeRequestHeader(reader: Reader, isFlexible: FlexibleLookup): RequestHeader {
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const clientId = reader.nullableString()
  if (isFlexible(apiKey, apiVersion)) reader.skipTags()
  return { apiKey, apiVersion, correlationId, clientId }
}

/** @throws {MalformedError} Bytes left over after the body are accepted, as in Kafka. */
export function decodeRequest<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  reader: Reader,
): TypeOf<Q> {
  return requestCodec(api, version).decode(reader)
}

/** @throws {AssertionError} the version cannot say the value */
export function encodeRequest<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  writer: Writer,
  value: TypeOf<Q>,
): void {
  requestCodec(api, version).encode(writer, value)
}

/** @throws {MalformedError} */
export function decodeResponse<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  reader: Reader,
): TypeOf<R> {
  return responseCodec(api, version).decode(reader)
}

/** @throws {AssertionError} the version cannot say the value */
export function encodeResponse<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  writer: Writer,
  value: TypeOf<R>,
): void {
  responseCodec(api, version).encode(writer, value)
}

/** A whole request with its length in front, as one or more runs of bytes to be sent in order. */
export function encodeRequestFrame<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  correlationId: number,
  clientId: string | null,
  value: TypeOf<Q>,
): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(correlationId)
  writer.nullableString(clientId)
  if (requestHeaderVersion(api, version) === 2) writer.uvarint(0)
  encodeRequest(api, version, writer, value)
  return writer.finishFrame()
}

/** A whole response with its length in front, as one or more runs of bytes; big record runs are the ones given. */
export function encodeResponseFrame<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  correlationId: number,
  value: TypeOf<R>,
): Buffer[] {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  if (responseHeaderVersion(api, version) === 1) writer.uvarint(0)
  encodeResponse(api, version, writer, value)
  return writer.finishFrame()
}

/** Reads a response frame without its length: header, then body. For clients. */
export function decodeResponseFrame<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  frame: Buffer,
): { correlationId: number; value: TypeOf<R> } {
  const reader = new Reader(frame)
  const correlationId = reader.int32()
  if (responseHeaderVersion(api, version) === 1) reader.skipTags()
  return { correlationId, value: decodeResponse(api, version, reader) }
}

/** A value in which everything not given has its fallback: for clients and tests. Nested structures must be whole. */
export function filled<S extends Shape>(shape: S, given: Partial<TypeOf<S>>): TypeOf<S> {
  return { ...fallbackOf(shape), ...given }
}

/** The codec of a request, apart from the ones that are kept; for tools that want another int64 or style. */
export function buildRequestCodec<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  options: CodecOptions = {},
): Codec<TypeOf<Q>> {
  return codecOf(api.request, version, version >= api.flexibleSince, options)
}

export function buildResponseCodec<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  options: CodecOptions = {},
): Codec<TypeOf<R>> {
  return codecOf(api.response, version, version >= api.flexibleSince, options)
}

/** By API, then by version. Filled on first use: a broker that meets no share group never builds its codecs. */
const requestCodecs = new WeakMap<Api, Codec<unknown>[]>()
const responseCodecs = new WeakMap<Api, Codec<unknown>[]>()

function requestCodec<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number): Codec<TypeOf<Q>> {
  const codecs = versionsOf(requestCodecs, api)
  codecs[version] ??= buildRequestCodec(api, version)
  return codecs[version] as Codec<TypeOf<Q>>
}

function responseCodec<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number): Codec<TypeOf<R>> {
  const codecs = versionsOf(responseCodecs, api)
  codecs[version] ??= buildResponseCodec(api, version)
  return codecs[version] as Codec<TypeOf<R>>
}

function versionsOf(kept: WeakMap<Api, Codec<unknown>[]>, api: Api): Codec<unknown>[] {
  let codecs = kept.get(api)
  if (codecs === undefined) {
    codecs = new Array(api.versions[1] + 1)
    kept.set(api, codecs)
  }
  return codecs
}
