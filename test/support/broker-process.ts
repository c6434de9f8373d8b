import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { BrokerChild, type BrokerChildOptions } from './broker-child.ts'

/** A broker in a process of its own, for one test. */
export const BrokerProcess = {
  /** Starts a broker and settles when it listens. It is killed when the test ends. */
  async start(folder: string, options: BrokerChildOptions = {}): Promise<BrokerChild> {
    const broker = BrokerChild.launch(folder, options)
    onTestFinished(async () => {
      await broker.end('SIGKILL')
    })
    await broker.listening
    return broker
  },
}

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
