/** Looking at the files of logs, ours or Apache Kafka's, without a broker and without writing. */
export { type BatchHeader, type DumpItem, dumpFile, filesToDump } from './dump.ts'
export type { Finding, Tally } from './report.ts'
export { verify } from './verify.ts'
