/** Metrics that clients push (KIP-714). */
import { defineApi } from '../schema/api.ts'
import { array, bool, bytes, int8, int16, int32, string, uuid } from '../schema/field.ts'

/** GetTelemetrySubscriptions (key 71): which metrics the broker wants, how often, in which compression. */
export const GetTelemetrySubscriptions = defineApi({
  key: 71,
  name: 'GetTelemetrySubscriptions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    clientInstanceId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: bool,
    requestedMetrics: array(string),
  },
})

/** PushTelemetry (key 72): metrics as OpenTelemetry protobuf. */
export const PushTelemetry = defineApi({
  key: 72,
  name: 'PushTelemetry',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: bool,
    compressionType: int8,
    metrics: bytes,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
  },
})
