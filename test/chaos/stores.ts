import { cpSync, existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bucketOf, type Key, keyBytesOf } from '../../model/key.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import type { Store } from '../../storage/store.ts'
import { startTableWriter } from '../../storage/table-writer.ts'
import { tableWriterOf } from '../storage/lmdb-harness.ts'
import type { ChaosHost } from './chaos-host.ts'

const partitions = 256
const pageMax = 1_000
/** A hint's key: this, the target's uid as 8 hex digits, the user's key. */
const hintPrefix = '\0h'
const hintPrefixLength = hintPrefix.length + 8

/** What a host has on its disk, read without the host. */
export interface StoreContents {
  /** `bucket/key` → ids of the values there, those that it keeps for other hosts as well. */
  readonly values: ReadonlyMap<string, readonly string[]>
  readonly records: number
  readonly hints: number
  /** What was neither whole nor a torn end. */
  readonly damage: readonly string[]
}

/** Opens a copy of the data directory, as a host would that starts. The host has to be down. */
export async function contentsOf({ name, place }: ChaosHost, directory: string): Promise<StoreContents> {
  const copy = join(directory, `${name}-copy`)
  rmSync(copy, { recursive: true, force: true })
  cpSync(place.data, copy, { recursive: true, filter: path => dirname(path) !== join(place.data, 'nats') })
  try {
    const { writer, report } = await startTableWriter({ directory: copy })
    const store = LmdbStore.open({ directory: copy, thread: 0, generation: 2 ** 20, tableWriter: tableWriterOf(writer) })
    try {
      return scanned(
        store,
        report.damage.map(damage => `${name}: ${damage}`),
        name
      )
    } finally {
      await store.close()
      await writer.close()
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function scanned(store: Store, damage: string[], name: string): StoreContents {
  const values = new Map<string, readonly string[]>()
  let [records, hints] = [0, 0]
  for (let partition = 0; partition < partitions; partition++) {
    for (let after: Key | undefined; ; ) {
      const page = store.scan(partition, after, pageMax)
      for (const key of page.corrupt) damage.push(`${name}: the record of ${textOf(key)} fails its checksum`)
      for (const { key, record } of page.pairs) {
        records++
        const isHint = key.startsWith(hintPrefix)
        if (isHint) hints++
        else if (key.startsWith('\0')) continue
        const user = (isHint ? key.slice(hintPrefixLength) : key) as Key
        const ids = live(decodeSiblings(record)).map(version => idOf(version.value))
        values.set(textOf(user), [...new Set([...(values.get(textOf(user)) ?? []), ...ids])])
      }
      if (page.next === undefined) break
      after = page.next
    }
  }
  return { values, records, hints, damage }
}

function textOf(key: Key): string {
  return `${bucketOf(key)}/${keyBytesOf(key).toString()}`
}

/** The workloads' values are JSON. */
function idOf(value: Uint8Array): string {
  return String(JSON.parse(Buffer.from(value).toString()))
}

/** Leaves the host its identity, and takes all its records, as a new disk does. It has to be down. */
export function wipe({ place }: ChaosHost): void {
  for (const folder of ['table', 'log']) {
    if (!existsSync(join(place.data, folder))) throw new Error(`${place.data} has no ${folder}`)
    rmSync(join(place.data, folder), { recursive: true })
  }
}
