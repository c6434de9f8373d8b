import { MemoryStore } from '../../../broker/metadata/memory-store.ts'
import { describeMetadataStore } from './store-contract.ts'

describeMetadataStore('in memory', async () => new MemoryStore())
