/** Where two transcripts differ. */

export interface Difference {
  /** Step and field: `CreateTopics.topics[0].errorCode`. */
  readonly at: string
  readonly kafka: unknown
  readonly odradek: unknown
}

/**
 * Every place where the values differ. Entries of lists that have names are held against those of the same name, which
 * are told one by one where a side lacks them; other lists of another length are one difference.
 */
export function differences(kafka: unknown, odradek: unknown, at = ''): Difference[] {
  if (Object.is(kafka, odradek)) return []
  if (Array.isArray(kafka) && Array.isArray(odradek)) {
    const named = byName(kafka, odradek)
    if (named !== undefined) return named.flatMap(([name, one, other]) => differences(one, other, `${at}[${name}]`))
    if (kafka.length !== odradek.length) return [{ at, kafka, odradek }]
    return kafka.flatMap((one, index) => differences(one, odradek[index], `${at}[${index}]`))
  }
  if (isPlain(kafka) && isPlain(odradek)) {
    const names = new Set([...Object.keys(kafka), ...Object.keys(odradek)])
    return [...names].flatMap((name) => differences(kafka[name], odradek[name], `${at}.${name}`))
  }
  return [{ at, kafka, odradek }]
}

/** Compares step by step; a step that only one side came to is a difference. */
export function compareTranscripts(
  kafka: readonly { step: string; answer: unknown }[],
  odradek: readonly { step: string; answer: unknown }[],
): Difference[] {
  const found: Difference[] = []
  for (let at = 0; at < Math.max(kafka.length, odradek.length); at++) {
    const [one, other] = [kafka[at], odradek[at]]
    found.push(
      ...differences(
        one?.answer ?? '(did not come to this)',
        other?.answer ?? '(did not come to this)',
        (one ?? other)!.step,
      ),
    )
  }
  return found
}

type Named = readonly [name: string, kafka: unknown, odradek: unknown]

/** Pairs by name; undefined if an entry has none, or shares it with another. */
function byName(kafka: readonly unknown[], odradek: readonly unknown[]): Named[] | undefined {
  const [left, right] = [indexOf(kafka), indexOf(odradek)]
  if (left === undefined || right === undefined) return undefined
  const names = new Set([...left.keys(), ...right.keys()])
  return [...names].map((name) => [name, left.get(name), right.get(name)])
}

function indexOf(list: readonly unknown[]): Map<string, unknown> | undefined {
  const byName = new Map<string, unknown>()
  for (const one of list) {
    const name = nameOf(one)
    if (name === undefined || byName.has(name)) return undefined
    byName.set(name, one)
  }
  return byName
}

/** What entries of responses are called by, the most telling first. */
const nameFields = ['name', 'topic', 'topicName', 'groupId', 'key', 'resourceName', 'memberId', 'topicId'] as const
const numberFields = ['partitionIndex', 'partition', 'index', 'partitionId', 'nodeId', 'brokerId', 'apiKey'] as const

export function nameOf(entry: unknown): string | undefined {
  if (!isPlain(entry)) return undefined
  for (const field of nameFields) {
    if (typeof entry[field] === 'string' && entry[field] !== '') return entry[field]
  }
  for (const field of numberFields) {
    if (typeof entry[field] === 'number') return String(entry[field])
  }
  return undefined
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
