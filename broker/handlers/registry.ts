import { apiVersions } from './api-versions.ts'
import type { AnyHandler } from './handler.ts'

/**
 * The one list of what is served, by key: what is not in it is not advertised, what is advertised is served (AV-9).
 * The dispatcher, ApiVersions and the API table of the README read it.
 */
export const handlers: readonly AnyHandler[] = [apiVersions(() => handlers.map(({ api }) => api))]
