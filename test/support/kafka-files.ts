import { readFileSync } from 'node:fs'

interface KafkaFiles {
  readonly files: Readonly<Record<string, string>>
  readonly logBytes: Readonly<Record<string, number>>
}

const fixture: KafkaFiles = JSON.parse(
  readFileSync(new URL('../fixtures/storage/kafka-files.json', import.meta.url), 'utf8'),
)

/** The bytes of a file that Apache Kafka 4.3 wrote. */
export function kafkaFile(name: string): Buffer {
  const text = fixture.files[name]
  if (text === undefined) throw new Error(`no such file in the fixture: ${name}`)
  return Buffer.from(text, 'base64')
}

/** Size of the segment's `.log` beside it. */
export const kafkaLogBytes = (baseOffset: number): number => fixture.logBytes[String(baseOffset)] ?? 0
