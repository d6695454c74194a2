import type { Store } from '../../api/client/store.ts'
import type { ChaosHost } from './chaos-host.ts'
import { eachOf, pause } from './shell.ts'

const inFlight = 16
const readTimeoutMs = 10_000
const againMs = 250

/** What each replica holds of a key; asking is no read, so it repairs nothing. */
export interface Explained {
  readonly agree: boolean
  readonly preference: readonly {
    readonly host: string
    readonly reached: boolean
    readonly found: boolean
    readonly dots: readonly (readonly [string, number])[]
    readonly digest: string
    readonly tombstone: boolean
  }[]
}

/** @param key `bucket/key` */
export async function explain(host: ChaosHost, key: string): Promise<Explained | undefined> {
  const [bucket, name] = partsOf(key)
  const path = `/api/v1/explain/${encodeURIComponent(bucket)}/${encodeURIComponent(name)}`
  return await host.ask<Explained>(path, 5_000).catch(() => undefined)
}

export function isWhole(explained: Explained | undefined): boolean {
  return explained !== undefined && explained.agree && explained.preference.every(replica => replica.reached)
}

export interface Equality {
  /** Until all replicas of all keys were equal, or it was given up. */
  readonly tookMs: number
  /** Keys whose replicas differ or do not answer, and how. */
  readonly unequal: ReadonlyMap<string, string>
}

/**
 * Looks at every key's replicas again and again until all are equal.
 * @param witnesses one host of each datacenter: what it explains are the replicas of its own
 */
export async function waitForEquality(
  witnesses: readonly ChaosHost[],
  keys: Iterable<string>,
  timeoutMs: number
): Promise<Equality> {
  const startMs = performance.now()
  let open = new Map<string, string>([...keys].map(key => [key, 'not looked at']))
  for (;;) {
    const still = new Map<string, string>()
    await eachOf(open.keys(), inFlight, async key => {
      const explained = await Promise.all(witnesses.map(host => explain(host, key)))
      if (!explained.every(isWhole) || !areSame(explained)) still.set(key, explained.map(differenceOf).join('; '))
    })
    open = still
    const tookMs = performance.now() - startMs
    if (open.size === 0 || tookMs > timeoutMs) return { tookMs, unequal: open }
    await pause(againMs)
  }
}

/** Of datacenters that agree each within itself. */
export function areSame(explained: readonly (Explained | undefined)[]): boolean {
  return new Set(explained.map(each => each?.preference[0]?.digest)).size === 1
}

function differenceOf(explained: Explained | undefined): string {
  if (explained === undefined) return 'nobody explains it'
  return explained.preference
    .map(
      ({ host, reached, found, digest, dots }) =>
        `${host} ${reached ? (found ? `${digest} (${dots.length})` : 'nothing') : 'silent'}`
    )
    .join(', ')
}

/** The values of every key, of all its replicas together. @param keys `bucket/key`; those that cannot be read are in `failures` */
export async function readAll(
  store: Store,
  keys: Iterable<string>,
  replicas: number
): Promise<{ values: Map<string, string[]>; failures: Map<string, string> }> {
  const values = new Map<string, string[]>()
  const failures = new Map<string, string>()
  await eachOf(keys, inFlight, async key => {
    const [bucket, name] = partsOf(key)
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        const found = await store.bucket<string | number>(bucket).get(name, { r: replicas, timeoutMs: readTimeoutMs })
        values.set(key, found?.siblings.map(version => String(version.value)) ?? [])
        failures.delete(key)
        return
      } catch (error) {
        failures.set(key, (error as Error).message)
      }
    }
  })
  return { values, failures }
}

/** @returns a line for each dot that names versions of two keys (I6) */
export async function checkDots(host: ChaosHost, keys: Iterable<string>): Promise<string[]> {
  const keyOfDot = new Map<string, string>()
  const violations: string[] = []
  await eachOf(keys, inFlight, async key => {
    const explained = await explain(host, key)
    for (const { dots } of explained?.preference ?? []) {
      for (const [vnode, counter] of dots) {
        const dot = `${vnode}:${counter}`
        const other = keyOfDot.get(dot)
        if (other !== undefined && other !== key) violations.push(`I6: dot ${dot} names a version of ${other} and one of ${key}`)
        keyOfDot.set(dot, key)
      }
    }
  })
  return [...new Set(violations)]
}

function partsOf(key: string): [string, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}
