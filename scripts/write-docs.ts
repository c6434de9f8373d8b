/**
 * Writes the tables in our documents that are read off the code: `npx tsx scripts/write-docs.ts`.
 * test/repository.test.ts fails when one of them is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { handlers } from '../broker/handlers/registry.ts'
import {
  countedMetrics,
  type MetricDefinition,
  registeredMetrics,
  statusMetrics,
} from '../broker/runtime/metric-table.ts'

/** The documents with tables from the code, and what belongs between their markers. */
export const generatedParts: readonly { readonly path: string; readonly name: string; readonly text: () => string }[] =
  [
    { path: 'README.md', name: 'apis', text: apiTable },
    { path: 'docs/metrics.md', name: 'metrics', text: metricsTable },
  ]

/** What is served, in the order of the keys. */
export function apiTable(): string {
  const rows = handlers
    .map(({ api }) => ({ key: api.key, name: api.name, versions: api.advertise ?? api.versions }))
    .sort((a, b) => a.key - b.key)
    .map(({ key, name, versions: [min, max] }) => `| ${key} | ${name} | ${min === max ? min : `${min}–${max}`} |`)
  return ['| Key | API | Versions |', '|---|---|---|', ...rows].join('\n')
}

export function metricsTable(): string {
  const all: Record<string, MetricDefinition> = { ...countedMetrics, ...registeredMetrics, ...statusMetrics }
  const rows = Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { kind, labels, help }]) => `| \`${name}\` | ${kind} | ${labels.join(', ')} | ${help} |`)
  return ['| Name | Kind | Labels | What |', '|---|---|---|---|', ...rows].join('\n')
}

/** The document with `text` between `<!-- begin name -->` and `<!-- end name -->`. */
export function withPart(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`]
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`no ${begin} … ${end}`)
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { path, name, text } of generatedParts) {
    writeFileSync(path, withPart(readFileSync(path, 'utf8'), name, text()))
    console.log(`${path}: ${name}`)
  }
}
