import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readStat } from '../../api/bench/process-cpu.ts'

const bytesPerBlock = 512

/** CPU that the processes have used so far, in µs. */
export function cpuUs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (readStat(pid)?.cpuMicroseconds ?? 0), 0)
}

/**
 * Memory of processes in MB; undefined where the system does not tell.
 * @param field `Pss`: their own pages, and their share of those that several have; `Pss_Anon`: of these what no file holds, heaps above all
 * @see proc(5), smaps_rollup
 */
export function memoryMb(pids: readonly number[], field: 'Pss' | 'Pss_Anon'): number | undefined {
  try {
    const pattern = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm')
    return pids.reduce(
      (sum, pid) => sum + Number(pattern.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1_024,
      0
    )
  } catch {
    return undefined
  }
}

/** Bytes that the files of a folder take on the disk: holes do not count. */
export function diskBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * bytesPerBlock, 0)
}
