import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keysOf, valuesOf } from '../../api/bench/workload.ts'
import type { Bucket } from '../../api/client/bucket.ts'
import { connect } from '../../api/client/client.ts'
import { say, type TargetSetting } from './setting.ts'
import { TargetCluster } from './target-cluster.ts'
import { passed } from './waiting.ts'

export const valueBytes = 100
const hostsOfTargets = 3
const fillInFlight = 256
const fillAttemptsMax = 100
const fillPauseMs = 50
const saidEveryMs = 10_000

/** A cluster that holds pairs, and a client of it. */
export interface StoredPairs {
  readonly cluster: TargetCluster
  readonly keys: readonly string[]
  readonly value: () => Uint8Array
  readonly bucket: Bucket<Uint8Array>
  put(): Promise<unknown>
  get(): Promise<unknown>
  stop(): Promise<void>
}

/** Key and value of each, as their owner counts them. */
export function rawBytes({ keys }: Pick<StoredPairs, 'keys'>): number {
  return keys.reduce((sum, key) => sum + key.length + valueBytes, 0)
}

/**
 * Three hosts with so many pairs of 100-byte values, N=3. They are stored where the folder does not have them yet. The bucket lets the
 * last writer win: a put of a key that is there replaces its value without having read it.
 */
export async function storedPairs(setting: TargetSetting, pairs: number): Promise<StoredPairs> {
  const folder = join(setting.data, `pairs-${pairs}`)
  const mark = join(folder, 'base-port')
  mkdirSync(folder, { recursive: true })
  const isStored = existsSync(mark)
  say(`starting ${hostsOfTargets} hosts for ${pairs} pairs`)
  const cluster = await TargetCluster.start(folder, hostsOfTargets, isStored ? Number(readFileSync(mark, 'utf8')) : undefined)
  const stop = async (): Promise<void> => {
    await store?.close()
    await cluster.stop()
  }
  setting.atEnd(() => stop())
  const store = await connect({ servers: cluster.servers })
  const bucket = store.bucket<Uint8Array>('bench')
  const keys = keysOf(pairs)
  const value = valuesOf(valueBytes, Math.random)
  if (!isStored) {
    await store.admin('bucket-set', { bucket: 'bench', properties: { resolver: 'last-write-wins' } })
    await fill(bucket, keys, value)
    writeFileSync(mark, String(cluster.basePort))
  }
  await cluster.settle()
  const anyKey = (): string => keys[Math.floor(Math.random() * pairs)]!
  return {
    cluster,
    keys,
    value,
    bucket,
    put: () => bucket.put(anyKey(), value()),
    get: () => bucket.get(anyKey()),
    stop
  }
}

/** A store that is busy may refuse some: those are tried again. */
async function fill(bucket: Bucket<Uint8Array>, keys: readonly string[], value: () => Uint8Array): Promise<void> {
  let next = 0
  let saidMs = performance.now()
  const putOne = async (key: string): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return void (await bucket.put(key, value(), { durability: 'committed' }))
      } catch (error) {
        if (attempt === fillAttemptsMax) throw error
        await passed(fillPauseMs)
      }
    }
  }
  const worker = async (): Promise<void> => {
    for (let index = next++; index < keys.length; index = next++) {
      await putOne(keys[index]!)
      if (performance.now() - saidMs < saidEveryMs) continue
      saidMs = performance.now()
      say(`${next} of ${keys.length} pairs are stored`)
    }
  }
  await Promise.all(Array.from({ length: fillInFlight }, worker))
}
