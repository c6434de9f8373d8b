import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** May this process mount file systems? As root on a Linux that lets it; else the tests that need it are skipped. */
export const canMount: boolean = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-mount-'))
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' }).status !== 0)
      return false
    return spawnSync('umount', [folder], { stdio: 'ignore' }).status === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})()

export const whyNotMounted = canMount ? '' : ' (skipped: needs the right to mount a tmpfs)'

export interface SmallDisk {
  readonly path: string
  /** Lets it be read only, or written again: what Linux does when a disk begins to fail. */
  remount(mode: 'ro' | 'rw'): void
}

/** A disk of so many bytes (a tmpfs), unmounted when the test ends. */
export function smallDisk(sizeBytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'odradek-disk-'))
  mount('-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path)
  onTestFinished(() => {
    // Lazily, since a broker that failed may still hold files.
    spawnSync('umount', ['-l', path], { stdio: 'ignore' })
    rmSync(path, { recursive: true, force: true })
  })
  return { path, remount: (mode) => mount('-o', `remount,${mode}`, path) }
}

function mount(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`)
}
