import type { QuorumOptions } from '../actors/coordinator/coordinator-protocol.ts'
import { fault, isFault, type Fault } from '../model/fault.ts'
import { limits } from '../model/limits.ts'
import { type ConsistencyLevel, consistencyLevels } from '../model/quorum.ts'
import type { Durability } from '../storage/store.ts'

export type StoreOperation = 'get' | 'put' | 'delete'

const durabilities: readonly Durability[] = ['flushed', 'committed']
const ttlSecondsMax = 2 ** 31
const shownCharactersMax = 64

const none: QuorumOptions = Object.freeze({})

/**
 * What a request asks beside its key and value, one text at a time: the same names at every door, as query parameters over HTTP
 * and as `Carillon-` headers over NATS. What is wrong becomes a fault that names the parameter, its value and what is allowed.
 */
export class OptionsReader {
  #level: ConsistencyLevel | undefined = undefined
  #r: number | undefined = undefined
  #w: number | undefined = undefined
  #pr: number | undefined = undefined
  #pw: number | undefined = undefined
  #dw: number | undefined = undefined
  #durability: Durability | undefined = undefined
  #sloppy: boolean | undefined = undefined
  #receipt: boolean | undefined = undefined
  #any = false
  /** Milliseconds; 0 where the request says nothing. */
  timeoutMs = 0
  /** Seconds; 0 where the request says nothing. */
  ttlSeconds = 0

  /**
   * @param name lower case, without a door's prefix
   * @param shownAs how the user spelled it
   * @returns whether there is such a parameter
   */
  take(name: string, value: string, shownAs: string): boolean | Fault {
    switch (name) {
      case 'timeout': {
        const timeout = wholeNumber(shownAs, value, 1, limits.requestTimeoutMsMax, 'milliseconds ')
        if (isFault(timeout)) return timeout
        this.timeoutMs = timeout
        return true
      }
      case 'ttl': {
        const ttl = wholeNumber(shownAs, value, 0, ttlSecondsMax, 'seconds ')
        if (isFault(ttl)) return ttl
        this.ttlSeconds = ttl
        return true
      }
      case 'r':
      case 'w':
      case 'pr':
      case 'pw':
      case 'dw':
        return this.#takeReplicas(name, value, shownAs)
      case 'consistency': {
        const level = oneOf(shownAs, value, consistencyLevels)
        if (isFault(level)) return level
        this.#level = level
        break
      }
      case 'durability': {
        const durability = oneOf(shownAs, value, durabilities)
        if (isFault(durability)) return durability
        this.#durability = durability
        break
      }
      case 'sloppy':
      case 'receipt': {
        if (value !== 'true' && value !== 'false') return badParameter(shownAs, value, 'true, false')
        if (name === 'sloppy') this.#sloppy = value === 'true'
        else this.#receipt = value === 'true'
        break
      }
      default:
        return false
    }
    this.#any = true
    return true
  }

  /** What the coordinator is told; numbers that do not concern the operation are left out. */
  optionsOf(operation: StoreOperation): QuorumOptions {
    if (!this.#any) return none
    const reads = operation === 'get'
    return {
      level: this.#level,
      replicas: reads ? this.#r : this.#w,
      primaries: reads ? this.#pr : this.#pw,
      durable: reads ? undefined : this.#dw,
      durability: this.#durability,
      sloppy: this.#sloppy,
      receipt: this.#receipt
    }
  }

  /** Whether a number is more than the bucket's n is found by the coordinator, which knows the bucket. */
  #takeReplicas(name: 'r' | 'w' | 'pr' | 'pw' | 'dw', value: string, shownAs: string): true | Fault {
    const least = name === 'r' || name === 'w' ? 1 : 0
    const number = wholeNumber(shownAs, value, least, limits.replicasMax, '', ", at most the bucket's n")
    if (isFault(number)) return number
    this.#any = true
    if (name === 'r') this.#r = number
    else if (name === 'w') this.#w = number
    else if (name === 'pr') this.#pr = number
    else if (name === 'pw') this.#pw = number
    else this.#dw = number
    return true
  }
}

/** @returns the number, or a fault that names the parameter, its value and what is allowed */
export function wholeNumber(shownAs: string, value: string, min: number, max: number, unit = '', further = ''): number | Fault {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  return number >= min && number <= max
    ? number
    : badParameter(shownAs, value, `a whole number of ${unit}from ${min} to ${max}${further}`.replace('of from', 'from'))
}

export function oneOf<T extends string>(shownAs: string, value: string, allowed: readonly T[]): T | Fault {
  return (allowed as readonly string[]).includes(value) ? (value as T) : badParameter(shownAs, value, allowed.join(', '))
}

export function badParameter(shownAs: string, value: string, allowed: string): Fault {
  return fault('bad_request', `${shownAs} is ${JSON.stringify(value.slice(0, shownCharactersMax))}: allowed is ${allowed}`)
}
