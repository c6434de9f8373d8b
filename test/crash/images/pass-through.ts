import type { File, FileSystem } from '../../../storage/file-system.ts'

/** Another file system with some of its calls replaced, in its files too: what deliberate bugs are made of. */
export function changed(
  inner: FileSystem,
  calls: Partial<FileSystem> = {},
  fileCalls: (file: File) => Partial<File> = () => ({}),
): FileSystem {
  const through = passThrough(inner, FILE_SYSTEM_CALLS)
  const open: FileSystem['open'] = (path, mode) => {
    const file = inner.open(path, mode)
    return { path: file.path, ...passThrough(file, FILE_CALLS), ...fileCalls(file) }
  }
  return { ...through, open, ...calls }
}

const FILE_SYSTEM_CALLS = [
  'open',
  'mkdir',
  'rename',
  'unlink',
  'removeFile',
  'removeFolder',
  'readdir',
  'stat',
  'exists',
  'readFile',
  'syncFolder',
  'syncFolderSync',
  'statfs',
  'lock',
] as const satisfies readonly (keyof FileSystem)[]

const FILE_CALLS = [
  'writeSync',
  'readSync',
  'read',
  'truncate',
  'size',
  'datasync',
  'datasyncSync',
  'sync',
  'syncSync',
  'close',
] as const satisfies readonly (keyof File)[]

function passThrough<T extends object, K extends keyof T>(inner: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    names.map((name) => {
      const call = inner[name]
      return [name, typeof call === 'function' ? call.bind(inner) : call]
    }),
  ) as Pick<T, K>
}
