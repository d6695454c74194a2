import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openTableForWriting, tablePrefix } from '../../storage/table.ts'
import { distinctKeys, keysOf, measurePuts, partitionOfNumber, report } from './load.ts'

/** LMDB alone, each put acknowledged when its transaction is on the disk: what the commit log is there to beat. */
export async function measurePlainLmdb(seconds: number): Promise<void> {
  const keys = keysOf(distinctKeys)
  for (const bytes of [100, 1024]) {
    for (const inFlight of [64, 256, 1024]) {
      const directory = mkdtempSync(join(process.cwd(), '.bench-'))
      const table = openTableForWriting(directory)
      const load = measurePuts(inFlight, seconds, (number, completion) => {
        const at = number % distinctKeys
        const done = (): void => completion.settled(undefined)
        void table.put(tablePrefix(partitionOfNumber(at)) + keys[at]!, Buffer.alloc(bytes, at)).then(done)
      })
      report(`LMDB alone, commit = fsync: put ${bytes} B, ${inFlight} in flight`, await load.result)
      await table.close()
      rmSync(directory, { recursive: true })
    }
  }
}
