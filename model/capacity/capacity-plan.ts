import { limits } from '../limits.ts'
import { type KeyOrder, keyOrders } from './table-pages.ts'

/** What a cluster is to carry, and on what hosts. Bytes, seconds, shares from 0 to 1. */
export interface CapacityPlan {
  /** Different keys, today. */
  readonly keys: number
  /** Of a key, without its bucket's name; of a value, as stored. On average. */
  readonly keyBytes: number
  readonly valueBytes: number
  readonly readsPerSecond: number
  readonly writesPerSecond: number
  readonly n: number
  readonly r: number
  /** W decides what a client waits for; all N owners get each write, so nothing here depends on it. */
  readonly w: number
  /** Of keys and rates alike: 0.5 is half as much again each year. */
  readonly growthPerYear: number
  readonly years: number
  /** Share of the keys whose values are to be read from memory. */
  readonly hotShare: number
  /** Share of the keys that other replicas have written, too: their versions remember each. */
  readonly rewritten: number
  readonly keyOrder: KeyOrder
  /** Hosts that may be away without the others having more than they can do. */
  readonly failures: number
  /** Cores, bytes, bytes, bytes a second one way. */
  readonly hostCpu: number
  readonly hostMemory: number
  readonly hostDisk: number
  readonly hostNetwork: number
  /** Shares of each that may be in use. */
  readonly cpuUse: number
  readonly memoryUse: number
  readonly diskUse: number
  readonly networkUse: number
}

const anyOrder: KeyOrder = 'any'

/** A host with four cores, 16 GB, 500 GB and a gigabit. Keys, bytes and rates have no default. */
export const capacityDefaults = Object.freeze({
  n: 3,
  r: 2,
  w: 2,
  growthPerYear: 0,
  years: 0,
  hotShare: 0.2,
  rewritten: 1,
  keyOrder: anyOrder,
  failures: 1,
  hostCpu: 4,
  hostMemory: 16e9,
  hostDisk: 500e9,
  hostNetwork: 125e6,
  cpuUse: 0.6,
  memoryUse: 0.8,
  diskUse: 0.7,
  networkUse: 0.5
})

interface Bound {
  readonly least: number
  readonly most: number
  readonly isWhole?: boolean
}

/** What an estimate takes. Bounds beyond which the formulae mean nothing. */
export const capacityBounds: Readonly<Record<Exclude<keyof CapacityPlan, 'keyOrder'>, Bound>> = Object.freeze({
  keys: { least: 1, most: 1e13, isWhole: true },
  keyBytes: { least: 1, most: limits.keyBytesMax },
  valueBytes: { least: 0, most: limits.pairBytesCeiling },
  readsPerSecond: { least: 0, most: 1e9 },
  writesPerSecond: { least: 0, most: 1e9 },
  n: { least: 1, most: limits.replicasMax, isWhole: true },
  r: { least: 1, most: limits.replicasMax, isWhole: true },
  w: { least: 1, most: limits.replicasMax, isWhole: true },
  growthPerYear: { least: 0, most: 100 },
  years: { least: 0, most: 20 },
  hotShare: { least: 0, most: 1 },
  rewritten: { least: 0, most: 1 },
  failures: { least: 0, most: 64, isWhole: true },
  hostCpu: { least: 1, most: 1_024 },
  hostMemory: { least: 1e8, most: 1e14 },
  hostDisk: { least: 1e8, most: 1e16 },
  hostNetwork: { least: 1e5, most: 1e11 },
  cpuUse: { least: 0.01, most: 1 },
  memoryUse: { least: 0.01, most: 1 },
  diskUse: { least: 0.01, most: 1 },
  networkUse: { least: 0.01, most: 1 }
})

/** @throws {RangeError} names the figure, its value and what is allowed */
export function checkedCapacityPlan(plan: CapacityPlan): CapacityPlan {
  for (const [name, { least, most, isWhole }] of Object.entries(capacityBounds)) {
    const value = plan[name as keyof typeof capacityBounds]
    if (value >= least && value <= most && (isWhole !== true || Number.isInteger(value))) continue
    throw new RangeError(
      `${name} is ${value}: allowed is ${isWhole === true ? 'a whole number' : 'a number'} from ${least} to ${most}`
    )
  }
  if (!keyOrders.includes(plan.keyOrder)) throw new RangeError(`keyOrder is ${plan.keyOrder}: allowed is ${keyOrders.join(', ')}`)
  for (const name of ['r', 'w'] as const)
    if (plan[name] > plan.n) throw new RangeError(`${name} is ${plan[name]}: at most n = ${plan.n} replicas can answer`)
  return plan
}
