import type { Metric } from 'prom-client'
import type { Broker } from '../broker/index.ts'
import {
  countedMetrics,
  type MetricDefinition,
  registeredMetrics,
  statusMetrics,
} from '../broker/runtime/metric-table.ts'
import { countedSamples } from './counted-samples.ts'
import type { Sample, Samples } from './samples.ts'
import type { RegisterRoutes } from './server.ts'
import { hasStatus } from './status-routes.ts'
import { eventLoopIdleShare, statusSamples } from './status-samples.ts'

/**
 * `/metrics`, in Prometheus' text format. The broker counts in plain numbers; they are read here, when somebody asks,
 * and handed to prom-client, which knows the format and adds the figures of the process. prom-client is loaded with
 * the first request.
 */
export const metricsRoutes =
  (maxPartitionSeries: number): RegisterRoutes =>
  (app, broker) => {
    const idleShare = eventLoopIdleShare()
    let renderer: Promise<Renderer> | undefined
    app.get('/metrics', async (_request, reply) => {
      renderer ??= loadRenderer()
      const { contentType, render } = await renderer
      return reply.type(contentType).send(await render(collectSamples(broker, idleShare, maxPartitionSeries)))
    })
  }

/** Every metric that has something to say now, by name. */
export function collectSamples(broker: Broker, idleShare: () => number, maxPartitionSeries: number): Samples {
  const samples: Samples = new Map()
  countedSamples(broker.metrics, samples)
  for (const [name, read] of broker.metrics.gauges) {
    const value = read()
    const rows =
      typeof value === 'number' ? [{ labels: {}, value }] : Array.from(value, ([labels, v]) => ({ labels, value: v }))
    samples.set(name, rows)
  }
  if (hasStatus(broker)) statusSamples(broker, idleShare(), maxPartitionSeries, samples)
  return samples
}

interface Renderer {
  readonly contentType: string
  render(samples: Samples): Promise<string>
}

const definitions: ReadonlyMap<string, MetricDefinition> = new Map(
  Object.entries({ ...countedMetrics, ...registeredMetrics, ...statusMetrics }),
)

async function loadRenderer(): Promise<Renderer> {
  const { collectDefaultMetrics, Registry } = await import('prom-client')
  const processFigures = new Registry()
  // The event loop's delay is sampled by a timer; at the default of 10 ms it would be most of an idle broker's work.
  collectDefaultMetrics({ register: processFigures, eventLoopMonitoringPrecision: 200 })
  const render = async (samples: Samples) => {
    const registry = new Registry()
    for (const [name, definition] of definitions) {
      const values = samples.get(name)
      if (values !== undefined && values.length > 0) registry.registerMetric(fixedMetric(name, definition, values))
    }
    return `${await registry.metrics()}\n${await processFigures.metrics()}`
  }
  return { contentType: processFigures.contentType, render }
}

/**
 * The part of prom-client's Metric that its Registry uses. Its own classes would have us call `inc` or `observe` for
 * each event; ours have been counted already. The cast stands for the members that only those who count call.
 */
function fixedMetric(name: string, { kind, help, labels }: MetricDefinition, values: readonly Sample[]): Metric {
  const get = async () => ({ name, help, type: kind, values, aggregator: 'sum' })
  return { name, help, labelNames: labels, get, reset() {} } as unknown as Metric
}
