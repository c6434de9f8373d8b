import type { Theme } from '../scenario.ts'
import { metadata } from './metadata.ts'
import { produce } from './produce.ts'
import { topics } from './topics.ts'

export const themes: readonly Theme[] = [topics, metadata, produce]
