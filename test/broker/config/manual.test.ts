import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { configurationManual, MANUAL_PATH } from '../../../scripts/write-configuration.ts'

it('docs/configuration.md says what the tables say: npx tsx scripts/write-configuration.ts', () => {
  expect(readFileSync(MANUAL_PATH, 'utf8')).toBe(configurationManual())
})
