import { fault, type Fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { type Compression, compressions } from '../../model/value-coding.ts'
import type { Durability } from '../../storage/store.ts'
import type { Resolver } from '../vnode/vnode-protocol.ts'

/** What a bucket's keys get where the request says nothing. */
export interface BucketProperties {
  readonly n: number
  /** 0: quorum, that is n / 2 rounded down, plus 1. */
  readonly r: number
  readonly w: number
  readonly resolver: Resolver
  /** Seconds; 0 = for ever. */
  readonly ttl: number
  readonly durability: Durability
  /** Requests a second that each host coordinates; more are refused as `rate_limited`. 0: no limit. */
  readonly rate: number
  /** What is done to values before they are stored; undefined: nothing. */
  readonly compression?: Compression
}

/** The properties of all buckets that were given any. Later versions win; equal ones are decided by the writer's name. */
export type BucketTable = Readonly<Record<string, BucketEntry>>

export interface BucketEntry {
  readonly version: number
  readonly writer: string
  readonly properties: Partial<BucketProperties>
}

export const bucketsMax = 1024

export function propertiesOf(table: BucketTable, bucket: string, defaults: BucketProperties): BucketProperties {
  const entry = Object.hasOwn(table, bucket) ? table[bucket] : undefined
  return entry === undefined ? defaults : { ...defaults, ...entry.properties }
}

/** A join: commutative, associative, idempotent. Returns `a` itself when `b` adds nothing. */
export function mergeTables(a: BucketTable, b: BucketTable): BucketTable {
  let merged: Record<string, BucketEntry> | undefined
  for (const [bucket, entry] of Object.entries(b)) {
    const known = Object.hasOwn(a, bucket) ? a[bucket] : undefined
    if (known !== undefined && !isLater(entry, known)) continue
    merged ??= { ...a }
    merged[bucket] = entry
  }
  return merged ?? a
}

function isLater(a: BucketEntry, b: BucketEntry): boolean {
  return a.version > b.version || (a.version === b.version && a.writer > b.writer)
}

const presets: Readonly<Record<string, (n: number) => { r: number; w: number }>> = Object.freeze({
  'read-fast': n => ({ r: 1, w: n }),
  'write-fast': n => ({ r: n, w: 1 }),
  balanced: () => ({ r: 0, w: 0 })
})

/** Properties that a user sent, checked one by one. @returns a fault that names the first bad one */
export function bucketPropertiesOf(input: unknown, defaultN: number): Partial<BucketProperties> | Fault {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return fault('bad_request', 'bucket properties are a JSON object')
  const given = input as Record<string, unknown>
  const properties: { -readonly [P in keyof BucketProperties]?: BucketProperties[P] } = {}
  const n = given['n'] ?? defaultN
  if (!isWhole(n, 1, limits.replicasMax)) return bad('n', n, `a whole number from 1 to ${limits.replicasMax}`)
  for (const [name, value] of Object.entries(given)) {
    switch (name) {
      case 'n':
        properties.n = n
        break
      case 'r':
      case 'w':
        if (!isWhole(value, 0, n)) return bad(name, value, `a whole number from 1 to n (${n}), or 0 for a quorum`)
        properties[name] = value
        break
      case 'preset': {
        const preset = typeof value === 'string' && Object.hasOwn(presets, value) ? presets[value] : undefined
        if (preset === undefined) return bad(name, value, Object.keys(presets).join(', '))
        Object.assign(properties, preset(n))
        break
      }
      case 'resolver':
        if (value !== 'siblings' && value !== 'last-write-wins') return bad(name, value, 'siblings, last-write-wins')
        properties.resolver = value
        break
      case 'ttl':
        if (!isWhole(value, 0, 2 ** 31)) return bad(name, value, 'whole seconds, 0 for none')
        properties.ttl = value
        break
      case 'durability':
        if (value !== 'flushed' && value !== 'committed') return bad(name, value, 'flushed, committed')
        properties.durability = value
        break
      case 'rate':
        if (!isWhole(value, 0, limits.requestsPerSecondMax))
          return bad(
            name,
            value,
            `whole requests a second for each host, from 1 to ${limits.requestsPerSecondMax}, or 0 for no limit`
          )
        properties.rate = value
        break
      case 'compression': {
        const compression = compressions.find(each => each === value)
        if (compression === undefined) return bad(name, value, compressions.join(', '))
        properties.compression = compression
        break
      }
      default:
        return fault(
          'bad_request',
          `bucket property ${JSON.stringify(name.slice(0, 64))} is unknown: there are n, r, w, preset, resolver, ttl, durability, rate, compression`
        )
    }
  }
  return properties
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

function bad(name: string, value: unknown, allowed: string): Fault {
  return fault('bad_request', `bucket property ${name} is ${JSON.stringify(value)?.slice(0, 80)}: allowed is ${allowed}`)
}
