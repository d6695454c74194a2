import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyOfText } from '../../model/key.ts'
import { openStore } from '../storage/open-store.ts'
import { partitionOfNumber } from '../storage/load.ts'
import { diskBytes } from '../targets/processes.ts'
import type { Cell } from './cells.ts'
import { PacedPuts } from './paced-puts.ts'

/** What one store took for its puts, until the last of them was in the table. */
export interface Written {
  readonly puts: number
  readonly perSecond: number
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Keys and records that were put. */
  readonly rawBytes: number
  /** What the process had the kernel write to the disk. NaN where that is not told. */
  readonly writtenBytes: number
  readonly tableBytes: number
  /** Log files, spare ones included, just before the end. */
  readonly logBytes: number
  readonly pairs: number
}

/** Run in a process of its own: what the kernel counts, it counts for a process. */
export interface WrittenOrder {
  readonly cell: Cell
  readonly directory: string
  readonly puts: number
  readonly keys: number
}

const seed = 0x2545f491

export async function written({ cell, directory, puts, keys: count }: WrittenOrder): Promise<Written> {
  mkdirSync(directory, { recursive: true })
  const keys = Array.from({ length: count }, (_, number) => keyOfText('bench', `key-${String(number).padStart(10, '0')}`))
  const { segmentBytes, batchBytesMax, batchRecordsMax, sealAfterMs, commitBytesMax, tableSync, valueBytes } = cell
  const { store, end } = await openStore(
    directory,
    {
      segmentBytes,
      batchBytesMax,
      ...(batchRecordsMax === 0 ? {} : { batchRecordsMax }),
      sealAfterMs,
      tableSync
    },
    { commitBytesMax, sync: tableSync }
  )
  const ioBefore = bytesToDisk()
  const cpuBefore = process.cpuUsage()
  let rawBytes = 0
  let random = seed
  const load = new PacedPuts(cell, puts, (_number, completion) => {
    // Any key: in the order of a ring's hashes nothing comes in order.
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
    const at = Math.floor((random / 2 ** 32) * count)
    rawBytes += keys[at]!.length + valueBytes
    store.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(valueBytes, at), cell.durability, completion)
  })
  const { perSecond, p50Ms, p99Ms } = await load.result
  const logBytes = diskBytes(join(directory, 'log'))
  await end()
  const cpu = process.cpuUsage(cpuBefore)
  return {
    puts,
    perSecond,
    cpuUs: (cpu.user + cpu.system) / puts,
    p50Ms,
    p99Ms,
    rawBytes,
    writtenBytes: bytesToDisk() - ioBefore,
    tableBytes: diskBytes(join(directory, 'table')),
    logBytes,
    pairs: count
  }
}

/** @see proc(5), /proc/pid/io */
function bytesToDisk(): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? Number.NaN)
  } catch {
    return Number.NaN
  }
}
