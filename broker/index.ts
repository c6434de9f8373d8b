/** The broker's face: what programs that embed it, the command line and the HTTP side use. */
export { type Broker, type BrokerOptions, createBroker, type StartableBroker, startBroker } from './broker.ts'
export { BrokerConfig } from './config/broker-config.ts'
export { ConfigError, loadConfig } from './config/load.ts'
export { metadataFileProblem } from './metadata/lmdb-guard.ts'
export { createLogger, type LogFormat, type Logger, type LogLevel, logFormats, logLevels } from './runtime/logger.ts'
export { systemClock } from './runtime/system-clock.ts'
export { version } from './runtime/version.ts'
export type { BrokerStatus } from './status.ts'
