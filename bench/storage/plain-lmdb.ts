import { openTableForWriting, tablePrefix } from '../../storage/table.ts'
import type { Bench } from '../question.ts'
import { distinctKeys, keysOf, measurePuts, partitionOfNumber, report } from './load.ts'

/** LMDB alone, each put acknowledged when its transaction is on the disk: what the commit log is there to beat. */
export async function putsOfPlainLmdb(
  bench: Bench,
  directory: string,
  bytes: number,
  inFlight: number,
  seconds: number
): Promise<void> {
  const keys = keysOf(distinctKeys)
  const table = openTableForWriting(directory)
  const load = measurePuts(inFlight, seconds, (number, completion) => {
    const at = number % distinctKeys
    const written = table.put(tablePrefix(partitionOfNumber(at)) + keys[at]!, Buffer.alloc(bytes, at))
    void written.then(() => completion.settled(undefined))
  })
  report(bench, `put ${bytes} B, ${inFlight} in flight: LMDB alone, commit = fsync`, await load.result)
  await table.close()
}
