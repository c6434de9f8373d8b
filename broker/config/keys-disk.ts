import { long } from './key.ts'

/** Room on the volumes of `log.dirs`. */
export const diskKeys = {
  'odradek.disk.reserve.bytes': long({
    default: -1,
    min: -1,
    unit: 'bytes',
    update: 'cluster-wide',
    doc: 'Room on the volume of each log directory that is not for clients: when no more is left, produce is refused with KAFKA_STORAGE_ERROR, while fetches, commits and deletions go on. -1: 2 % of the volume, at least 256 MiB, at most 5 %. 0: none.',
  }),
}
