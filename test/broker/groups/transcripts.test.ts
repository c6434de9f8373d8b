import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { playTranscript } from '../../support/group-transcript.ts'

const folder = new URL('transcripts/', import.meta.url)

/** The texts are written and read by people; what is printed here is never copied over them unread. */
describe('a group, by transcript', () => {
  it.each(readdirSync(folder).sort())('%s', (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    expect(playTranscript(text)).toBe(text)
  })
})
