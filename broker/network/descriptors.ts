/**
 * How many files, sockets included, this process may have open: the soft limit of the system, Infinity if there is none.
 * Takes some milliseconds, for Node tells it only as part of a whole diagnostic report.
 */
export function descriptorLimit(): number {
  const report: typeof process.report & { excludeNetwork?: boolean } = process.report
  const { excludeNetwork = false } = report
  // With the network in it, the report resolves the names of all peers.
  report.excludeNetwork = true
  const { userLimits } = report.getReport() as unknown as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | string } }
  }
  report.excludeNetwork = excludeNetwork
  const soft = userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
}
