import { fault, type Fault } from '../model/fault.ts'

/**
 * The fault for an error of the disk or of LMDB.
 * @param indeterminate something of the write may lie on the disk and come back after a crash
 */
export function storageFault(error: unknown, doing: string, indeterminate: boolean): Fault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const text = error instanceof Error ? error.message : String(error)
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 28 || /no space left|MDB_MAP_FULL|disk quota/i.test(text)
  return fault(
    full ? 'storage_full' : 'storage_failed',
    full ? `${doing}: the disk is full (${text}); make room, writes resume by themselves` : `${doing}: ${text}`,
    { outcome: indeterminate ? 'indeterminate' : 'refused' }
  )
}
