/** A setting from the environment: the config key, its value, and the variable that it came from. */
export interface EnvironmentSetting {
  readonly key: string
  readonly value: string
  readonly variable: string
}

/** Variables that the Apache image reads for other purposes than server.properties. */
const notForUs: readonly string[] = ['KAFKA_HEAP_OPTS', 'KAFKA_OPTS', 'KAFKA_HOME', 'KAFKA_VERSION', 'KAFKA_DEBUG']
const notForUsPrefixes: readonly string[] = ['KAFKA_JMX_', 'KAFKA_LOG4J_', 'KAFKA_JVM_', 'KAFKA_GC_']

/**
 * Reads the environment by the rules of Apache Kafka's container image: `KAFKA_` in front, `_` for a dot, `__` for an
 * underscore, `___` for a dash; `CLUSTER_ID` stands for itself. An empty value counts as set. If advertised listeners
 * are given and listeners are not, listeners are derived from them with every host replaced by 0.0.0.0, as Confluent's
 * image does, since a compose file that relies on it would else listen on this machine only.
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): EnvironmentSetting[] {
  const settings: EnvironmentSetting[] = []
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined) continue
    if (variable === 'CLUSTER_ID') settings.push({ key: 'cluster.id', value, variable })
    if (!variable.startsWith('KAFKA_')) continue
    if (notForUs.includes(variable) || notForUsPrefixes.some((prefix) => variable.startsWith(prefix))) continue
    settings.push({ key: keyOfVariable(variable), value, variable })
  }
  const advertised = settings.find(({ key }) => key === 'advertised.listeners')
  if (advertised !== undefined && !settings.some(({ key }) => key === 'listeners')) {
    const listeners = advertised.value.replaceAll(/:\/\/[^,]*:(\d+)/g, '://0.0.0.0:$1')
    settings.push({ key: 'listeners', value: listeners, variable: advertised.variable })
  }
  return settings
}

/** `KAFKA_ABC_DEF` → `abc.def`, `KAFKA_ABC__DEF` → `abc_def`, `KAFKA_ABC___DEF` → `abc-def`. */
function keyOfVariable(variable: string): string {
  const name = variable.slice('KAFKA_'.length).toLowerCase()
  return name.replaceAll(/_+/g, (run) => (run.length >= 3 ? '-' : run.length === 2 ? '_' : '.'))
}
