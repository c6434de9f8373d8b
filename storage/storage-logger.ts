/** Where storage says what an operator should know: what recovery cut, what was set aside, why a folder went offline. */
export interface StorageLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Says nothing: for tests and embedded brokers. */
export const silentStorageLogger: StorageLogger = { info() {}, warn() {}, error() {} }
