/** Face of the protocol: what travels on the wire, as data. No I/O, no state, no clock. */
export * from './apis/index.ts'
export { AssertionError, assert, unreachable } from './assert.ts'
export { type ErrorName, errorCode, errorMessage, errorName, errorNames, isRetriable } from './errors.ts'
export { type Api, type RequestOf, type ResponseOf, requestHeaderVersion, responseHeaderVersion } from './schema/api.ts'
export { fallbackOf, type Shape, type TypeOf } from './schema/field.ts'
export {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  decodeResponseFrame,
  encodeRequest,
  encodeRequestFrame,
  encodeResponse,
  encodeResponseFrame,
  type FlexibleLookup,
  filled,
  type RequestHeader,
} from './schema/message.ts'
export { decodeStored, encodeStored, type Stored, type StoredOf, storedVersion } from './schema/stored.ts'
export { FrameSplitter } from './wire/frame.ts'
export { MalformedError } from './wire/malformed.ts'
export { Reader, ZERO_UUID } from './wire/reader.ts'
export { Writer } from './wire/writer.ts'
