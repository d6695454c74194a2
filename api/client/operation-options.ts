import type { QuorumOptions } from '../../actors/coordinator/coordinator-protocol.ts'
import { limits } from '../../model/limits.ts'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import type { Durability } from '../../storage/store.ts'
import { badRequest } from './errors.ts'

interface CommonOptions {
  /** A named level; a number of replicas given beside it wins. */
  readonly consistency?: ConsistencyLevel | undefined
  /** Whether hosts beyond the preference list may stand in; default true. */
  readonly sloppy?: boolean | undefined
  /** Whether the result shall say who acknowledged; default false. */
  readonly receipt?: boolean | undefined
  /** Default the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined
}

export interface ReadOptions extends CommonOptions {
  /** Replicas that must answer; default the bucket's own. */
  readonly r?: number | undefined
  /** Of these, primaries. */
  readonly pr?: number | undefined
}

export interface WriteOptions extends CommonOptions {
  /** Replicas that must acknowledge; default the bucket's own. */
  readonly w?: number | undefined
  /** Of these, primaries. */
  readonly pw?: number | undefined
  /** Of these, such as have it on disk. */
  readonly dw?: number | undefined
  /** What a replica must have done before it acknowledges; default the bucket's own. */
  readonly durability?: Durability | undefined
  /** What the last read of the key gave; the write replaces what that read saw. Absent: the write is concurrent with what is there. */
  readonly context?: string | undefined
  /** The `etag` of the last read: refused with `PreconditionFailed` where the value is another by now. */
  readonly ifMatch?: string | undefined
}

export interface PutOptions extends WriteOptions {
  /** Only where there is no value, else `KeyExists`. */
  readonly create?: boolean | undefined
  /** Seconds to live; default the bucket's own. */
  readonly ttl?: number | undefined
}

export interface PutBytesOptions extends PutOptions {
  /** Default `application/octet-stream`. */
  readonly contentType?: string | undefined
}

export const optionNames = Object.freeze({
  get: ['consistency', 'sloppy', 'receipt', 'timeoutMs', 'r', 'pr'],
  put: ['consistency', 'sloppy', 'receipt', 'timeoutMs', 'w', 'pw', 'dw', 'durability', 'context', 'ifMatch', 'create', 'ttl'],
  putBytes: [
    'consistency',
    'sloppy',
    'receipt',
    'timeoutMs',
    'w',
    'pw',
    'dw',
    'durability',
    'context',
    'ifMatch',
    'create',
    'ttl',
    'contentType'
  ],
  delete: ['consistency', 'sloppy', 'receipt', 'timeoutMs', 'w', 'pw', 'dw', 'durability', 'context', 'ifMatch']
} as const)

const levels: readonly ConsistencyLevel[] = ['one', 'quorum', 'all', 'local_quorum', 'each_quorum']
const durabilities: readonly Durability[] = ['flushed', 'committed']
const ttlSecondsMax = 2 ** 31
const etagPattern = /^(?:"([0-9a-f]{1,14})"|([0-9a-f]{1,14})|(\*))$/
const none: QuorumOptions = Object.freeze({})

/** The client's own options, checked. @throws {BadRequest} names the option, its value and what is allowed */
export function readQuorum(options: ReadOptions | undefined): QuorumOptions {
  if (options === undefined) return none
  if (!asksQuorum(options, optionNames.get)) return none
  return {
    ...commonOf(options),
    replicas: replicasOf('r', options.r, 1),
    primaries: replicasOf('pr', options.pr, 0)
  }
}

/** @throws {BadRequest} */
export function writeQuorum(options: WriteOptions | undefined, names: readonly string[]): QuorumOptions {
  if (options === undefined) return none
  if (!asksQuorum(options, names)) return none
  return {
    ...commonOf(options),
    replicas: replicasOf('w', options.w, 1),
    primaries: replicasOf('pw', options.pw, 0),
    durable: replicasOf('dw', options.dw, 0),
    durability: oneOf('durability', options.durability, durabilities)
  }
}

/** @throws {BadRequest} */
export function timeoutOf(timeoutMs: number | undefined, defaultMs: number): number {
  return timeoutMs === undefined ? defaultMs : wholeNumber('timeoutMs', timeoutMs, 1, limits.requestTimeoutMsMax)
}

/** @throws {BadRequest} */
export function ttlOf(ttl: number | undefined): number {
  return ttl === undefined ? 0 : wholeNumber('ttl', ttl, 0, ttlSecondsMax)
}

/** @returns the digest, '' for none. @throws {BadRequest} */
export function ifMatchOf(ifMatch: string | undefined): string {
  if (ifMatch === undefined) return ''
  const found = typeof ifMatch === 'string' ? etagPattern.exec(ifMatch) : null
  const digest = found?.[1] ?? found?.[2] ?? found?.[3]
  if (digest === undefined) throw bad('ifMatch', ifMatch, 'the etag of a read of this key, or * for any value')
  return digest
}

/** @throws {BadRequest} */
export function wholeNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw bad(name, value, `a whole number from ${min} to ${max}`)
  return value
}

/** These say nothing of the quorum; most requests have no others, and share one object. */
const otherNames: readonly string[] = ['context', 'timeoutMs', 'ifMatch', 'create', 'ttl', 'contentType']

/** @throws {BadRequest} names the first that is unknown */
function asksQuorum(options: object, names: readonly string[]): boolean {
  checkNames(options, names)
  for (const name in options) if (!otherNames.includes(name)) return true
  return false
}

/** @throws {BadRequest} names the first that is unknown */
export function checkNames(options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw badRequest(`options are an object, not ${JSON.stringify(options)?.slice(0, 40)}`)
  for (const name in options) {
    if (!names.includes(name))
      throw badRequest(`the option ${JSON.stringify(name.slice(0, 64))} is unknown here: there are ${names.join(', ')}`)
  }
}

/** @throws {BadRequest} */
export function flag(name: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw bad(name, value, 'true, false')
  return value
}

export function bad(name: string, value: unknown, allowed: string) {
  return badRequest(`${name} is ${shown(value)}: allowed is ${allowed}`)
}

function commonOf(options: CommonOptions) {
  return {
    level: oneOf('consistency', options.consistency, levels),
    sloppy: flag('sloppy', options.sloppy),
    receipt: flag('receipt', options.receipt)
  }
}

/** Whether a number is more than the bucket's n is found by the coordinator, which knows the bucket. */
function replicasOf(name: string, value: number | undefined, least: number): number | undefined {
  return value === undefined ? undefined : wholeNumber(name, value, least, limits.replicasMax)
}

function oneOf<T extends string>(name: string, value: T | undefined, allowed: readonly T[]): T | undefined {
  if (value !== undefined && !allowed.includes(value)) throw bad(name, value, allowed.join(', '))
  return value
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 80)
  } catch {
    return typeof value
  }
}
